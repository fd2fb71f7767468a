//! What is answered, with and without a model.

use serde::{Deserialize, Serialize};

use super::model::Prediction;

/// Calls of a statement without which nothing is predicted.
pub const MIN_CALLS: f64 = 30.0;
/// The confidence of history.
const OF_HISTORY: f64 = 0.5;
/// Error in percent within which a prediction without an interval counts as right.
const RIGHT: f64 = 30.0;

/// Where an answer is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Our model.
    Native,
    /// The statement's history.
    Fallback,
    /// A service that somebody else runs.
    External,
}

/// Milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Range {
    /// Nine times of ten not below; the least mean of an hour, for a fallback.
    pub min: f64,
    /// Not above.
    pub max: f64,
}

/// The contract's prediction without the fields that the caller knows (`query_hash`, `timestamp`,
/// `model_version`, `features`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Milliseconds a call; null if nothing can be said.
    pub predicted_execution_time_ms: Option<f64>,
    /// 0 if nothing can be said, 0.5 for a fallback.
    pub confidence: f64,
    /// Null if nothing can be said.
    pub range: Option<Range>,
    /// Where it is from; none if nothing can be said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// Why it is not the model's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// Whether a feature lies outside of what was learnt.
    pub extrapolated: bool,
    /// Whether nothing can be said.
    pub insufficient_data: bool,
    /// What is missing for a prediction.
    pub missing: Vec<String>,
}

impl From<Prediction> for Answer {
    fn from(prediction: Prediction) -> Self {
        Self {
            predicted_execution_time_ms: Some(prediction.predicted_execution_time_ms),
            confidence: prediction.confidence,
            range: Some(Range {
                min: prediction.min_ms,
                max: prediction.max_ms,
            }),
            source: Some(Source::Native),
            warning: None,
            extrapolated: prediction.extrapolated,
            insufficient_data: false,
            missing: Vec::new(),
        }
    }
}

/// Answers that nothing can be said, and why.
#[must_use]
pub fn insufficient(missing: Vec<String>) -> Answer {
    Answer {
        predicted_execution_time_ms: None,
        confidence: 0.0,
        range: None,
        source: None,
        warning: None,
        extrapolated: false,
        insufficient_data: true,
        missing,
    }
}

/// Answers from history: calls and milliseconds of each hour. `warning` says why there is no model.
#[must_use]
pub fn fallback(hours: &[(f64, f64)], warning: &str) -> Answer {
    let called = hours.iter().filter(|(calls, _)| *calls > 0.0);
    let (calls, time) = called
        .clone()
        .fold((0.0, 0.0), |sum, hour| (sum.0 + hour.0, sum.1 + hour.1));
    if calls < MIN_CALLS {
        return insufficient(vec![format!("{calls:.0} of {MIN_CALLS:.0} calls")]);
    }
    let means = called.map(|(calls, time)| time / calls);
    let range = means.fold((f64::INFINITY, 0.0_f64), |range, mean| {
        (range.0.min(mean), range.1.max(mean))
    });
    Answer {
        predicted_execution_time_ms: Some(time / calls),
        confidence: OF_HISTORY,
        range: Some(Range {
            min: range.0,
            max: range.1,
        }),
        source: Some(Source::Fallback),
        warning: Some(warning.to_owned()),
        extrapolated: false,
        insufficient_data: false,
        missing: Vec::new(),
    }
}

/// Reads the reply of an external service, in either of its two spellings; none if it lacks the
/// number, or one is negative or not finite.
#[must_use]
pub fn external(reply: &serde_json::Value) -> Option<Answer> {
    let figure = |value: &serde_json::Value| {
        let figure = value.as_f64()?;
        (figure.is_finite() && figure >= 0.0).then_some(figure)
    };
    let either = |names: [&str; 2]| names.iter().find_map(|name| reply.pointer(name));
    let value = figure(&reply["predicted_execution_time_ms"])?;
    let confidence = either(["/confidence", "/confidence_score"]).and_then(figure)?;
    let bound = |names| either(names).and_then(figure);
    let low = bound(["/range/min", "/confidence_interval/lower_bound_ms"]);
    let high = bound(["/range/max", "/confidence_interval/upper_bound_ms"]);
    let range = low.zip(high).filter(|(low, high)| low <= high);
    Some(Answer {
        predicted_execution_time_ms: Some(value),
        confidence: confidence.min(1.0),
        range: range.map(|(min, max)| Range { min, max }),
        source: Some(Source::External),
        warning: None,
        extrapolated: false,
        insufficient_data: false,
        missing: Vec::new(),
    })
}

/// How right a prediction was, by the contract's arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// |predicted − actual| / actual × 100.
    pub error_percent: f64,
    /// 1 − error / 100, at least 0.
    pub accuracy_score: f64,
    /// Whether the value was inside of the stored interval; of ± 30 % if none was stored.
    pub within_confidence_interval: bool,
}

/// Compares a prediction with what came; none unless `actual_ms` is positive.
#[must_use]
pub fn validate(predicted_ms: f64, actual_ms: f64, range: Option<Range>) -> Option<Validation> {
    if actual_ms <= 0.0 || !actual_ms.is_finite() || !predicted_ms.is_finite() {
        return None;
    }
    let error_percent = (predicted_ms - actual_ms).abs() / actual_ms * 100.0;
    let is_inside = |range: Range| (range.min..=range.max).contains(&actual_ms);
    Some(Validation {
        error_percent,
        accuracy_score: (1.0 - error_percent / 100.0).max(0.0),
        within_confidence_interval: range.map_or(error_percent <= RIGHT, is_inside),
    })
}
