//! Reading back: elements, top queries, timelines.

use http::StatusCode;
use http::header::{HeaderName, HeaderValue};
use pga_config::CollectorId;
use pga_storage::query::{
    ElementOrder, Elements, QueryOrder, Question, StatementSteps, Timeline, TopQueries,
};
use pga_storage::{Position, Timestamp};
use serde_json::json;
use warp::reply::Response;

use super::bounded::Bounded;
use super::query_string::QueryString;
use super::request_context::RequestContext;
use super::route::{Access, Content, Handler, Route};
use super::shape::{Field, Shape, always, maybe, number};
use crate::ReadScope;
use crate::context::Context;
use crate::control_plane::view;
use crate::questions;
use crate::refusal::Refusal;
use crate::reply::{json, raw_json};

const POSITION: HeaderName = HeaderName::from_static("x-pganalytics-position");
const AGE: HeaderName = HeaderName::from_static("x-pganalytics-age-seconds");
const HOUR_MICROS: i64 = 3_600_000_000;

/// Which position a node has to hold before it answers.
pub(super) const MIN_POSITION: Field = maybe("min_position", Shape::Text);
const HOURS: Bounded = Bounded::of_contract("hours", 1, 720, 24);
/// Statements of a list.
const STATEMENTS: Bounded = Bounded::of_contract("limit", 1, 100, 20);
/// Elements of a page.
const ELEMENTS: Bounded = Bounded::new("limit", 1, 1_000, 100);
/// Points of a timeline.
const POINTS: Bounded = Bounded::new("limit", 1, 10_000, 1_000);
const LIST: &[Field] = &[
    number(HOURS),
    maybe("from", Shape::Text),
    maybe("to", Shape::Text),
    number(STATEMENTS),
    maybe("order", Shape::Text),
    maybe("database", Shape::Text),
    MIN_POSITION,
];

pub(super) const ROUTES: &[Route] = &[
    Route::get(
        "/api/v1/collectors/{id}/metrics",
        "elements",
        Access::Viewer,
    )
    .does(
        "Reads the elements of a collector, page by page.",
        Handler::Plain(|ask| Box::pin(elements(ask))),
    )
    .asks(&[
        maybe("type", Shape::Text),
        maybe("from", Shape::Text),
        maybe("to", Shape::Text),
        maybe("order", Shape::Text),
        number(ELEMENTS),
        maybe("cursor", Shape::Text),
        MIN_POSITION,
    ])
    .answers(Content::Json(Shape::Object(&[
        always("data", Shape::List(&Shape::Map(&Shape::Any))),
        always("next_cursor", Shape::TextOrNull),
    ]))),
    Route::get(
        "/api/v1/collectors/{id}/queries/slow",
        "top_queries",
        Access::Viewer,
    )
    .does(
        "Lists the statements with the longest mean time of a window.",
        Handler::Plain(|ask| Box::pin(top_queries(ask, List::Slow))),
    )
    .asks(LIST)
    .answers(TOP_QUERIES),
    Route::get(
        "/api/v1/collectors/{id}/queries/frequent",
        "top_queries",
        Access::Viewer,
    )
    .does(
        "Lists the statements that were called most in a window.",
        Handler::Plain(|ask| Box::pin(top_queries(ask, List::Frequent))),
    )
    .asks(LIST)
    .answers(TOP_QUERIES),
    Route::get(
        "/api/v1/queries/{hash}/timeline",
        "timeline",
        Access::Viewer,
    )
    .does(
        "Tells what a statement did between each two samples, or in each step of `step` seconds: \
         300, 3600 or 86400, which begins at the time that is told; 0 for samples. Without it a \
         window of one collector that is longer than a day has steps.",
        Handler::Plain(|ask| Box::pin(timeline(ask))),
    )
    .asks(&[
        number(HOURS),
        maybe("collector_id", Shape::Text),
        maybe("database", Shape::Text),
        maybe("from", Shape::Text),
        maybe("to", Shape::Text),
        maybe("step", Shape::Integer),
        number(POINTS),
        MIN_POSITION,
    ])
    .answers(Content::Json(Shape::Object(&[
        always("query_hash", Shape::Integer),
        maybe("step_seconds", Shape::Integer),
        always("data", Shape::List(&QUERY_STATS)),
    ]))),
];

const TOP_QUERIES: Content = Content::Json(Shape::Object(&[
    always("server_id", Shape::Text),
    always("type", Shape::Text),
    always("hours", Shape::Integer),
    always("from", Shape::Time),
    always("to", Shape::Time),
    always("count", Shape::Integer),
    always("queries", Shape::List(&QUERY_STATS)),
]));

