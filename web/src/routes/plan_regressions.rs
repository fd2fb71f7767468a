//! Statements that became slower with another plan, and why.

use http::StatusCode;
use serde_json::{Value, json};
use warp::reply::Response;

use super::analyses::{at_once, hash_of, order};
use super::bounded::Bounded;
use super::query_string::QueryString;
use super::reads::MIN_POSITION;
use super::request_context::RequestContext;
use super::route::{Access, Content, Handler, Route};
use super::shape::{Field, Shape, always, maybe, number};
use crate::analyses::plan_regressions::{Record, detect, records};
use crate::refusal::Refusal;
use crate::reply::json;

const LIMIT: Bounded = Bounded::new("limit", 1, 500, 50);
const PLAN: Shape = Shape::Object(&[
    always("structure", Shape::Text),
    always("first_seen", Shape::Any),
    always("last_seen", Shape::Time),
    always("source", Shape::Text),
]);
const REGRESSION: Shape = Shape::Object(&[
    always("id", Shape::Integer),
    always("collector_id", Shape::Text),
    always("database_name", Shape::Text),
    always("query_hash", Shape::Integer),
    always("query_text", Shape::Text),
    always("description", Shape::Text),
    always("since", Shape::Time),
    always("detected_at", Shape::Time),
    always("ended_at", Shape::Any),
    always("ended_by", Shape::TextOrNull),
    always("before_ms", Shape::Number),
    always("after_ms", Shape::Number),
    always("factor", Shape::Number),
    always("seconds_per_hour", Shape::Number),
    always("p_value", Shape::Number),
    always("plan_before", PLAN),
    always("plan_now", PLAN),
    always("pivot", Shape::Any),
    always("cause", Shape::Any),
    always("contributing", Shape::List(&Shape::Any)),
    always("differences", Shape::List(&Shape::Any)),
    always("findings", Shape::List(&Shape::Any)),
    always("confidence", Shape::Number),
]);
const ASKS: &[Field] = &[
    maybe("state", Shape::Text),
    maybe("collector_id", Shape::Text),
    number(LIMIT),
    MIN_POSITION,
];

pub(super) const ROUTES: &[Route] = &[
    Route::get(
        "/api/v1/plan-regressions",
        "plan_regressions",
        Access::Viewer,
    )
    .does(
        "Lists statements that are slower since their plan changed, and why, what costs most first; with `state=all` also what is over since a week.",
        Handler::Plain(|ask| Box::pin(list(ask))),
    )
    .asks(ASKS)
    .answers(Content::Json(Shape::Object(&[
        always("plan_regressions", Shape::List(&REGRESSION)),
        always("count", Shape::Integer),
        always("total", Shape::Integer),
    ]))),
    Route::get(
        "/api/v1/queries/{hash}/plan-regressions",
        "plan_regressions",
        Access::Viewer,
    )
    .does(
        "Lists how a statement became slower with another plan in the last week, and why.",
        Handler::Plain(|ask| Box::pin(of_statement(ask))),
    )
    .asks(&[MIN_POSITION])
    .answers(Content::Json(Shape::Object(&[
        always("query_hash", Shape::Integer),
        always("plan_regressions", Shape::List(&REGRESSION)),
        always("count", Shape::Integer),
        always("total", Shape::Integer),
    ]))),
    Route::post(
        "/api/v1/plan-regressions/detect",
        "plan_regressions",
        Access::User,
    )
    .does(
        "Judges the plans of the last seven days of all servers at once.",
        Handler::Plain(|ask| Box::pin(detect_now(ask))),
    )
    .answers(Content::Json(Shape::Object(&[
        always("status", Shape::Text),
        always("found", Shape::Integer),
        always("plans_read", Shape::Integer),
    ]))),
];

/// What `wanted` takes, what is open first, of that what costs most.
async fn told(
    ask: &RequestContext,
    args: &QueryString,
    wanted: impl Fn(&Record) -> bool,
) -> Result<Vec<Value>, Refusal> {
    let position = args.position("min_position")?;
    let all = records(&*ask.context.api, position).await?;
    let mut found: Vec<Record> = all
        .into_values()
        .flatten()
        .filter(|one| wanted(one))
        .collect();
    found.sort_by(|one, other| {
        let open = one.ended_at.is_some().cmp(&other.ended_at.is_some());
        let newest = other.ended_at.cmp(&one.ended_at);
        let stake = |of: &Record| of.slower.seconds_per_hour;
        open.then(newest).then(stake(other).total_cmp(&stake(one)))
    });
    Ok(found.iter().map(Record::show).collect())
}

async fn list(ask: RequestContext) -> Result<Response, Refusal> {
    let args = QueryString::parse(&ask.query)?;
    let limit = args.number(LIMIT) as usize;
    let is_all = match args.text("state") {
        None | Some("open") => false,
        Some("all") => true,
        Some(other) => {
            let text = format!("state is {other:?}: it is open or all");
            return Err(Refusal::bad("argument", text));
        }
    };
    let server = args.text("collector_id");
    let mut rows = told(&ask, &args, |one| {
        server.is_none_or(|server| one.collector_id == server) && (is_all || one.ended_at.is_none())
    })
    .await?;
    let total = rows.len();
    rows.truncate(limit);
    let answer = json!({ "count": rows.len(), "total": total, "plan_regressions": rows });
    Ok(json(StatusCode::OK, &answer))
}

async fn of_statement(ask: RequestContext) -> Result<Response, Refusal> {
    let hash = hash_of(&ask)?;
    let args = QueryString::parse(&ask.query)?;
    let rows = told(&ask, &args, |one| one.query_hash == hash).await?;
    let count = rows.len();
    let answer = json!({ "query_hash": hash, "count": count, "total": count,
        "plan_regressions": rows });
    Ok(json(StatusCode::OK, &answer))
}

async fn detect_now(ask: RequestContext) -> Result<Response, Refusal> {
    let done = detect(&*ask.context.api, &order(&ask)).await?;
    let answer = json!({ "status": "success", "found": done.found, "plans_read": done.rows_read });
    at_once(&ask, json(StatusCode::OK, &answer), &done).await
}
