//! What a statement will take in the coming hour: trained on what it took in the hours before, by
//! the leader every night and when somebody asks.
//!
//! Models and training jobs are elements of the cluster itself, so that each node predicts with the
//! same model.

mod hours;
mod known;
mod models;
mod named_relations;
mod plans;
mod predicted;
mod relation_lists;
mod relation_sizes;
mod scenario;
mod table_figures;
mod timeline;
mod training_job;

use pga_config::CollectorId;
use pga_insight::prediction::Range;
use pga_storage::{Position, Timestamp};
use serde_json::Value;

use super::findings::{Run, keep};
use super::workload::{Statement, statements};
use super::{Done, Order, collectors, seen};
use crate::{ApiError, NodeApi};

pub(crate) use self::known::known;
pub(crate) use self::models::train;
pub(crate) use self::predicted::predict;
pub(crate) use self::relation_sizes::KnownRelation;
pub(crate) use self::scenario::Scenario;
pub(crate) use self::training_job::{Begun, Job, begin, job, newest_job};

/// Type of the elements that hold what validations came to.
const VALIDATIONS: &str = "analysis_validation";

/// The statement's figures of the last day, or else of the last 30 days; of where it took most
/// time.
pub(crate) async fn figures(
    api: &dyn NodeApi,
    hash: i64,
) -> Result<Option<(Statement, CollectorId, f64)>, ApiError> {
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

/// Trains on all servers, unless somebody does.
pub(crate) async fn nightly(api: &dyn NodeApi, order: &Order) -> Result<Done, ApiError> {
    if collectors(api)?.is_empty() {
        return Ok(Done::default());
    }
    match begin(api, order).await? {
        Begun::Own(job) => train(api, &job, models::LOOKBACK, order).await,
        Begun::Other(_) => Ok(Done::default()),
    }
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
}
