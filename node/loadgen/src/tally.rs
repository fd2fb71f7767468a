//! Figures that all collectors add to while they push.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pga_runtime::Instant;

/// Counters of a run; relaxed, since each is read on its own.
#[derive(Debug)]
pub struct Tally {
    made: Instant,
    begun_micros: AtomicU64,
    pub(crate) attempted: AtomicU64,
    pub(crate) succeeded: AtomicU64,
    pub(crate) failed: AtomicU64,
    last_ack_micros: AtomicU64,
    longest_gap_micros: AtomicU64,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            made: pga_runtime::now(),
            begun_micros: AtomicU64::new(0),
            attempted: AtomicU64::new(0),
            succeeded: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            last_ack_micros: AtomicU64::new(0),
            longest_gap_micros: AtomicU64::new(0),
        }
    }
}

impl Tally {
    /// Pushes acknowledged so far.
    #[must_use]
    pub fn succeeded(&self) -> u64 {
        self.succeeded.load(Ordering::Relaxed)
    }

    /// The first push is about to begin: what came before is no gap.
    pub(crate) fn begin(&self) {
        let now = micros(self.made.elapsed());
        self.begun_micros.store(now, Ordering::Relaxed);
        self.last_ack_micros.store(now, Ordering::Relaxed);
    }

    /// Notes one acknowledgement.
    pub(crate) fn acknowledged(&self) {
        self.succeeded.fetch_add(1, Ordering::Relaxed);
        self.close_gap();
    }

    /// The gap from the last acknowledgement to now is one of those that count.
    pub(crate) fn close_gap(&self) {
        let now = micros(self.made.elapsed());
        let last = self.last_ack_micros.fetch_max(now, Ordering::Relaxed);
        self.longest_gap_micros
            .fetch_max(now.saturating_sub(last), Ordering::Relaxed);
    }

    pub(crate) fn longest_gap(&self) -> Duration {
        Duration::from_micros(self.longest_gap_micros.load(Ordering::Relaxed))
    }

    pub(crate) fn elapsed(&self) -> Duration {
        let begun = Duration::from_micros(self.begun_micros.load(Ordering::Relaxed));
        self.made.elapsed().saturating_sub(begun)
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
