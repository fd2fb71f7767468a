//! What can go wrong in storage.

use std::io;
use std::path::PathBuf;

/// Outcome of a storage operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// How a caller should take an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorClass {
    /// Try again later; the outcome may be unknown.
    Transient,
    /// The request is wrong; trying again does not help.
    Rejected,
    /// The node must stop.
    Fatal,
}

/// Why a storage operation failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
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
    /// The bytes on disk are damaged or older than they must be; the node must not vote (LOG-1).
    #[error("{} is damaged: {what}", path.display())]
    Damaged {
        /// Which file or directory.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The files were written by a newer version of the program.
    #[error("{} has format {found}, this program knows up to {known}", path.display())]
    NewerFormat {
        /// Which file or directory.
        path: PathBuf,
        /// The version on disk.
        found: u32,
        /// The newest version this program reads.
        known: u32,
    },
    /// Another process uses the files.
    #[error("{} is held by another process", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// The files belong to another cluster (ID-1).
    #[error("{} belongs to cluster {found}, this is cluster {ours}", path.display())]
    OtherCluster {
        /// Which file or directory.
        path: PathBuf,
        /// Whose it is.
        found: String,
        /// Who we are.
        ours: String,
    },
    /// sled failed; the buffer can be rebuilt from the log.
    #[error("cannot {action} the flush buffer")]
    Buffer {
        /// What was tried, as a verb.
        action: &'static str,
        /// Why it failed.
        #[source]
        source: sled::Error,
    },
    /// SQLite failed.
    #[error("cannot {action} the embedded store")]
    Embedded {
        /// What was tried, as a verb.
        action: &'static str,
        /// Why it failed.
        #[source]
        source: rusqlite::Error,
    },
    /// The database could not be reached or dropped the connection: the outcome is unknown.
    #[error("cannot {action} TimescaleDB")]
    Unavailable {
        /// What was tried, as a verb.
        action: &'static str,
        /// Why it failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The database holds something this program must not touch, or refuses what it needs.
    #[error("TimescaleDB schema: {what}")]
    Schema {
        /// What is wrong.
        what: String,
    },
    /// The watermark is not where this flusher left it, or a newer term owns it (FLUSH-2).
    #[error("fenced: the watermark is at {found}, owned by term {owner_term}")]
    Fenced {
        /// Where the watermark is.
        found: crate::Position,
        /// Who owns it.
        owner_term: u64,
    },
    /// A stored record does not decode.
    #[error(transparent)]
    Decode(#[from] crate::DecodeError),
    /// A cursor or another argument of a query is not one of ours.
    #[error("bad {key}: {what}")]
    Argument {
        /// Which argument.
        key: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// The store or log was closed.
    #[error("closed")]
    Closed,
}

impl Error {
    /// How to take it.
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::Unavailable { .. } | Self::Closed | Self::Embedded { .. } => {
                ErrorClass::Transient
            }
            Self::Fenced { .. } | Self::Argument { .. } => ErrorClass::Rejected,
            Self::File { .. }
            | Self::Damaged { .. }
            | Self::NewerFormat { .. }
            | Self::OtherCluster { .. }
            | Self::Locked { .. }
            | Self::Buffer { .. }
            | Self::Schema { .. }
            | Self::Decode(_) => ErrorClass::Fatal,
        }
    }
}
