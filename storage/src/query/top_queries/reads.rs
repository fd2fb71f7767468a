//! What is read for a list of statements, and for the steps of one.

use pga_config::CollectorId;

use super::super::{Row, Select};
use crate::Timestamp;
use crate::query::QueryStats;
use crate::store::catalogue::ColumnType;
use crate::store::mapper::Value;
use crate::store::query_rollup::{
    COUNTERS, Difference, LONGEST_SECONDS, Level, Span, counter_type, difference_columns,
};

/// Before which moment all is sealed, in Unix seconds; no row if nothing is.
pub(in crate::query) fn mark(collector: CollectorId) -> Select {
    let mut select = Select::new("", vec![ColumnType::Bigint]);
    let collector = select.bind(Value::Uuid(collector.get()));
    select.push(&format!(
        "SELECT sealed FROM [query_rollup_marks] WHERE [rollup collector] = {collector}"
    ));
    select
}

/// The sealed spans of a level, from a begin on to before another, in Unix seconds: begin and
/// content.
pub(in crate::query) fn spans(
    collector: CollectorId,
    (seconds, from, to): (i64, i64, i64),
) -> Select {
    let types = vec![ColumnType::Bigint, ColumnType::Bytea];
    let mut select = Select::new("", types);
    let collector = select.bind(Value::Uuid(collector.get()));
    let seconds = select.bind(Value::Int(seconds));
    let from = select.bind(Value::Int(from));
    let to = select.bind(Value::Int(to));
    select.push(&format!(
        "SELECT CAST(start AS bigint), content FROM [query_rollups] WHERE [rollup collector] = {collector} \
         AND seconds = {seconds} AND start >= {from} AND start < {to} ORDER BY start"
    ));
    select
}

/// The differences that reach into a span, but for the long ones; of one statement if `hash` is
/// given.
pub(in crate::query) fn differences(
    collector: CollectorId,
    span: Span,
    hash: Option<i64>,
) -> Select {
    let mut select = Select::new("", difference_types());
    let collector = select.bind(Value::Uuid(collector.get()));
    let begin = select.bind(Value::Time(span.begin));
    let end = select.bind(Value::Time(span.end));
    let latest = span.end.micros() + LONGEST_SECONDS * 1_000_000;
    let latest = select.bind(Value::Time(Timestamp::from_micros(latest)));
    select.push(&format!(
        "SELECT {} FROM [metrics_pg_stats_query] WHERE collector_id = {collector} \
         AND time > {begin} AND time <= {latest} AND calls_delta IS NOT NULL \
         AND interval_seconds <= {LONGEST_SECONDS} \
         AND (time <= {end} OR [interval begin] < {end})",
        difference_columns()
    ));
    of_statement(&mut select, hash);
    select
}

/// The differences over more than [`LONGEST_SECONDS`], which are in no span.
pub(in crate::query) fn long_differences(
    collector: CollectorId,
    window: Span,
    hash: Option<i64>,
) -> Select {
    let mut select = Select::new("", difference_types());
    let collector = select.bind(Value::Uuid(collector.get()));
    let begin = select.bind(Value::Time(window.begin));
    let end = select.bind(Value::Time(window.end));
    select.push(&format!(
        "SELECT {} FROM [metrics_pg_stats_query][by index metrics_pg_stats_query_long] \
         WHERE collector_id = {collector} AND time > {begin} AND calls_delta IS NOT NULL \
         AND interval_seconds > {LONGEST_SECONDS} AND [interval begin] < {end}",
        difference_columns()
    ));
    of_statement(&mut select, hash);
    select
}

fn of_statement(select: &mut Select, hash: Option<i64>) {
    if let Some(hash) = hash {
        let hash = select.bind(Value::Int(hash));
        select.push(&format!(" AND query_hash = {hash}"));
    }
}

/// The newest text of each statement, in their order: number and text.
pub(in crate::query) fn texts(collector: CollectorId, statements: &[QueryStats]) -> Select {
    let mut select = Select::new("", vec![ColumnType::Bigint, ColumnType::Text]);
    let collector = select.bind(Value::Uuid(collector.get()));
    let listed: Vec<String> = statements
        .iter()
        .zip(0..)
        .map(|(stats, n)| {
            let hash = select.bind(Value::Int(stats.query_hash));
            let database = select.bind(Value::Text(stats.database_name.clone()));
            let user = select.bind(Value::Text(stats.user_name.clone()));
            let time = select.bind(Value::Time(stats.time));
            format!(
                "({n}, CAST({hash} AS bigint), CAST({database} AS text), CAST({user} AS text), \
                 [a time {time}])"
            )
        })
        .collect();
    // VALUES, since SQLite takes a compound of at most 500 SELECTs.
    select.push(&format!(
        "SELECT CAST(s.column1 AS bigint), (SELECT t.query_text FROM [metrics_pg_stats_query] t \
         WHERE t.query_hash = s.column2 AND [not by index t.collector_id] = {collector} \
         AND t.database_name = s.column3 AND t.user_name = s.column4 AND t.time <= s.column5 \
         ORDER BY t.time DESC LIMIT 1) FROM (VALUES {}) AS s ORDER BY 1",
        listed.join(", ")
    ));
    select
}

fn difference_types() -> Vec<ColumnType> {
    let head = [
        ColumnType::Timestamptz,
        ColumnType::Float8,
        ColumnType::Text,
        ColumnType::Text,
        ColumnType::Bigint,
        ColumnType::Float8,
        ColumnType::Float8,
        ColumnType::Float8,
        ColumnType::Float8,
        ColumnType::Timestamptz,
        ColumnType::Float8,
        ColumnType::Bool,
    ];
    head.into_iter().chain(COUNTERS.map(counter_type)).collect()
}

/// The difference that a row holds.
pub(in crate::query) fn difference(row: &Row, into: &mut Difference) {
    into.time = row.time(0).unwrap_or_default();
    into.interval = row.float(1).unwrap_or_default();
    for (name, at) in into.names.iter_mut().zip(2..) {
        let text = row.text(at).unwrap_or_default();
        if name != text {
            text.clone_into(name);
        }
    }
    into.hash = row.int(4).unwrap_or_default();
    for (value, at) in into.lifetime.iter_mut().zip(5..) {
        *value = row.float(at).unwrap_or_default();
    }
    into.usual = row.float(8);
    into.minmax_since = row.time(9);
    into.squares = row.float(10);
    into.level = Level::new(row.bool(11));
    for (counter, at) in into.counters.iter_mut().zip(12..) {
        *counter = row.float(at);
    }
}
