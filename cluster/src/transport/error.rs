//! Why an exchange between nodes failed, and what is known about its effect.

use std::fmt;

use pga_config::NodeId;

/// Why an exchange with a peer failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// No connection could be made: the request was never sent.
    #[error("{peer} is unreachable: {reason}")]
    Unreachable {
        /// Whom we tried to reach.
        peer: NodeId,
        /// What failed.
        reason: String,
    },
    /// The deadline passed after the request may have been sent: outcome unknown.
    #[error("no answer from {peer} in time")]
    Timeout {
        /// Who did not answer.
        peer: NodeId,
    },
    /// The exchange broke off after the request may have been sent: outcome unknown.
    #[error("exchange with {peer} broke off: {reason}")]
    Broken {
        /// Who it was with.
        peer: NodeId,
        /// What happened.
        reason: String,
    },
    /// One of the two sides refused: certainly without effect.
    #[error("{peer} refused: {reason}")]
    Refused {
        /// Who it was with.
        peer: NodeId,
        /// Why.
        reason: RefusalReason,
    },
}

impl TransportError {
    /// Whether the request certainly had no effect.
    pub const fn is_without_effect(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Refused { .. })
    }
}

/// Why a peer, a connection or a request was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefusalReason {
    /// The other side belongs to another cluster.
    ClusterMismatch,
    /// The node id said, the one in the certificate and the one we meant are not the same.
    NodeMismatch,
    /// The other side speaks another protocol version.
    VersionMismatch,
    /// The other side's certificate does not allow this.
    Forbidden,
    /// The request is larger than [`MAX_FRAME_BYTES`](super::MAX_FRAME_BYTES) or not of a known
    /// form.
    Malformed,
    /// The other side has no room for this request now; retry later.
    Overloaded,
    /// The other side is shutting down.
    ShuttingDown,
    /// The service's own reason.
    Service(String),
}

impl RefusalReason {
    /// Name for metrics and logs, from a fixed set.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::ClusterMismatch => "cluster_mismatch",
            Self::NodeMismatch => "node_mismatch",
            Self::VersionMismatch => "version_mismatch",
            Self::Forbidden => "forbidden",
            Self::Malformed => "malformed",
            Self::Overloaded => "overloaded",
            Self::ShuttingDown => "shutting_down",
            Self::Service(_) => "service",
        }
    }
}

impl fmt::Display for RefusalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(text) => f.write_str(text),
            other => f.write_str(other.name()),
        }
    }
}

/// What a [`Service`](super::Service) answers instead of a result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// Not done, and certainly without effect; the caller sees [`TransportError::Refused`].
    #[error("refused: {0}")]
    Refused(RefusalReason),
    /// Failed on the way, outcome unknown; the caller sees [`TransportError::Broken`].
    #[error("failed: {0}")]
    Failed(String),
}

impl ServiceError {
    /// A refusal with the service's own reason.
    pub fn refused(reason: impl Into<String>) -> Self {
        Self::Refused(RefusalReason::Service(reason.into()))
    }
}
