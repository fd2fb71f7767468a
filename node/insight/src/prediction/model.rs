//! A model that was trained.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::conformal::{Intervals, MISS};
use super::feature::{Feature, Features, LEAST_MS};
use super::quality::Quality;
use super::scale::Scale;

/// Bounds of the confidence that is told.
const CONFIDENCE: (f64, f64) = (0.05, 0.95);

/// What really predicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelType {
    /// The ridge regression.
    LinearRegression,
    /// The last hour again.
    LastValue,
    /// The same hour of last week again.
    SameHourLastWeek,
}

/// A model. As MessagePack with field names it has some 45 KiB at most.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// What really predicts.
    pub model_type: ModelType,
    /// Rows that it learnt from.
    pub training_samples: usize,
    /// How good it is on the test hours.
    pub quality: Quality,
    pub(super) scale: Scale,
    pub(super) intercept: f64,
    pub(super) slopes: Vec<f64>,
    pub(super) families: BTreeMap<i64, f32>,
    pub(super) intervals: Option<Intervals>,
}

/// What is expected of a statement in the coming hour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// Milliseconds a call.
    pub predicted_execution_time_ms: f64,
    /// Nine times of ten the real value is not below.
    pub min_ms: f64,
    /// Nor above.
    pub max_ms: f64,
    /// 1 − half the width in ln, 0.05 to 0.95.
    pub confidence: f64,
    /// Whether a feature of the scenario lies outside of what was learnt.
    pub extrapolated: bool,
    /// Which do.
    pub outside: Vec<Feature>,
}

impl Model {
    /// Predicts; none if it repeats a value that is not known, has no interval, or a scenario is
    /// too far from what was learnt ([`Self::too_far`]) or comes to less than a microsecond.
    ///
    /// `scenario` are the features that were set anew: if one of them lies outside of what was
    /// learnt, the interval is 1.5 times as wide. `miss` is the share that intervals may miss: 0.1
    /// if it is none, else what [`super::adapt`] says.
    #[must_use]
    pub fn predict(
        &self,
        family: i64,
        features: &Features,
        scenario: &[Feature],
        miss: Option<f64>,
    ) -> Option<Prediction> {
        let ln = self.ln_ms(family, features)?;
        let mut outside = self.scale.outside(features);
        outside.retain(|feature| scenario.contains(feature));
        let intervals = self.intervals.as_ref()?;
        let is_unseen = !outside.is_empty();
        let half = intervals.half_width(features, miss.unwrap_or(MISS), is_unseen);
        let value = ln.exp();
        let is_told = value.is_finite() && (ln + half).exp().is_finite();
        let is_far = value < LEAST_MS || !self.too_far(features, scenario).is_empty();
        if !is_told || (is_far && !scenario.is_empty()) {
            return None;
        }
        Some(Prediction {
            predicted_execution_time_ms: value,
            min_ms: (ln - half).exp(),
            max_ms: (ln + half).exp(),
            confidence: (1.0 - half.min(1.0)).clamp(CONFIDENCE.0, CONFIDENCE.1),
            extrapolated: is_unseen,
            outside,
        })
    }

    /// The features of a scenario that lie more than ten standard deviations outside of what was
    /// learnt.
    #[must_use]
    pub fn too_far(&self, features: &Features, scenario: &[Feature]) -> Vec<Feature> {
        let mut far = self.scale.far(features);
        far.retain(|feature| scenario.contains(feature));
        far
    }

    /// Whether another value of a feature can change what it predicts: whether it learnt from it.
    #[must_use]
    pub fn knows(&self, feature: Feature) -> bool {
        match self.model_type {
            ModelType::LastValue => feature == Feature::LastHourMs,
            ModelType::SameHourLastWeek => feature == Feature::LastWeekMs,
            ModelType::LinearRegression => self.scale.tells(feature),
        }
    }

    /// ln of the milliseconds.
    pub(super) fn ln_ms(&self, family: i64, features: &Features) -> Option<f64> {
        let last = || features.get(Feature::LastHourMs);
        match self.model_type {
            ModelType::LastValue => last(),
            ModelType::SameHourLastWeek => features.get(Feature::LastWeekMs).or_else(last),
            ModelType::LinearRegression => {
                let x = self.scale.apply(features, false);
                let products = self.slopes.iter().zip(x).map(|(slope, x)| slope * x);
                let own = self.families.get(&family).copied().map_or(0.0, f64::from);
                Some(self.intercept + own + products.sum::<f64>())
            }
        }
    }
}
