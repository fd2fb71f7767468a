//! When the collector asks for its configuration: at the start, when a push's answer names another
//! version than the last pull, and at the latest after a while. What comes of a pull never causes
//! the next one.

use std::time::Duration;

use pga_client::Next;
use pga_runtime::{Backoff, Instant};

/// How often it is asked for where the configuration does not say so.
const EVERY: Duration = Duration::from_secs(300);
/// Two pulls are at least so far apart, whatever the nodes say.
const APART: Duration = Duration::from_secs(5);
/// Pauses after pulls that got no answer.
const BACKOFF: Backoff = Backoff {
    first: APART,
    longest: EVERY,
};
/// The version that a push's answer names where there is no configuration.
const NONE: u64 = 0;

/// When the next pull is due.
#[derive(Debug)]
pub(super) struct PullTimer {
    /// From the configuration.
    every: Option<Duration>,
    last: Option<Instant>,
    due: Instant,
    failures: u32,
    /// What the last pull found.
    found: Option<u64>,
    /// The version that was named last.
    named: Option<u64>,
}

impl PullTimer {
    /// Due at once.
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            every: None,
            last: None,
            due: now,
            failures: 0,
            found: None,
            named: None,
        }
    }

    /// When the next pull is due.
    pub(super) const fn due(&self) -> Instant {
        self.due
    }

    /// Asks so often from now on; `None` for the usual.
    pub(super) const fn set_every(&mut self, every: Option<Duration>) {
        self.every = every;
    }

    /// A push's answer said what is next.
    pub(super) fn told(&mut self, next: Next, now: Instant) {
        let Some(version) = next.config_version else {
            return;
        };
        // Each naming is followed by one pull, whatever that finds: nodes may lag.
        let is_new = self.named != Some(version) && self.found != Some(version);
        self.named = Some(version);
        if is_new {
            let earliest = self.last.map_or(now, |last| (last + APART).max(now));
            self.due = self.due.min(earliest);
        }
    }

    /// A pull was answered: with this version, or that there is none.
    pub(super) fn answered(&mut self, version: Option<u64>, now: Instant) {
        self.found = Some(version.unwrap_or(NONE));
        self.failures = 0;
        let every = self.every.unwrap_or(EVERY).max(APART);
        self.last = Some(now);
        self.due = now + every;
    }

    /// A pull was not answered, or refused.
    pub(super) fn failed(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        self.last = Some(now);
        self.due = now + BACKOFF.pause(self.failures);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(version: u64) -> Next {
        Next {
            config_version: Some(version),
        }
    }

    #[test]
    fn another_version_is_asked_for_once() {
        let start = pga_runtime::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut timer = PullTimer::new(start);
        assert_eq!(timer.due(), at(0), "at the start");
        timer.answered(None, at(0));
        timer.told(next(0), at(1));
        assert_eq!(timer.due(), at(300), "0 is the version of no configuration");
        timer.told(next(2), at(2));
        assert_eq!(timer.due(), at(5), "not so soon after the last");
        // The node that was asked lags.
        timer.answered(None, at(5));
        timer.told(next(2), at(10));
        assert_eq!(timer.due(), at(305), "it was asked about that one");
        timer.told(next(0), at(20));
        timer.told(next(2), at(30));
        assert_eq!(timer.due(), at(30), "it is named again, by another node");
        timer.answered(Some(2), at(30));
        timer.told(next(2), at(40));
        assert_eq!(timer.due(), at(330));
    }

    #[test]
    fn a_pull_that_fails_is_repeated_ever_later() {
        let start = pga_runtime::now();
        let mut timer = PullTimer::new(start);
        let mut now = start;
        let mut pauses = Vec::new();
        for _ in 0..8 {
            timer.failed(now);
            pauses.push((timer.due() - now).as_secs());
            now = timer.due();
        }
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300]);
        timer.set_every(Some(Duration::from_secs(60)));
        timer.answered(Some(4), now);
        assert_eq!((timer.due() - now).as_secs(), 60);
    }
}
