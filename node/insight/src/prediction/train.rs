//! Makes a model, and judges it in the order of time.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::anomalies::Minute;
use crate::anomalies::robust::{narrow, quantile};

use super::conformal::{Intervals, MISS};
use super::feature::{Feature, Features, LEAST_MS};
use super::model::{Model, ModelType};
use super::quality::{Judged, Quality, mean_error};
use super::ridge::{self, Sample};
use super::scale::Scale;

/// Rows, and minutes between the first and the last, without which nothing is learnt.
const LEAST: (usize, i64) = (100, 1_440);
/// Shares of the rows after which calibration and test begin.
const SPLIT: (f64, f64) = (0.6, 0.8);
/// Minutes between the parts: what one part predicts is over before the next begins.
const GAP: i64 = 60;
/// Statements that have an intercept of their own.
const FAMILIES: usize = 2_000;
/// Rows that importance is measured on.
const SHUFFLED: usize = 5_000;

/// One hour of one statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The statement.
    pub family: i64,
    /// When it would have been predicted.
    pub at: Minute,
    /// What was known then, and nothing later.
    pub features: Features,
    /// The mean of the hour after `at`, in milliseconds.
    pub actual_ms: f64,
}

impl Row {
    fn ln_ms(&self) -> f64 {
        self.actual_ms.max(LEAST_MS).ln()
    }
}

/// Why nothing can be learnt yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("too little to learn from: {}", missing.join(", "))]
pub struct Insufficient {
    /// What is missing, with counts.
    pub missing: Vec<String>,
}

/// Trains on 60 % of the rows, calibrates intervals on 20 %, judges on the last 20 %.
///
/// # Errors
/// With fewer than 100 rows or less than 24 hours between the first and the last, or if a part is
/// empty. It can be tried again when there are more.
pub fn train(rows: &[Row]) -> Result<Model, Insufficient> {
    let mut rows: Vec<&Row> = rows
        .iter()
        .filter(|row| row.actual_ms.is_finite())
        .collect();
    rows.sort_by_key(|row| (row.at, row.family));
    let parts = Parts::of(&rows)?;
    let regression = parts.regression().ok_or_else(|| Insufficient {
        missing: vec!["features that differ".to_owned()],
    })?;
    let of_type = |model_type| Model {
        model_type,
        ..regression.clone()
    };
    let error = |model_type| {
        let model = of_type(model_type);
        let missed = |row: &&Row| Some(model.ln_ms(row.family, &row.features)? - row.ln_ms());
        mean_error(parts.test.iter().filter_map(missed))
    };
    let own = error(ModelType::LinearRegression);
    let last = error(ModelType::LastValue);
    let week = error(ModelType::SameHourLastWeek);
    let model_type = if own < last && own < week {
        ModelType::LinearRegression
    } else if last <= week {
        ModelType::LastValue
    } else {
        ModelType::SameHourLastWeek
    };
    let mut model = of_type(model_type);
    model.intervals = Some(parts.intervals(&model));
    let judged = |features: &[Features]| {
        let rows = parts.test.iter().zip(features);
        let judged = rows.filter_map(|(row, features)| judge(&model, row, features));
        judged.collect::<Vec<Judged>>()
    };
    let features: Vec<Features> = parts.test.iter().map(|row| row.features.clone()).collect();
    let mut quality = Quality::of(&judged(&features));
    let skill = |other: f64| {
        if other > 0.0 {
            1.0 - quality.mae_ln / other
        } else {
            0.0
        }
    };
    (quality.skill_last_value, quality.skill_last_week) = (skill(last), skill(week));
    if model_type == ModelType::LinearRegression {
        quality.feature_importance = importance(&model, &parts.test);
    }
    model.quality = quality;
    Ok(model)
}

/// The three parts, each in the order of time.
struct Parts<'a> {
    train: Vec<&'a Row>,
    calibrate: Vec<&'a Row>,
    test: Vec<&'a Row>,
}

