//! What was done about recommendations, and whether it has helped (contract 1.13).

use http::StatusCode;
use pga_cluster::{ControlCommand, Decision, InsightCommand};
use pga_storage::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use warp::reply::Response;

use super::analyses::{given, is_found};
use super::bounded::Bounded;
use super::decision::Note;
use super::query_string::QueryString;
use super::reads::MIN_POSITION;
use super::request_context::RequestContext;
use super::route::{Access, Content, Handler, Route};
use super::shape::{Shape, always, maybe, number};
use crate::analyses::results::{self, Outcome};
use crate::analyses::{indexes, parameters, rewrites};
use crate::body::BodyStream;
use crate::refusal::Refusal;
use crate::reply::json;

const LIMIT: Bounded = Bounded::of_contract("limit", 1, 500, 50);
/// Longest note, in characters.
const MAX_NOTE: usize = 2_000;
const STATUSES: [&str; 5] = [
    "pending",
    "implemented",
    "no_improvement",
    "reverted",
    "failed",
];

const RESULT: Shape = Shape::Object(&[
    always("implementation_id", Shape::Integer),
    always("recommendation_id", Shape::Integer),
    always("query_hash", Shape::Integer),
    always("recommendation_text", Shape::Text),
    always("estimated_improvement", Shape::Any),
    maybe("actual_improvement", Shape::Number),
    maybe("actual_improvement_signed", Shape::Number),
    maybe("actual_improvement_interval", Shape::List(&Shape::Number)),
    maybe("prediction_error_percent", Shape::Number),
    always("status", Shape::Text),
    always("status_reason", Shape::Text),
    always("implementation_timestamp", Shape::Time),
    maybe("measured_at", Shape::Time),
    maybe("time_to_measurement", Shape::Number),
    always("confidence_score", Shape::Any),
    maybe("actual_improvement_seconds", Shape::Number),
    maybe("untouched_statements_ratio", Shape::Number),
    always("source_type", Shape::Text),
    always("is_seen_on_server", Shape::Flag),
    always("collector_id", Shape::Text),
    always("database_name", Shape::Text),
    always("undo", Shape::TextOrNull),
]);

pub(super) const ROUTES: &[Route] = &[
    Route::post(
        "/api/v1/optimization-recommendations/{recommendation_id}/implement",
        "recommendation_implement",
        Access::User,
    )
    .does(
        "Records that a recommendation was followed: it is measured from now on, and not listed any more.",
        Handler::WithBody(|ask, body| Box::pin(implement(ask, body))),
    )
    .takes(Content::Json(Shape::Object(&[
        always("query_hash", Shape::Integer),
        maybe("notes", Shape::Text),
    ])))
    .answers(Content::Json(Shape::Object(&[
        always("implementation_id", Shape::Integer),
        always("recommendation_id", Shape::Integer),
        always("status", Shape::Text),
        always("timestamp", Shape::Time),
    ]))),
    Route::get("/api/v1/optimization-results", "results", Access::Viewer)
        .does(
            "Lists what was done about recommendations, and whether it has helped, the newest first.",
            Handler::Plain(|ask| Box::pin(list(ask))),
        )
        .asks(&[
            maybe("recommendation_id", Shape::Integer),
            maybe("status", Shape::Text),
            number(LIMIT),
            MIN_POSITION,
        ])
        .answers(Content::Json(Shape::List(&RESULT))),
];

#[derive(Debug, Default, Deserialize)]
struct Given {
    query_hash: Option<i64>,
    #[serde(default)]
    notes: String,
}

