//! Servers, with their instance and its databases, as collectors report them (contract 1.8 and
//! appendix A). Each collector watches one server.

mod columns;
mod database;
mod end_of_life;
mod instance;
mod known;
mod told;

use std::collections::BTreeMap;

use http::StatusCode;
use pga_cluster::{Collector, CollectorEntry, Liveness};
use pga_config::{CollectorId, collector_settings};
use pga_storage::Timestamp;
use pga_storage::query::{Aggregate, Measure, Series};
use pga_storage::store::catalogue::{Table, tables_of};
use serde_json::{Map, Value, json};
use warp::reply::Response;

pub(super) use self::end_of_life::end_of_life;
use self::instance::INSTANCE;
use self::known::Known;
pub(super) use self::told::{Reader, Told};
use super::collector_state::{Wanted, label, newest_of};
use super::invalid::invalid;
use super::paging::{PAGE, PAGE_SIZE, Page, paginated};
use super::query_string::QueryString;
use super::reads::{MIN_POSITION, at_position};
use super::request_context::RequestContext;
use super::route::{Access, Content, Handler, Route};
use super::shape::{Shape, always, maybe};
use crate::ReadScope;
use crate::refusal::Refusal;
use crate::reply::json;

/// Rows of a table that are looked at.
const ROWS: u32 = 1_000;
const HOUR_MICROS: i64 = 3_600_000_000;
/// Points of one series at most, as Prometheus has it.
const MAX_POINTS: i64 = 11_000;
/// Points of one series that are aimed at if no step is given.
const POINTS: i64 = 300;
/// The finest step, in seconds.
const MIN_STEP: i64 = 1;
/// Points of all series of one table at most.
const MAX_ROWS: u32 = 50_000;

const SERVER: Shape = Shape::Object(&[
    always("id", Shape::Integer),
    always("name", Shape::Text),
    maybe("description", Shape::Text),
    always("hostname", Shape::Text),
    always("address", Shape::Text),
    always("environment", Shape::Text),
    always("collector_id", Shape::Text),
    always("status", Shape::Text),
    always("is_active", Shape::Flag),
    maybe("last_seen", Shape::Time),
    always("created_at", Shape::Time),
    always("updated_at", Shape::Time),
    maybe("instances", Shape::List(&INSTANCE)),
]);

pub(super) const ROUTES: &[Route] = &[
    Route::get("/api/v1/servers", "servers", Access::Viewer)
        .does(
            "Lists servers by name.",
            Handler::Plain(|ask| Box::pin(list(ask))),
        )
        .asks(&[PAGE, PAGE_SIZE])
        .answers(paginated!(SERVER)),
    Route::get("/api/v1/servers/{id}", "server", Access::Viewer)
        .does(
            "Shows a server, its instance with version, end of life, role, uptime and settings, and \
             the instance's databases with their extensions.",
            Handler::Plain(|ask| Box::pin(get(ask))),
        )
        .asks(&[MIN_POSITION])
        .answers(Content::Json(SERVER)),
    Route::get(
        "/api/v1/servers/{id}/metrics",
        "server_metrics",
        Access::Viewer,
    )
    .does(
        "Tells the figures of a server over time, one series for each column and database.",
        Handler::Plain(|ask| Box::pin(metrics(ask))),
    )
    .asks(&[
        maybe("metric_type", Shape::Text),
        maybe("start_time", Shape::Text),
        maybe("end_time", Shape::Text),
        maybe("step", Shape::Integer),
        maybe("aggregation", Shape::Text),
        maybe("database", Shape::Text),
        MIN_POSITION,
    ])
    .answers(Content::Json(Shape::Object(&[
        always("server_id", Shape::Integer),
        always("metric_type", Shape::Text),
        always("start_time", Shape::Time),
        always("end_time", Shape::Time),
        always("step_seconds", Shape::Integer),
        always("aggregation", Shape::Text),
        always("series", Shape::List(&SERIES)),
    ]))),
];

