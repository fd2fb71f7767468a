//! A circuit breaker, before services that a node can do without.
//!
//! After five failures in a row nothing is asked for 30 s. Then one request at a time goes through,
//! and three that succeed close it (contract 1.14).

use std::time::Duration;

use pga_runtime::Instant;

/// Failures in a row that open the breaker, and successes that close it.
const OPENS: u32 = 5;
const CLOSES: u32 = 3;
/// How long it stays open.
const OPEN_FOR: Duration = Duration::from_secs(30);
/// A probe whose caller went away is over after this.
const LONGEST_PROBE: Duration = Duration::from_secs(10);

/// Whether the service is asked.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Breaker {
    failures: u32,
    successes: u32,
    /// Since when it is open.
    opened: Option<Instant>,
    /// Since when a probe is under way.
    probing: Option<Instant>,
}

impl Breaker {
    /// `closed`, `open` or `half-open`.
    pub(crate) fn state(&self, now: Instant) -> &'static str {
        match self.opened {
            None => "closed",
            Some(at) if now.duration_since(at) < OPEN_FOR => "open",
            Some(_) => "half-open",
        }
    }

    /// Whether a request may go to the service now; each that may has to be recorded.
    pub(crate) fn admits(&mut self, now: Instant) -> bool {
        match self.state(now) {
            "closed" => true,
            "open" => false,
            _ => {
                let is_busy = self
                    .probing
                    .is_some_and(|since| now.duration_since(since) < LONGEST_PROBE);
                if !is_busy {
                    self.probing = Some(now);
                }
                !is_busy
            }
        }
    }

    /// How a request that was admitted ended.
    pub(crate) fn record(&mut self, is_success: bool, now: Instant) {
        self.probing = None;
        if is_success {
            self.failures = 0;
            self.successes += 1;
            if self.opened.is_some() && self.successes >= CLOSES {
                *self = Self::default();
            }
            return;
        }
        self.successes = 0;
        self.failures += 1;
        if self.opened.is_some() || self.failures >= OPENS {
            self.opened = Some(now);
        }
    }
}
