//! Intervals that hold nine times of ten.

use serde::{Deserialize, Serialize};

use crate::anomalies::robust::narrow;

use super::feature::{Feature, Features};

/// Share of values that may lie outside.
pub(super) const MISS: f64 = 0.1;
/// Residuals without which a group uses those of all.
const MIN_GROUP: usize = 50;
/// Residuals that are kept of a group.
const KEPT: usize = 400;
/// How fast the share follows, and between what it stays.
const ADAPT: (f64, f64, f64) = (0.01, 0.005, 0.3);
/// Widening for what was never seen.
const UNSEEN: f64 = 1.5;

/// Sizes of errors in ln, by group: thirds of the load × whether the structure is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intervals {
    /// ln(1 + calls a minute) between the thirds.
    thirds: (f64, f64),
    /// Sorted; six groups, then all.
    groups: Vec<Vec<f32>>,
}

impl Intervals {
    /// Learns from what was predicted and what came, both in ln.
    pub(super) fn learn<'a>(
        errors: impl Iterator<Item = (&'a Features, f64)> + Clone,
        thirds: (f64, f64),
    ) -> Self {
        let mut groups = vec![Vec::new(); 7];
        for (features, error) in errors {
            let own = group(thirds, features);
            for place in [own, 6] {
                if let Some(group) = groups.get_mut(place) {
                    group.push(error.abs());
                }
            }
        }
        Self {
            thirds,
            groups: groups.into_iter().map(thin).collect(),
        }
    }

    /// Half the width in ln that misses a share `miss` (0.1 at first; see [`adapt`]): the
    /// ⌈(n + 1)(1 − miss)⌉-th smallest error of the group. Infinite if there are too few.
    ///
    /// # Source
    /// Split conformal prediction: Lei et al., *Distribution-Free Predictive Inference for
    /// Regression*, 2018; by groups, Vovk et al., 2005 (Mondrian).
    #[must_use]
    pub fn half_width(&self, features: &Features, miss: f64, is_unseen: bool) -> f64 {
        let own = self.groups.get(group(self.thirds, features));
        let all = self.groups.last();
        let errors = own.filter(|group| group.len() >= MIN_GROUP).or(all);
        let errors = errors.map(Vec::as_slice).unwrap_or_default();
        let rank = ((errors.len() + 1) as f64 * (1.0 - miss)).ceil();
        let error = (1..)
            .zip(errors)
            .find(|(place, _)| f64::from(*place) >= rank);
        let half = error.map_or(f64::INFINITY, |(_, error)| f64::from(*error));
        if is_unseen { half * UNSEEN } else { half }
    }
}

/// At most [`KEPT`] of the errors, in equal steps of rank.
fn thin(mut errors: Vec<f64>) -> Vec<f32> {
    errors.sort_by(f64::total_cmp);
    let step = (errors.len() + 1) as f64 / (KEPT + 1) as f64;
    if step <= 1.0 {
        return errors.into_iter().map(narrow).collect();
    }
    let mut kept = Vec::with_capacity(KEPT);
    for (place, error) in (1..).zip(errors) {
        // The error of the first rank that is not below the next step.
        if kept.len() < KEPT && f64::from(place) >= step * (kept.len() + 1) as f64 {
            kept.push(narrow(error));
        }
    }
    kept
}

fn group((low, high): (f64, f64), features: &Features) -> usize {
    let third = match features.get(Feature::CallsPerMinute) {
        Some(calls) if calls > high => 2,
        Some(calls) if calls > low => 1,
        _ => 0,
    };
    third * 2 + usize::from(features.has_structure())
}

/// The share that intervals may miss from now on, after a day of which `missed` (0 to 1) was
/// outside.
///
/// # Source
/// Gibbs and Candès, *Adaptive Conformal Inference Under Distribution Shift*, 2021.
#[must_use]
pub fn adapt(miss: f64, missed: f64) -> f64 {
    (miss + ADAPT.0 * (MISS - missed)).clamp(ADAPT.1, ADAPT.2)
}
