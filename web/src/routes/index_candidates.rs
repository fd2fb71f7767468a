//! Which advised indexes a collector is to ask the planner about.

use http::StatusCode;
use serde_json::{Value, json};
use warp::reply::Response;

use super::index_advice::kept;
use super::reads::collector;
use super::request_context::RequestContext;
use super::route::{Access, Content, Handler, Route};
use super::shape::{Shape, always};
use crate::refusal::Refusal;
use crate::reply::json;

/// Indexes at a time: a collector tries one a minute, and each once a day.
const MOST: usize = 50;
/// Statements of each.
const STATEMENTS: usize = 5;

const CANDIDATE: Shape = Shape::Object(&[
    always("database_name", Shape::Text),
    always("create_statement", Shape::Text),
    always("query_hashes", Shape::List(&Shape::Integer)),
]);

pub(super) const ROUTES: &[Route] = &[Route::get(
    "/api/v1/collectors/{id}/index-candidates",
    "index_candidates",
    Access::Caller,
)
.does(
    "Tells a collector which advised indexes to try with HypoPG, what saves most first.",
    Handler::Plain(|ask| Box::pin(list(ask))),
)
.answers(Content::Json(Shape::Object(&[
    always("data", Shape::List(&CANDIDATE)),
    always("count", Shape::Integer),
])))];

async fn list(ask: RequestContext) -> Result<Response, Refusal> {
    let id = collector(ask.segment())?;
    ask.require_own(id, "A list of indexes to try")?;
    let own = id.to_string();
    let wanted = |run: &Value| run["collector_id"] == own.as_str();
    let (mut rows, ..) = kept(&ask, None, wanted).await?;
    rows.retain(|row| {
        row["dismissed"] == false && (row["kind"] == "create" || row["kind"] == "extend")
    });
    let saved = |row: &Value| row["saved_seconds_per_day"].as_f64().unwrap_or(0.0);
    rows.sort_by(|one, other| saved(other).total_cmp(&saved(one)));
    let data: Vec<Value> = rows.iter().take(MOST).map(show).collect();
    let answer = json!({ "count": data.len(), "data": data });
    Ok(json(StatusCode::OK, &answer))
}

fn show(row: &Value) -> Value {
    let helps = row["helps"].as_array().into_iter().flatten();
    let hashes = helps.filter_map(|helped| helped["hash"].as_i64());
    json!({
        "database_name": row["database_name"],
        "create_statement": row["create_statement"],
        "query_hashes": hashes.take(STATEMENTS).collect::<Vec<_>>(),
    })
}
