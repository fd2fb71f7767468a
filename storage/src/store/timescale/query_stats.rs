//! Top queries and timelines, from the differences that the flush computed (design D6).

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};
use uuid::Uuid;

use super::failure;
use super::pg_time::PgTime;
use super::rollups;
use crate::store::query_rollup::Span;
use crate::store::top_queries::{self, COUNTERS, GAP_SECONDS};
use crate::store::{CollectorQuery, QueryStats, StatsQuery, StatsRow};
use crate::{Error, Result};

/// The newest text of each statement: hashes, databases and users in three arrays.
const TEXTS: &str = "SELECT coalesce(t.query_text, '') FROM \
    unnest($2::bigint[], $3::text[], $4::text[]) WITH ORDINALITY AS s (hash, db, usr, n) \
    LEFT JOIN LATERAL (SELECT query_text FROM public.metrics_pg_stats_query \
        WHERE query_hash = s.hash AND collector_id = $1 AND database_name = s.db \
        AND user_name = s.usr AND time <= $5 ORDER BY time DESC LIMIT 1) t ON true ORDER BY s.n";

/// Queries of a collector that ran in the window.
pub(super) async fn top(client: &Client, query: &CollectorQuery) -> Result<Vec<QueryStats>> {
    let window = Span {
        begin: query.from,
        end: query.to,
    };
    let collector = query.collector.get();
    let rollup = rollups::window(client, collector, window).await?;
    let only = query.database.as_deref();
    let stats = rollup.stats(&collector.to_string(), window, only);
    let mut top = top_queries::rank(stats, query.order, query.limit);
    let hashes: Vec<i64> = top.iter().map(|stats| stats.query_hash).collect();
    let databases: Vec<&str> = top.iter().map(|stats| &*stats.database_name).collect();
    let users: Vec<&str> = top.iter().map(|stats| &*stats.user_name).collect();
    let newest = top.iter().map(|stats| stats.time).max().unwrap_or_default();
    let parameters: [&(dyn ToSql + Sync); 5] =
        [&collector, &hashes, &databases, &users, &PgTime(newest)];
    let texts = client
        .query(TEXTS, &parameters)
        .await
        .map_err(read_failed)?;
    for (stats, row) in top.iter_mut().zip(texts) {
        stats.query_text = row.try_get(0).map_err(read_failed)?;
    }
    Ok(top)
}

/// What one query did between consecutive samples.
pub(super) async fn timeline(client: &Client, query: &StatsQuery) -> Result<Vec<StatsRow>> {
    let sql = format!(
        "SELECT time, collector_id, database_name, user_name, query_hash, query_text, min_time, \
             NULL::float8 AS max_time, stddev_time, max_time AS max_time_lifetime, \
             interval_seconds AS coverage, {} \
         FROM public.metrics_pg_stats_query q \
         WHERE query_hash = $1 AND time >= $2 AND time < $3 AND calls_delta IS NOT NULL \
             AND ($4::text IS NULL OR database_name = $4) AND ($5::uuid IS NULL OR collector_id = $5) \
         ORDER BY q.time DESC, log_index DESC, ordinal DESC LIMIT $6",
        columns(|name| format!("{name}_delta"))
    );
    let (from, to) = (PgTime(query.from), PgTime(query.to));
    let collector = query.collector.map(|collector| collector.get());
    let limit = i64::from(query.limit);
    let params: [&(dyn ToSql + Sync); 6] = [
        &query.query_hash,
        &from,
        &to,
        &query.database,
        &collector,
        &limit,
    ];
    let mut points = fetch(client, &sql, &params).await?;
    for point in &mut points {
        let interval = point.coverage.take();
        point.gap = interval.is_some_and(|seconds| seconds > f64::from(GAP_SECONDS));
    }
    Ok(top_queries::timeline(points))
}

/// The differences as columns with the counters' names: times as doubles, the rest as 64-bit integers.
fn columns(value: impl Fn(&str) -> String) -> String {
    let column = |name: &str| {
        let ty = if name.ends_with("_time") {
            "float8"
        } else {
            "int8"
        };
        format!("({})::{ty} AS {name}", value(name))
    };
    COUNTERS.map(column).join(", ")
}

async fn fetch(
    client: &Client,
    sql: &str,
    params: &[&(dyn ToSql + Sync)],
) -> Result<Vec<QueryStats>> {
    let rows = client.query(sql, params).await.map_err(read_failed)?;
    rows.iter()
        .map(|row| stats(row).map_err(read_failed))
        .collect()
}

fn stats(row: &Row) -> Result<QueryStats, tokio_postgres::Error> {
    let counter = |name: &str| row.try_get::<_, Option<i64>>(name);
    let count = |name: &str| counter(name).map(Option::unwrap_or_default);
    let time = |name: &str| {
        row.try_get::<_, Option<f64>>(name)
            .map(Option::unwrap_or_default)
    };
    Ok(QueryStats {
        time: row.try_get::<_, PgTime>("time")?.0,
        collector_id: row.try_get::<_, Uuid>("collector_id")?.to_string(),
        database_name: row.try_get("database_name")?,
        user_name: row.try_get("user_name")?,
        query_hash: row.try_get("query_hash")?,
        query_text: row.try_get("query_text")?,
        calls: count("calls")?,
        total_time: time("total_time")?,
        mean_time: 0.0,
        max_time_lifetime: time("max_time_lifetime")?,
        coverage: row.try_get("coverage")?,
        gap: false,
        min_time: time("min_time")?,
        max_time: time("max_time")?,
        stddev_time: time("stddev_time")?,
        rows: count("rows")?,
        shared_blks_hit: count("shared_blks_hit")?,
        shared_blks_read: count("shared_blks_read")?,
        shared_blks_dirtied: count("shared_blks_dirtied")?,
        shared_blks_written: count("shared_blks_written")?,
        local_blks_hit: count("local_blks_hit")?,
        local_blks_read: count("local_blks_read")?,
        local_blks_dirtied: count("local_blks_dirtied")?,
        local_blks_written: count("local_blks_written")?,
        temp_blks_read: count("temp_blks_read")?,
        temp_blks_written: count("temp_blks_written")?,
        blk_read_time: time("blk_read_time")?,
        blk_write_time: time("blk_write_time")?,
        wal_records: counter("wal_records")?,
        wal_fpi: counter("wal_fpi")?,
        wal_bytes: counter("wal_bytes")?,
    })
}

fn read_failed(error: tokio_postgres::Error) -> Error {
    failure::unavailable("read from", error)
}
