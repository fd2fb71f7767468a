//! Models that were trained, and how.

use pga_insight::prediction::{Model, Row, is_activated};
use pga_storage::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::hours::{Wanted, read};
use super::relation_sizes::Back;
use super::training_job::{Job, keep_job, run};
use crate::analyses::findings::{keep, walk};
use crate::analyses::workload::Window;
use crate::analyses::{Done, Order, collectors};
use crate::{ApiError, NodeApi};

/// Type of the elements of models.
const MODELS: &str = "analysis_model";
/// Days that are learnt from, if nobody says otherwise.
pub(crate) const LOOKBACK: i64 = 90;
/// Rows that are learnt from, of all servers: more of them make no better model.
const MAX_ROWS: usize = 100_000;
/// Models that are looked through.
const KEPT: usize = 10;
/// Days in which the texts of statements are looked for.
const TEXTS: i64 = 30;
/// How far back a model is looked for.
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

/// Trains a model of all servers, and keeps what became of the job.
pub(crate) async fn train(
    api: &dyn NodeApi,
    job: &Job,
    days: i64,
    order: &Order,
) -> Result<Done, ApiError> {
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

/// What is learnt from.
#[derive(Debug, Default)]
struct Gathered {
    rows: Vec<Row>,
    rows_read: usize,
    cuts: Vec<String>,
}

/// Reads the hours of all servers.
async fn gather(api: &dyn NodeApi, days: i64, order: &Order) -> Result<Gathered, ApiError> {
    let mut all = Gathered::default();
    let (mut left_out, mut is_cut) = (0, false);
    let collectors = collectors(api)?;
    let most = MAX_ROWS / collectors.len().max(1);
    for collector in collectors {
        let wanted = Wanted::Most {
            is_paced: order.is_paced,
        };
        let mut history = read(api, collector, order.at, days, wanted).await?;
        let texts = Window::hours_before(order.at, days.min(TEXTS) * 24);
        let back = Back {
            at: order.at,
            hours: days * 24,
            is_paced: order.is_paced,
        };
        let statements = history.statements();
        let of = (collector, None);
        history
            .learn_sizes(api, of, (&statements, texts), back)
            .await?;
        all.rows_read += history.rows_read;
        left_out += history.left_out;
        is_cut |= history.is_cut();
        let made = pga_runtime::spawn_blocking(move || history.rows(most)).await;
        all.rows.extend(made.map_err(|_| ApiError::Internal)?);
    }
    if left_out > 0 {
        let text = format!("statements: {left_out} that take little time were not learnt from");
        all.cuts.push(text);
    }
    if is_cut {
        let text = "sizes of tables: those of the oldest days were not read, there is too much";
        all.cuts.push(text.to_owned());
    }
    Ok(all)
}

async fn learn(
    api: &dyn NodeApi,
    days: i64,
    order: &Order,
    job: &mut Job,
) -> Result<Done, ApiError> {
    let Gathered {
        rows,
        rows_read,
        cuts,
    } = gather(api, days, order).await?;
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
        cuts,
        ..Done::default()
    })
}
