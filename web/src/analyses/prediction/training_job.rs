//! Trainings: which runs, and what became of each.

use pga_storage::{Position, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

use crate::analyses::Order;
use crate::analyses::findings::{Newest, Run, keep, newest};
use crate::{ApiError, NodeApi};

/// Type of the elements of jobs.
const JOBS: &str = "analysis_training";
/// Microseconds after which a job that did not end was lost with its node.
const LOST: i64 = 900_000_000;
/// Days in which a training that runs began.
const RUNNING: i64 = 1;

/// A training, with the contract's names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Job {
    /// `training-20260222-190721-1a2b3c4d`.
    pub(crate) job_id: String,
    /// `running`, `completed`, `failed`, or `cancelled` if another one ran already.
    pub(crate) status: String,
    /// When it began.
    pub(crate) started_at: Timestamp,
    /// What it made.
    pub(crate) model_id: Option<u64>,
    /// What really predicts.
    pub(crate) model_type: Option<String>,
    pub(crate) r_squared: Option<f64>,
    pub(crate) training_samples: Option<usize>,
    pub(crate) completed_at: Option<Timestamp>,
    pub(crate) error: Option<String>,
    pub(crate) feature_count: Option<usize>,
    pub(crate) feature_importance: Option<Value>,
    /// All figures of the test hours.
    pub(crate) quality: Option<Value>,
    /// Whether it predicts from now on.
    pub(crate) is_active: Option<bool>,
}

/// What became of the wish to train.
#[derive(Clone, Debug)]
pub(crate) enum Begun {
    /// This training is to run.
    Own(Job),
    /// This one runs already.
    Other(Job),
}

/// Begins a training, unless one runs. The job is kept, and this node shows it.
///
/// Of those that begin at once, on whatever nodes, the earliest by their clocks runs; the others
/// are cancelled.
pub(crate) async fn begin(api: &dyn NodeApi, order: &Order) -> Result<Begun, ApiError> {
    if let Some(job) = running(api, Newest::of(JOBS)).await? {
        return Ok(Begun::Other(job));
    }
    let mut own = started(order.at);
    let position = keep_job(api, &own, order).await?;
    let of = Newest::of(JOBS).at(Some(position));
    match running(api, of).await {
        Ok(Some(first)) if first.job_id != own.job_id => {
            own.status = "cancelled".to_owned();
            own.error = Some(format!("{} ran already", first.job_id));
            own.completed_at = Some(Timestamp::now());
            keep_job(api, &own, order).await?;
            Ok(Begun::Other(first))
        }
        // A store that cannot be read now does not undo what is durable.
        _ => Ok(Begun::Own(own)),
    }
}

/// The training that runs and began first.
async fn running(api: &dyn NodeApi, of: Newest<'_>) -> Result<Option<Job>, ApiError> {
    let runs = newest(api, of.days(RUNNING), |_| true).await?;
    let jobs = runs.iter().filter_map(job_of).map(as_it_stands);
    let running = jobs.filter(|job| job.status == "running");
    Ok(running.min_by(|one, other| {
        let began = one.started_at.cmp(&other.started_at);
        began.then_with(|| one.job_id.cmp(&other.job_id))
    }))
}

/// A job that begins now.
fn started(at: Timestamp) -> Job {
    let text = at.to_string();
    let digits: String = text.chars().filter(char::is_ascii_digit).take(14).collect();
    let (day, time) = digits.split_at(digits.len().min(8));
    let own = xxh3_64(&at.micros().to_le_bytes()) & 0xffff_ffff;
    Job {
        job_id: format!("training-{day}-{time}-{own:08x}"),
        status: "running".to_owned(),
        started_at: at,
        model_id: None,
        model_type: None,
        r_squared: None,
        training_samples: None,
        completed_at: None,
        error: None,
        feature_count: None,
        feature_importance: None,
        quality: None,
        is_active: None,
    }
}

/// A run that is kept under a name.
pub(super) fn run(kind: &'static str, order: &Order, name: &str, finding: Value) -> Run {
    Run {
        kind,
        collector: None,
        database: name.to_owned(),
        judged: Vec::new(),
        by: order.by.clone(),
        started: Timestamp::now(),
        ended: Timestamp::now(),
        rows_read: 0,
        findings: vec![finding],
        notes: Vec::new(),
    }
}

/// Keeps how a job stands.
pub(super) async fn keep_job(
    api: &dyn NodeApi,
    job: &Job,
    order: &Order,
) -> Result<Position, ApiError> {
    let row = serde_json::to_value(job).map_err(|_| ApiError::Internal)?;
    keep(api, run(JOBS, order, &job.job_id, row)).await
}

/// A job that did not end in time was lost with the node that ran it.
fn as_it_stands(mut job: Job) -> Job {
    if job.status == "running" && Timestamp::now().micros() - job.started_at.micros() > LOST {
        job.status = "failed".to_owned();
        job.error = Some("restarted: the node that ran it is gone".to_owned());
    }
    job
}

fn job_of(run: &Value) -> Option<Job> {
    serde_json::from_value(run["findings"].get(0)?.clone()).ok()
}

/// A job by its id.
pub(crate) async fn job(api: &dyn NodeApi, id: &str) -> Result<Option<Job>, ApiError> {
    let runs = newest(api, Newest::of(JOBS).enough(1), |run| run["database"] == id).await?;
    Ok(runs.first().and_then(job_of).map(as_it_stands))
}

/// The newest job.
pub(crate) async fn newest_job(api: &dyn NodeApi) -> Result<Option<Job>, ApiError> {
    let runs = newest(api, Newest::of(JOBS).enough(1), |_| true).await?;
    Ok(runs.first().and_then(job_of).map(as_it_stands))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_have_the_contracts_ids_and_end_when_their_node_is_gone() {
        let job = started(Timestamp::from_micros(1_771_787_241_000_000));
        assert!(
            job.job_id.starts_with("training-20260222-190721-"),
            "{}",
            job.job_id
        );
        assert_eq!(job.job_id.len(), "training-20260222-190721-1a2b3c4d".len());
        let lost = as_it_stands(job);
        assert_eq!(lost.status, "failed");
        assert!(lost.error.unwrap().contains("restarted"));
        assert_eq!(as_it_stands(started(Timestamp::now())).status, "running");
    }
}
