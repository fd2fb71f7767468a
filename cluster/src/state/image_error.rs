//! Why a state and its bytes do not become each other.

use crate::feature_level::Outdated;

/// Why bytes are no state, or a state does not become bytes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// Written by a newer version of the program.
    #[error(transparent)]
    Outdated(Outdated),
    /// Damaged.
    #[error("state does not decode: {0}")]
    Damaged(String),
    /// A fault of the program.
    #[error("state does not encode: {0}")]
    Encode(String),
}
