//! What reading costs (rule C7).

use std::time::Duration;

/// Share of its cadence that a source may take.
const BUDGET: f64 = 0.05;
/// Readings over the budget, one after the other, until a source is read less often.
const PATIENCE: u32 = 3;
/// How much less often at most.
const MAX_STRETCH: u32 = 16;
/// For how long a source is read less often before it is tried again.
const RECOVERY: Duration = Duration::from_secs(3_600);

/// The cost of one source.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cost {
    /// Readings.
    pub(crate) reads: u64,
    /// Failures among them.
    pub(crate) failures: u64,
    /// Time of all, as seen here.
    pub(crate) total: Duration,
    /// Time of the last.
    pub(crate) last: Duration,
    /// Rows of the last.
    pub(crate) rows: usize,
    /// Bytes of the last.
    pub(crate) bytes: usize,
    /// How many times its cadence it is read at.
    stretch: u32,
    over: u32,
    calm: Duration,
}

impl Cost {
    /// Notes a reading of a source that is read every `cadence`.
    pub(crate) fn note(&mut self, took: Duration, cadence: Duration) {
        self.reads += 1;
        self.total += took;
        self.last = took;
        let stretched = cadence * self.stretch();
        if took.as_secs_f64() > stretched.as_secs_f64() * BUDGET {
            self.over += 1;
            self.calm = Duration::ZERO;
            if self.over >= PATIENCE {
                self.stretch = (self.stretch() * 2).min(MAX_STRETCH);
                self.over = 0;
            }
        } else {
            self.over = 0;
            self.calm += stretched;
            if self.calm >= RECOVERY && self.stretch() > 1 {
                self.stretch /= 2;
                self.calm = Duration::ZERO;
            }
        }
    }

    /// How many times its cadence the source is read at: 1 unless it cost too much.
    pub(crate) fn stretch(&self) -> u32 {
        self.stretch.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_costs_too_much_is_read_less_often_for_an_hour() {
        let cadence = Duration::from_secs(60);
        let mut cost = Cost::default();
        let mut note = |seconds, times| {
            for _ in 0..times {
                cost.note(Duration::from_secs_f64(seconds), cadence);
            }
            cost.stretch()
        };
        assert_eq!(note(2.9, 100), 1, "within 5 %");
        assert_eq!(note(3.1, 2), 1, "twice");
        assert_eq!(note(3.1, 1), 2, "three times");
        assert_eq!(note(5.0, 29), 2, "within 5 % of two minutes");
        assert_eq!(note(5.0, 1), 1, "an hour later");
        assert_eq!(note(3_000.0, 100), MAX_STRETCH);
    }
}