impl<'a> Parts<'a> {
    fn of(rows: &[&'a Row]) -> Result<Self, Insufficient> {
        let span = rows.first().zip(rows.last());
        let minutes = span.map_or(0, |(first, last)| last.at.since(first.at));
        let mut missing = Vec::new();
        if rows.len() < LEAST.0 {
            missing.push(format!("{} of {} rows", rows.len(), LEAST.0));
        }
        if minutes < LEAST.1 {
            missing.push(format!("{} of {} hours", minutes / 60, LEAST.1 / 60));
        }
        let begin = |share: f64| {
            let least = rows.len() as f64 * share;
            let later = (0..)
                .zip(rows)
                .find(|(place, _)| f64::from(*place) >= least);
            later.map_or(Minute::default(), |(_, row)| row.at)
        };
        let (calibrate, test) = (begin(SPLIT.0), begin(SPLIT.1));
        let part = |from: Minute, to: Option<Minute>| {
            let is_in = |row: &&&Row| row.at >= from && to.is_none_or(|to| row.at < to);
            rows.iter().filter(is_in).copied().collect::<Vec<&Row>>()
        };
        let first = rows.first().map_or(calibrate, |row| row.at);
        let parts = Self {
            train: part(first, Some(calibrate)),
            calibrate: part(calibrate.plus(GAP), Some(test)),
            test: part(test.plus(GAP), None),
        };
        let has_all = [&parts.train, &parts.calibrate, &parts.test];
        if missing.is_empty() && has_all.iter().any(|part| part.is_empty()) {
            missing.push("hours apart from each other".to_owned());
        }
        if missing.is_empty() {
            Ok(parts)
        } else {
            Err(Insufficient { missing })
        }
    }

    fn regression(&self) -> Option<Model> {
        let features: Vec<&Features> = self.train.iter().map(|row| &row.features).collect();
        let scale = Scale::learn(&features);
        let sample = |row: &&Row| Sample {
            family: row.family,
            x: scale.apply(&row.features, true),
            y: row.ln_ms(),
        };
        let samples: Vec<Sample> = self.train.iter().map(sample).collect();
        let fit = ridge::fit(&samples)?;
        // Those that matter least are left out: a model is replicated.
        let mut families: Vec<(i64, f64)> = fit.families.into_iter().collect();
        families.sort_by(|one, other| other.1.abs().total_cmp(&one.1.abs()));
        families.truncate(FAMILIES);
        let families = families.into_iter();
        Some(Model {
            model_type: ModelType::LinearRegression,
            training_samples: samples.len(),
            quality: Quality::default(),
            scale,
            intercept: fit.intercept,
            slopes: fit.slopes,
            families: families
                .map(|(family, own)| (family, narrow(own)))
                .collect(),
            intervals: None,
        })
    }

    fn intervals(&self, model: &Model) -> Intervals {
        let calls = self.train.iter();
        let calls = calls.filter_map(|row| row.features.get(Feature::CallsPerMinute));
        let mut calls: Vec<f64> = calls.collect();
        calls.sort_by(f64::total_cmp);
        let third = |share: f64| quantile(&calls, share).unwrap_or(0.0);
        let errors = self.calibrate.iter().filter_map(|row| {
            let error = row.ln_ms() - model.ln_ms(row.family, &row.features)?;
            Some((&row.features, error))
        });
        Intervals::learn(errors, (third(1.0 / 3.0), third(2.0 / 3.0)))
    }
}

fn judge(model: &Model, row: &Row, features: &Features) -> Option<Judged> {
    let intervals = model.intervals.as_ref()?;
    Some(Judged {
        actual: row.ln_ms(),
        predicted: model.ln_ms(row.family, features)?,
        half_width: intervals.half_width(features, MISS, false),
    })
}

/// By how much the error grows when each feature is exchanged with that of another row: the one
/// half of the rows away, so that equal input gives equal output.
///
/// # Source
/// Breiman, *Random Forests*, 2001, section 10.
fn importance(model: &Model, test: &[&Row]) -> BTreeMap<Feature, f64> {
    let step = (test.len() / SHUFFLED).max(1);
    let rows: Vec<&Row> = test.iter().step_by(step).copied().collect();
    let error = |exchange: Option<usize>| {
        let others = rows.iter().cycle().skip(rows.len() / 2);
        let missed = rows.iter().zip(others).filter_map(|(row, other)| {
            let mut features = row.features.clone();
            if let Some(place) = exchange {
                features.exchange(place, &other.features);
            }
            Some(model.ln_ms(row.family, &features)? - row.ln_ms())
        });
        mean_error(missed)
    };
    let whole = error(None);
    let grown = |(place, feature): (usize, Feature)| (feature, error(Some(place)) - whole);
    let all = Feature::ALL.into_iter().enumerate().map(grown);
    all.filter(|(_, more)| *more != 0.0).collect()
}
