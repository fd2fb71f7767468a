//! Whether one more push is taken on (BUF-1): refusals before anything was proposed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pga_config::Config;
use pga_web::ApiError;

use crate::metrics::Metrics;

/// When a client should come back after the buffer was full.
const RETRY_BUFFER: Duration = Duration::from_secs(10);
/// When a client should come back after too much was under way.
const RETRY_BUSY: Duration = Duration::from_secs(1);

/// What a node holds already, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    /// Waits for a flush.
    pub(crate) backlog: u64,
    /// Is in the log on disk.
    pub(crate) log: u64,
}

/// Limits on what waits and what is under way.
#[derive(Debug)]
pub(crate) struct Admission {
    buffer_bytes: u64,
    log_bytes: u64,
    in_flight_bytes: u64,
    in_flight: Arc<AtomicU64>,
    metrics: Metrics,
}

impl Admission {
    /// The limits of `config`.
    pub(crate) fn new(config: &Config, metrics: Metrics) -> Self {
        Self {
            buffer_bytes: config.buffer.max_size.bytes(),
            log_bytes: config.log.max_size.bytes(),
            in_flight_bytes: config.limits.max_in_flight.bytes(),
            in_flight: Arc::default(),
            metrics,
        }
    }

    /// Admits a push of `bytes` while `held` is on this node; the answer holds its share until it is dropped.
    pub(crate) fn admit(&self, bytes: u64, held: Held) -> Result<Admitted, ApiError> {
        if held.backlog.saturating_add(bytes) > self.buffer_bytes {
            return Err(self.refuse("buffer_full", RETRY_BUFFER));
        }
        if held.log.saturating_add(bytes) > self.log_bytes {
            return Err(self.refuse("log_full", RETRY_BUFFER));
        }
        let before = self.in_flight.fetch_add(bytes, Ordering::Relaxed);
        self.metrics.in_flight_bytes.set(signed(before + bytes));
        let admitted = Admitted {
            bytes,
            in_flight: Arc::clone(&self.in_flight),
            metrics: self.metrics.clone(),
        };
        if before.saturating_add(bytes) > self.in_flight_bytes {
            return Err(self.refuse("overloaded", RETRY_BUSY));
        }
        Ok(admitted)
    }

    fn refuse(&self, reason: &'static str, retry_after: Duration) -> ApiError {
        self.metrics.refusals.with_label_values(&[reason]).inc();
        ApiError::Unavailable {
            reason,
            retry_after,
        }
    }
}

/// A push's share of what is under way.
#[derive(Debug)]
pub(crate) struct Admitted {
    bytes: u64,
    in_flight: Arc<AtomicU64>,
    metrics: Metrics,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let before = self.in_flight.fetch_sub(self.bytes, Ordering::Relaxed);
        self.metrics
            .in_flight_bytes
            .set(signed(before.saturating_sub(self.bytes)));
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