const SERIES: Shape = Shape::Object(&[
    always("table", Shape::Text),
    always("column", Shape::Text),
    maybe("database", Shape::Text),
    always("aggregation", Shape::Text),
    always(
        "points",
        Shape::List(&Shape::Object(&[
            always("time", Shape::Time),
            always("value", Shape::Number),
        ])),
    ),
]);

/// A server: a collector's.
pub(super) struct Server {
    pub(super) collector: CollectorId,
    known: Collector,
    pub(super) entry: CollectorEntry,
}

impl Server {
    /// What people call it; alerts have it as their label `server`.
    pub(super) fn name(&self) -> String {
        self.entry.display_name(&self.known).to_owned()
    }

    fn show(&self, now: Timestamp) -> Value {
        let (known, entry) = (&self.known, &self.entry);
        let registration = known.registration.as_ref();
        let liveness = entry.liveness(known.last_seen, now);
        let name = entry.display_name(known);
        let address = registration.and_then(|registration| registration.address.clone());
        let changed = entry.updated_at.max(known.first_seen).max(known.last_seen);
        let mut shown = json!({
            "id": entry.server_id,
            "name": name,
            "hostname": known.hostname,
            "address": address.unwrap_or_else(|| known.hostname.clone()),
            "environment": entry.environment,
            "collector_id": self.collector.to_string(),
            "status": liveness.as_str(),
            "is_active": matches!(liveness, Liveness::Active | Liveness::Late),
            "created_at": known.first_seen.to_string(),
            "updated_at": changed.to_string(),
        });
        if !entry.description.is_empty() {
            shown["description"] = json!(entry.description);
        }
        if known.last_seen.micros() > 0 {
            shown["last_seen"] = json!(known.last_seen.to_string());
        }
        shown
    }
}

/// All servers whose collectors were not superseded, by name.
fn servers(ask: &RequestContext) -> Result<Vec<Server>, Refusal> {
    let mut all = ask.read_here(|state| {
        let all = state.watched().map(|(id, known)| Server {
            collector: *id,
            known: known.clone(),
            entry: state.collector_entry(*id),
        });
        let current = all.filter(|server| server.entry.superseded_by.is_none());
        current.collect::<Vec<_>>()
    })?;
    all.sort_by(|a, b| {
        let key = |server: &Server| (server.known.hostname.clone(), server.entry.server_id);
        key(a).cmp(&key(b))
    });
    Ok(all)
}

async fn list(ask: RequestContext) -> Result<Response, Refusal> {
    let page = Page::of(&QueryString::parse(&ask.query)?);
    let answer = page.answer(&servers(&ask)?, |server| server.show(Timestamp::now()));
    Ok(json(StatusCode::OK, &answer))
}

/// The server that the path names.
pub(super) fn find(ask: &RequestContext) -> Result<Server, Refusal> {
    let id: i64 = ask
        .segment()
        .parse()
        .map_err(|_| Refusal::bad("argument", "Invalid server id"))?;
    let found = servers(ask)?
        .into_iter()
        .find(|server| server.entry.server_id == id);
    found.ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "not_found", "Server not found"))
}

async fn get(ask: RequestContext) -> Result<Response, Refusal> {
    let server = find(&ask)?;
    let args = QueryString::parse(&ask.query)?;
    let to = Timestamp::now();
    // Inventories come hourly, and a collector may have been away for a while.
    let from = Timestamp::from_micros(to.micros() - 25 * HOUR_MICROS);
    let min_position = args.position("min_position")?;
    let wanted = Wanted {
        collector: server.collector,
        database: None,
        from,
        to,
        limit: ROWS,
        min_position,
    };
    let (stats, position) = newest_of(&ask, "pg_stats", &wanted, label).await?;
    let (inventory, _) = newest_of(&ask, "pg_extensions", &wanted, label).await?;
    let mut shown = server.show(to);
    let tables = rows(&stats, "table");
    let reader = Reader {
        ask: &ask,
        collector: server.collector,
        from,
        to,
        min_position,
    };
    let told = reader.told().await?;
    let known = Known {
        id: server.entry.server_id,
        host: &server.known.hostname,
        created_at: server.known.first_seen,
        stats: rows(&stats, "database"),
        tables: (tables.len() < ROWS as usize).then_some(tables),
        extensions: rows(&inventory, "extensions"),
        configuration: configuration(&ask, server.collector)?,
        told: &told,
        now: to,
    };
    let instance = instance::show(&known);
    shown["instances"] = instance.into_iter().collect();
    Ok(at_position(json(StatusCode::OK, &shown), position, &ask))
}

