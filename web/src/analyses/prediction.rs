//! What a statement will take in the coming hour: trained on what it took in the hours before, by
//! the leader every night and when somebody asks.
//!
//! Models and training jobs are elements of the cluster itself, so that each node predicts with the
//! same model.

mod hours;
mod models;
mod plans;

use pga_insight::anomalies::Minute;
use pga_insight::prediction::{Answer, Feature, MIN_CALLS, Range, fallback, insufficient};
use pga_storage::{Position, Timestamp};
use serde_json::{Value, json};

use self::hours::{History, Wanted, read};
use super::findings::{Run, keep};
use super::workload::{Statement, statements};
use super::{Done, Order, collectors, seen};
use crate::{ApiError, NodeApi};

pub(crate) use self::models::{Job, active, job, newest_job, started, train};

/// Type of the elements that hold what validations came to.
const VALIDATIONS: &str = "analysis_validation";
/// Days that a prediction looks back at: the same hour of last week has to be there.
const DAYS: i64 = 8;

/// What is asked: inputs that are set anew, by the names of [`Feature`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Scenario {
    /// Features and their values.
    pub(crate) set: Vec<(Feature, f64)>,
    /// Names that are none of ours.
    pub(crate) ignored: Vec<String>,
}

impl Scenario {
    /// From the members of an object.
    pub(crate) fn of(objects: &[&Value]) -> Self {
        let mut scenario = Self::default();
        let members = objects
            .iter()
            .filter_map(|value| value.as_object())
            .flatten();
        for (name, value) in members {
            let feature = serde_json::from_value::<Feature>(json!(name)).ok();
            match (feature, value.as_f64()) {
                (Some(feature), Some(value)) => scenario.set.push((feature, value)),
                _ => scenario.ignored.push(name.clone()),
            }
        }
        scenario
    }
}

/// A prediction and what it rests on.
#[derive(Clone, Debug)]
pub(crate) struct Predicted {
    pub(crate) answer: Answer,
    /// The model's number, if it was one.
    pub(crate) version: Option<u64>,
    /// The features that are known, by name, as callers set them.
    pub(crate) features: Value,
}

/// The hours of a statement on the server that calls it most, with its calls.
async fn busiest(
    api: &dyn NodeApi,
    hash: i64,
    at: Timestamp,
) -> Result<Option<(f64, History)>, ApiError> {
    let mut best: Option<(f64, History)> = None;
    for (collector, ..) in seen(api, hash, at).await? {
        let history = read(api, collector, at, DAYS, Wanted::One(hash)).await?;
        let calls = history.calls(hash);
        if best.as_ref().is_none_or(|(most, _)| calls > *most) {
            best = Some((calls, history));
        }
    }
    Ok(best)
}

/// Features by their names.
fn named(features: Vec<(Feature, f64)>) -> Value {
    let named = features.into_iter().filter_map(|(feature, value)| {
        let name = serde_json::to_value(feature).ok()?;
        Some((name.as_str()?.to_owned(), json!(value)))
    });
    named.collect()
}

/// Predicts the coming hour of a statement; nothing if nobody has sent it.
pub(crate) async fn predict(
    api: &dyn NodeApi,
    hash: i64,
    version: Option<u64>,
    scenario: &Scenario,
) -> Result<Option<Predicted>, ApiError> {
    let at = Timestamp::now();
    let Some((calls, history)) = busiest(api, hash, at).await? else {
        return Ok(None);
    };
    let only = |answer| Predicted {
        answer,
        version: None,
        features: json!({}),
    };
    if calls < MIN_CALLS {
        let missing = vec![format!("{calls:.0} of {MIN_CALLS:.0} calls in {DAYS} days")];
        return Ok(Some(only(insufficient(missing))));
    }
    let hours = history.pairs(hash);
    let model = match version {
        Some(version) => models::numbered(api, version).await?,
        None => active(api).await?,
    };
    let Some(model) = model else {
        let why = match version {
            Some(version) => format!("there is no model {version}: this is its history"),
            None => "no model is trained yet: this is its history".to_owned(),
        };
        return Ok(Some(only(fallback(&hours, &why))));
    };
    let hour = Minute::of_micros(at.micros()).hour();
    let Some((mut features, mut shown)) = history.features(hash, hour) else {
        let why = "it was not called in the last hours: this is its history";
        return Ok(Some(only(fallback(&hours, why))));
    };
    let mut changed = Vec::new();
    for (feature, value) in &scenario.set {
        features.set(*feature, *value);
        shown.retain(|(known, _)| known != feature);
        shown.push((*feature, *value));
        changed.push(*feature);
    }
    let prediction = model.model.predict(hash, &features, &changed, None);
    let answer = match prediction {
        Some(prediction) => Answer::from(prediction),
        None => fallback(
            &hours,
            "the model has no interval for it: this is its history",
        ),
    };
    Ok(Some(Predicted {
        answer,
        version: Some(model.version),
        features: named(shown),
    }))
}

