//! Lines of a server's log, as collectors report them, and how many of each class there are.

use std::collections::BTreeMap;

use http::StatusCode;
use pga_storage::query::{ElementOrder, Elements};
use pga_storage::{Position, Timestamp};
use serde_json::{Map, Value, json};
use warp::reply::Response;

use super::bounded::Bounded;
use super::invalid::invalid;
use super::query_string::QueryString;
use super::reads::{MIN_POSITION, at_position, window};
use super::request_context::RequestContext;
use super::route::{Access, Content, Handler, Route};
use super::servers::{Server, find};
use super::shape::{Field, Shape, always, maybe, number};
use crate::ReadScope;
use crate::questions;
use crate::refusal::Refusal;
use crate::reply::json;
use crate::timestamps;

const LIMIT: Bounded = Bounded::new("limit", 1, 1_000, 100);
/// Type of the elements that hold lines.
const KIND: &str = "pg_log";
/// Elements that are read at once.
const PAGE: u32 = 1_000;
/// Elements that are looked through for one answer; the cursor goes on behind them.
const MAX_LOOKED_AT: usize = 20_000;
/// Elements that are counted for one answer.
const MAX_COUNTED: usize = 50_000;
/// Points of each class: aimed at, and at most.
const POINTS: (i64, i64) = (60, 1_000);
/// The severities, the worst first.
const SEVERITIES: [&str; 5] = ["critical", "error", "warning", "notice", "info"];
/// Where a text is looked for.
const TEXTS: [&str; 3] = ["message", "detail", "query"];

const LINE: Shape = Shape::Object(&[
    always("time", Shape::Time),
    always("database", Shape::Text),
    always("class", Shape::Text),
    always("severity", Shape::Text),
    maybe("level", Shape::Text),
    maybe("message", Shape::Text),
    maybe("detail", Shape::Text),
    maybe("hint", Shape::Text),
    maybe("context", Shape::Text),
    maybe("query", Shape::Text),
    maybe("query_hash", Shape::Integer),
    maybe("sqlstate", Shape::Text),
    maybe("user_name", Shape::Text),
    maybe("application_name", Shape::Text),
    maybe("pid", Shape::Integer),
    maybe("session_id", Shape::Text),
    maybe("line_num", Shape::Integer),
    maybe("duration_ms", Shape::Number),
    maybe("fields", Shape::Map(&Shape::Any)),
]);
const FROM: Field = maybe("from", Shape::Text);
const TO: Field = maybe("to", Shape::Text);
const CLASS: Field = maybe("class", Shape::Text);
const SEVERITY: Field = maybe("severity", Shape::Text);
const DATABASE: Field = maybe("database", Shape::Text);
const QUERY_HASH: Field = maybe("query_hash", Shape::Integer);
const TEXT: Field = maybe("text", Shape::Text);

pub(super) const ROUTES: &[Route] = &[
    Route::get("/api/v1/servers/{id}/logs", "server_logs", Access::Viewer)
        .does(
            "Lists lines of a server's log, the newest first.",
            Handler::Plain(|ask| Box::pin(list(ask))),
        )
        .asks(&[
            FROM,
            TO,
            CLASS,
            SEVERITY,
            DATABASE,
            QUERY_HASH,
            TEXT,
            number(LIMIT),
            maybe("cursor", Shape::Text),
            MIN_POSITION,
        ])
        .answers(Content::Json(Shape::Object(&[
            always("server_id", Shape::Integer),
            always("from", Shape::Time),
            always("to", Shape::Time),
            always("count", Shape::Integer),
            always("lines", Shape::List(&LINE)),
            always("next_cursor", Shape::TextOrNull),
        ]))),
    Route::get(
        "/api/v1/servers/{id}/logs/summary",
        "server_logs_summary",
        Access::Viewer,
    )
    .does(
        "Counts the lines of a server's log by class and time.",
        Handler::Plain(|ask| Box::pin(summary(ask))),
    )
    .asks(&[
        FROM,
        TO,
        CLASS,
        SEVERITY,
        DATABASE,
        QUERY_HASH,
        TEXT,
        maybe("step", Shape::Integer),
        MIN_POSITION,
    ])
    .answers(Content::Json(Shape::Object(&[
        always("server_id", Shape::Integer),
        always("from", Shape::Time),
        always("to", Shape::Time),
        always("step_seconds", Shape::Integer),
        always("total", Shape::Integer),
        always("is_complete", Shape::Flag),
        always(
            "classes",
            Shape::List(&Shape::Object(&[
                always("class", Shape::Text),
                always("severity", Shape::Text),
                always("count", Shape::Integer),
                always(
                    "points",
                    Shape::List(&Shape::Object(&[
                        always("time", Shape::Time),
                        always("value", Shape::Integer),
                    ])),
                ),
            ])),
        ),
    ]))),
];

/// Which lines are wanted. An absent part takes all.
#[derive(Debug, Default)]
struct Filter {
    classes: Vec<String>,
    severities: Vec<String>,
    database: Option<String>,
    query_hash: Option<i64>,
    /// In lower case.
    text: Option<String>,
}

