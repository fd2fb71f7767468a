//! Brings features to one scale.

use serde::{Deserialize, Serialize};

use crate::anomalies::robust::quantile;

use super::feature::{Feature, Features};

/// Shares outside of which values are pulled in while training.
const EDGES: (f64, f64) = (0.01, 0.99);
/// Standard deviations beyond the edges from which on nothing can be said.
const FAR: f64 = 10.0;
/// Standard deviation below which a feature tells nothing.
const LEAST_SD: f64 = 1e-9;

/// One feature: its 1 % and 99 % values, mean and standard deviation in training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct One {
    low: f64,
    high: f64,
    mean: f64,
    /// 0 if the feature tells nothing.
    sd: f64,
}

/// The scales of all features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Scale {
    all: Vec<One>,
}

impl Scale {
    pub(super) fn learn(rows: &[&Features]) -> Self {
        let one = |place: usize| {
            let values = rows.iter().filter_map(|row| *row.all().get(place)?);
            One::of(values.collect()).unwrap_or_default()
        };
        Self {
            all: (0..Feature::ALL.len()).map(one).collect(),
        }
    }

    /// Standardised; pulled in at the edges while training, beyond them for scenarios.
    pub(super) fn apply(&self, features: &Features, is_training: bool) -> Vec<f64> {
        let pairs = self.all.iter().zip(features.all());
        pairs
            .map(|(one, value)| match value {
                Some(value) if one.sd > 0.0 => {
                    let pulled = value.clamp(one.low, one.high);
                    let value = if is_training { pulled } else { *value };
                    (value - one.mean) / one.sd
                }
                _ => 0.0,
            })
            .collect()
    }

    /// Whether a feature differed in training.
    pub(super) fn tells(&self, feature: Feature) -> bool {
        let mut pairs = self.all.iter().zip(Feature::ALL);
        pairs.any(|(one, own)| own == feature && one.sd > 0.0)
    }

    /// Features that lie so far outside of what was seen in training that a straight line from
    /// there says nothing.
    pub(super) fn far(&self, features: &Features) -> Vec<Feature> {
        let pairs = self.all.iter().zip(features.all()).zip(Feature::ALL);
        let far = pairs.filter_map(|((one, value), feature)| {
            let value = (*value).filter(|_| one.sd > 0.0)?;
            let beyond = (one.low - value).max(value - one.high);
            (beyond > FAR * one.sd).then_some(feature)
        });
        far.collect()
    }

    /// Features that lie outside of what was seen in training.
    pub(super) fn outside(&self, features: &Features) -> Vec<Feature> {
        let pairs = self.all.iter().zip(features.all()).zip(Feature::ALL);
        pairs
            .filter_map(|((one, value), feature)| {
                let value = (*value)?;
                let reach = LEAST_SD.max(1e-9 * value.abs());
                let is_outside = value < one.low - reach || value > one.high + reach;
                is_outside.then_some(feature)
            })
            .collect()
    }
}

impl One {
    fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let (low, high) = (quantile(&values, EDGES.0)?, quantile(&values, EDGES.1)?);
        let n = values.len() as f64;
        let values = values.iter().map(|value| value.clamp(low, high));
        let mean = values.clone().sum::<f64>() / n;
        let squares = values.map(|value| (value - mean) * (value - mean));
        let sd = (squares.sum::<f64>() / n).sqrt();
        let sd = if sd > LEAST_SD { sd } else { 0.0 };
        Some(Self {
            low,
            high,
            mean,
            sd,
        })
    }
}
