//! Top queries and timelines, from counter differences.

use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use super::values::failed;
use crate::store::top_queries::{self, COUNTERS};
use crate::store::{CollectorQuery, QueryStats, StatsQuery};
use crate::{Result, Timestamp};

/// Answers `query`.
pub(super) fn top(db: &Connection, query: &CollectorQuery) -> Result<Vec<QueryStats>> {
    let sums: Vec<_> = COUNTERS
        .iter()
        .map(|name| format!("sum({name}_delta)"))
        .collect();
    let sql = format!(
        "SELECT max(time), collector_id, database_name, user_name, query_hash, max(query_text),
            min(min_time), max(max_time), max(stddev_time), {}
        FROM metrics_pg_stats_query WHERE collector_id = ?1 AND time >= ?2 AND time < ?3
        GROUP BY database_name, user_name, query_hash HAVING sum(calls_delta) > 0",
        sums.join(", ")
    );
    let collector = query.collector.get();
    let arguments = params![collector.as_bytes(), query.from.micros(), query.to.micros()];
    let sums = stats(db, &sql, arguments).map_err(failed("read"))?;
    Ok(top_queries::rank(sums, query.order, query.limit))
}

/// Answers `query`.
pub(super) fn timeline(db: &Connection, query: &StatsQuery) -> Result<Vec<QueryStats>> {
    let deltas: Vec<_> = COUNTERS
        .iter()
        .map(|name| format!("{name}_delta"))
        .collect();
    let sql = format!(
        "SELECT time, collector_id, database_name, user_name, query_hash, query_text,
            min_time, max_time, stddev_time, {}
        FROM metrics_pg_stats_query WHERE query_hash = ?1 AND time >= ?2 AND time < ?3
        AND calls_delta IS NOT NULL ORDER BY time",
        deltas.join(", ")
    );
    let arguments = params![query.query_hash, query.from.micros(), query.to.micros()];
    let points = stats(db, &sql, arguments).map_err(failed("read"))?;
    Ok(top_queries::timeline(points))
}

fn stats(
    db: &Connection,
    sql: &str,
    arguments: &[&dyn rusqlite::ToSql],
) -> rusqlite::Result<Vec<QueryStats>> {
    let mut select = db.prepare_cached(sql)?;
    let rows = select.query_map(arguments, one)?;
    rows.collect()
}

fn one(row: &Row<'_>) -> rusqlite::Result<QueryStats> {
    let int = |at: usize| -> rusqlite::Result<i64> {
        Ok(row.get::<_, Option<i64>>(9 + at)?.unwrap_or_default())
    };
    let float = |at: usize| -> rusqlite::Result<f64> {
        Ok(row.get::<_, Option<f64>>(9 + at)?.unwrap_or_default())
    };
    let collector: [u8; 16] = row.get(1)?;
    Ok(QueryStats {
        time: Timestamp::from_micros(row.get(0)?),
        collector_id: Uuid::from_bytes(collector).to_string(),
        database_name: row.get(2)?,
        user_name: row.get(3)?,
        query_hash: row.get(4)?,
        query_text: row.get(5)?,
        min_time: row.get(6)?,
        max_time: row.get(7)?,
        stddev_time: row.get(8)?,
        mean_time: 0.0,
        calls: int(0)?,
        total_time: float(1)?,
        rows: int(2)?,
        shared_blks_hit: int(3)?,
        shared_blks_read: int(4)?,
        shared_blks_dirtied: int(5)?,
        shared_blks_written: int(6)?,
        local_blks_hit: int(7)?,
        local_blks_read: int(8)?,
        local_blks_dirtied: int(9)?,
        local_blks_written: int(10)?,
        temp_blks_read: int(11)?,
        temp_blks_written: int(12)?,
        blk_read_time: float(13)?,
        blk_write_time: float(14)?,
        wal_records: row.get(9 + 15)?,
        wal_fpi: row.get(9 + 16)?,
        wal_bytes: row.get(9 + 17)?,
    })
}
