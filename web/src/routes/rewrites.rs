//! How a statement may be written otherwise (contract 1.9).

use http::StatusCode;
use serde_json::{Value, json};
use warp::reply::Response;

use super::analyses::{decided, hash_of, order, rows_of, statement_unknown, with_left_out};
use super::bounded::Bounded;
use super::query_string::QueryString;
use super::request_context::RequestContext;
use super::route::{Access, Content, Handler, Route};
use super::shape::{Shape, always, maybe, number};
use crate::analyses::findings::{Newest, left_out, newest};
use crate::analyses::{recommendations, rewrites};
use crate::refusal::Refusal;
use crate::reply::json;

const LIMIT: Bounded = Bounded::of_contract("limit", 1, 100, 10);
/// What may be suggested: the contract's five, and the rules that have no name there.
const TYPES: [&str; 5] = [
    "n_plus_one_detected",
    "inefficient_join_detected",
    "missing_index_detected",
    "subquery_optimization",
    "in_vs_any_optimization",
];

const SUGGESTION: Shape = Shape::Object(&[
    always("id", Shape::Integer),
    always("query_hash", Shape::Integer),
    maybe("fingerprint_hash", Shape::Integer),
    always("database_name", Shape::Text),
    always("suggestion_type", Shape::Text),
    always("rule", Shape::Text),
    always("description", Shape::Text),
    always("place", Shape::Text),
    maybe("original_query", Shape::Text),
    always("suggested_rewrite", Shape::Text),
    maybe("reasoning", Shape::Text),
    always("safety", Shape::Text),
    always("verdict", Shape::Text),
    always("question", Shape::TextOrNull),
    always("estimated_improvement_percent", Shape::Any),
    always("confidence_score", Shape::Number),
    maybe("parent_query_hash", Shape::Integer),
    maybe("parent_query", Shape::Text),
    maybe("calls_per_parent", Shape::Number),
    maybe("correlation", Shape::Number),
    maybe("saved_seconds_per_day", Shape::Number),
    always("dismissed", Shape::Flag),
    always("implemented", Shape::Flag),
    maybe("implementation_notes", Shape::Text),
    always("created_at", Shape::Time),
    always("updated_at", Shape::Time),
]);

/// Days for which a suggestion holds: each statement that matters is judged once a day.
const DAYS: i64 = 8;

pub(super) const ROUTES: &[Route] = &[
    Route::post(
        "/api/v1/queries/{hash}/rewrite-suggestions/generate",
        "rewrites",
        Access::User,
    )
    .does(
        "Judges how a statement may be written otherwise, and keeps what is found.",
        Handler::Plain(|ask| Box::pin(generate(ask))),
    )
    .answers(Content::Json(Shape::Object(&[
        always("suggestions_generated", Shape::Integer),
        always("query_hash", Shape::Integer),
        always("suggestion_types", Shape::List(&Shape::Text)),
        always("found_types", Shape::List(&Shape::Text)),
        always("timestamp", Shape::Time),
    ]))),
    Route::get(
        "/api/v1/queries/{hash}/rewrite-suggestions",
        "rewrites",
        Access::Viewer,
    )
    .does(
        "Lists how a statement may be written otherwise, the surest first.",
        Handler::Plain(|ask| Box::pin(list(ask))),
    )
    .asks(&[number(LIMIT), maybe("min_position", Shape::Text)])
    .answers(Content::Json(Shape::List(&SUGGESTION))),
];

async fn generate(ask: RequestContext) -> Result<Response, Refusal> {
    let hash = hash_of(&ask)?;
    let order = order(&ask);
    let done = rewrites::generate(&*ask.context.api, hash, &order).await?;
    let done = done.ok_or_else(statement_unknown)?;
    let done = recommendations::after(&*ask.context.api, done, &order).await?;
    let answer = json!({
        "suggestions_generated": done.found,
        "query_hash": hash,
        "suggestion_types": TYPES,
        "found_types": done.kinds,
        "timestamp": order.at.to_string(),
    });
    super::analyses::at_once(&ask, json(StatusCode::OK, &answer), &done).await
}

async fn list(ask: RequestContext) -> Result<Response, Refusal> {
    let hash = hash_of(&ask)?;
    let args = QueryString::parse(&ask.query)?;
    let limit = args.number(LIMIT) as usize;
    let position = args.position("min_position")?;
    let of_statement = |run: &Value| {
        let judged = run["judged"].as_array();
        judged.is_some_and(|all| all.iter().any(|one| one.as_i64() == Some(hash)))
    };
    let api = &*ask.context.api;
    let runs = newest(
        api,
        Newest::of(rewrites::KIND).at(position).days(DAYS),
        of_statement,
    )
    .await?;
    let mut rows = decided(&ask, rows_of(&runs))?;
    rows.retain(|row| row["dismissed"] == false && row["query_hash"].as_i64() == Some(hash));
    rows.sort_by(|one, other| {
        let sure = |row: &Value| row["confidence_score"].as_f64().unwrap_or(0.0);
        sure(other).total_cmp(&sure(one))
    });
    rows.truncate(limit);
    let left_out = runs.iter().map(left_out).sum();
    Ok(with_left_out(
        json(StatusCode::OK, &Value::Array(rows)),
        left_out,
    ))
}
