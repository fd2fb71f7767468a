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
    under_way: Arc<UnderWay>,
}

/// What is under way.
#[derive(Debug)]
struct UnderWay {
    bytes: AtomicU64,
    metrics: Metrics,
}

impl UnderWay {
    /// Adds a push; the bytes before it.
    fn add(&self, bytes: u64) -> u64 {
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.metrics.in_flight_bytes.set(signed(before + bytes));
        before
    }

    fn remove(&self, bytes: u64) {
        let before = self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        let after = before.saturating_sub(bytes);
        self.metrics.in_flight_bytes.set(signed(after));
    }
}

impl Admission {
    /// The limits of `config`.
    pub(crate) fn new(config: &Config, metrics: Metrics) -> Self {
        Self {
            buffer_bytes: config.buffer.max_size.bytes(),
            log_bytes: config.log.max_size.bytes(),
            in_flight_bytes: config.limits.max_in_flight.bytes(),
            under_way: Arc::new(UnderWay {
                bytes: AtomicU64::new(0),
                metrics,
            }),
        }
    }

    /// Whether a push of `bytes` or more would be admitted while `held` is on this node. Costs
    /// nothing, and takes nothing.
    pub(crate) fn check(&self, bytes: u64, held: Held) -> Result<(), ApiError> {
        if held.backlog.saturating_add(bytes) > self.buffer_bytes {
            return Err(self.refuse("buffer_full", RETRY_BUFFER));
        }
        if held.log.saturating_add(bytes) > self.log_bytes {
            return Err(self.refuse("log_full", RETRY_BUFFER));
        }
        Ok(())
    }

    /// Admits a push of `bytes` while `held` is on this node; the answer holds its share until it
    /// is dropped.
    pub(crate) fn admit(&self, bytes: u64, held: Held) -> Result<Admitted, ApiError> {
        self.check(bytes, held)?;
        let before = self.under_way.add(bytes);
        if before.saturating_add(bytes) > self.in_flight_bytes {
            self.under_way.remove(bytes);
            return Err(self.refuse("overloaded", RETRY_BUSY));
        }
        Ok(Admitted {
            bytes,
            under_way: Arc::clone(&self.under_way),
        })
    }

    fn refuse(&self, reason: &'static str, retry_after: Duration) -> ApiError {
        let refusals = &self.under_way.metrics.refusals;
        refusals.with_label_values(&[reason]).inc();
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
    under_way: Arc<UnderWay>,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.under_way.remove(self.bytes);
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
