//! Top queries and timelines, from counter differences.

use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::rollups;
use super::values::failed;
use crate::store::query_rollup::Span;
use crate::store::top_queries::{self, COUNTERS, GAP_SECONDS};
use crate::store::{CollectorQuery, QueryStats, StatsQuery};
use crate::{Result, Timestamp};

/// The newest text of a statement.
const TEXT: &str = "SELECT query_text FROM metrics_pg_stats_query
    WHERE query_hash = ?1 AND +collector_id = ?2 AND database_name = ?3 AND user_name = ?4
    AND time <= ?5 ORDER BY time DESC LIMIT 1";

/// Answers `query`.
pub(super) fn top(db: &Connection, query: &CollectorQuery) -> Result<Vec<QueryStats>> {
    let window = Span {
        begin: query.from,
        end: query.to,
    };
    // One transaction, so that rows and spans are of one moment.
    let db = db.unchecked_transaction().map_err(failed("read"))?;
    let collector = query.collector.get();
    let rollup = rollups::window(&db, collector, window)?;
    let only = query.database.as_deref();
    let stats = rollup.stats(&collector.to_string(), window, only);
    let mut top = top_queries::rank(stats, query.order, query.limit);
    let mut find = db.prepare_cached(TEXT).map_err(failed("read"))?;
    for stats in &mut top {
        let text = find.query_row(
            params![
                stats.query_hash,
                collector.as_bytes(),
                stats.database_name,
                stats.user_name,
                stats.time.micros()
            ],
            |row| row.get(0),
        );
        stats.query_text = text.optional().map_err(failed("read"))?.unwrap_or_default();
    }
    Ok(top)
}

/// Answers `query`.
pub(super) fn timeline(db: &Connection, query: &StatsQuery) -> Result<Vec<QueryStats>> {
    let deltas = COUNTERS.map(|name| format!("{name}_delta"));
    let sql = format!(
        "SELECT time, collector_id, database_name, user_name, query_hash, query_text,
            min_time, NULL, stddev_time, max_time, interval_seconds, {}
        FROM metrics_pg_stats_query WHERE query_hash = ?1 AND time >= ?2 AND time < ?3
        AND calls_delta IS NOT NULL AND (?4 IS NULL OR database_name = ?4)
        AND (?5 IS NULL OR collector_id = ?5) ORDER BY time DESC LIMIT ?6",
        deltas.join(", ")
    );
    let collector = query.collector.map(|collector| *collector.get().as_bytes());
    let arguments = params![
        query.query_hash,
        query.from.micros(),
        query.to.micros(),
        query.database,
        collector,
        query.limit
    ];
    let mut points = stats(db, &sql, arguments).map_err(failed("read"))?;
    for point in &mut points {
        let interval = point.coverage.take();
        point.gap = interval.is_some_and(|seconds| seconds > f64::from(GAP_SECONDS));
    }
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
        Ok(row.get::<_, Option<i64>>(11 + at)?.unwrap_or_default())
    };
    let float = |at: usize| -> rusqlite::Result<f64> {
        Ok(row.get::<_, Option<f64>>(11 + at)?.unwrap_or_default())
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
        max_time: row.get::<_, Option<f64>>(7)?.unwrap_or_default(),
        stddev_time: row.get(8)?,
        max_time_lifetime: row.get(9)?,
        coverage: row.get(10)?,
        gap: false,
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
        wal_records: row.get(11 + 15)?,
        wal_fpi: row.get(11 + 16)?,
        wal_bytes: row.get(11 + 17)?,
    })
}
