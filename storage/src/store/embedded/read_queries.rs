//! Top queries and timelines, from counter differences.

use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use super::values::failed;
use crate::store::top_queries::{self, COUNTERS, GAP_SECONDS};
use crate::store::{CollectorQuery, QueryStats, StatsQuery};
use crate::{Result, Timestamp};

/// The part of a difference that lies in the window (?2, ?3].
const SHARE: &str = "CASE WHEN interval_seconds > 0 THEN
    (min(time, ?3) - max(time - interval_seconds * 1e6, ?2)) / (interval_seconds * 1e6) ELSE 1.0 END";

/// Answers `query`.
pub(super) fn top(db: &Connection, query: &CollectorQuery) -> Result<Vec<QueryStats>> {
    let sums = COUNTERS.map(|name| {
        if name.ends_with("_time") {
            format!("sum({name}_delta * share)")
        } else {
            format!("CAST(round(sum({name}_delta * share)) AS INTEGER)")
        }
    });
    let sql = format!(
        "SELECT max(time), collector_id, database_name, user_name, query_hash, max(query_text),
            min(min_time), max(CASE WHEN calls_delta > 0 THEN total_time_delta / calls_delta END),
            max(stddev_time), max(max_time),
            sum(CASE WHEN interval_seconds <= {GAP_SECONDS} THEN share * interval_seconds ELSE 0 END) * 1e6 / (?3 - ?2),
            {}
        FROM (SELECT *, {SHARE} AS share FROM metrics_pg_stats_query
            WHERE collector_id = ?1 AND time > ?2 AND calls_delta IS NOT NULL
            AND time - interval_seconds * 1e6 < ?3 AND (?4 IS NULL OR database_name = ?4))
        GROUP BY database_name, user_name, query_hash HAVING sum(calls_delta) > 0",
        sums.join(", ")
    );
    let collector = query.collector.get();
    let (from, to) = (query.from.micros(), query.to.micros());
    let arguments = params![collector.as_bytes(), from, to, query.database];
    let sums = stats(db, &sql, arguments).map_err(failed("read"))?;
    Ok(top_queries::rank(sums, query.order, query.limit))
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
