//! Reading back: elements, top queries, timelines.

use http::StatusCode;
use http::header::{HeaderName, HeaderValue};
use pga_config::CollectorId;
use pga_storage::store::{CollectorQuery, ElementOrder, ElementQuery, QueryOrder, StatsQuery};
use pga_storage::{Position, Timestamp};
use serde_json::json;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use super::query_string::QueryString;
use super::{RequestContext, finish};
use crate::auth::require_user;
use crate::refusal::Refusal;
use crate::reply::{json, raw_json};
use crate::wall_clock::now;

const POSITION: HeaderName = HeaderName::from_static("x-pganalytics-position");
const AGE: HeaderName = HeaderName::from_static("x-pganalytics-age-seconds");
const HOUR_MICROS: i64 = 3_600_000_000;

pub(super) fn routes(ask: &BoxedFilter<(RequestContext,)>) -> BoxedFilter<(Response,)> {
    let elements = warp::path!("api" / "v1" / "collectors" / String / "metrics")
        .and(warp::get())
        .and(ask.clone())
        .then(async |id, ask| finish("elements", ask, async |ask| elements(ask, id).await).await);
    let top = warp::path!("api" / "v1" / "collectors" / String / "queries" / List)
        .and(warp::get())
        .and(ask.clone())
        .then(async |id, order, ask| {
            finish("top_queries", ask, async |ask| {
                top_queries(ask, id, order).await
            })
            .await
        });
    let timeline = warp::path!("api" / "v1" / "queries" / String / "timeline")
        .and(warp::get())
        .and(ask.clone())
        .then(async |hash, ask| {
            finish("timeline", ask, async |ask| timeline(ask, hash).await).await
        });
    elements.or(top).unify().or(timeline).unify().boxed()
}

/// Points of a timeline: by default, and at most.
const POINTS: (u32, u32) = (1_000, 10_000);

/// `slow` or `frequent` in a path.
#[derive(Clone, Copy, Debug)]
enum List {
    Slow,
    Frequent,
}

impl std::str::FromStr for List {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "slow" => Ok(Self::Slow),
            "frequent" => Ok(Self::Frequent),
            _ => Err(()),
        }
    }
}

async fn elements(ask: RequestContext, id: String) -> Result<Response, Refusal> {
    require_user(&ask.context, &ask.headers)?;
    let args = QueryString::parse(&ask.query)?;
    let query = ElementQuery {
        collector: collector(&id)?,
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
        limit: args.number("limit", 1, 1_000, 100),
        cursor: args.text("cursor").map(str::to_owned),
    };
    let (page, position) = ask
        .context
        .api
        .elements(query, args.position("min_position")?)
        .await?;
    let cursor = serde_json::to_string(&page.next_cursor).map_err(|_| Refusal::internal())?;
    let body = format!(
        "{{\"data\":[{}],\"next_cursor\":{cursor}}}",
        page.data.join(",")
    );
    Ok(at_position(raw_json(StatusCode::OK, body), position, &ask))
}

async fn top_queries(ask: RequestContext, id: String, list: List) -> Result<Response, Refusal> {
    require_user(&ask.context, &ask.headers)?;
    let args = QueryString::parse(&ask.query)?;
    let hours = args.number("hours", 1, 720, 24);
    let (from, to) = window(&args, hours)?;
    let collector = collector(&id)?;
    let query = CollectorQuery {
        collector,
        database: args.text("database").map(str::to_owned),
        order: order(&args, list)?,
        from,
        to,
        limit: args.number("limit", 1, 100, 20),
    };
    let min_position = args.position("min_position")?;
    let (queries, position) = ask.context.api.top_queries(query, min_position).await?;
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

async fn timeline(ask: RequestContext, hash: String) -> Result<Response, Refusal> {
    require_user(&ask.context, &ask.headers)?;
    let query_hash: i64 = hash
        .parse()
        .map_err(|_| Refusal::bad("argument", "Invalid query hash"))?;
    let args = QueryString::parse(&ask.query)?;
    let (from, to) = window(&args, args.number("hours", 1, 720, 24))?;
    let query = StatsQuery {
        query_hash,
        collector: args.text("collector_id").map(CollectorId::from_external),
        database: args.text("database").map(str::to_owned),
        from,
        to,
        limit: args.number("limit", 1, POINTS.1, POINTS.0),
    };
    let min_position = args.position("min_position")?;
    let (data, position) = ask.context.api.timeline(query, min_position).await?;
    let body = json!({ "query_hash": query_hash, "data": data });
    Ok(at_position(json(StatusCode::OK, &body), position, &ask))
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
fn window(args: &QueryString, hours: u32) -> Result<(Timestamp, Timestamp), Refusal> {
    let to = args.time("to")?.unwrap_or_else(now);
    let earlier = || Timestamp::from_micros(to.micros() - i64::from(hours) * HOUR_MICROS);
    let from = args.time("from")?.unwrap_or_else(earlier);
    if from >= to {
        let text = "from is not before to";
        return Err(Refusal::bad("argument", text));
    }
    Ok((from, to))
}

fn at_position(mut response: Response, position: Position, ask: &RequestContext) -> Response {
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&position.to_string()) {
        headers.insert(POSITION, value);
    }
    let age = match ask.context.api.view_age() {
        Some(age) => HeaderValue::from(age.as_secs()),
        None => HeaderValue::from_static("unknown"),
    };
    headers.insert(AGE, age);
    response
}
