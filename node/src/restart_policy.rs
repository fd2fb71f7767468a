//! When a failed child is started again: a decision without clock.

use std::collections::VecDeque;
use std::time::Duration;

use pga_runtime::Backoff;

/// Pauses and limit for one child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RestartLimits {
    /// Pauses before restarts, by the failures inside the window.
    pub(crate) pauses: Backoff,
    /// Failures inside `window` after which the child is given up; `None`: never.
    pub(crate) limit: Option<usize>,
    /// How long a failure counts.
    pub(crate) window: Duration,
}

/// What to do about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Start it again after this pause.
    RestartAfter(Duration),
    /// Too many failures: escalate.
    GiveUp,
}

/// The failures of one child.
#[derive(Debug)]
pub(crate) struct RestartPolicy {
    limits: RestartLimits,
    failures: VecDeque<Duration>,
}

impl RestartPolicy {
    /// No failures yet.
    pub(crate) const fn new(limits: RestartLimits) -> Self {
        Self {
            limits,
            failures: VecDeque::new(),
        }
    }

    /// Counts a failure at `now`, a time since any fixed moment.
    pub(crate) fn on_failure(&mut self, now: Duration) -> Verdict {
        let since = now.saturating_sub(self.limits.window);
        self.failures.retain(|at| *at >= since);
        self.failures.push_back(now);
        if self
            .limits
            .limit
            .is_some_and(|limit| self.failures.len() > limit)
        {
            return Verdict::GiveUp;
        }
        let failures = u32::try_from(self.failures.len()).unwrap_or(u32::MAX);
        Verdict::RestartAfter(self.limits.pauses.pause(failures))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_inside_the_window_and_the_limit_ends_them() {
        let seconds = Duration::from_secs;
        let mut policy = RestartPolicy::new(RestartLimits {
            pauses: Backoff {
                first: seconds(1),
                longest: seconds(3),
            },
            limit: Some(3),
            window: seconds(60),
        });
        for (at, want) in [
            (0, Verdict::RestartAfter(seconds(1))),
            (1, Verdict::RestartAfter(seconds(2))),
            (2, Verdict::RestartAfter(seconds(3))),
            (3, Verdict::GiveUp),
            (100, Verdict::RestartAfter(seconds(1))),
        ] {
            assert_eq!(policy.on_failure(seconds(at)), want, "at {at}");
        }
    }
}
