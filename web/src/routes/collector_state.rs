//! What the typed tables say of a collector's databases: the newest row of each thing, or the
//! newest element whole.

use http::StatusCode;
use pga_config::CollectorId;
use pga_storage::query::{Kinds, Latest};
use pga_storage::store::catalogue::{Table, readable};
use pga_storage::{Position, Timestamp};
use serde_json::{Map, Value, json};
use warp::reply::Response;

use super::bounded::Bounded;
use super::invalid::invalid;
use super::query_string::QueryString;
use super::reads::{MIN_POSITION, at_position, collector, window};
use super::request_context::RequestContext;
use super::route::{Access, Content, Handler, Route};
use super::shape::{Field, Shape, always, maybe, number};
use crate::ReadScope;
use crate::refusal::Refusal;
use crate::reply::json;

/// How far back the newest values are looked for: inventories come hourly.
const HOURS: Bounded = Bounded::new("hours", 1, 720, 25);
/// How far back elements are counted.
const COUNTED_HOURS: Bounded = Bounded::new("hours", 1, 720, 24);
/// Rows of one table.
const LIMIT: Bounded = Bounded::new("limit", 1, 10_000, 1_000);

const ASKS: &[Field] = &[
    maybe("database", Shape::Text),
    number(HOURS),
    maybe("from", Shape::Text),
    maybe("to", Shape::Text),
    number(LIMIT),
    MIN_POSITION,
];

const ANSWER: Content = Content::Json(Shape::Object(&[
    always("collector_id", Shape::Text),
    always("from", Shape::Time),
    always("to", Shape::Time),
    maybe("last", Shape::Time),
    always("data", Shape::Map(&Shape::List(&Shape::Map(&Shape::Any)))),
]));

/// `$kinds`: the type of the v3 protocol, then those of our own collector.
macro_rules! state_route {
    ($path:literal, $name:literal, $kinds:expr, $summary:literal) => {
        Route::get(
            concat!("/api/v1/collectors/{id}/", $path),
            $name,
            Access::Viewer,
        )
        .does(
            $summary,
            Handler::Plain(|ask| Box::pin(newest(ask, &$kinds))),
        )
        .asks(ASKS)
        .answers(ANSWER)
    };
}

