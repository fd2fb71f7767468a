//! Whether one more push is taken on (BUF-1): refusals before anything was proposed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pga_config::Config;
use pga_web::ApiError;
use tokio::time::Instant;

use crate::metrics::Metrics;

/// When a client should come back after the buffer was full.
const RETRY_BUFFER: Duration = Duration::from_secs(10);
/// When a client should come back after too much was under way.
const RETRY_BUSY: Duration = Duration::from_secs(1);

/// Of how many pushes the waiting time is averaged, roughly.
const AVERAGE_OF: u64 = 32;

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
    many: u64,
    long: Duration,
    under_way: Arc<UnderWay>,
}

/// What is under way, and how long it took of late.
#[derive(Debug)]
struct UnderWay {
    pushes: AtomicU64,
    bytes: AtomicU64,
    /// Moving average of the time from admission to the outcome.
    wait_micros: AtomicU64,
    metrics: Metrics,
}

impl UnderWay {
    /// Adds a push; the bytes before it.
    fn add(&self, bytes: u64) -> u64 {
        self.pushes.fetch_add(1, Ordering::Relaxed);
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.metrics.in_flight_bytes.set(signed(before + bytes));
        before
    }

    fn remove(&self, bytes: u64) {
        self.pushes.fetch_sub(1, Ordering::Relaxed);
        let before = self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        let after = before.saturating_sub(bytes);
        self.metrics.in_flight_bytes.set(signed(after));
    }

    /// An update that is lost to another at the same time does not matter.
    fn took(&self, wait: Duration) {
        let last = u64::try_from(wait.as_micros()).unwrap_or(u64::MAX);
        let average = self.wait_micros.load(Ordering::Relaxed);
        let average = average - average / AVERAGE_OF + last / AVERAGE_OF;
        self.wait_micros.store(average, Ordering::Relaxed);
    }

    fn average_wait(&self) -> Duration {
        Duration::from_micros(self.wait_micros.load(Ordering::Relaxed))
    }
}

impl Admission {
    /// The limits of `config`.
    pub(crate) fn new(config: &Config, metrics: Metrics) -> Self {
        Self {
            buffer_bytes: config.buffer.max_size.bytes(),
            log_bytes: config.log.max_size.bytes(),
            in_flight_bytes: config.limits.max_in_flight.bytes(),
            many: config.replication.max_waiting,
            long: config.replication.max_wait,
            under_way: Arc::new(UnderWay {
                pushes: AtomicU64::new(0),
                bytes: AtomicU64::new(0),
                wait_micros: AtomicU64::new(0),
                metrics,
            }),
        }
    }

    /// Whether a push of `bytes` or more would be admitted while `held` is on this node. Costs nothing, and takes nothing.
    pub(crate) fn check(&self, bytes: u64, held: Held) -> Result<(), ApiError> {
        if held.backlog.saturating_add(bytes) > self.buffer_bytes {
            return Err(self.refuse("buffer_full", RETRY_BUFFER));
        }
        if held.log.saturating_add(bytes) > self.log_bytes {
            return Err(self.refuse("log_full", RETRY_BUFFER));
        }
        let waiting = self.under_way.pushes.load(Ordering::Relaxed);
        if waiting >= self.many && self.under_way.average_wait() > self.long {
            return Err(self.refuse("queue_wait", RETRY_BUSY));
        }
        Ok(())
    }

    /// Admits a push of `bytes` while `held` is on this node; the answer holds its share until it is dropped.
    pub(crate) fn admit(&self, bytes: u64, held: Held) -> Result<Admitted, ApiError> {
        self.check(bytes, held)?;
        let before = self.under_way.add(bytes);
        if before.saturating_add(bytes) > self.in_flight_bytes {
            self.under_way.remove(bytes);
            return Err(self.refuse("overloaded", RETRY_BUSY));
        }
        Ok(Admitted {
            bytes,
            since: Instant::now(),
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
    since: Instant,
    under_way: Arc<UnderWay>,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.under_way.remove(self.bytes);
        self.under_way.took(self.since.elapsed());
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use pga_config::Values;
    use prometheus::Registry;

    use super::*;

    const NOTHING: Held = Held { backlog: 0, log: 0 };

    #[tokio::test(start_paused = true)]
    async fn a_long_queue_that_moves_slowly_is_not_made_longer() {
        let mut values = Values::default();
        for (key, value) in [
            ("node.id", "1"),
            ("node.data-dir", "/nonexistent"),
            ("replication.max-waiting", "2"),
            ("replication.max-wait", "1s"),
        ] {
            values.add_flag(key, value);
        }
        let config = Config::try_from(values).unwrap();
        let admission = Admission::new(&config, Metrics::register(&Registry::new()).unwrap());
        for _ in 0..200 {
            let slow = admission.admit(1, NOTHING).unwrap();
            tokio::time::advance(Duration::from_secs(2)).await;
            drop(slow);
        }
        let queue = [
            admission.admit(1, NOTHING).unwrap(),
            admission.admit(1, NOTHING).unwrap(),
        ];
        let refused = admission.admit(1, NOTHING).unwrap_err();
        assert!(matches!(
            refused,
            ApiError::Unavailable {
                reason: "queue_wait",
                ..
            }
        ));
        assert_eq!(admission.check(0, NOTHING), Err(refused));
        drop(queue);
        assert_eq!(admission.check(0, NOTHING), Ok(()), "nobody waits");
        for _ in 0..200 {
            drop(admission.admit(1, NOTHING).unwrap());
        }
        let _queue = [
            admission.admit(1, NOTHING).unwrap(),
            admission.admit(1, NOTHING).unwrap(),
        ];
        assert!(admission.admit(1, NOTHING).is_ok(), "fast enough");
    }
}
