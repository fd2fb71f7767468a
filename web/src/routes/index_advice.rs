//! Which indexes a database lacks, and which it does not need (contract 1.10).

use http::StatusCode;
use pga_config::CollectorId;
use serde::Deserialize;
use serde_json::{Value, json};
use warp::reply::Response;

use super::analyses::{at_once, decided, dismiss_one, given, order, rows_of, text_segment};
use super::bounded::Bounded;
use super::query_string::QueryString;
use super::request_context::RequestContext;
use super::route::{Access, Content, Handler, Route};
use super::shape::{Shape, always, maybe, number};
use crate::analyses::findings::{Newest, left_out, newest};
use crate::analyses::{indexes, recommendations};
use crate::body::BodyStream;
use crate::refusal::Refusal;
use crate::reply::json;

const LIMIT: Bounded = Bounded::of_contract("limit", 1, 50, 20);
const ADVICE: Shape = Shape::Object(&[
    always("id", Shape::Integer),
    maybe("collector_id", Shape::Text),
    always("database_name", Shape::Text),
    always("kind", Shape::Text),
    always("schema_name", Shape::Text),
    always("table_name", Shape::Text),
    always("index_name", Shape::Text),
    always("column_names", Shape::List(&Shape::Text)),
    always("create_statement", Shape::Text),
    always("then", Shape::List(&Shape::Text)),
    always("undo", Shape::TextOrNull),
    always("size_bytes", Shape::Any),
    always("estimated_improvement_percent", Shape::Any),
    always("affected_query_count", Shape::Integer),
    always("affected_total_time_ms", Shape::Number),
    always("frequency_score", Shape::Number),
    always("impact_score", Shape::Number),
    always("confidence_score", Shape::Number),
    always("saved_seconds_per_day", Shape::Number),
    always("write_seconds_per_day", Shape::Number),
    always("helps", Shape::List(&Shape::Any)),
    always("pays", Shape::List(&Shape::Any)),
    always("reason", Shape::Text),
    always("evidence", Shape::List(&Shape::Text)),
    always("dismissed", Shape::Flag),
    maybe("dismissed_at", Shape::Time),
    maybe("dismissed_reason", Shape::Text),
    always("created_at", Shape::Time),
]);

pub(super) const ROUTES: &[Route] = &[
    Route::get(
        "/api/v1/databases/{database_name}/index-recommendations",
        "index_advice",
        Access::Viewer,
    )
    .does(
        "Lists which indexes a database lacks or does not need, what saves most first.",
        Handler::Plain(|ask| Box::pin(list(ask))),
    )
    .asks(&[
        number(LIMIT),
        maybe("collector_id", Shape::Text),
        maybe("include_dismissed", Shape::Flag),
        maybe("min_position", Shape::Text),
    ])
    .answers(Content::Json(Shape::Object(&[
        always("database", Shape::Text),
        always("recommendations", Shape::List(&ADVICE)),
        always("withheld", Shape::List(&Shape::Any)),
        always("count", Shape::Integer),
        always("total", Shape::Integer),
        always("truncated", Shape::Flag),
    ]))),
    Route::post(
        "/api/v1/databases/{database_name}/index-recommendations/generate",
        "index_advice",
        Access::User,
    )
    .does(
        "Judges the indexes of a database by its workload, and keeps what is found.",
        Handler::WithBody(|ask, body| Box::pin(generate(ask, body))),
    )
    .takes(Content::Json(Shape::Object(&[maybe(
        "collector_id",
        Shape::Text,
    )])))
    .answers(Content::Json(Shape::Object(&[
        always("database", Shape::Text),
        always("recommendations_generated", Shape::Integer),
        always("status", Shape::Text),
    ]))),
    Route::post(
        "/api/v1/index-recommendations/{id}/dismiss",
        "index_advice_dismiss",
        Access::User,
    )
    .does(
        "Dismisses an advice: it is not listed any more.",
        Handler::WithBody(|ask, body| Box::pin(dismiss(ask, body))),
    )
    .takes(Content::Json(Shape::Object(&[maybe(
        "reason",
        Shape::Text,
    )])))
    .answers(Content::Json(Shape::Object(&[
        always("id", Shape::Integer),
        always("status", Shape::Text),
        always("reason", Shape::Text),
    ]))),
];

