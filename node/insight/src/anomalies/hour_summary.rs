//! What is kept of an hour.

use serde::{Deserialize, Serialize};

use super::minute::Minute;

/// Parts of an hour that a peak is kept of.
pub(super) const PARTS: usize = 12;

/// One hour of a series: twelve bytes of figures. Baselines are made of these.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HourSummary {
    /// The first minute of the hour.
    pub hour: Minute,
    /// Median of x.
    pub median_x: f32,
    /// Median of |x − m|.
    pub mad_r: f32,
    /// Median of |y|: that minutes are alike is inside.
    pub mad_y: f32,
}

/// The worst y of each five minutes of an hour, positive if bad; none where nothing was scored.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Peaks {
    /// The first minute of the hour.
    pub hour: Minute,
    /// Twelve parts of five minutes.
    pub worst_y: [Option<f32>; PARTS],
}
