//! Why the node refused or failed.

use std::time::Duration;

use pga_storage::Position;

/// Why the node refused or failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApiError {
    /// Cannot be served now; nothing is known to be wrong with the request. After propose: outcome
    /// unknown.
    #[error("{reason}")]
    Unavailable {
        /// Which limit or state, for the metric and the message: `no_quorum`, `buffer_full`,
        /// `overloaded`, `store`, …
        reason: &'static str,
        /// When to try again.
        retry_after: Duration,
    },
    /// A per-client limit; certainly not applied.
    #[error("{reason}")]
    TooMany {
        /// Which limit.
        reason: &'static str,
        /// When to try again.
        retry_after: Duration,
    },
    /// The idempotency key was used with another content.
    #[error("the idempotency key was used with another content")]
    Conflict,
    /// Nothing by that name.
    #[error("{0} not found")]
    NotFound(&'static str),
    /// The caller may not do this.
    #[error("{0}")]
    Forbidden(String),
    /// The credentials are wrong.
    #[error("{0}")]
    Unauthorized(&'static str),
    /// The replicated state refused a change; certainly without effect.
    #[error("{0}")]
    Refused(pga_cluster::Refusal),
    /// An argument is wrong.
    #[error("{0}")]
    Invalid(String),
    /// No entry of the log stands at the wanted position, and waiting would not bring one.
    #[error(
        "min_position {wanted} is beyond {committed}, the last position that the cluster has committed"
    )]
    PositionAhead {
        /// What was asked for.
        wanted: Position,
        /// What the cluster has.
        committed: Position,
    },
    /// A fault of ours; the cause is in the log under the request id.
    #[error("internal error")]
    Internal,
}
