//! What can go wrong in a cluster node.

use std::path::PathBuf;
use std::sync::Arc;

use crate::command::EncodeError;
use crate::feature_level::Outdated;
use crate::outcome::Refusal;

/// Outcome of a cluster operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a node could not start or had to stop.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The log, its marker or the snapshot is damaged or too old: this node must not vote (LOG-1).
    #[error("{} is damaged: {what}", path.display())]
    Damaged {
        /// Which file or directory.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// This program is too old for its own data: nothing was touched.
    #[error(transparent)]
    Outdated(Outdated),
    /// The log or the buffer failed.
    #[error("storage failed")]
    Storage(#[source] pga_storage::Error),
    /// A file operation failed.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// The transport could not be started.
    #[error("cannot start the transport between nodes")]
    Transport(#[from] crate::transport::QuicError),
    /// The timings contradict each other.
    #[error("raft timings: {0}")]
    Timings(String),
    /// There is a cluster already.
    #[error("the cluster is already initialized")]
    Initialized,
    /// Consensus stopped: the process must exit.
    #[error("consensus stopped: {0}")]
    Fatal(String),
    /// The node was shut down.
    #[error("stopped")]
    Stopped,
}

/// Why a node that ran has to end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fatal {
    /// Consensus stopped: a failed write or fsync, or a fault of the program.
    #[error("consensus stopped: {0}")]
    Stopped(Arc<str>),
    /// This program is too old for the cluster.
    #[error(transparent)]
    Outdated(Outdated),
    /// The log is damaged, and no majority of the other nodes is left that could take this one in
    /// again.
    #[error("{0}")]
    Damaged(Arc<str>),
}

/// Why a proposal was not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProposeError {
    /// No quorum acknowledged it before the deadline: it may have taken effect, or may yet.
    #[error("no acknowledgement in time: the outcome is unknown")]
    Unknown,
    /// No leader could be asked before the deadline: certainly without effect.
    #[error("no leader could be reached")]
    NoQuorum,
    /// Too much waits already: certainly without effect.
    #[error("too many proposals wait")]
    Overloaded,
    /// Refused by the state machine: certainly without effect.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The command does not become bytes: a fault of the program, certainly without effect.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// A change of the membership is not possible now.
    #[error("membership: {0}")]
    Membership(String),
    /// The node was shut down.
    #[error("stopped")]
    Stopped,
}
