//! Times on a circle: where in a period something begins.

use std::f64::consts::TAU;

use crate::anomalies::Minute;

/// A zone: its name, and its minutes east of UTC from each change on, in the order of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Zone {
    /// Such as `Europe/Berlin`.
    pub name: String,
    /// From when, and how many minutes east. The first holds before it too.
    pub offsets: Vec<(Minute, i64)>,
}

impl Zone {
    /// Minutes east of UTC.
    pub(super) fn offset(&self, at: Minute) -> i64 {
        let first = self.offsets.first();
        let last = self.offsets.iter().rev().find(|(from, _)| *from <= at);
        last.or(first).map_or(0, |(_, minutes)| *minutes)
    }
}

/// How starts lie in a period.
pub(super) struct Circle {
    period: f64,
    /// Resultant length, 0 (anywhere) to 1 (all at one place).
    pub(super) r: f64,
    /// Mean place, in minutes.
    pub(super) mean: f64,
    n: f64,
}

impl Circle {
    /// Starts in minutes on a circle of `period` minutes; none without starts.
    pub(super) fn of(starts: &[f64], period: f64) -> Option<Self> {
        let n = starts.len() as f64;
        let (sin, cos) = starts.iter().fold((0.0, 0.0), |sum, start| {
            let (sin, cos) = (start / period * TAU).sin_cos();
            (sum.0 + sin, sum.1 + cos)
        });
        (n > 0.0).then(|| Self {
            period,
            r: sin.hypot(cos) / n,
            mean: (sin.atan2(cos) / TAU * period).rem_euclid(period),
            n,
        })
    }

    /// Minutes from the mean place to a start, the shorter way.
    pub(super) fn deviation(&self, start: f64) -> f64 {
        let half = self.period / 2.0;
        (start - self.mean + half).rem_euclid(self.period) - half
    }

    /// The probability that starts at any place lie together as much.
    ///
    /// # Source
    /// Rayleigh's test; Zar, *Biostatistical Analysis*, 5th edition, equation 27.4.
    pub(super) fn probability(&self) -> f64 {
        let (n, big_r) = (self.n, self.n * self.r);
        let root = (1.0 + 4.0 * n + 4.0 * (n * n - big_r * big_r))
            .max(0.0)
            .sqrt();
        (root - (1.0 + 2.0 * n)).exp().min(1.0)
    }
}
