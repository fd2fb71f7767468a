//! Sums of charted tables over hours and days: made in the flush's transaction.
//! [`crate::query::Series`] reads them.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::values::failed;
use crate::Result;
use crate::store::Retention;
use crate::store::catalogue::TableId;
use crate::store::relation_sums::frozen;
use crate::store::series_rollup::{DAY, Dialect, HOUR, Mark, Plan, Statements, Touched, charted};

/// Since version 6.
pub(super) const TABLES: &str = "
CREATE TABLE series_rollups (collector_id BLOB NOT NULL, table_name TEXT NOT NULL, seconds INTEGER NOT NULL,
    start INTEGER NOT NULL, database_name TEXT NOT NULL, column_name TEXT NOT NULL, n INTEGER NOT NULL,
    total REAL, least REAL, most REAL,
    PRIMARY KEY (collector_id, table_name, seconds, start, database_name, column_name)) WITHOUT ROWID;
CREATE TABLE series_rollup_marks (collector_id BLOB NOT NULL, table_name TEXT NOT NULL, since INTEGER NOT NULL,
    sealed INTEGER NOT NULL, frozen INTEGER NOT NULL, PRIMARY KEY (collector_id, table_name)) WITHOUT ROWID;
";

/// Seals the hours that the flush completed or changed.
pub(super) fn seal(tx: &Connection, touched: &BTreeMap<(Uuid, TableId), Touched>) -> Result<()> {
    for ((collector, table), touched) in touched {
        let before = mark(tx, *collector, table.table().name);
        let sealed = before.and_then(|before| match Plan::new(before, touched) {
            Some(plan) => seal_one(tx, *collector, *table, &plan),
            None => Ok(()),
        });
        sealed.map_err(failed("flush into"))?;
    }
    Ok(())
}

/// What is sealed of one table of one collector.
pub(super) fn mark(
    tx: &Connection,
    collector: Uuid,
    table: &str,
) -> rusqlite::Result<Option<Mark>> {
    let sql = "SELECT since, sealed, frozen FROM series_rollup_marks
        WHERE collector_id = ?1 AND table_name = ?2";
    let mut find = tx.prepare_cached(sql)?;
    find.query_row(params![collector.as_bytes(), table], |row| {
        Ok(Mark {
            since: row.get(0)?,
            sealed: row.get(1)?,
            frozen: row.get(2)?,
        })
    })
    .optional()
}

fn seal_one(tx: &Connection, collector: Uuid, table: TableId, plan: &Plan) -> rusqlite::Result<()> {
    let sql = Statements::new(Dialect::Sqlite, table.table());
    let (of, collector) = (collector, collector.as_bytes());
    let mut hours = plan.again.clone();
    if plan.over.0 < plan.over.1 {
        let mut find = tx.prepare_cached(&sql.hours())?;
        let over = params![collector, plan.over.0, plan.over.1];
        let over = find.query_map(over, |row| row.get(0))?;
        hours.extend(over.collect::<rusqlite::Result<BTreeSet<i64>>>()?);
    }
    let spans = hours.iter().map(|hour| (HOUR, *hour));
    let days = plan.days(&hours);
    for (seconds, start) in spans.chain(days.iter().map(|day| (DAY, *day))) {
        let of_span = params![collector, start];
        tx.prepare_cached(&sql.forget(seconds))?.execute(of_span)?;
        let seal = match seconds {
            DAY => sql.seal_day(),
            _ => sql.seal_hour(),
        };
        tx.prepare_cached(&seal)?.execute(of_span)?;
    }
    keep_mark(tx, of, table.table().name, plan.mark)
}

/// Notes what is sealed now.
pub(super) fn keep_mark(
    tx: &Connection,
    collector: Uuid,
    table: &str,
    mark: Mark,
) -> rusqlite::Result<()> {
    let keep = "INSERT OR REPLACE INTO series_rollup_marks VALUES (?1, ?2, ?3, ?4, ?5)";
    let Mark {
        since,
        sealed,
        frozen,
    } = mark;
    let collector = collector.as_bytes();
    tx.prepare_cached(keep)?
        .execute(params![collector, table, since, sealed, frozen])
        .map(drop)
}

/// Before rows are deleted: what may lose some is not sealed anew.
pub(super) fn freeze(db: &Connection, retention: &Retention) -> rusqlite::Result<()> {
    for (table, frozen) in frozen(retention) {
        let sql = "UPDATE series_rollup_marks SET frozen = max(frozen, ?1) WHERE table_name = ?2";
        db.prepare_cached(sql)?.execute(params![frozen, table])?;
    }
    Ok(())
}

/// Deletes sums that are too old.
pub(super) fn drop_old(db: &Connection, retention: &Retention) -> Result<()> {
    for id in charted() {
        let table = id.table();
        let sql = "DELETE FROM series_rollups
            WHERE table_name = ?1 AND (start + seconds) * 1000000 <= ?2";
        let before = retention.sums_of(table.kind).micros();
        db.execute(sql, params![table.name, before])
            .map_err(failed("retain in"))?;
    }
    Ok(())
}
