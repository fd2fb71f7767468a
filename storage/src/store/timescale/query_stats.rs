//! Top queries and timelines, from the differences that the flush computed (design D6).

use tokio_postgres::{Client, Row};
use uuid::Uuid;

use super::failure;
use super::pg_time::PgTime;
use crate::store::{CollectorQuery, QueryOrder, QueryStats, StatsQuery, StatsRow};
use crate::{Error, Result};

/// Counters whose differences are stored as `<name>_delta bigint`.
const COUNTERS: [&str; 15] = [
    "calls",
    "rows",
    "shared_blks_hit",
    "shared_blks_read",
    "shared_blks_dirtied",
    "shared_blks_written",
    "local_blks_hit",
    "local_blks_read",
    "local_blks_dirtied",
    "local_blks_written",
    "temp_blks_read",
    "temp_blks_written",
    "wal_records",
    "wal_fpi",
    "wal_bytes",
];
/// Times whose differences are stored as `<name>_delta double precision`, in milliseconds.
const TIMES: [&str; 3] = ["total_time", "blk_read_time", "blk_write_time"];

/// Queries of a collector that ran in the window.
pub(super) async fn top(client: &Client, query: &CollectorQuery) -> Result<Vec<QueryStats>> {
    let order = match query.order {
        QueryOrder::Slow => "max_time DESC, calls DESC",
        QueryOrder::Frequent => "calls DESC, max_time DESC",
    };
    let counters = COUNTERS
        .map(|name| format!("sum({name}_delta)::bigint AS {name}"))
        .join(", ");
    let times = TIMES
        .map(|name| format!("coalesce(sum({name}_delta), 0) AS {name}"))
        .join(", ");
    let sql = format!(
        "SELECT max(time) AS time, collector_id, database_name, user_name, query_hash, \
             last(query_text, time) AS query_text, min(min_time) AS min_time, max(max_time) AS max_time, \
             last(stddev_time, time) AS stddev_time, {counters}, {times} \
         FROM public.metrics_pg_stats_query \
         WHERE collector_id = $1 AND time >= $2 AND time < $3 AND calls_delta > 0 \
         GROUP BY collector_id, database_name, user_name, query_hash \
         ORDER BY {order}, query_hash, database_name, user_name LIMIT $4"
    );
    let (from, to) = (PgTime(query.from), PgTime(query.to));
    let params: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
        [&query.collector.get(), &from, &to, &i64::from(query.limit)];
    let rows = client.query(&sql, &params).await.map_err(read_failed)?;
    rows.iter()
        .map(|row| stats(row).map_err(read_failed))
        .collect()
}

/// What one query did between consecutive samples.
pub(super) async fn timeline(client: &Client, query: &StatsQuery) -> Result<Vec<StatsRow>> {
    let counters = COUNTERS
        .map(|name| format!("{name}_delta AS {name}"))
        .join(", ");
    let times = TIMES
        .map(|name| format!("coalesce({name}_delta, 0) AS {name}"))
        .join(", ");
    let sql = format!(
        "SELECT time, collector_id, database_name, user_name, query_hash, query_text, min_time, max_time, \
             stddev_time, {counters}, {times} \
         FROM public.metrics_pg_stats_query \
         WHERE query_hash = $1 AND time >= $2 AND time < $3 AND calls_delta IS NOT NULL \
         ORDER BY metrics_pg_stats_query.time, log_index, ordinal"
    );
    let (from, to) = (PgTime(query.from), PgTime(query.to));
    let rows = client
        .query(&sql, &[&query.query_hash, &from, &to])
        .await
        .map_err(read_failed)?;
    rows.iter()
        .map(|row| stats(row).map_err(read_failed))
        .collect()
}

fn stats(row: &Row) -> Result<QueryStats, tokio_postgres::Error> {
    let counter = |name: &str| row.try_get::<_, Option<i64>>(name);
    let count = |name: &str| counter(name).map(Option::unwrap_or_default);
    let (calls, total_time) = (count("calls")?, row.try_get::<_, f64>("total_time")?);
    Ok(QueryStats {
        time: row.try_get::<_, PgTime>("time")?.0,
        collector_id: row.try_get::<_, Uuid>("collector_id")?.to_string(),
        database_name: row.try_get("database_name")?,
        user_name: row.try_get("user_name")?,
        query_hash: row.try_get("query_hash")?,
        query_text: row.try_get("query_text")?,
        calls,
        total_time,
        mean_time: if calls > 0 {
            total_time / calls as f64
        } else {
            0.0
        },
        min_time: row.try_get("min_time")?,
        max_time: row.try_get("max_time")?,
        stddev_time: row.try_get("stddev_time")?,
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
        blk_read_time: row.try_get("blk_read_time")?,
        blk_write_time: row.try_get("blk_write_time")?,
        wal_records: counter("wal_records")?,
        wal_fpi: counter("wal_fpi")?,
        wal_bytes: counter("wal_bytes")?,
    })
}

fn read_failed(error: tokio_postgres::Error) -> Error {
    failure::unavailable("read from", error)
}
