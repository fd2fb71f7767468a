//! How good a model is on hours that it did not learn from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::feature::Feature;

/// A model may be so many times worse than the active one.
const MAY_BE_WORSE: f64 = 1.05;
/// Share of values inside of their intervals below which a model is trained at once.
const LEAST_COVERAGE: f64 = 0.85;

/// Figures of the test hours, the last fifth.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Rows that were judged.
    pub rows: usize,
    /// Mean absolute error of ln milliseconds.
    pub mae_ln: f64,
    /// R² of ln milliseconds: the contract's `r_squared`.
    pub r_squared: f64,
    /// R² of milliseconds.
    pub r_squared_ms: f64,
    /// Mean pinball loss of both ends of the 90 % interval, in ln.
    pub pinball: f64,
    /// Share of values inside of their 90 % intervals.
    pub coverage: f64,
    /// 1 − error / error of *last value*; positive is better.
    pub skill_last_value: f64,
    /// 1 − error / error of *same hour last week*.
    pub skill_last_week: f64,
    /// By how much the error grows if a feature is shuffled, in ln; the model's features only.
    pub feature_importance: BTreeMap<Feature, f64>,
}

/// One judged row: all in ln.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judged {
    pub(super) actual: f64,
    pub(super) predicted: f64,
    pub(super) half_width: f64,
}

/// Mean absolute error.
pub(super) fn mean_error(errors: impl Iterator<Item = f64>) -> f64 {
    let (sum, n) = errors.fold((0.0, 0.0), |(sum, n), error| (sum + error.abs(), n + 1.0));
    if n > 0.0 { sum / n } else { f64::INFINITY }
}

impl Quality {
    pub(super) fn of(judged: &[Judged]) -> Self {
        let n = judged.len() as f64;
        let mean = |figure: &dyn Fn(&Judged) -> f64| judged.iter().map(figure).sum::<f64>() / n;
        Self {
            rows: judged.len(),
            mae_ln: mean(&|row| (row.actual - row.predicted).abs()),
            r_squared: r_squared(judged, |ln| ln),
            r_squared_ms: r_squared(judged, f64::exp),
            pinball: mean(&|row| {
                let low = pinball(row.actual, row.predicted - row.half_width, 0.05);
                let high = pinball(row.actual, row.predicted + row.half_width, 0.95);
                f64::midpoint(low, high)
            }),
            coverage: mean(&|row| {
                let is_inside = (row.actual - row.predicted).abs() <= row.half_width;
                f64::from(u8::from(is_inside))
            }),
            ..Self::default()
        }
    }
}

fn r_squared(judged: &[Judged], unit: impl Fn(f64) -> f64) -> f64 {
    let n = judged.len() as f64;
    let mean = judged.iter().map(|row| unit(row.actual)).sum::<f64>() / n;
    let (mut rest, mut whole) = (0.0, 0.0);
    for row in judged {
        let actual = unit(row.actual);
        rest += (actual - unit(row.predicted)).powi(2);
        whole += (actual - mean).powi(2);
    }
    if whole > 0.0 { 1.0 - rest / whole } else { 0.0 }
}

/// Koenker and Bassett's loss of a quantile, 1978.
fn pinball(actual: f64, quantile: f64, share: f64) -> f64 {
    let above = actual - quantile;
    if above >= 0.0 {
        share * above
    } else {
        (share - 1.0) * above
    }
}

/// Whether a model with the error `mae_ln` replaces the active one: it may be 5 % worse, for it
/// knows newer hours.
#[must_use]
pub fn is_activated(mae_ln: f64, active_mae_ln: Option<f64>) -> bool {
    active_mae_ln.is_none_or(|active| mae_ln <= MAY_BE_WORSE * active)
}

/// Whether a week in which that share of values was inside of their intervals asks for training.
#[must_use]
pub fn needs_training(coverage: f64) -> bool {
    coverage < LEAST_COVERAGE
}
