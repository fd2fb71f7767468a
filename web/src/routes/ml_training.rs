//! Trainings of the model that predicts (contract 1.14).

use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use warp::reply::Response;

use super::analyses::{given, order};
use super::request_context::RequestContext;
use super::route::{Access, Content, Handler, Route};
use super::shape::{Shape, always, maybe};
use crate::analyses::prediction::{Begun, Job, begin, job, newest_job, train};
use crate::body::BodyStream;
use crate::refusal::Refusal;
use crate::reply::json;

/// Days that a training may look back at.
const DAYS: (i64, i64) = (1, 365);
/// Age in microseconds below which a model is not trained anew without `force_retrain`.
const FRESH: i64 = 86_400_000_000;
const MODELS: [&str; 3] = ["random_forest", "linear_regression", "decision_tree"];

const JOB: Shape = Shape::Object(&[
    always("job_id", Shape::Text),
    always("status", Shape::Text),
    maybe("model_id", Shape::Integer),
    maybe("model_type", Shape::Text),
    maybe("r_squared", Shape::Number),
    maybe("training_samples", Shape::Integer),
    maybe("completed_at", Shape::Time),
    maybe("error", Shape::Text),
    maybe("feature_count", Shape::Integer),
    maybe("feature_importance", Shape::Any),
    maybe("quality", Shape::Any),
    maybe("is_active", Shape::Flag),
    always("started_at", Shape::Time),
]);

pub(super) const ROUTES: &[Route] = &[
    Route::post("/api/v1/ml/train", "ml_train", Access::User)
        .does(
            "Trains a model of how long statements take, on their past hours.",
            Handler::WithBody(|ask, body| Box::pin(start(ask, body))),
        )
        .takes(Content::Json(Shape::Object(&[
            maybe("database_url", Shape::Text),
            maybe("lookback_days", Shape::Integer),
            maybe("model_type", Shape::Text),
            maybe("force_retrain", Shape::Flag),
        ])))
        .answers(Content::Json(Shape::Object(&[
            always("job_id", Shape::Text),
            always("status", Shape::Text),
            always("message", Shape::Text),
            always("timestamp", Shape::Time),
        ])))
        .with_status(202),
    Route::get("/api/v1/ml/train/{job_id}", "ml_train", Access::Viewer)
        .does(
            "Tells what became of a training.",
            Handler::Plain(|ask| Box::pin(look(ask))),
        )
        .answers(Content::Json(JOB)),
];

#[derive(Debug, Default, Deserialize)]
struct Train {
    lookback_days: Option<i64>,
    model_type: Option<String>,
    #[serde(default)]
    force_retrain: bool,
}

async fn start(ask: RequestContext, body: BodyStream) -> Result<Response, Refusal> {
    let asked: Train = given(&ask, body).await?;
    let days = asked.lookback_days.unwrap_or(90);
    if !(DAYS.0..=DAYS.1).contains(&days) {
        let text = format!("lookback_days is {days}: it is {} to {}", DAYS.0, DAYS.1);
        return Err(Refusal::bad("argument", text));
    }
    if let Some(other) = asked
        .model_type
        .filter(|one| !MODELS.contains(&one.as_str()))
    {
        let text = format!(
            "model_type is {other:?}: it is one of {}",
            MODELS.join(", ")
        );
        return Err(Refusal::bad("argument", text));
    }
    let (order, api) = (order(&ask), std::sync::Arc::clone(&ask.context.api));
    let accepted = |job: &Job, message: &str| {
        let answer = json!({
            "job_id": job.job_id,
            "status": job.status,
            "message": message,
            "timestamp": order.at.to_string(),
        });
        Ok(json(StatusCode::ACCEPTED, &answer))
    };
    let fresh = newest_job(&*api).await?.filter(|job| {
        let age = order.at.micros() - job.started_at.micros();
        job.status == "completed" && age < FRESH && !asked.force_retrain
    });
    if let Some(job) = fresh {
        let text = "The model is less than a day old: force_retrain trains anew";
        return accepted(&job, text);
    }
    let job = match begin(&*api, &order).await? {
        Begun::Own(job) => job,
        Begun::Other(job) => return accepted(&job, "A training runs already"),
    };
    let (mine, whole) = (job.clone(), order.clone());
    pga_runtime::spawn(async move {
        if let Err(error) = train(&*api, &mine, days, &whole).await {
            tracing::warn!(job = mine.job_id, %error, "training failed");
        }
    });
    accepted(&job, "Training began")
}

async fn look(ask: RequestContext) -> Result<Response, Refusal> {
    let id = ask.segment();
    let found = job(&*ask.context.api, id).await?;
    let found = found.ok_or_else(|| {
        let text = format!("There is no training {id:?}");
        Refusal::new(StatusCode::NOT_FOUND, "not_found", text)
    })?;
    let mut row = serde_json::to_value(&found).unwrap_or_default();
    if let Some(row) = row.as_object_mut() {
        row.retain(|_, value| !value.is_null());
        row.insert("started_at".to_owned(), json!(found.started_at.to_string()));
        if let Some(at) = found.completed_at {
            row.insert("completed_at".to_owned(), json!(at.to_string()));
        }
    }
    Ok(json(StatusCode::OK, &row))
}
