//! Many times of the same thing.

use std::time::Duration;

/// Times in ascending order.
#[derive(Clone, Debug)]
pub(crate) struct Durations(Vec<Duration>);

impl From<Vec<Duration>> for Durations {
    fn from(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self(times)
    }
}

impl Durations {
    /// How many.
    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    /// Nearest rank, in milliseconds; 100 is the longest, and 0 is what no times at all have.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let at = (self.0.len() * percent).div_ceil(100).saturating_sub(1);
        self.0.get(at).map_or(0.0, Duration::as_secs_f64) * 1_000.0
    }
}
