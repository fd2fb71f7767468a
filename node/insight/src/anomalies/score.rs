//! How far the last five minutes are from what is usual.

use serde::Serialize;

use super::baseline::{Baseline, Usual};
use super::kind::Kind;
use super::minute::Minute;
use super::robust::median;
use super::series::Series;

/// Values that are smoothed over.
pub(crate) const SMOOTHED: usize = 5;
/// Minutes in which they have to lie: series with few calls have gaps.
pub(crate) const WITHIN: i64 = 15;
/// ln 1.5: the least y, so that small changes of steady series stay quiet.
pub(super) const LN_FACTOR: f64 = 0.405_465_108_108_164_4;
/// A difference is clipped to so many scales of single minutes.
const CLIP: f64 = 6.0;
/// The least clip, as a factor of the value. Without it a series that hardly strays could never
/// reach the factor 1.5; with it a lone outlier still cannot.
const LEAST_CLIP: f64 = 1.5 * LN_FACTOR;

/// How far a minute is from what is usual.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Score {
    /// The minute.
    pub at: Minute,
    /// What is usual then.
    pub usual: Usual,
    /// The smoothed difference, in units of x: positive if more than usual.
    pub y: f64,
    /// The same for people: the median of the five differences if one of them was clipped.
    pub size: f64,
}

impl Score {
    /// z = y / s.
    #[must_use]
    pub fn z(&self) -> f64 {
        self.y / self.usual.scale
    }

    /// The size in scales.
    #[must_use]
    pub fn size_z(&self) -> f64 {
        self.size / self.usual.scale
    }
}

/// Scores a minute that has a value; none if there are not five in the last fifteen minutes.
pub(crate) fn score(kind: Kind, baseline: &Baseline, series: &Series, at: Minute) -> Option<Score> {
    let usual = baseline.usual(at)?;
    series.value(at)?;
    let mut differences = [0.0; SMOOTHED];
    let mut minutes = 0..WITHIN;
    for held in &mut differences {
        *held = minutes.find_map(|back| {
            let then = at.plus(-back);
            Some(kind.level(series.value(then)?) - baseline.usual(then)?.level)
        })?;
    }
    let clip = (CLIP * usual.minute_scale).max(LEAST_CLIP);
    let clipped = differences.map(|difference: f64| difference.clamp(-clip, clip));
    let y = clipped.iter().sum::<f64>() / SMOOTHED as f64;
    let size = if clipped == differences {
        y
    } else {
        median(&mut differences)?
    };
    Some(Score { at, usual, y, size })
}
