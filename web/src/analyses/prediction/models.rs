//! Models that were trained, and the jobs that trained them.

use pga_insight::prediction::{Model, is_activated};
use pga_storage::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_64;

use super::hours::{Wanted, read};
use crate::analyses::findings::{Newest, Run, keep, newest, walk};
use crate::analyses::{Done, Order, collectors};
use crate::{ApiError, NodeApi};

/// Types of the elements of models, and of jobs.
const MODELS: &str = "analysis_model";
const JOBS: &str = "analysis_training";
/// Days that are learnt from, if nobody says otherwise.
pub(crate) const LOOKBACK: i64 = 90;
/// Rows that are learnt from, of all servers: more of them make no better model.
const MAX_ROWS: usize = 100_000;
/// Models that are looked through.
const KEPT: usize = 10;
/// Microseconds after which a job that did not end was lost with its node.
const LOST: i64 = 900_000_000;
/// How far back a job or a model is looked for.
const YEAR: i64 = 365 * 86_400_000_000;

/// A model with its number.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Numbered {
    /// Counts up.
    pub(crate) version: u64,
    /// Whether it predicts unless another is asked for.
    pub(crate) is_active: bool,
    /// When it was trained.
    pub(crate) at: String,
    pub(crate) model: Model,
}

/// A training, with the contract's names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Job {
    /// `training-20260222-190721-1a2b3c4d`.
    pub(crate) job_id: String,
    /// `running`, `completed` or `failed`.
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

/// A job that begins now.
pub(crate) fn started(at: Timestamp) -> Job {
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

fn run(kind: &'static str, order: &Order, name: &str, finding: Value) -> Run {
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

async fn keep_job(
    api: &dyn NodeApi,
    job: &Job,
    order: &Order,
) -> Result<pga_storage::Position, ApiError> {
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

/// The last models, the newest first.
async fn models(api: &dyn NodeApi) -> Result<Vec<Numbered>, ApiError> {
    let from = Timestamp::from_micros(Timestamp::now().micros() - YEAR);
    let mut all = Vec::new();
    walk(api, MODELS, from, KEPT, |run| {
        let row = run["findings"].get(0).cloned().unwrap_or_default();
        all.extend(serde_json::from_value::<Numbered>(row).ok());
    })
    .await?;
    Ok(all)
}

/// The model that predicts.
pub(crate) async fn active(api: &dyn NodeApi) -> Result<Option<Numbered>, ApiError> {
    let all = models(api).await?;
    Ok(all.into_iter().find(|one| one.is_active))
}

/// A model by its number.
pub(super) async fn numbered(
    api: &dyn NodeApi,
    version: u64,
) -> Result<Option<Numbered>, ApiError> {
    let all = models(api).await?;
    Ok(all.into_iter().find(|one| one.version == version))
}

/// Trains a model of all servers. The job is kept as it begins and as it ends.
pub(crate) async fn train(
    api: &dyn NodeApi,
    job: &Job,
    days: i64,
    order: &Order,
) -> Result<Done, ApiError> {
    keep_job(api, job, order).await?;
    let mut ended = job.clone();
    let done = learn(api, days, order, &mut ended).await;
    ended.completed_at = Some(Timestamp::now());
    match &done {
        Ok(_) => ended.status = "completed".to_owned(),
        Err(error) => {
            ended.status = "failed".to_owned();
            ended.error.get_or_insert_with(|| error.to_string());
        }
    }
    let position = keep_job(api, &ended, order).await?;
    match done {
        Ok(mut done) => {
            done.position = done.position.max(Some(position));
            Ok(done)
        }
        // That there is too little to learn from is an outcome, and told by the job.
        Err(ApiError::Invalid(_)) => Ok(Done {
            position: Some(position),
            ..Done::default()
        }),
        Err(error) => Err(error),
    }
}

async fn learn(
    api: &dyn NodeApi,
    days: i64,
    order: &Order,
    job: &mut Job,
) -> Result<Done, ApiError> {
    let (mut rows, mut rows_read, mut left_out) = (Vec::new(), 0, 0);
    let collectors = collectors(api)?;
    let most = MAX_ROWS / collectors.len().max(1);
    for collector in collectors {
        let wanted = Wanted::Most {
            is_paced: order.is_paced,
        };
        let history = read(api, collector, order.at, days, wanted).await?;
        rows_read += history.rows_read;
        left_out += history.left_out;
        let made = pga_runtime::spawn_blocking(move || history.rows(most)).await;
        rows.extend(made.map_err(|_| ApiError::Internal)?);
    }
    job.training_samples = Some(rows.len());
    let trained = pga_runtime::spawn_blocking(move || pga_insight::prediction::train(&rows));
    let model = match trained.await.map_err(|_| ApiError::Internal)? {
        Ok(model) => model,
        Err(insufficient) => {
            job.error = Some(insufficient.to_string());
            return Err(ApiError::Invalid(insufficient.to_string()));
        }
    };
    let known = models(api).await?;
    let version = known.iter().map(|one| one.version).max().unwrap_or(0) + 1;
    let before = known.iter().find(|one| one.is_active);
    let before = before.map(|one| one.model.quality.mae_ln);
    let is_active = is_activated(model.quality.mae_ln, before);
    let kind = serde_json::to_value(model.model_type).unwrap_or_default();
    job.model_id = Some(version);
    job.model_type = kind.as_str().map(str::to_owned);
    job.r_squared = Some(model.quality.r_squared);
    job.feature_count = Some(pga_insight::prediction::Feature::ALL.len());
    job.feature_importance = Some(json!(model.quality.feature_importance));
    job.quality = Some(json!(model.quality));
    job.is_active = Some(is_active);
    let numbered = Numbered {
        version,
        is_active,
        at: order.at.to_string(),
        model,
    };
    let row = serde_json::to_value(&numbered).map_err(|_| ApiError::Internal)?;
    let position = keep(api, run(MODELS, order, &version.to_string(), row)).await?;
    Ok(Done {
        found: 1,
        rows_read,
        position: Some(position),
        cuts: (left_out > 0)
            .then(|| format!("statements: {left_out} that take little time were not learnt from"))
            .into_iter()
            .collect(),
        ..Done::default()
    })
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
