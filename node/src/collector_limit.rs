//! What a collector is told that is one too many (LIM-1).

use std::time::Duration;

/// Why a new collector is refused: the cluster knows as many as it may.
pub(crate) const COLLECTORS_FULL: &str = "collectors_full";
/// When a new collector should come back then.
pub(crate) const RETRY_COLLECTORS: Duration = Duration::from_secs(60);
