//! Sealed spans of statements: made in the flush's transaction. [`crate::query::TopQueries`] reads
//! them.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, Statement, params};
use uuid::Uuid;

use super::values::failed;
use crate::store::query_rollup::{
    Changes, Difference, LEVELS, LONGEST_SECONDS, Level, Plan, Rollup, Span, difference_columns,
    span,
};
use crate::{Result, Timestamp};

/// Since version 4. The index is of what is longer than [`LONGEST_SECONDS`].
pub(super) const TABLES: &str = "
CREATE TABLE query_rollups (collector BLOB NOT NULL, seconds INTEGER NOT NULL, start INTEGER NOT NULL,
    content BLOB NOT NULL);
CREATE UNIQUE INDEX query_rollups_order ON query_rollups (collector, seconds, start);
CREATE TABLE query_rollup_marks (collector BLOB PRIMARY KEY, sealed INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX metrics_pg_stats_query_long ON metrics_pg_stats_query (collector_id, time)
    WHERE interval_seconds > 360;
";

const SEALED: &str = "SELECT sealed FROM query_rollup_marks WHERE collector = ?1";
const FIRST_AFTER: &str =
    "SELECT min(time) FROM metrics_pg_stats_query WHERE collector_id = ?1 AND time > ?2";
const PARTS: &str = "SELECT content FROM query_rollups
    WHERE collector = ?1 AND seconds = ?2 AND start >= ?3 AND start < ?4 ORDER BY start";

/// Seals what the flush completed or changed.
pub(super) fn seal(tx: &Connection, changes: &BTreeMap<Uuid, Changes>) -> Result<()> {
    for (collector, changes) in changes {
        seal_one(tx, *collector, changes)?;
    }
    Ok(())
}

fn seal_one(tx: &Connection, collector: Uuid, changes: &Changes) -> Result<()> {
    let fail = failed("flush into");
    let first_after = |time: Timestamp| -> Result<Option<Timestamp>> {
        let mut find = tx.prepare_cached(FIRST_AFTER).map_err(&fail)?;
        let row: Option<i64> = find
            .query_row(params![collector.as_bytes(), time.micros()], |row| {
                row.get(0)
            })
            .map_err(&fail)?;
        Ok(row.map(Timestamp::from_micros))
    };
    let before = match sealed(tx, collector)? {
        Some(sealed) => sealed,
        None => match first_after(Timestamp::from_micros(i64::MIN))? {
            Some(first) => span(first.micros().div_euclid(1_000_000), LEVELS[0]).begin_seconds(),
            None => return Ok(()),
        },
    };
    let mut plan = Plan::from(before);
    while let Some(after) = plan.asks(changes.newest) {
        plan.go_on(first_after(after)?);
    }
    let changed = changes.starts.range(..plan.sealed).copied();
    plan.starts.extend(changed);
    for start in &plan.starts {
        let span = span(*start, LEVELS[0]);
        let mut rollup = Rollup::default();
        rows(tx, collector, span, &mut rollup)?;
        keep(tx, collector, LEVELS[0], *start, &rollup)?;
    }
    for [below, level] in LEVELS.array_windows() {
        for start in plan.parents(*level, before) {
            let mut rollup = Rollup::default();
            parts(tx, collector, (*below, start, start + level), &mut rollup)?;
            keep(tx, collector, *level, start, &rollup)?;
        }
    }
    let sql = "INSERT OR REPLACE INTO query_rollup_marks (collector, sealed) VALUES (?1, ?2)";
    let mut mark = tx.prepare_cached(sql).map_err(&fail)?;
    mark.execute(params![collector.as_bytes(), plan.sealed])
        .map_err(&fail)?;
    Ok(())
}

fn sealed(db: &Connection, collector: Uuid) -> Result<Option<i64>> {
    let mut find = db.prepare_cached(SEALED).map_err(failed("read"))?;
    find.query_row([collector.as_bytes()], |row| row.get(0))
        .optional()
        .map_err(failed("read"))
}

/// Adds the differences of rows, but for the long ones.
fn rows(db: &Connection, collector: Uuid, span: Span, rollup: &mut Rollup) -> Result<()> {
    let sql = format!(
        "SELECT {} FROM metrics_pg_stats_query WHERE collector_id = ?1 AND time > ?2 AND time <= ?3
        AND calls_delta IS NOT NULL AND interval_seconds <= {LONGEST_SECONDS}
        AND (time <= ?4 OR time - interval_seconds * 1e6 < ?4)",
        difference_columns()
    );
    let latest = span.end.micros() + LONGEST_SECONDS * 1_000_000;
    let mut select = db.prepare_cached(&sql).map_err(failed("read"))?;
    let of_span = params![
        collector.as_bytes(),
        span.begin.micros(),
        latest,
        span.end.micros()
    ];
    add(&mut select, of_span, span, rollup).map_err(failed("read"))
}

fn add(
    select: &mut Statement<'_>,
    arguments: &[&dyn rusqlite::ToSql],
    span: Span,
    rollup: &mut Rollup,
) -> rusqlite::Result<()> {
    let mut rows = select.query(arguments)?;
    let mut difference = Difference::default();
    while let Some(row) = rows.next()? {
        read(row, &mut difference)?;
        rollup.add(&difference, span);
    }
    Ok(())
}

fn read(row: &Row<'_>, into: &mut Difference) -> rusqlite::Result<()> {
    into.time = Timestamp::from_micros(row.get(0)?);
    into.interval = row.get(1)?;
    for (name, at) in into.names.iter_mut().zip(2..) {
        let text = row.get_ref(at)?.as_str()?;
        if name != text {
            text.clone_into(name);
        }
    }
    into.hash = row.get(4)?;
    for (value, at) in into.lifetime.iter_mut().zip(5..) {
        *value = row.get(at)?;
    }
    into.usual = row.get(8)?;
    into.minmax_since = row.get::<_, Option<i64>>(9)?.map(Timestamp::from_micros);
    into.squares = row.get(10)?;
    into.level = Level::new(row.get(11)?);
    for (counter, at) in into.counters.iter_mut().zip(12..) {
        *counter = row.get(at)?;
    }
    Ok(())
}

/// Adds sealed spans: their seconds, the first begin, and the first that is not added.
fn parts(
    db: &Connection,
    collector: Uuid,
    (seconds, from, to): (i64, i64, i64),
    rollup: &mut Rollup,
) -> Result<()> {
    let mut select = db.prepare_cached(PARTS).map_err(failed("read"))?;
    let mut parts = select
        .query(params![collector.as_bytes(), seconds, from, to])
        .map_err(failed("read"))?;
    while let Some(row) = parts.next().map_err(failed("read"))? {
        let content = row.get_ref(0).map_err(failed("read"))?;
        let content = content
            .as_blob()
            .map_err(|error| failed("read")(error.into()))?;
        rollup.merge(content)?;
    }
    Ok(())
}

fn keep(tx: &Connection, collector: Uuid, seconds: i64, start: i64, rollup: &Rollup) -> Result<()> {
    let key = params![collector.as_bytes(), seconds, start];
    let delete = "DELETE FROM query_rollups WHERE collector = ?1 AND seconds = ?2 AND start = ?3";
    tx.prepare_cached(delete)
        .and_then(|mut delete| delete.execute(key))
        .map_err(failed("flush into"))?;
    let Some(content) = rollup.encode()? else {
        return Ok(());
    };
    let insert = "INSERT INTO query_rollups (collector, seconds, start, content)
        VALUES (?1, ?2, ?3, ?4)";
    tx.prepare_cached(insert)
        .and_then(|mut insert| {
            insert.execute(params![collector.as_bytes(), seconds, start, content])
        })
        .map(drop)
        .map_err(failed("flush into"))
}

/// Deletes the spans that end before `before`.
pub(super) fn drop_before(db: &Connection, before: Timestamp) -> Result<()> {
    let sql = "DELETE FROM query_rollups WHERE (start + seconds) * 1000000 <= ?1";
    db.execute(sql, [before.micros()])
        .map(drop)
        .map_err(failed("retain in"))
}
