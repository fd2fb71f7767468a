//! `[node]`: who this node is.

use std::path::PathBuf;
use std::time::Duration;

use crate::NodeId;
use crate::section::section;

section! {
    /// Who this node is, and where it keeps its files.
    Node = "node" {
        /// Id of this node, unique in the cluster and never reused.
        id: NodeId,
        /// Directory of the log, the buffer, the embedded store and the certificates; made with
        /// mode 0700.
        data_dir: PathBuf,
        /// Relaxes authentication for a trial on one machine: pushes without a token. Needs
        /// loopback addresses.
        demo: bool = "false",
        /// How long an ordered shutdown may take before the process ends anyway; nothing
        /// acknowledged is lost then.
        shutdown_timeout: Duration = "20s",
        /// Threads of the runtime; the default fits small machines, as most work waits.
        worker_threads: u64 = "2",
    }
}
