//! What the local operator can ask for.

use pga_cluster::ClusterStatus;
use pga_config::NodeId;
use serde::{Deserialize, Serialize};

use super::staged::Staged;
use super::user_request::{Hidden, UserLine, UserRequest};
use crate::key_rotation::Rotated;
use crate::reload::Reloaded;

/// What the local operator can ask for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case")]
pub(crate) enum AdminRequest {
    /// The cluster's status.
    Status,
    /// A join token.
    Token {
        /// How long it is valid, in seconds.
        ttl_seconds: u64,
    },
    /// Hand the leadership over.
    TransferLeader {
        /// To whom.
        to: NodeId,
    },
    /// Take a node out of the cluster, for ever.
    Remove {
        /// Which.
        node: NodeId,
    },
    /// Build a snapshot now.
    Snapshot,
    /// Read the configuration again.
    Reload,
    /// Another cluster key.
    RotateKey,
    /// Make the files of a backup, and keep them until the connection ends.
    Backup,
    /// Something with users.
    Users {
        /// What.
        change: UserRequest,
    },
    /// Make an actor panic; answered only by builds for fault tests.
    InjectPanic {
        /// Which actor.
        actor: String,
    },
}

/// What the node answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub(crate) enum AdminAnswer {
    /// Done.
    Done,
    /// The status.
    Status {
        /// It.
        status: ClusterStatus,
    },
    /// A join token.
    Token {
        /// One line of text; a secret.
        token: String,
    },
    /// A position in the log.
    Position {
        /// As text.
        position: String,
    },
    /// The cluster has another key.
    KeyRotated {
        /// Who has it.
        rotated: Rotated,
    },
    /// The configuration was read again.
    Reloaded {
        /// What became of the keys that changed.
        reloaded: Reloaded,
    },
    /// All users.
    Users {
        /// By name.
        users: Vec<UserLine>,
    },
    /// A password was set.
    Password {
        /// It, if nobody knows it yet.
        made_up: Option<Hidden>,
    },
    /// Still at it.
    Working {
        /// What.
        what: String,
    },
    /// The files of a backup are there.
    Staged {
        /// Where, and of what.
        staged: Staged,
    },
    /// Not done.
    Failed {
        /// Why.
        message: String,
    },
}