async fn implement(ask: RequestContext, body: BodyStream) -> Result<Response, Refusal> {
    let id = ask.segment().parse::<u64>();
    let id = id.map_err(|_| Refusal::bad("argument", "The id is no whole number"))?;
    let given: Given = given(&ask, body).await?;
    if given.query_hash.is_none() {
        let text = "query_hash is missing: the statement that it was recommended for, or 0";
        return Err(Refusal::bad("argument", text));
    }
    if given.notes.chars().count() > MAX_NOTE {
        return Err(Refusal::bad(
            "argument",
            "notes is longer than 2000 characters",
        ));
    }
    let kinds = [indexes::KIND, rewrites::KIND, parameters::KIND];
    if !is_found(&ask, id, &kinds).await? {
        let text = "No recommendation of this id is known";
        return Err(Refusal::new(StatusCode::NOT_FOUND, "not_found", text));
    }
    let at = Timestamp::now();
    let decision = Decision {
        verdict: "implemented".to_owned(),
        note: given.notes.clone(),
        by: ask.actor(),
        at,
    };
    let note = Note::new("advice.implement", id.to_string());
    let note = note.after(json!({ "notes": given.notes }));
    let command = InsightCommand::Decide {
        finding: id,
        decision,
    };
    ask.decide(ControlCommand::Insight(Box::new(command)), note)
        .await?;
    let answer = json!({
        "implementation_id": id,
        "recommendation_id": id,
        "status": "pending",
        "timestamp": at.to_string(),
    });
    Ok(json(StatusCode::OK, &answer))
}

/// The contract's OptimizationResult, and what we know beside it.
fn show(one: &Outcome) -> Value {
    let finding = &one.finding;
    let text = ["create_statement", "description"]
        .iter()
        .find_map(|name| finding[*name].as_str());
    let hash = finding["query_hash"].as_i64();
    let hash = hash.or_else(|| finding["helps"].get(0)?["hash"].as_i64());
    let estimated = finding["estimated_improvement_percent"].as_f64();
    let mut row = json!({
        "implementation_id": one.id,
        "recommendation_id": one.id,
        "query_hash": hash.unwrap_or(0),
        "recommendation_text": text.unwrap_or_default(),
        "estimated_improvement": estimated,
        "status": one.status,
        "status_reason": one.reason,
        "implementation_timestamp": one.since.to_string(),
        "confidence_score": finding["confidence_score"],
        "source_type": one.source,
        "is_seen_on_server": one.is_seen,
        "collector_id": one.collector_id,
        "database_name": finding["database_name"].as_str().unwrap_or_default(),
        "undo": finding["undo"],
    });
    if let Some((measured, at)) = &one.measured {
        let (low, high) = measured.interval_percent;
        let improvement = measured.improvement_percent;
        row["actual_improvement"] = json!(improvement.max(0.0));
        row["actual_improvement_signed"] = json!(improvement);
        row["actual_improvement_interval"] = json!([low, high]);
        row["actual_improvement_seconds"] = json!(measured.saved_seconds_per_day);
        row["untouched_statements_ratio"] = json!(measured.control);
        row["measured_at"] = json!(at.to_string());
        let took = (at.micros() - one.since.micros()) as f64 / 1e6;
        row["time_to_measurement"] = json!(took);
        if let Some(estimated) = estimated {
            row["prediction_error_percent"] = json!((improvement - estimated).abs());
        }
    }
    row
}

async fn list(ask: RequestContext) -> Result<Response, Refusal> {
    let args = QueryString::parse(&ask.query)?;
    let limit = args.number(LIMIT) as usize;
    let status = args.text("status");
    if let Some(other) = status.filter(|one| !STATUSES.contains(one)) {
        let text = format!("status is {other:?}: it is one of {}", STATUSES.join(", "));
        return Err(Refusal::bad("argument", text));
    }
    let min_position = args.position("min_position")?;
    let api = &*ask.context.api;
    let mut outcomes = results::outcomes(api, min_position).await?;
    let waiting = results::waiting(api, &outcomes).await?;
    outcomes.extend(waiting);
    let mut rows: Vec<Value> = outcomes.iter().map(show).collect();
    let wanted = args.text("recommendation_id");
    let wanted = wanted.map(str::parse::<u64>).transpose();
    let wanted = wanted.map_err(|_| Refusal::bad("argument", "recommendation_id is no number"))?;
    rows.retain(|row| {
        let is_it = |id: u64| row["recommendation_id"].as_u64() == Some(id);
        wanted.is_none_or(is_it) && status.is_none_or(|status| row["status"] == status)
    });
    rows.sort_by(|one, other| {
        let time = |row: &Value| row["implementation_timestamp"].to_string();
        time(other).cmp(&time(one))
    });
    rows.truncate(limit);
    Ok(json(StatusCode::OK, &Value::Array(rows)))
}
