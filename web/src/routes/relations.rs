//! What the tables and indexes of a database did in a window, or one of them in each hour or day.

use std::cmp::Reverse;

use http::StatusCode;
use pga_storage::Timestamp;
use pga_storage::query::{Activity, RelationActivity};
use pga_storage::store::relation_sums::{RelationSum, RelationSums};
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

/// Relations in an answer.
const LIMIT: Bounded = Bounded::new("limit", 1, 5_000, 100);
/// How far back: ten years at most.
const HOURS: Bounded = Bounded::new("hours", 1, 87_600, 24);
const HOUR: i64 = 3_600;

const ASKS: &[Field] = &[
    maybe("relation", Shape::Integer),
    maybe("step", Shape::Integer),
    maybe("order", Shape::Text),
    number(HOURS),
    maybe("from", Shape::Text),
    maybe("to", Shape::Text),
    number(LIMIT),
    MIN_POSITION,
];

const ANSWER: Content = Content::Json(Shape::Object(&[
    always("collector_id", Shape::Text),
    always("database_name", Shape::Text),
    always("from", Shape::Time),
    always("to", Shape::Time),
    always("count", Shape::Integer),
    always("total", Shape::Integer),
    always("data", Shape::List(&Shape::Map(&Shape::Any))),
]));

pub(super) const ROUTES: &[Route] = &[
    Route::get(
        "/api/v1/collectors/{id}/databases/{database}/tables",
        "table_activity",
        Access::Viewer,
    )
    .does(
        "Lists what the tables of a database did in a window: differences of their counters, those \
         with most of `order` first. With `relation` and `step` (3600 or 86400 seconds) one of them \
         over time. A table of which no counter moved is left out.",
        Handler::Plain(|ask| Box::pin(activity(ask, "pg_table", "seq_tup_read"))),
    )
    .asks(ASKS)
    .answers(ANSWER),
    Route::get(
        "/api/v1/collectors/{id}/databases/{database}/indexes",
        "index_activity",
        Access::Viewer,
    )
    .does(
        "Lists what the indexes of a database did in a window: differences of their counters, those \
         with most of `order` first. With `relation` and `step` (3600 or 86400 seconds) one of them \
         over time. An index of which no counter moved is left out.",
        Handler::Plain(|ask| Box::pin(activity(ask, "pg_index", "idx_scan"))),
    )
    .asks(ASKS)
    .answers(ANSWER),
];

/// The step that is asked for; it needs a relation.
fn step(args: &QueryString, relation: Option<i64>) -> Result<Option<i64>, Refusal> {
    let step = match args.text("step") {
        None => return Ok(None),
        Some("3600") => HOUR,
        Some("86400") => 24 * HOUR,
        Some(other) => {
            return Err(invalid(format!(
                "step is {other:?}: use 3600 or 86400 (seconds)"
            )));
        }
    };
    match relation {
        Some(_) => Ok(Some(step)),
        None => Err(invalid(
            "step is given without relation: name the oid of one relation".to_owned(),
        )),
    }
}

/// The place of the counter that is asked for.
fn order(args: &QueryString, of: &RelationSums, usual: &str) -> Result<usize, Refusal> {
    let name = args.text("order").unwrap_or(usual);
    let name = name.strip_suffix("_delta").unwrap_or(name);
    let place = of.counters.iter().position(|counter| *counter == name);
    place.ok_or_else(|| {
        invalid(format!(
            "order is {name:?}: use one of {}",
            of.counters.join(", ")
        ))
    })
}

