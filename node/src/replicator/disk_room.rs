//! Whether this node's disk has room for one more push (BUF-1): refusals before anything was
//! proposed.

use std::time::Duration;

use pga_config::Config;
use pga_web::ApiError;

use crate::metrics::Metrics;

/// When a client should come back after the buffer or the log was full.
const RETRY_ROOM: Duration = Duration::from_secs(10);

/// What a node holds already, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    /// Waits for a flush.
    pub(crate) backlog: u64,
    /// Is in the log on disk.
    pub(crate) log: u64,
}

/// What a node may hold at most.
#[derive(Debug)]
pub(crate) struct DiskRoom {
    buffer_bytes: u64,
    log_bytes: u64,
    metrics: Metrics,
}

impl DiskRoom {
    /// The limits of `config`.
    pub(crate) const fn new(config: &Config, metrics: Metrics) -> Self {
        Self {
            buffer_bytes: config.buffer.max_size.bytes(),
            log_bytes: config.log.max_size.bytes(),
            metrics,
        }
    }

    /// Refuses a push of `bytes` or more for which there is no room beside `held`. Costs nothing,
    /// and takes nothing.
    pub(crate) fn check(&self, bytes: u64, held: Held) -> Result<(), ApiError> {
        if held.backlog.saturating_add(bytes) > self.buffer_bytes {
            return Err(self.refuse("buffer_full"));
        }
        if held.log.saturating_add(bytes) > self.log_bytes {
            return Err(self.refuse("log_full"));
        }
        Ok(())
    }

    fn refuse(&self, reason: &'static str) -> ApiError {
        let refusals = &self.metrics.refusals;
        refusals.with_label_values(&[reason]).inc();
        ApiError::Unavailable {
            reason,
            retry_after: RETRY_ROOM,
        }
    }
}
