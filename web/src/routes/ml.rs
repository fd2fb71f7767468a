//! Predictions of what statements will take (contract 1.9 and 1.14), natively.

use http::StatusCode;
use pga_insight::prediction::validate;
use pga_storage::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use warp::reply::Response;

use super::analyses::{at_once, given, hash_of, statement_unknown};
use super::request_context::RequestContext;
use super::route::{Access, Content, Handler, Route};
use super::shape::{Field, Shape, always, maybe};
use crate::analyses::prediction::{Scenario, keep_validation, predict, prediction_id, range_of};
use crate::body::BodyStream;
use crate::refusal::Refusal;
use crate::reply::json;

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

/// The number of the model that is asked for; also one that is sent as text.
fn version_of(id: &Value) -> Result<Option<u64>, String> {
    let number = match id {
        Value::Null => return Ok(None),
        Value::String(text) => text.parse().ok(),
        number => number.as_u64(),
    };
    let wrong = || format!("model_id is {id}: it is the number of a model, such as 3");
    number.map(Some).ok_or_else(wrong)
}

async fn told(
    ask: &RequestContext,
    hash: i64,
    asked: &Predict,
    unknown: fn() -> Refusal,
) -> Result<Response, Refusal> {
    let refused = |text| Refusal::bad("argument", text);
    let scenario = Scenario::of(&asked.parameters, &asked.scenario).map_err(refused)?;
    let version = version_of(&asked.model_id).map_err(refused)?;
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
            Ok(answer) => {
                // It was given the whole scenario.
                predicted.ignored.clear();
                (predicted.answer, predicted.version) = (answer, None);
            }
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
    answer["ignored"] = json!(predicted.ignored);
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
    let given = |name: &'static str, ms: Option<f64>| {
        let ms = ms.ok_or_else(|| missing(name))?;
        let text = || format!("{name} is {ms}: it is more than 0");
        let ms = (ms > 0.0).then_some(ms);
        ms.ok_or_else(|| Refusal::bad("argument", text()))
    };
    let predicted = given(
        "predicted_execution_time_ms",
        asked.predicted_execution_time_ms,
    )?;
    let actual = given("actual_execution_time_ms", asked.actual_execution_time_ms)?;
    let validation = validate(predicted, actual, range_of(&id)).ok_or_else(|| {
        let text = format!("{predicted} and {actual} ms cannot be compared");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_named_by_its_number() {
        assert_eq!(version_of(&Value::Null), Ok(None));
        assert_eq!(version_of(&json!(3)), Ok(Some(3)));
        assert_eq!(version_of(&json!("3")), Ok(Some(3)));
        for wrong in [
            json!(-1),
            json!("latest"),
            json!(1.5),
            json!([3]),
            json!(true),
        ] {
            let error = version_of(&wrong).unwrap_err();
            assert!(
                error.starts_with(&format!("model_id is {wrong}")),
                "{error}"
            );
        }
    }
}