pub(super) const ROUTES: &[Route] = &[
    Route::get(
        "/api/v1/collectors/{id}/metrics/types",
        "element_types",
        Access::Viewer,
    )
    .does(
        "Lists which types of elements a collector sent in a window, how many, and how often.",
        Handler::Plain(|ask| Box::pin(types(ask))),
    )
    .asks(&[
        number(COUNTED_HOURS),
        maybe("from", Shape::Text),
        maybe("to", Shape::Text),
        MIN_POSITION,
    ])
    .answers(Content::Json(Shape::Object(&[
        always("collector_id", Shape::Text),
        always("from", Shape::Time),
        always("to", Shape::Time),
        always("count", Shape::Integer),
        always(
            "data",
            Shape::List(&Shape::Object(&[
                always("type", Shape::Text),
                always("elements", Shape::Integer),
                always("first", Shape::Time),
                always("last", Shape::Time),
                maybe("cadence_seconds", Shape::Number),
            ])),
        ),
    ]))),
    Route::get(
        "/api/v1/collectors/{id}/metrics/newest",
        "newest_rows",
        Access::Viewer,
    )
    .does(
        "Shows the newest rows of the elements of a type.",
        Handler::Plain(|ask| Box::pin(newest_of_type(ask))),
    )
    .asks(&[
        always("type", Shape::Text),
        maybe("database", Shape::Text),
        number(HOURS),
        maybe("from", Shape::Text),
        maybe("to", Shape::Text),
        number(LIMIT),
        MIN_POSITION,
    ])
    .answers(ANSWER),
    state_route!(
        "databases",
        "databases",
        ["pg_stats", "pg_database", "pg_table", "pg_index"],
        "Shows the newest figures of databases, tables and indexes."
    ),
    state_route!(
        "schema",
        "schema",
        ["pg_schema", "pg_schema_object", "pg_column"],
        "Shows the newest inventory of tables, columns, constraints, indexes and triggers."
    ),
    state_route!(
        "locks",
        "locks",
        ["pg_locks", "pg_blocking", "pg_long_transaction"],
        "Shows the newest locks, waits and who blocks whom."
    ),
    state_route!(
        "bloat",
        "bloat",
        ["pg_bloat", "pg_bloat_estimate"],
        "Shows the newest bloat estimates of tables and indexes."
    ),
    state_route!(
        "cache-hits",
        "cache_hits",
        ["pg_cache", "pg_io", "pg_slru"],
        "Shows the newest cache hit ratios of tables and indexes."
    ),
    state_route!(
        "connections",
        "connections",
        [
            "pg_connections",
            "pg_connection",
            "pg_activity_sample",
            "pg_prepared_xact"
        ],
        "Shows the newest connections, long and idle transactions."
    ),
    state_route!(
        "extensions",
        "extensions",
        ["pg_extensions", "pg_extension"],
        "Shows the newest inventory of extensions."
    ),
    state_route!(
        "replication",
        "replication",
        [
            "pg_replication",
            "pg_sender",
            "pg_receiver",
            "pg_slot",
            "pg_subscription"
        ],
        "Shows the newest standbys, slots, WAL and transaction age."
    ),
    state_route!(
        "logs",
        "logs",
        ["pg_log"],
        "Shows the newest lines of the server's log."
    ),
    state_route!(
        "host",
        "host",
        ["sysstat"],
        "Shows the newest figures of the host's processors, memory and disks."
    ),
    state_route!(
        "filesystems",
        "filesystems",
        ["disk_usage"],
        "Shows the newest use of the host's file systems."
    ),
];

/// The lists of our collector's that tell what changed, and all rows once an hour.
const CHANGES: [&str; 10] = [
    "pg_column",
    "pg_index",
    "pg_io",
    "pg_schema_object",
    "pg_sequence",
    "pg_setting",
    "pg_slru",
    "pg_statement",
    "pg_table",
    "pg_table_size",
];

/// The columns that name a thing in a table whose elements hold a part of them only.
fn key(table: &Table) -> &'static [&'static str] {
    match table.name {
        "metrics_pg_stats_database" => &["database_name"],
        "metrics_pg_stats_table" => &["database_name", "schema_name", "table_name"],
        "metrics_pg_stats_index" => &["database_name", "schema_name", "index_name"],
        "metrics_disk_usage" => &["device", "mountpoint"],
        "metrics_disk_io" => &["device"],
        _ if CHANGES.contains(&table.kind) => table.key(),
        _ => &[],
    }
}

/// What a table of the v3 protocol is called in an answer: without what all names begin with.
pub(super) fn label(table: &'static Table) -> &'static str {
    let name = table.name;
    let short = ["metrics_pg_stats_", "metrics_pg_", "metrics_"];
    short
        .iter()
        .find_map(|head| name.strip_prefix(head))
        .unwrap_or(name)
}

/// The newest rows of the tables of a type of elements, by what `name` calls them.
pub(super) async fn newest_of(
    ask: &RequestContext,
    kind: &str,
    query: &Wanted,
    name: fn(&'static Table) -> &'static str,
) -> Result<(Map<String, Value>, Position), Refusal> {
    let mut data = Map::new();
    let mut position = None;
    for table in readable(kind) {
        let question = Latest {
            table,
            key: key(table),
            collector: query.collector,
            database: query.database.clone(),
            from: query.from,
            to: query.to,
            limit: query.limit,
        };
        let scope = ReadScope {
            collector: Some(query.collector),
            min_position: query.min_position,
        };
        let (rows, at) = ask.question(&question, scope).await?;
        position.get_or_insert(at);
        data.insert(name(table).to_owned(), Value::Array(rows));
    }
    Ok((data, position.unwrap_or_default()))
}

/// Whose newest rows, and from when.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) collector: CollectorId,
    pub(super) database: Option<String>,
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) limit: u32,
    pub(super) min_position: Option<Position>,
}

