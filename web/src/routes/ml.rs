//! Predictions of what statements will take (contract 1.9 and 1.14), natively.

use http::StatusCode;
use pga_insight::plan::Plan;
use pga_insight::prediction::validate;
use pga_storage::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use warp::reply::Response;

use super::analyses::{at_once, given, hash_of, order, statement_unknown};
use super::request_context::RequestContext;
use super::route::{Access, Content, Handler, Route};
use super::shape::{Field, Shape, always, maybe};
use crate::analyses::prediction::{
    Job, Scenario, figures, job, keep_validation, newest_job, predict, prediction_id, range_of,
    started, train,
};
use crate::analyses::workload::plans;
use crate::body::BodyStream;
use crate::refusal::Refusal;
use crate::reply::json;

/// Days that a training may look back at.
const DAYS: (i64, i64) = (1, 365);
/// Age in microseconds below which a model is not trained anew without `force_retrain`.
const FRESH: i64 = 86_400_000_000;
const MODELS: [&str; 3] = ["random_forest", "linear_regression", "decision_tree"];

const PREDICTION: Shape = Shape::Object(&[
    always("query_hash", Shape::Integer),
    always("prediction_id", Shape::Text),
    always("predicted_execution_time_ms", Shape::Any),
    always("confidence", Shape::Number),
    always("range", Shape::Any),
    maybe("model_version", Shape::Integer),
    always("features", Shape::Any),
    maybe("source", Shape::Text),
    maybe("warning", Shape::Text),
    always("extrapolated", Shape::Flag),
    always("insufficient_data", Shape::Flag),
    always("missing", Shape::List(&Shape::Text)),
    always("ignored", Shape::List(&Shape::Text)),
    always("timestamp", Shape::Time),
]);
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
const FEATURES: Shape = Shape::Object(&[
    always("query_hash", Shape::Integer),
    always("fingerprint_hash", Shape::Integer),
    always("mean_execution_time_ms", Shape::Number),
    always("stddev_execution_time_ms", Shape::Any),
    always("min_execution_time_ms", Shape::Any),
    always("max_execution_time_ms", Shape::Number),
    always("calls_per_minute", Shape::Number),
    always("index_count", Shape::Integer),
    always("scan_type", Shape::Text),
    always("execution_complexity", Shape::Number),
    always("volume_impact", Shape::Number),
    always("optimization_opportunity", Shape::Number),
    always("features", Shape::Any),
]);
const ASKED: &[Field] = &[
    maybe("parameters", Shape::Any),
    maybe("scenario", Shape::Any),
];

