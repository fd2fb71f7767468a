//! What a command answers.

use pga_config::NodeId;
use pga_storage::Position;
use serde::{Deserialize, Serialize};

use crate::feature_level::FeatureLevel;

/// What a command answered, the same on every node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// One per record of [`crate::Command::Ingest`], in order; one for
    /// [`crate::Command::CommitUpload`].
    Ingested(Vec<PushOutcome>),
    /// Done.
    Done,
    /// A fresh node id, from [`crate::ControlCommand::UseJoinToken`].
    NodeId(NodeId),
    /// Not done, and certainly without effect: why.
    Refused(Refusal),
}

/// A command that is durable on a quorum and applied by the leader (ACK-1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The log entry.
    pub position: Position,
    /// What it answered; never [`Reply::Refused`].
    pub reply: Reply,
}

/// What became of one push.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PushOutcome {
    /// Stored, or had been stored.
    Stored {
        /// Where it was first committed (for a replayed idempotency key: the original entry).
        position: Position,
        /// Elements this push added.
        accepted: u32,
        /// Elements that had been acknowledged before.
        repeated: u32,
    },
    /// Its idempotency key was used with another content; without effect.
    Conflict,
    /// The record does not decode; without effect.
    Malformed,
    /// Its collector is not known, and there are as many as allowed; without effect.
    CollectorsFull,
}

/// Why a command had no effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// Parts are missing, or the upload was aborted.
    #[error("upload is incomplete")]
    UploadIncomplete,
    /// The cluster has been bootstrapped already.
    #[error("cluster is already bootstrapped")]
    AlreadyBootstrapped,
    /// The name is taken.
    #[error("name is taken")]
    Taken,
    /// No such thing.
    #[error("not found")]
    NotFound,
    /// The join token is unknown, spent or expired.
    #[error("join token is unknown, spent or expired")]
    BadToken,
    /// The bytes are no command this version knows.
    #[error("unknown command")]
    Unknown,
    /// Not all members know this command yet.
    #[error(
        "needs feature level {needed}, and the cluster is at {level} until all its members know more"
    )]
    FeatureLevel {
        /// What the command needs.
        needed: FeatureLevel,
        /// Of the cluster.
        level: FeatureLevel,
    },
    /// The node id was retired and is never used again (ID-1).
    #[error("node id is retired")]
    Retired,
    /// Too many uploads are open.
    #[error("too many uploads are open")]
    TooManyUploads,
    /// There are as many collectors as allowed.
    #[error("there are as many collectors as allowed")]
    CollectorsFull,
    /// A refresh token was shown a second time: its session has ended.
    #[error("the refresh token was used before: its session has ended")]
    Replayed,
    /// A rule of its domain forbids it.
    #[error("{0}")]
    Rule(String),
    /// What it changes has changed in the meantime.
    #[error("{0}")]
    Conflict(String),
}