pub(super) const QUERY_STATS: Shape = Shape::Object(&[
    always("time", Shape::Time),
    always("collector_id", Shape::Text),
    always("database_name", Shape::Text),
    always("user_name", Shape::Text),
    always("query_hash", Shape::Integer),
    always("query_text", Shape::Text),
    always("calls", Shape::Integer),
    always("total_time", Shape::Number),
    always("mean_time", Shape::Number),
    always("min_time", Shape::Number),
    always("max_time", Shape::Number),
    always("stddev_time", Shape::NumberOrNull),
    always("rows", Shape::Integer),
    always("shared_blks_hit", Shape::Integer),
    always("shared_blks_read", Shape::Integer),
    always("shared_blks_dirtied", Shape::Integer),
    always("shared_blks_written", Shape::Integer),
    always("local_blks_hit", Shape::Integer),
    always("local_blks_read", Shape::Integer),
    always("local_blks_dirtied", Shape::Integer),
    always("local_blks_written", Shape::Integer),
    always("temp_blks_read", Shape::Integer),
    always("temp_blks_written", Shape::Integer),
    always("blk_read_time", Shape::Number),
    always("blk_write_time", Shape::Number),
    maybe("wal_records", Shape::Integer),
    maybe("wal_fpi", Shape::Integer),
    maybe("wal_bytes", Shape::Integer),
    always("max_time_lifetime", Shape::Number),
    maybe("coverage", Shape::Number),
    maybe("gap", Shape::Flag),
]);

/// Which list.
#[derive(Clone, Copy, Debug)]
enum List {
    Slow,
    Frequent,
}

async fn elements(ask: RequestContext) -> Result<Response, Refusal> {
    let args = QueryString::parse(&ask.query)?;
    let query = Elements {
        collector: collector(ask.segment())?,
        kind: args.text("type").map(str::to_owned),
        from: args.time("from")?,
        to: args.time("to")?,
        order: match args.text("order") {
            None | Some("asc") => ElementOrder::Ascending,
            Some("desc") => ElementOrder::Descending,
            Some(other) => {
                let text = format!("order is {other:?}: use asc or desc");
                return Err(Refusal::bad("argument", text));
            }
        },
        limit: args.number(ELEMENTS),
        cursor: args.text("cursor").map(str::to_owned),
    };
    let scope = ReadScope {
        collector: Some(query.collector),
        min_position: args.position("min_position")?,
    };
    let (page, position) = ask.question(&query, scope).await?;
    let cursor = serde_json::to_string(&page.next_cursor).map_err(|_| Refusal::internal())?;
    let body = format!(
        "{{\"data\":[{}],\"next_cursor\":{cursor}}}",
        page.data.join(",")
    );
    Ok(at_position(raw_json(StatusCode::OK, body), position, &ask))
}

async fn top_queries(ask: RequestContext, list: List) -> Result<Response, Refusal> {
    let args = QueryString::parse(&ask.query)?;
    let hours = args.number(HOURS);
    let (from, to) = window(&args, hours)?;
    let collector = collector(ask.segment())?;
    let query = TopQueries {
        collector,
        database: args.text("database").map(str::to_owned),
        order: order(&args, list)?,
        from,
        to,
        limit: args.number(STATEMENTS),
        has_texts: true,
    };
    let scope = ReadScope {
        collector: Some(collector),
        min_position: args.position("min_position")?,
    };
    let (queries, position) = ask.question(&query, scope).await?;
    let body = json!({
        "server_id": collector.to_string(),
        "type": match list { List::Slow => "slow", List::Frequent => "frequent" },
        "hours": hours,
        "from": from.to_string(),
        "to": to.to_string(),
        "count": queries.len(),
        "queries": queries,
    });
    Ok(at_position(json(StatusCode::OK, &body), position, &ask))
}

/// What a list is ordered by: `order`, else what its name says.
fn order(args: &QueryString, list: List) -> Result<QueryOrder, Refusal> {
    match (args.text("order"), list) {
        (Some("mean"), _) | (None, List::Slow) => Ok(QueryOrder::Mean),
        (Some("calls"), _) | (None, List::Frequent) => Ok(QueryOrder::Calls),
        (Some("total"), _) => Ok(QueryOrder::Total),
        (Some("max"), _) => Ok(QueryOrder::Max),
        (Some(other), _) => Err(Refusal::bad(
            "argument",
            format!("order is {other:?}: use mean, total, max or calls"),
        )),
    }
}

