//! Least squares with a penalty, weights against outliers, and an intercept a statement.

mod normal;

use std::collections::BTreeMap;

use crate::anomalies::robust::{MAD_TO_SD, median};

use normal::Normal;

/// Residuals in scales above which a row counts less.
const HUBER: f64 = 1.345;
/// Rounds of weights.
const ROUNDS: usize = 5;
/// Penalties by row that are tried.
const PENALTIES: [f64; 6] = [1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0];
/// Shares of the rows that are learnt from in turn; the next fifth judges.
const FOLDS: [f64; 3] = [0.4, 0.6, 0.8];

/// One row: standardised features and the target.
pub(super) struct Sample {
    pub(super) family: i64,
    pub(super) x: Vec<f64>,
    pub(super) y: f64,
}

/// What was fitted.
#[derive(Default)]
pub(super) struct Fit {
    pub(super) intercept: f64,
    pub(super) slopes: Vec<f64>,
    /// What each statement adds; shrunk by n / (n + 20).
    pub(super) families: BTreeMap<i64, f64>,
}

impl Fit {
    fn error(&self, sample: &Sample) -> f64 {
        let own = self.families.get(&sample.family).copied().unwrap_or(0.0);
        let products = self
            .slopes
            .iter()
            .zip(&sample.x)
            .map(|(slope, x)| slope * x);
        (sample.y - self.intercept - own - products.sum::<f64>()).abs()
    }
}

/// Fits samples that are in the order of time; none if that has no solution.
///
/// # Source
/// Hoerl and Kennard, *Ridge Regression*, 1970; Huber, *Robust Estimation of a Location Parameter*,
/// 1964, by iteratively reweighted least squares.
pub(super) fn fit(samples: &[Sample]) -> Option<Fit> {
    let penalty = penalty(samples)?;
    let mut weights = vec![1.0; samples.len()];
    let mut fit = Fit::default();
    for _ in 0..ROUNDS {
        let mut normal = Normal::default();
        for (sample, weight) in samples.iter().zip(&weights) {
            normal.add(sample, *weight);
        }
        fit = normal.solve(penalty)?;
        let errors: Vec<f64> = samples.iter().map(|sample| fit.error(sample)).collect();
        let scale = MAD_TO_SD * median(&mut errors.clone())?;
        let limit = (HUBER * scale).max(f64::MIN_POSITIVE);
        weights = errors
            .iter()
            .map(|error| (limit / error).min(1.0))
            .collect();
    }
    Some(fit)
}

/// The penalty with the least absolute error on what came after.
fn penalty(samples: &[Sample]) -> Option<f64> {
    let mut errors = [0.0; PENALTIES.len()];
    for share in FOLDS {
        let learn = samples.len() as f64 * share;
        let judge = samples.len() as f64 * (share + 0.2);
        let mut normal = Normal::default();
        let learnt = (0..)
            .zip(samples)
            .take_while(|(place, _)| f64::from(*place) < learn);
        learnt.for_each(|(_, sample)| normal.add(sample, 1.0));
        for (error, penalty) in errors.iter_mut().zip(PENALTIES) {
            let fit = normal.solve(penalty)?;
            let judged = (0..).zip(samples).filter(|(place, _)| {
                let place = f64::from(*place);
                place >= learn && place < judge
            });
            *error += judged.map(|(_, sample)| fit.error(sample)).sum::<f64>();
        }
    }
    let pairs = PENALTIES.into_iter().zip(errors);
    let best = pairs.min_by(|one, other| one.1.total_cmp(&other.1))?;
    Some(best.0)
}