/// The statement's figures of the last day, or else of the last 30 days; of where it took most
/// time.
pub(crate) async fn figures(
    api: &dyn NodeApi,
    hash: i64,
) -> Result<Option<(Statement, pga_config::CollectorId, f64)>, ApiError> {
    let found = seen(api, hash, Timestamp::now()).await?;
    let most = found
        .into_iter()
        .max_by(|(_, one, _), (_, other, _)| one.total_ms.total_cmp(&other.total_ms));
    let Some((collector, one, window)) = most else {
        return Ok(None);
    };
    let mut all = statements(api, collector, window, Some(&one.database)).await?;
    let found = all.remove(&(one.database, hash));
    Ok(found.map(|one| (one, collector, window.seconds())))
}

/// Keeps what a validation came to.
pub(crate) async fn keep_validation(
    api: &dyn NodeApi,
    by: String,
    validation: Value,
) -> Result<Position, ApiError> {
    let at = Timestamp::now();
    let run = Run {
        kind: VALIDATIONS,
        collector: None,
        database: String::new(),
        judged: Vec::new(),
        by,
        started: at,
        ended: at,
        rows_read: 0,
        findings: vec![validation],
        notes: Vec::new(),
    };
    keep(api, run).await
}

/// The id of a prediction: its interval stands in it, so that any node can validate it.
pub(crate) fn prediction_id(at: Timestamp, range: Option<Range>) -> String {
    let range = range.map_or((0, 0), |range| (range.min.to_bits(), range.max.to_bits()));
    format!("prediction-{:x}-{:x}-{:x}", at.micros(), range.0, range.1)
}

/// The interval that a prediction's id tells; nothing if it is none of ours.
pub(crate) fn range_of(id: &str) -> Option<Range> {
    let mut parts = id.strip_prefix("prediction-")?.split('-');
    i64::from_str_radix(parts.next()?, 16).ok()?;
    let mut figure = || {
        let bits = u64::from_str_radix(parts.next()?, 16).ok()?;
        Some(f64::from_bits(bits)).filter(|figure| figure.is_finite() && *figure > 0.0)
    };
    let (min, max) = (figure()?, figure()?);
    (min <= max).then_some(Range { min, max })
}

/// Trains on all servers, if the model is older than a day.
pub(crate) async fn nightly(api: &dyn NodeApi, order: &Order) -> Result<Done, ApiError> {
    if collectors(api)?.is_empty() {
        return Ok(Done::default());
    }
    let job = started(order.at);
    train(api, &job, models::LOOKBACK, order).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_predictions_id_tells_its_interval() {
        let at = Timestamp::from_micros(1_700_000_000_000_000);
        let range = Range {
            min: 1.25,
            max: 9.5,
        };
        assert_eq!(range_of(&prediction_id(at, Some(range))), Some(range));
        assert_eq!(range_of(&prediction_id(at, None)), None);
        for id in [
            "",
            "p",
            "prediction-1-2",
            "prediction-z-1-1",
            "prediction-1-7ff0000000000000-1",
        ] {
            assert_eq!(range_of(id), None, "{id}");
        }
    }

    #[test]
    fn a_scenario_takes_what_it_knows_and_names_the_rest() {
        let scenario =
            Scenario::of(&[&json!({"calls_per_minute": 40, "colour": 1}), &json!("now")]);
        assert_eq!(scenario.set, [(Feature::CallsPerMinute, 40.0)]);
        assert_eq!(scenario.ignored, ["colour"]);
    }
}