impl Filter {
    fn of(args: &QueryString) -> Result<Self, Refusal> {
        let list = |name: &str| {
            let names = args.text(name).unwrap_or_default().split(',');
            let names = names.map(str::trim).filter(|name| !name.is_empty());
            names.map(str::to_owned).collect::<Vec<_>>()
        };
        let severities = list("severity");
        if let Some(wrong) = severities
            .iter()
            .find(|name| !SEVERITIES.contains(&name.as_str()))
        {
            let known = SEVERITIES.join(", ");
            return Err(invalid(format!("severity is {wrong:?}: use {known}")));
        }
        let hash = args.text("query_hash").map(|text| {
            text.parse().map_err(|_| {
                invalid(format!(
                    "query_hash is {text:?}: write a whole number of 64 bits"
                ))
            })
        });
        Ok(Self {
            classes: list("class"),
            severities,
            database: args.text("database").map(str::to_owned),
            query_hash: hash.transpose()?,
            text: args.text("text").map(str::to_lowercase),
        })
    }

    fn takes(&self, line: &Map<String, Value>) -> bool {
        let text = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or_default();
        let is_one_of =
            |names: &[String], name: &str| names.is_empty() || names.iter().any(|one| one == name);
        let holds = |wanted: &String| {
            let mut texts = TEXTS.iter().map(|name| text(name).to_lowercase());
            texts.any(|text| text.contains(wanted))
        };
        let hash = line.get("query_hash").and_then(Value::as_i64);
        is_one_of(&self.classes, text("class"))
            && is_one_of(&self.severities, text("severity"))
            && self
                .database
                .as_deref()
                .is_none_or(|wanted| wanted == text("database"))
            && self.query_hash.is_none_or(|wanted| hash == Some(wanted))
            && self.text.as_ref().is_none_or(holds)
    }

    /// The lines of an element that are wanted, the newest first.
    fn lines(&self, element: &str) -> Vec<Map<String, Value>> {
        let mut lines = lines(element);
        lines.retain(|line| self.takes(line));
        lines.reverse();
        lines
    }

    /// After how many of the elements there are `room` lines; `None` if there are not so many.
    fn fill(&self, elements: &[String], room: usize) -> Option<usize> {
        let mut found = 0;
        let is_full = |element: &String| {
            found += self.lines(element).len();
            found >= room
        };
        Some(elements.iter().position(is_full)? + 1)
    }
}

/// The lines of an element, in their order, with what the answer promises of each. The element's
/// time and database are those of its lines; collectors of v3 say no class.
fn lines(element: &str) -> Vec<Map<String, Value>> {
    let Ok(Value::Object(mut element)) = serde_json::from_str(element) else {
        return Vec::new();
    };
    let time = element.get("timestamp").and_then(Value::as_str);
    let Some(time) = time.and_then(|text| timestamps::parse_text(text).ok()) else {
        return Vec::new();
    };
    let database = element.get("database").and_then(Value::as_str);
    let database = database.unwrap_or_default().to_owned();
    let Some(Value::Array(entries)) = element.remove("entries") else {
        return Vec::new();
    };
    let line = |entry: Value| {
        let Value::Object(mut line) = entry else {
            return None;
        };
        line.remove("timestamp");
        let severity = match line.get("level").and_then(Value::as_str) {
            Some("FATAL" | "ERROR") => "error",
            Some("WARNING") => "warning",
            _ => "info",
        };
        line.entry("severity").or_insert_with(|| severity.into());
        line.entry("class").or_insert_with(|| "other".into());
        if let Some(id) = line.remove("query_id") {
            line.insert("query_hash".to_owned(), id);
        }
        line.insert("time".to_owned(), time.to_string().into());
        line.insert("database".to_owned(), database.clone().into());
        Some(line)
    };
    entries.into_iter().filter_map(line).collect()
}

/// The newest elements with lines of a server's log.
fn newest(server: &Server, (from, to): (Timestamp, Timestamp)) -> Elements {
    Elements {
        collector: server.collector,
        kind: Some(KIND.to_owned()),
        from: Some(from),
        to: Some(to),
        order: ElementOrder::Descending,
        limit: PAGE,
        cursor: None,
    }
}