async fn activity(
    ask: RequestContext,
    kind: &'static str,
    usual: &str,
) -> Result<Response, Refusal> {
    let args = QueryString::parse(&ask.query)?;
    let of = RelationSums::of(kind).ok_or_else(|| invalid(format!("no sums of {kind}")))?;
    let relation = match args.text("relation").map(str::parse::<i64>) {
        Some(Err(_)) => return Err(invalid("relation is no oid: use a number".to_owned())),
        Some(Ok(oid)) => Some(oid),
        None => None,
    };
    let (step, order) = (step(&args, relation)?, order(&args, of, usual)?);
    let (from, to) = window(&args, args.number(HOURS))?;
    let id = collector(ask.segment())?;
    let question = RelationActivity {
        of,
        collector: id,
        database: Some(ask.segment_at(1).to_owned()),
        relation,
        from,
        to,
        step,
        is_sealed_only: false,
    };
    let scope = ReadScope {
        collector: Some(id),
        min_position: args.position("min_position")?,
    };
    let (found, position) = ask.question(&question, scope).await?;
    let limit = args.number(LIMIT) as usize;
    let body = json!({
        "collector_id": id.to_string(),
        "database_name": ask.segment_at(1),
        "from": found.from.to_string(),
        "to": to.to_string(),
        "total": found.relations.len(),
        "count": found.relations.len().min(limit),
        "data": rows(of, found, step, order, limit),
    });
    Ok(at_position(json(StatusCode::OK, &body), position, &ask))
}

/// What is shown: by time, or those with most of a counter first.
fn rows(
    of: &RelationSums,
    found: Activity,
    step: Option<i64>,
    order: usize,
    limit: usize,
) -> Vec<Value> {
    let mut all = found.relations;
    match step {
        Some(_) => {
            all.sort_by_key(|row| row.span);
            all.drain(..all.len().saturating_sub(limit));
        }
        None => all.sort_by_key(|row| {
            let most = row.sums.get(order).copied().flatten().unwrap_or_default();
            // No sum is negative: the bits are in the order of the numbers.
            (Reverse(most.to_bits()), row.id)
        }),
    }
    let shown = all.iter().take(limit);
    shown.map(|row| show(of, row, step)).collect()
}

fn show(of: &RelationSums, row: &RelationSum, step: Option<i64>) -> Value {
    let mut shown = Map::new();
    if let Some(step) = step {
        let seconds = row.span.saturating_mul(step);
        let begin = Timestamp::from_micros(seconds.saturating_mul(1_000_000));
        shown.insert("time".to_owned(), json!(begin.to_string()));
    }
    shown.insert(of.id.to_owned(), json!(row.id));
    for (name, value) in of.names.iter().zip(&row.names) {
        shown.insert((*name).to_owned(), json!(value));
    }
    for (name, sum) in of.counters.iter().zip(&row.sums) {
        let sum = match sum {
            Some(sum) if sum.fract() == 0.0 && sum.abs() < 9e15 => json!(*sum as i64),
            other => json!(other),
        };
        shown.insert(format!("{name}_delta"), sum);
    }
    Value::Object(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(span: i64, id: i64, scans: f64) -> RelationSum {
        RelationSum {
            span,
            database: "app".to_owned(),
            id,
            names: vec![Some("public".to_owned()), Some(format!("t{id}")), None],
            samples: 1,
            sums: vec![Some(scans), None, Some(0.5), None, None],
        }
    }

    fn shown(step: Option<i64>, limit: usize) -> Vec<Value> {
        let of = RelationSums::of("pg_index").unwrap();
        let found = Activity {
            from: Timestamp::default(),
            relations: vec![sum(1, 5, 2.0), sum(2, 5, 7.0), sum(2, 6, 7.0)],
        };
        rows(of, found, step, 0, limit)
    }

    #[test]
    fn those_that_did_most_come_first_and_steps_in_order() {
        let most: Vec<Value> = shown(None, 2);
        let ids = |rows: &[Value]| -> Vec<Value> {
            rows.iter().map(|row| row["indexrelid"].clone()).collect()
        };
        assert_eq!(ids(&most), [json!(5), json!(6)]);
        assert_eq!(most[0]["idx_scan_delta"], json!(7));
        assert_eq!(most[0]["idx_tup_fetch_delta"], json!(0.5));
        assert_eq!(most[0]["idx_tup_read_delta"], Value::Null);
        let steps = shown(Some(HOUR), 2);
        assert_eq!(steps[0]["time"], "1970-01-01T02:00:00Z");
        assert_eq!(shown(Some(HOUR), 9)[0]["time"], "1970-01-01T01:00:00Z");
    }
}