impl Wanted {
    fn of(ask: &RequestContext, args: &QueryString) -> Result<Self, Refusal> {
        let (from, to) = window(args, args.number(HOURS))?;
        Ok(Self {
            collector: collector(ask.segment())?,
            database: args.text("database").map(str::to_owned),
            from,
            to,
            limit: args.number(LIMIT),
            min_position: args.position("min_position")?,
        })
    }
}

/// The newest rows of some types: the first is of the v3 protocol, the others are our collector's
/// and there only if it sends them.
async fn newest(ask: RequestContext, kinds: &[&str]) -> Result<Response, Refusal> {
    let wanted = Wanted::of(&ask, &QueryString::parse(&ask.query)?)?;
    let (mut data, mut position) = (Map::new(), Position::default());
    for (at, kind) in kinds.iter().enumerate() {
        let (rows, read_at) = match at {
            0 => newest_of(&ask, kind, &wanted, label).await?,
            _ => newest_of(&ask, kind, &wanted, |table| table.kind).await?,
        };
        match at {
            0 => (data, position) = (rows, read_at),
            _ => data.extend(rows.into_iter().filter(|(_, rows)| *rows != json!([]))),
        }
    }
    Ok(shown(&ask, &wanted, data, position))
}

/// The newest rows of any type that has a table.
async fn newest_of_type(ask: RequestContext) -> Result<Response, Refusal> {
    let args = QueryString::parse(&ask.query)?;
    let kind = args.text("type").unwrap_or_default();
    if readable(kind).next().is_none() {
        return Err(invalid(format!(
            "type is {kind:?}: no table has elements of that type; GET metrics/types lists what is \
             stored, GET metrics?type= reads any"
        )));
    }
    let wanted = Wanted::of(&ask, &args)?;
    let (data, position) = newest_of(&ask, kind, &wanted, |table| table.name).await?;
    Ok(shown(&ask, &wanted, data, position))
}

fn shown(
    ask: &RequestContext,
    wanted: &Wanted,
    data: Map<String, Value>,
    position: Position,
) -> Response {
    let times = data.values().filter_map(Value::as_array).flatten();
    let last = times.filter_map(|row| row.get("time")?.as_str()).max();
    let mut body = json!({
        "collector_id": wanted.collector.to_string(),
        "from": wanted.from.to_string(),
        "to": wanted.to.to_string(),
    });
    if let Some(last) = last {
        body["last"] = json!(last);
    }
    body["data"] = Value::Object(data);
    at_position(json(StatusCode::OK, &body), position, ask)
}

async fn types(ask: RequestContext) -> Result<Response, Refusal> {
    let args = QueryString::parse(&ask.query)?;
    let (from, to) = window(&args, args.number(COUNTED_HOURS))?;
    let id = collector(ask.segment())?;
    let scope = ReadScope {
        collector: Some(id),
        min_position: args.position("min_position")?,
    };
    let question = Kinds {
        collector: id,
        from,
        to,
    };
    let (kinds, position) = ask.question(&question, scope).await?;
    let show = |kind: &pga_storage::query::KindSummary| {
        let mut shown = json!({
            "type": kind.kind,
            "elements": kind.elements,
            "first": kind.first.to_string(),
            "last": kind.last.to_string(),
        });
        if let Some(seconds) = kind.cadence_seconds {
            shown["cadence_seconds"] = json!(seconds);
        }
        shown
    };
    let data: Vec<Value> = kinds.iter().map(show).collect();
    let body = json!({
        "collector_id": id.to_string(),
        "from": from.to_string(),
        "to": to.to_string(),
        "count": data.len(),
        "data": data,
    });
    Ok(at_position(json(StatusCode::OK, &body), position, &ask))
}
