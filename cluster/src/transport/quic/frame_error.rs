//! Why a frame cannot be read.

use quinn::ReadError;

/// Why a frame could not be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum FrameError {
    #[error("frame of {0} bytes")]
    Length(usize),
    #[error("stream ended inside a frame")]
    Truncated,
    #[error("stream ended early")]
    Ended,
    #[error("no frame in time")]
    Late,
    #[error(transparent)]
    Read(#[from] ReadError),
}
