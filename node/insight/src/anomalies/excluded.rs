//! Times that baselines do not learn from.

use super::minute::{HOUR, Minute};

/// Minutes after a restart that nobody learns from.
const AFTER_RESTART: i64 = 10;
/// Minutes of an hour that may be excluded without the loss of the hour.
const MAY_MISS: usize = 9;

/// Times that a baseline does not learn from: anomalies (but not those that ended as a new level),
/// maintenance windows, the ten minutes after a restart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Excluded {
    /// Half-open, in any order.
    ranges: Vec<(Minute, Minute)>,
}

impl Excluded {
    /// Leaves out `[from, to)`.
    pub fn add(&mut self, from: Minute, to: Minute) {
        match self.ranges.last_mut() {
            // Minute by minute: a window is one range.
            Some((_, end)) if *end == from && from < to => *end = to,
            _ if from < to => self.ranges.push((from, to)),
            _ => {}
        }
    }

    /// Leaves out the ten minutes after a restart.
    pub fn add_restart(&mut self, at: Minute) {
        self.add(at, at.plus(AFTER_RESTART));
    }

    /// Whether a minute is left out.
    #[must_use]
    pub fn has(&self, at: Minute) -> bool {
        self.ranges.iter().any(|(from, to)| *from <= at && at < *to)
    }

    /// Whether ten minutes or more of an hour are left out.
    #[must_use]
    pub fn has_hour(&self, hour: Minute) -> bool {
        if self.ranges.is_empty() {
            return false;
        }
        let end = hour.plus(HOUR);
        let is_near = |(from, to): &(Minute, Minute)| *from < end && hour < *to;
        if !self.ranges.iter().any(is_near) {
            return false;
        }
        let missed = (0..HOUR).filter(|minute| self.has(hour.plus(*minute)));
        missed.count() > MAY_MISS
    }
}
