//! How much of one connection is served at once.

use tokio::sync::Semaphore;

use super::QuicLimits;

/// Bounds of one connection.
pub(super) struct Gate {
    pub(super) calls: Semaphore,
    pub(super) consensus: Semaphore,
    pub(super) streams: Semaphore,
}

impl Gate {
    pub(super) fn new(limits: &QuicLimits) -> Self {
        Self {
            calls: Semaphore::new(limits.calls),
            consensus: Semaphore::new(limits.consensus_calls),
            streams: Semaphore::new(limits.streams),
        }
    }
}