async fn list(ask: RequestContext) -> Result<Response, Refusal> {
    let server = find(&ask)?;
    let args = QueryString::parse(&ask.query)?;
    let (from, to) = window(&args, 24)?;
    let filter = Filter::of(&args)?;
    let limit = args.number(LIMIT) as usize;
    let mut min_position = args.position("min_position")?;
    let mut query = newest(&server, (from, to));
    query.cursor = args.text("cursor").map(str::to_owned);
    let (mut found, mut looked_at, mut position) = (Vec::new(), 0, None);
    loop {
        let scope = ReadScope {
            collector: Some(query.collector),
            min_position: min_position.take(),
        };
        let (mut page, at) = ask.question(&query, scope).await?;
        position.get_or_insert(at);
        let end = filter.fill(&page.data, limit.saturating_sub(found.len()));
        if let Some(end) = end.filter(|end| *end < page.data.len()) {
            // The answer is full within this page: one that ends there has the cursor to go on.
            let limit = u32::try_from(end).unwrap_or(PAGE);
            let part = Elements {
                limit,
                ..query.clone()
            };
            page = questions::ask(&*ask.context.api, part.collector, &part).await?;
        }
        looked_at += page.data.len();
        found.extend(page.data.iter().flat_map(|element| filter.lines(element)));
        query.cursor = page.next_cursor;
        if query.cursor.is_none() || found.len() >= limit || looked_at >= MAX_LOOKED_AT {
            break;
        }
    }
    let body = json!({
        "server_id": server.entry.server_id,
        "from": from.to_string(),
        "to": to.to_string(),
        "count": found.len(),
        "lines": found,
        "next_cursor": query.cursor,
    });
    let position = position.unwrap_or_default();
    Ok(at_position(json(StatusCode::OK, &body), position, &ask))
}

/// How many lines of a class there are: in all, and by number of the step.
#[derive(Debug, Default)]
struct Counted {
    count: u64,
    steps: BTreeMap<i64, u64>,
}

async fn summary(ask: RequestContext) -> Result<Response, Refusal> {
    let server = find(&ask)?;
    let args = QueryString::parse(&ask.query)?;
    let (from, to) = window(&args, 24)?;
    let filter = Filter::of(&args)?;
    let step = step(&args, from, to)?;
    let mut min_position = args.position("min_position")?;
    let mut query = newest(&server, (from, to));
    let mut counted: BTreeMap<(String, String), Counted> = BTreeMap::new();
    let mut position: Option<Position> = None;
    let mut elements = 0;
    loop {
        let scope = ReadScope {
            collector: Some(query.collector),
            min_position: min_position.take(),
        };
        let (page, at) = ask.question(&query, scope).await?;
        position.get_or_insert(at);
        elements += page.data.len();
        for line in page.data.iter().flat_map(|element| filter.lines(element)) {
            count(&line, step, &mut counted);
        }
        query.cursor = page.next_cursor;
        if query.cursor.is_none() || elements >= MAX_COUNTED {
            break;
        }
    }
    let body = json!({
        "server_id": server.entry.server_id,
        "from": from.to_string(),
        "to": to.to_string(),
        "step_seconds": step,
        "total": counted.values().map(|one| one.count).sum::<u64>(),
        "is_complete": query.cursor.is_none(),
        "classes": classes(counted, step),
    });
    let position = position.unwrap_or_default();
    Ok(at_position(json(StatusCode::OK, &body), position, &ask))
}

/// The step in seconds: as asked for, else one that makes some 60 points of at least a minute.
fn step(args: &QueryString, from: Timestamp, to: Timestamp) -> Result<i64, Refusal> {
    let range = (to.micros() - from.micros()) / 1_000_000;
    let Some(text) = args.text("step") else {
        return Ok((range / POINTS.0).max(60));
    };
    let step = text.parse::<i64>().ok();
    let step = step.filter(|step| *step > 0 && range / step <= POINTS.1);
    step.ok_or_else(|| {
        let least = range / POINTS.1 + 1;
        invalid(format!(
            "step is {text:?}: write whole seconds, {least} or more"
        ))
    })
}

/// Counts a line; one that stands for many durations counts as so many.
fn count(line: &Map<String, Value>, step: i64, counted: &mut BTreeMap<(String, String), Counted>) {
    let text = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or_default();
    let fields = line
        .get("fields")
        .filter(|fields| fields.get("max_ms").is_some());
    let times = fields.and_then(|fields| fields.get("count")?.as_u64());
    let times = times.unwrap_or(1);
    let Ok(time) = timestamps::parse_text(text("time")) else {
        return;
    };
    let key = (text("class").to_owned(), text("severity").to_owned());
    let one = counted.entry(key).or_default();
    one.count += times;
    let number = time.micros().div_euclid(step.saturating_mul(1_000_000));
    *one.steps.entry(number).or_default() += times;
}

/// The classes, the most frequent first.
fn classes(counted: BTreeMap<(String, String), Counted>, step: i64) -> Vec<Value> {
    let mut counted: Vec<_> = counted.into_iter().collect();
    counted.sort_by_key(|(_, one)| std::cmp::Reverse(one.count));
    let class = |((class, severity), one): ((String, String), Counted)| {
        let points = one.steps.into_iter().map(|(number, value)| {
            let micros = number.saturating_mul(step).saturating_mul(1_000_000);
            json!({ "time": Timestamp::from_micros(micros).to_string(), "value": value })
        });
        json!({
            "class": class, "severity": severity, "count": one.count,
            "points": points.collect::<Vec<_>>(),
        })
    };
    counted.into_iter().map(class).collect()
}

#[cfg(test)]
mod tests;