#[derive(Debug, Default, Deserialize)]
struct Given {
    collector_id: Option<String>,
}

async fn generate(ask: RequestContext, body: BodyStream) -> Result<Response, Refusal> {
    let database = text_segment(&ask)?;
    let given: Given = given(&ask, body).await?;
    let args = QueryString::parse(&ask.query)?;
    let only = given.collector_id.as_deref().or(args.text("collector_id"));
    let only = only
        .filter(|id| !id.is_empty())
        .map(CollectorId::from_external);
    let order = order(&ask);
    let done = indexes::generate(&*ask.context.api, &database, only, &order).await?;
    let done = done.ok_or_else(|| {
        let text = "No collector has sent statements or tables of this database";
        Refusal::new(StatusCode::NOT_FOUND, "not_found", text)
    })?;
    let done = recommendations::after(&*ask.context.api, done, &order).await?;
    let answer = json!({
        "database": database,
        "recommendations_generated": done.found,
        "status": "success",
    });
    at_once(&ask, json(StatusCode::OK, &answer), &done).await
}

/// All advice of the newest runs that are `wanted`, what was withheld, and whether a run found more
/// than is kept.
pub(super) async fn kept(
    ask: &RequestContext,
    min_position: Option<pga_storage::Position>,
    wanted: impl Fn(&Value) -> bool,
) -> Result<(Vec<Value>, Vec<Value>, bool), Refusal> {
    let api = &*ask.context.api;
    let runs = newest(
        api,
        Newest::of(indexes::KIND).at(min_position).daily(),
        wanted,
    )
    .await?;
    let is_cut = runs.iter().any(|run| left_out(run) > 0);
    let notes = runs.iter().filter_map(|run| run["notes"].as_array());
    let notes = notes.flatten().cloned().collect();
    let mut rows = decided(ask, rows_of(&runs))?;
    for row in &mut rows {
        if row["dismissed"] == true {
            row["dismissed_reason"] = row["implementation_notes"].clone();
            row["dismissed_at"] = row["decided_at"].clone();
        }
    }
    Ok((rows, notes, is_cut))
}

async fn list(ask: RequestContext) -> Result<Response, Refusal> {
    let database = text_segment(&ask)?;
    let args = QueryString::parse(&ask.query)?;
    let limit = args.number(LIMIT) as usize;
    let only = args
        .text("collector_id")
        .map(|id| CollectorId::from_external(id).to_string());
    let wanted = |run: &Value| {
        run["database"] == database.as_str()
            && only
                .as_ref()
                .is_none_or(|only| run["collector_id"] == only.as_str())
    };
    let (mut rows, withheld, is_cut) = kept(&ask, args.position("min_position")?, wanted).await?;
    if !args.flag("include_dismissed")? {
        rows.retain(|row| row["dismissed"] == false);
    }
    let saved = |row: &Value| row["saved_seconds_per_day"].as_f64().unwrap_or(0.0);
    rows.sort_by(|one, other| saved(other).total_cmp(&saved(one)));
    let total = rows.len();
    rows.truncate(limit);
    let answer = json!({
        "database": database, "count": rows.len(), "recommendations": rows, "withheld": withheld,
        "total": total, "truncated": is_cut || total > limit,
    });
    Ok(json(StatusCode::OK, &answer))
}

async fn dismiss(ask: RequestContext, body: BodyStream) -> Result<Response, Refusal> {
    dismiss_one(&ask, body, &[indexes::KIND]).await
}