fn rows<'a>(tables: &'a Map<String, Value>, name: &str) -> &'a [Value] {
    tables
        .get(name)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// The settings of a collector's configuration; none if there is no configuration, or this node
/// cannot open it now.
fn configuration(
    ask: &RequestContext,
    collector: CollectorId,
) -> Result<BTreeMap<String, String>, Refusal> {
    let config = ask.read_here(|state| state.config_of(collector).cloned())?;
    let text = config.and_then(|config| ask.context.api.open_config(&config.text).ok());
    Ok(text.map_or_else(BTreeMap::new, |text| collector_settings(&text)))
}

/// How the values of a step become one, as asked for.
fn aggregation(args: &QueryString) -> Result<(Aggregate, &'static str), Refusal> {
    match args.text("aggregation") {
        None | Some("avg") => Ok((Aggregate::Avg, "avg")),
        Some("min") => Ok((Aggregate::Min, "min")),
        Some("max") => Ok((Aggregate::Max, "max")),
        Some("sum") => Ok((Aggregate::Sum, "sum")),
        Some(other) => Err(invalid(format!(
            "aggregation is {other:?}: use avg, min, max or sum"
        ))),
    }
}

/// The step in seconds: as asked for, else one that makes some 300 points.
fn step(args: &QueryString, from: Timestamp, to: Timestamp) -> Result<i64, Refusal> {
    let range = (to.micros() - from.micros()) / 1_000_000;
    let step = match args.text("step") {
        None => whole((range / POINTS).max(60)),
        Some(text) => text
            .parse::<i64>()
            .ok()
            .filter(|step| *step >= MIN_STEP)
            .ok_or_else(|| invalid(format!("step is {text:?}: write whole seconds, from 1")))?,
    };
    if range / step > MAX_POINTS {
        let least = range.div_euclid(MAX_POINTS) + 1;
        let text = format!(
            "step is {step} s: that makes more than {MAX_POINTS} points; use {least} or more"
        );
        return Err(invalid(text));
    }
    Ok(step)
}

/// A step of half an hour or more is made one of whole hours or days: there are sums of these.
const fn whole(step: i64) -> i64 {
    let unit = match step {
        ..1_800 => return step,
        1_800..43_200 => 3_600,
        _ => 86_400,
    };
    (step + unit - 1) / unit * unit
}

/// The columns of a table that are drawn.
fn measures(table: &'static Table, aggregate: Aggregate) -> Vec<Measure> {
    let columns = table.charted_columns();
    columns
        .map(|column| Measure {
            column,
            // What happened in a step is the sum of the differences in it.
            aggregate: match column.ends_with("_delta") {
                true => Aggregate::Sum,
                false => aggregate,
            },
        })
        .collect()
}

