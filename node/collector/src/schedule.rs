//! When a source is due.

use std::time::Duration;

use pga_runtime::Instant;

/// When one source was read last, and is due next.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Due(Option<Instant>);

impl Due {
    /// Whether it is due at `now`.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.0.is_none_or(|next| now >= next)
    }

    /// Notes that it was read at `now`: the next time is a cadence after the last one was due, and
    /// what was missed is skipped, never caught up.
    pub(crate) fn read(&mut self, now: Instant, cadence: Duration) {
        let planned = self.0.unwrap_or(now) + cadence;
        self.0 = Some(if planned > now {
            planned
        } else {
            now + cadence
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missed_times_are_skipped() {
        let start = pga_runtime::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut due = Due::default();
        assert!(due.is_due(at(0)));
        due.read(at(0), Duration::from_secs(60));
        for (now, want) in [(30, false), (60, true)] {
            assert_eq!(due.is_due(at(now)), want, "{now}");
        }
        due.read(at(61), Duration::from_secs(60));
        assert!(due.is_due(at(120)), "not a second later each time");
        due.read(at(400), Duration::from_secs(60));
        assert!(!due.is_due(at(459)) && due.is_due(at(460)));
    }
}