async fn timeline(ask: RequestContext) -> Result<Response, Refusal> {
    let query_hash: i64 = ask
        .segment()
        .parse()
        .map_err(|_| Refusal::bad("argument", "Invalid query hash"))?;
    let args = QueryString::parse(&ask.query)?;
    let (from, to) = window(&args, args.number(HOURS))?;
    let collector = args.text("collector_id").map(CollectorId::from_external);
    let database = args.text("database").map(str::to_owned);
    let limit = args.number(POINTS);
    let scope = ReadScope {
        collector,
        min_position: args.position("min_position")?,
    };
    let steps = timeline_step(&args, collector, to.micros() - from.micros(), limit)?;
    let (body, position) = match steps {
        Some((collector, seconds)) => {
            let steps = StatementSteps {
                query_hash,
                collector,
                database,
                from,
                to,
                seconds,
                limit,
            };
            let (data, position) = ask.question(&steps, scope).await?;
            let step = json!(seconds);
            (
                json!({ "query_hash": query_hash, "step_seconds": step, "data": data }),
                position,
            )
        }
        None => {
            let rows = Timeline {
                query_hash,
                collector,
                database,
                from,
                to,
                limit,
            };
            let (data, position) = ask.question(&rows, scope).await?;
            (json!({ "query_hash": query_hash, "data": data }), position)
        }
    };
    Ok(at_position(json(StatusCode::OK, &body), position, &ask))
}

/// Whose steps of how many seconds a timeline has; `None` for one of samples.
fn timeline_step(
    args: &QueryString,
    collector: Option<CollectorId>,
    window_micros: i64,
    limit: u32,
) -> Result<Option<(CollectorId, i64)>, Refusal> {
    const DAY_MICROS: i64 = 24 * HOUR_MICROS;
    let steps = StatementSteps::SECONDS;
    let wanted = match args.text("step") {
        None if window_micros <= DAY_MICROS => return Ok(None),
        None => steps.into_iter().find(|step| {
            // A window may begin and end in the middle of a step.
            window_micros / (step * 1_000_000) + 2 <= i64::from(limit)
        }),
        Some("0") => return Ok(None),
        Some(text) => {
            let step = steps.into_iter().find(|step| step.to_string() == text);
            let known = || {
                let text = format!("step is {text:?}: write 300, 3600 or 86400, or 0 for samples");
                Refusal::bad("argument", text)
            };
            Some(step.ok_or_else(known)?)
        }
    };
    match (collector, args.text("step")) {
        (Some(collector), _) => Ok(wanted
            .or(steps.last().copied())
            .map(|step| (collector, step))),
        (None, None) => Ok(None),
        (None, Some(_)) => {
            let text = "step needs collector_id: sums are kept for each collector";
            Err(Refusal::bad("argument", text))
        }
    }
}

impl RequestContext {
    /// The answer to a question, and the position that it reflects.
    pub(super) async fn question<Q: Question>(
        &self,
        question: &Q,
        scope: ReadScope,
    ) -> Result<(Q::Answer, Position), Refusal> {
        Ok(questions::ask_at(&*self.context.api, question, scope).await?)
    }
}

/// The collector a path segment names, by any id it may call itself (contract Q18).
pub(super) fn collector(segment: &str) -> Result<CollectorId, Refusal> {
    let args = QueryString::parse(&format!("id={}", segment.replace('+', "%2B")))?;
    let id = args
        .text("id")
        .ok_or_else(|| Refusal::bad("argument", "Invalid collector id"))?;
    Ok(CollectorId::from_external(id))
}

/// [from, to): as asked for, else the last `hours`.
pub(super) fn window(args: &QueryString, hours: u32) -> Result<(Timestamp, Timestamp), Refusal> {
    let to = args.time("to")?.unwrap_or_else(Timestamp::now);
    let earlier = || Timestamp::from_micros(to.micros() - i64::from(hours) * HOUR_MICROS);
    let from = args.time("from")?.unwrap_or_else(earlier);
    if from >= to {
        let text = "from is not before to";
        return Err(Refusal::bad("argument", text));
    }
    Ok((from, to))
}

/// Says which position an answer reflects, and how old this node's view of the cluster is (design
/// D11).
pub(super) fn at_position(
    mut response: Response,
    position: Position,
    ask: &RequestContext,
) -> Response {
    tell_position(&mut response, position, &ask.context);
    response
}

/// The same for an answer from the control state, unless it says so already.
pub(super) fn at_applied(response: &mut Response, context: &Context) {
    if !response.status().is_success() || response.headers().contains_key(POSITION) {
        return;
    }
    if let Some(position) = view(&*context.api, pga_cluster::State::applied) {
        tell_position(response, position, context);
    }
}

fn tell_position(response: &mut Response, position: Position, context: &Context) {
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&position.to_string()) {
        headers.insert(POSITION, value);
    }
    let age = match context.api.view_age() {
        Some(age) => HeaderValue::from(age.as_secs()),
        None => HeaderValue::from_static("unknown"),
    };
    headers.insert(AGE, age);
}