async fn metrics(ask: RequestContext) -> Result<Response, Refusal> {
    let server = find(&ask)?;
    let args = QueryString::parse(&ask.query)?;
    let to = args.time("end_time")?.unwrap_or_else(Timestamp::now);
    let day_before = Timestamp::from_micros(to.micros() - 24 * HOUR_MICROS);
    let from = args.time("start_time")?.unwrap_or(day_before);
    if from >= to {
        return Err(invalid("start_time is not before end_time"));
    }
    let (step, (aggregate, name)) = (step(&args, from, to)?, aggregation(&args)?);
    let metric_type = args.text("metric_type").unwrap_or("pg_stats");
    let tables: Vec<&'static Table> = tables_of(metric_type).map(|id| id.table()).collect();
    if tables.is_empty() {
        return Err(invalid(format!(
            "metric_type is {metric_type:?}: no element has that type"
        )));
    }
    let scope = ReadScope {
        collector: Some(server.collector),
        min_position: args.position("min_position")?,
    };
    let (mut series, mut position) = (Vec::new(), None);
    // Of tables with a row for each relation or statement, a mean over all says nothing.
    for table in tables.into_iter().filter(|table| table.is_charted()) {
        let question = Series {
            table,
            measures: measures(table, aggregate),
            collector: server.collector,
            database: args.text("database").map(str::to_owned),
            from,
            to,
            step_micros: step * 1_000_000,
            limit: MAX_ROWS,
        };
        let (points, at) = ask.question(&question, scope).await?;
        position.get_or_insert(at);
        series.extend(as_series(&question, &points, name));
    }
    let body = json!({
        "server_id": server.entry.server_id,
        "metric_type": metric_type,
        "start_time": from.to_string(),
        "end_time": to.to_string(),
        "step_seconds": step,
        "aggregation": name,
        "series": series,
    });
    Ok(at_position(
        json(StatusCode::OK, &body),
        position.unwrap_or_default(),
        &ask,
    ))
}

fn as_series(question: &Series, points: &[pga_storage::query::Point], name: &str) -> Vec<Value> {
    let mut databases: Vec<&str> = points.iter().map(|point| &*point.database).collect();
    databases.sort_unstable();
    databases.dedup();
    let mut series = Vec::new();
    for database in databases {
        for (at, measure) in question.measures.iter().enumerate() {
            let mine = points.iter().filter(|point| point.database == database);
            let values = mine.filter_map(|point| {
                let value = (*point.values.get(at)?)?;
                Some(json!({ "time": point.time.to_string(), "value": value }))
            });
            let values: Vec<Value> = values.collect();
            if values.is_empty() {
                continue;
            }
            let mut one = Map::new();
            one.insert("table".to_owned(), json!(question.table.name));
            one.insert("column".to_owned(), json!(measure.column));
            if !database.is_empty() {
                one.insert("database".to_owned(), json!(database));
            }
            let is_sum = measure.aggregate == Aggregate::Sum;
            one.insert(
                "aggregation".to_owned(),
                json!(if is_sum { "sum" } else { name }),
            );
            one.insert("points".to_owned(), Value::Array(values));
            series.push(Value::Object(one));
        }
    }
    series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_makes_a_bounded_number_of_points() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        for (query, range, want) in [
            ("", 3_600, Some(60)),
            ("", 86_400, Some(288)),
            ("", 7 * 86_400, Some(3_600)),
            ("", 30 * 86_400, Some(10_800)),
            ("", 365 * 86_400, Some(172_800)),
            ("step=10", 3_600, Some(10)),
            ("step=1", 86_400, None),
            ("step=0", 3_600, None),
            ("step=x", 3_600, None),
        ] {
            let args = QueryString::parse(query).unwrap();
            let found = step(&args, at(0), at(range)).ok();
            assert_eq!(found, want, "{query} of {range} s");
        }
    }

    #[test]
    fn differences_are_drawn_in_place_of_their_counters() {
        let database = tables_of("pg_stats").next().unwrap().table();
        let measures = measures(database, Aggregate::Avg);
        let of = |name: &str| measures.iter().find(|measure| measure.column == name);
        assert_eq!(of("xact_commit"), None);
        assert_eq!(of("xact_commit_delta").unwrap().aggregate, Aggregate::Sum);
        assert_eq!(of("numbackends").unwrap().aggregate, Aggregate::Avg);
    }
}
