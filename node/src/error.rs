//! What can go wrong in a node, and with which exit code it ends.

use std::io;
use std::path::PathBuf;

use crate::Exit;

/// Outcome of a node operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why the node cannot start or had to stop.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] pga_config::Error),
    /// The cluster's part failed.
    #[error(transparent)]
    Cluster(#[from] pga_cluster::Error),
    /// The cluster's part had to end.
    #[error(transparent)]
    Ended(pga_cluster::Fatal),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] pga_storage::Error),
    /// A file operation failed.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// Another process uses the data directory.
    #[error("{} is in use by another process", .0.display())]
    Locked(PathBuf),
    /// Another collector has the state directory.
    #[error("{0}")]
    InUse(String),
    /// The rights or the owner of the data directory are wrong.
    #[error("{}: {what}", path.display())]
    Permission {
        /// Which directory.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The data directory belongs to another node or cluster.
    #[error("{}: {what}", path.display())]
    Foreign {
        /// Which directory.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A port cannot be opened.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which address.
        address: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file is not taken for a backup.
    #[error(transparent)]
    Archive(#[from] crate::backup::ArchiveError),
    /// Something that the operator asked for was refused.
    #[error("{0}")]
    Refused(String),
    /// Who asks is nobody, is not who it says, or may not ask for this.
    #[error("{0}")]
    Denied(String),
    /// Nothing answers at the other end.
    #[error("{0}")]
    Unavailable(String),
    /// Certificates or keys cannot be used.
    #[error("{0}")]
    Pki(String),
    /// The restart limit of an actor was reached, or the runtime failed.
    #[error("{0}")]
    Internal(String),
}

impl Error {
    /// The exit code that tells a supervisor what to do.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Config(pga_config::Error::Missing(_)) => Exit::NoInput,
            Self::Config(pga_config::Error::Unreadable { source, .. }) => io_exit(source),
            Self::Config(_) | Self::Foreign { .. } | Self::Pki(_) => Exit::Config,
            Self::Cluster(error) => cluster_exit(error),
            Self::Ended(pga_cluster::Fatal::Stopped(_)) => Exit::Io,
            Self::Ended(pga_cluster::Fatal::Damaged(_)) => Exit::Data,
            Self::Ended(pga_cluster::Fatal::Outdated(_)) => Exit::Outdated,
            Self::Store(error) => store_exit(error),
            Self::File { source, .. } => io_exit(source),
            Self::Locked(_) | Self::InUse(_) => Exit::Locked,
            Self::Permission { .. } | Self::Denied(_) => Exit::Permission,
            Self::Listen { source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied => Exit::Permission,
                _ => Exit::PortInUse,
            },
            Self::Archive(error) => error.exit(),
            Self::Refused(_) => Exit::Failed,
            Self::Unavailable(_) => Exit::Unavailable,
            Self::Internal(_) => Exit::Internal,
        }
    }
}

fn cluster_exit(error: &pga_cluster::Error) -> Exit {
    match error {
        pga_cluster::Error::Damaged { .. } => Exit::Data,
        pga_cluster::Error::Outdated(_) => Exit::Outdated,
        pga_cluster::Error::Storage(error) => store_exit(error),
        pga_cluster::Error::File { source, .. } => io_exit(source),
        pga_cluster::Error::Timings(_) => Exit::Config,
        pga_cluster::Error::Fatal(_) => Exit::Io,
        _ => Exit::Internal,
    }
}

fn store_exit(error: &pga_storage::Error) -> Exit {
    match error {
        pga_storage::Error::Damaged { .. }
        | pga_storage::Error::NewerFormat { .. }
        | pga_storage::Error::Decode(_) => Exit::Data,
        pga_storage::Error::File { source, .. } => io_exit(source),
        pga_storage::Error::Buffer { .. } | pga_storage::Error::Embedded { .. } => Exit::Io,
        pga_storage::Error::Schema { .. } => Exit::Config,
        pga_storage::Error::Unavailable { .. } => Exit::Unavailable,
        _ => Exit::Internal,
    }
}

fn io_exit(error: &io::Error) -> Exit {
    match error.kind() {
        io::ErrorKind::NotFound => Exit::NoInput,
        io::ErrorKind::PermissionDenied => Exit::Permission,
        _ => Exit::Io,
    }
}
