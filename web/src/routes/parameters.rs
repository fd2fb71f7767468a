//! Which settings to change for a statement (contract 1.9).

use pga_storage::Timestamp;
use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Value, json};
use warp::reply::Response;

use super::analyses::{at_once, hash_of, order, rows_of, statement_unknown};
use super::bounded::Bounded;
use super::query_string::QueryString;
use super::reads::MIN_POSITION;
use super::request_context::RequestContext;
use super::route::{Access, Content, Handler, Route};
use super::shape::{Shape, always, maybe, number};
use crate::analyses::findings::{Newest, newest};
use crate::analyses::{parameters, recommendations};
use crate::refusal::Refusal;
use crate::reply::json;
use pga_insight::words::count;

const LIMIT: Bounded = Bounded::of_contract("limit", 1, 100, 10);
const SUGGESTION: Shape = Shape::Object(&[
    always("id", Shape::Integer),
    always("query_hash", Shape::Integer),
    always("fingerprint_hash", Shape::Any),
    always("query_hashes", Shape::List(&Shape::Integer)),
    always("original_query", Shape::TextOrNull),
    always("parameter_name", Shape::Text),
    always("current_value", Shape::TextOrNull),
    always("recommended_value", Shape::Text),
    always("reasoning", Shape::Text),
    always("description", Shape::Text),
    always("estimated_improvement_percent", Shape::Number),
    always("confidence_score", Shape::Number),
    always("saved_seconds_per_day", Shape::Number),
    always("scope", Shape::Text),
    always("target", Shape::TextOrNull),
    always("create_statement", Shape::TextOrNull),
    always("undo", Shape::Text),
    always("risk", Shape::Text),
    always("measured_by", Shape::Text),
    always("memory_bytes", Shape::Number),
    always("collector_id", Shape::Text),
    always("created_at", Shape::Time),
    always("updated_at", Shape::Time),
]);

pub(super) const ROUTES: &[Route] = &[
    Route::post(
        "/api/v1/queries/{hash}/parameter-optimization/generate",
        "parameters",
        Access::User,
    )
    .does(
        "Judges the settings of the servers that run a statement.",
        Handler::Plain(|ask| Box::pin(generate(ask))),
    )
    .answers(Content::Json(Shape::Object(&[
        always("query_hash", Shape::Integer),
        always("suggestions_count", Shape::Integer),
        always("suggestion_types", Shape::List(&Shape::Text)),
        always("generated_at", Shape::Time),
        always("message", Shape::Text),
    ]))),
    Route::get(
        "/api/v1/queries/{hash}/parameter-optimization",
        "parameters",
        Access::Viewer,
    )
    .does(
        "Lists which settings to change for a statement, what saves most first.",
        Handler::Plain(|ask| Box::pin(list(ask))),
    )
    .asks(&[number(LIMIT), MIN_POSITION])
    .answers(Content::Json(Shape::Object(&[
        always("query_hash", Shape::Integer),
        always("suggestions", Shape::List(&SUGGESTION)),
        always("count", Shape::Integer),
        maybe("parameter_types", Shape::Any),
        maybe("message", Shape::Text),
        always("timestamp", Shape::Time),
    ]))),
];

/// Those that name a statement, what saves most first.
fn of_statement(runs: &[Value], hash: i64) -> Vec<Value> {
    let names = |row: &Value| {
        let hashes = row["query_hashes"].as_array();
        hashes.is_some_and(|all| all.iter().any(|one| one.as_i64() == Some(hash)))
    };
    let mut rows = rows_of(runs);
    rows.retain(names);
    rows.sort_by(|one, other| {
        let saved = |row: &Value| row["saved_seconds_per_day"].as_f64().unwrap_or(0.0);
        saved(other).total_cmp(&saved(one))
    });
    rows
}

async fn generate(ask: RequestContext) -> Result<Response, Refusal> {
    let (hash, order) = (hash_of(&ask)?, order(&ask));
    let api = &*ask.context.api;
    let done = parameters::generate(api, hash, &order).await?;
    let done = done.ok_or_else(statement_unknown)?;
    let done = recommendations::after(api, done, &order).await?;
    let runs = newest(
        api,
        Newest::of(parameters::KIND).at(done.position).daily(),
        |_| true,
    )
    .await?;
    let rows = of_statement(&runs, hash);
    let kinds = rows.iter().filter_map(|row| row["parameter_name"].as_str());
    let kinds: std::collections::BTreeSet<&str> = kinds.collect();
    let answer = json!({
        "query_hash": hash,
        "suggestions_count": rows.len(),
        "suggestion_types": kinds,
        "generated_at": order.at.to_string(),
        "message": match rows.len() {
            0 => "Nothing that was measured asks for another setting".to_owned(),
            some => count(some as f64, "setting should change", "settings should change"),
        },
    });
    at_once(&ask, json(StatusCode::OK, &answer), &done).await
}

async fn list(ask: RequestContext) -> Result<Response, Refusal> {
    let hash = hash_of(&ask)?;
    let args = QueryString::parse(&ask.query)?;
    let limit = args.number(LIMIT) as usize;
    let min_position = args.position("min_position")?;
    let api = &*ask.context.api;
    let runs = newest(
        api,
        Newest::of(parameters::KIND).at(min_position).daily(),
        |_| true,
    )
    .await?;
    let mut rows = of_statement(&runs, hash);
    rows.truncate(limit);
    let mut answer = json!({
        "query_hash": hash,
        "count": rows.len(),
        "timestamp": Timestamp::now().to_string(),
    });
    let mut types = BTreeMap::<String, u32>::new();
    for row in &rows {
        let name = row["parameter_name"].as_str().unwrap_or_default();
        *types.entry(name.to_owned()).or_default() += 1;
    }
    if rows.is_empty() {
        answer["message"] = json!("Nothing that was measured asks for another setting");
    } else {
        answer["parameter_types"] = json!(types);
    }
    answer["suggestions"] = Value::Array(rows);
    Ok(json(StatusCode::OK, &answer))
}
