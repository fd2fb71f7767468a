//! Means per call need enough calls.

/// Calls below which a minute's mean is joined with the next minute's.
const MIN_CALLS: f64 = 5.0;

/// Makes means per call of a statement's minutes: a minute with fewer than five calls joins the
/// next.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MeanBuckets {
    calls: f64,
    sum: f64,
}

impl MeanBuckets {
    /// Adds a minute; answers the mean of what was gathered, none while there are too few calls.
    pub fn push(&mut self, calls: f64, sum: f64) -> Option<f64> {
        self.calls += calls;
        self.sum += sum;
        if self.calls < MIN_CALLS {
            return None;
        }
        let mean = self.sum / self.calls;
        *self = Self::default();
        Some(mean)
    }

    /// Forgets what was gathered: the next minute follows a gap.
    pub fn gap(&mut self) {
        *self = Self::default();
    }
}