pub(super) const ROUTES: &[Route] = &[
    Route::get("/api/v1/ml/health", "ml_health", Access::Anyone)
        .does(
            "Tells whether predictions can be made: by the external service, or natively.",
            Handler::Plain(|ask| Box::pin(health(ask))),
        )
        .answers(Content::Json(Shape::Object(&[
            always("status", Shape::Text),
            always("circuit_breaker", Shape::Text),
            always("source", Shape::Text),
            always("timestamp", Shape::Time),
        ]))),
    Route::get(
        "/api/v1/ml/circuit-breaker",
        "ml_breaker",
        Access::Anyone,
    )
    .does(
        "Tells the state of the breaker before the external service: closed where there is none.",
        Handler::Plain(|ask| Box::pin(breaker(ask))),
    )
    .answers(Content::Json(Shape::Object(&[
        always("state", Shape::Text),
        always("is_configured", Shape::Flag),
        always("timestamp", Shape::Time),
    ]))),
    Route::post("/api/v1/ml/train", "ml_train", Access::User)
        .does(
            "Trains a model of how long statements take, on their past hours.",
            Handler::WithBody(|ask, body| Box::pin(begin(ask, body))),
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
    Route::post("/api/v1/ml/predict", "ml_predict", Access::User)
        .does(
            "Predicts what a statement will take in the coming hour.",
            Handler::WithBody(|ask, body| Box::pin(of_body(ask, body))),
        )
        .takes(Content::Json(Shape::Object(&[
            always("query_hash", Shape::Integer),
            maybe("parameters", Shape::Any),
            maybe("scenario", Shape::Any),
            maybe("model_id", Shape::Integer),
        ])))
        .answers(Content::Json(PREDICTION)),
    Route::post(
        "/api/v1/queries/{hash}/predict-performance",
        "ml_predict",
        Access::User,
    )
    .does(
        "Predicts what a statement will take in the coming hour.",
        Handler::WithBody(|ask, body| Box::pin(of_path(ask, body))),
    )
    .takes(Content::Json(Shape::Object(ASKED)))
    .answers(Content::Json(PREDICTION)),
    Route::post("/api/v1/ml/validate", "ml_validate", Access::User)
        .does(
            "Compares a prediction with what came, and keeps it.",
            Handler::WithBody(|ask, body| Box::pin(check(ask, body))),
        )
        .takes(Content::Json(Shape::Object(&[
            always("prediction_id", Shape::Text),
            always("query_hash", Shape::Integer),
            always("predicted_execution_time_ms", Shape::Number),
            always("actual_execution_time_ms", Shape::Number),
            maybe("model_version", Shape::Any),
        ])))
        .answers(Content::Json(Shape::Object(&[
            always("prediction_id", Shape::Text),
            always("error_percent", Shape::Number),
            always("accuracy_score", Shape::Number),
            always("within_confidence_interval", Shape::Flag),
            always("message", Shape::Text),
            always("timestamp", Shape::Time),
        ]))),
    Route::get("/api/v1/ml/features/{hash}", "ml_features", Access::Viewer)
        .does(
            "Tells what a prediction of a statement rests on.",
            Handler::Plain(|ask| Box::pin(features(ask))),
        )
        .answers(Content::Json(FEATURES)),
];

/// Without an external service the node predicts by itself, which nothing breaks.
async fn health(ask: RequestContext) -> Result<Response, Refusal> {
    let api = &ask.context.api;
    let (breaker, source) = match api.predictor() {
        Some(state) => (state, "external"),
        None => ("closed", "native"),
    };
    let is_healthy = source == "native" || api.is_predictor_healthy().await;
    let answer = json!({
        "status": if is_healthy { "healthy" } else { "unhealthy" },
        "circuit_breaker": breaker,
        "source": source,
        "timestamp": Timestamp::now().to_string(),
    });
    Ok(json(StatusCode::OK, &answer))
}

async fn breaker(ask: RequestContext) -> Result<Response, Refusal> {
    let state = ask.context.api.predictor();
    let answer = json!({
        "state": state.unwrap_or("closed"),
        "is_configured": state.is_some(),
        "timestamp": Timestamp::now().to_string(),
    });
    Ok(json(StatusCode::OK, &answer))
}

#[derive(Debug, Default, Deserialize)]
struct Train {
    lookback_days: Option<i64>,
    model_type: Option<String>,
    #[serde(default)]
    force_retrain: bool,
}

async fn begin(ask: RequestContext, body: BodyStream) -> Result<Response, Refusal> {
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
    let known = newest_job(&*api).await?;
    let running = known.as_ref().filter(|job| job.status == "running");
    let fresh = known.as_ref().filter(|job| {
        let age = order.at.micros() - job.started_at.micros();
        job.status == "completed" && age < FRESH && !asked.force_retrain
    });
    let accepted = |job: &Job, message: &str| {
        let answer = json!({
            "job_id": job.job_id,
            "status": job.status,
            "message": message,
            "timestamp": order.at.to_string(),
        });
        Ok(json(StatusCode::ACCEPTED, &answer))
    };
    if let Some(job) = running {
        return accepted(job, "A training runs already");
    }
    if let Some(job) = fresh {
        return accepted(
            job,
            "The model is less than a day old: force_retrain trains anew",
        );
    }
    let job = started(order.at);
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

#[derive(Debug, Default, Deserialize)]
struct Predict {
    query_hash: Option<i64>,
    #[serde(default)]
    parameters: Value,
    #[serde(default)]
    scenario: Value,
    #[serde(default)]
    model_id: Value,
}

fn not_found() -> Refusal {
    Refusal::bad("not_found", "Query not found")
}

async fn of_body(ask: RequestContext, body: BodyStream) -> Result<Response, Refusal> {
    let asked: Predict = given(&ask, body).await?;
    let hash = asked.query_hash.filter(|hash| *hash != 0);
    let hash = hash.ok_or_else(|| Refusal::bad("argument", "query_hash is missing"))?;
    told(&ask, hash, &asked, not_found).await
}

async fn of_path(ask: RequestContext, body: BodyStream) -> Result<Response, Refusal> {
    let hash = hash_of(&ask)?;
    let asked: Predict = given(&ask, body).await?;
    told(&ask, hash, &asked, statement_unknown).await
}

async fn told(
    ask: &RequestContext,
    hash: i64,
    asked: &Predict,
    unknown: fn() -> Refusal,
) -> Result<Response, Refusal> {
    let scenario = Scenario::of(&[&asked.parameters, &asked.scenario]);
    let version = match &asked.model_id {
        Value::String(text) => text.parse().ok(),
        number => number.as_u64(),
    };
    let predicted = predict(&*ask.context.api, hash, version, &scenario).await?;
    let mut predicted = predicted.ok_or_else(unknown)?;
    if ask.context.api.predictor().is_some() {
        // Neither texts nor names leave the node.
        let body = json!({
            "query_hash": hash,
            "parameters": asked.parameters,
            "scenario": asked.scenario,
            "model_id": asked.model_id,
            "features": predicted.features,
        });
        match ask.context.api.predict(body).await {
            Ok(answer) => (predicted.answer, predicted.version) = (answer, None),
            Err(why) => {
                let warning = format!("the external service gave no prediction: {why}");
                predicted.answer.warning.get_or_insert(warning);
            }
        }
    }
    let at = Timestamp::now();
    let mut answer = serde_json::to_value(&predicted.answer).unwrap_or_default();
    answer["query_hash"] = json!(hash);
    answer["prediction_id"] = json!(prediction_id(at, predicted.answer.range));
    answer["features"] = predicted.features;
    answer["ignored"] = json!(scenario.ignored);
    answer["timestamp"] = json!(at.to_string());
    if let Some(version) = predicted.version {
        answer["model_version"] = json!(version);
    }
    Ok(json(StatusCode::OK, &answer))
}

#[derive(Debug, Default, Deserialize)]
struct Validate {
    prediction_id: Option<String>,
    query_hash: Option<i64>,
    predicted_execution_time_ms: Option<f64>,
    actual_execution_time_ms: Option<f64>,
    #[serde(default)]
    model_version: Value,
}

async fn check(ask: RequestContext, body: BodyStream) -> Result<Response, Refusal> {
    let asked: Validate = given(&ask, body).await?;
    let missing = |name: &str| Refusal::bad("argument", format!("{name} is missing"));
    let id = asked.prediction_id.filter(|id| !id.is_empty());
    let id = id.ok_or_else(|| missing("prediction_id"))?;
    let hash = asked.query_hash.filter(|hash| *hash != 0);
    let hash = hash.ok_or_else(|| missing("query_hash"))?;
    let predicted = asked.predicted_execution_time_ms.filter(|ms| *ms != 0.0);
    let predicted = predicted.ok_or_else(|| missing("predicted_execution_time_ms"))?;
    let actual = asked.actual_execution_time_ms.unwrap_or(0.0);
    let validation = validate(predicted, actual, range_of(&id)).ok_or_else(|| {
        let text = format!("actual_execution_time_ms is {actual}: it is more than 0");
        Refusal::bad("argument", text)
    })?;
    let kept = json!({
        "prediction_id": id,
        "query_hash": hash,
        "predicted_execution_time_ms": predicted,
        "actual_execution_time_ms": actual,
        "model_version": asked.model_version,
        "validation": validation,
    });
    let position = keep_validation(&*ask.context.api, ask.actor(), kept).await?;
    let answer = json!({
        "prediction_id": id,
        "error_percent": validation.error_percent,
        "accuracy_score": validation.accuracy_score,
        "within_confidence_interval": validation.within_confidence_interval,
        "message": "Prediction validated",
        "timestamp": Timestamp::now().to_string(),
    });
    let done = crate::analyses::Done {
        position: Some(position),
        ..crate::analyses::Done::default()
    };
    at_once(&ask, json(StatusCode::OK, &answer), &done).await
}

/// How a plan reads its tables, and how much that leaves to gain (contract, section 11).
fn scan(plan: Option<&Plan>) -> (&'static str, u32, f64) {
    let Some(plan) = plan else {
        return ("unknown", 0, 0.5);
    };
    let nodes = plan.root.preorder();
    let names: Vec<&str> = nodes.iter().map(|node| node.kind.as_str()).collect();
    let indexes = names
        .iter()
        .filter(|name| name.starts_with("Index"))
        .count();
    let indexes = u32::try_from(indexes).unwrap_or(u32::MAX);
    if names.contains(&"Seq Scan") {
        return ("Seq Scan", indexes, 1.0);
    }
    match names.iter().find(|name| name.contains("Scan")) {
        Some(name) if name.starts_with("Bitmap") => ("Bitmap Heap Scan", indexes, 0.5),
        Some(name) if name.starts_with("Index Only") => ("Index Only Scan", indexes, 0.5),
        Some(_) if indexes < 2 => ("Index Scan", indexes, 0.7),
        Some(_) => ("Index Scan", indexes, 0.5),
        None => ("unknown", indexes, 0.5),
    }
}

async fn features(ask: RequestContext) -> Result<Response, Refusal> {
    let hash = hash_of(&ask)?;
    let api = &*ask.context.api;
    let found = figures(api, hash).await?.ok_or_else(statement_unknown)?;
    let (statement, collector, seconds) = found;
    let plans = plans(api, collector).await?;
    let (scan_type, index_count, scan_score) = scan(plans.get(&hash));
    let known_minutes = seconds * statement.coverage / 60.0;
    let calls = match known_minutes > 0.0 {
        true => statement.calls as f64 / known_minutes,
        false => 0.0,
    };
    let mean = statement.mean_ms();
    let volume = mean * calls;
    let spread = statement.deviation_ms();
    let complexity = spread
        .filter(|_| mean > 0.0)
        .map_or(0.0, |sd| (sd / mean).min(1.0));
    let predicted = predict(api, hash, None, &Scenario::default()).await?;
    let answer = json!({
        "query_hash": hash,
        "fingerprint_hash": pga_insight::fingerprint(&statement.text).hash,
        "mean_execution_time_ms": mean,
        "stddev_execution_time_ms": spread,
        "min_execution_time_ms": null,
        "max_execution_time_ms": statement.max_ms,
        "calls_per_minute": calls,
        "index_count": index_count,
        "scan_type": scan_type,
        "execution_complexity": complexity,
        "volume_impact": volume,
        "optimization_opportunity": 0.6 * (volume / 10_000.0).min(1.0) + 0.4 * scan_score,
        "features": predicted.map_or(json!({}), |predicted| predicted.features),
    });
    Ok(json(StatusCode::OK, &answer))
}
