//! `[quic]`: the port between nodes.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::section::section;

section! {
    /// The port between nodes: QUIC with mutual TLS.
    Quic = "quic" {
        /// Address (UDP) on which this node waits for its peers.
        listen: SocketAddr = "127.0.0.1:7080",
        /// `host:port` at which the peers reach this node, if it is another than `listen`.
        advertise: Option<String>,
        /// Certificate of the cluster's CA (PEM); default `<data-dir>/pki/ca.pem`.
        ca_file: Option<PathBuf>,
        /// Certificate of this node (PEM); default `<data-dir>/pki/node.pem`.
        cert_file: Option<PathBuf>,
        /// Private key of this node (PEM, mode 0600); default `<data-dir>/pki/node.key`.
        key_file: Option<PathBuf>,
        /// Key that opens the cluster's replicated secrets (mode 0600); default
        /// `<data-dir>/pki/cluster.key`.
        cluster_key_file: Option<PathBuf>,
        /// How long a peer may be silent before its connection is given up.
        idle_timeout: Duration = "3s",
        /// How often a quiet connection is kept alive.
        keep_alive: Duration = "500ms",
    }
}
