//! `pg_query_stats`: statements of pg_stat_statements (contract 3.2 and 5.3).

use super::column::{
    DATABASE_NAME, INTERVAL, MISSING_COUNTERS, bigint, delta, float, float_delta, text, time,
};
use super::{Items, Table, Written};

pub(super) static QUERY: Table = Table {
    schema: "public",
    name: "metrics_pg_stats_query",
    kind: "pg_query_stats",
    items: Items::DatabaseArray("queries"),
    written: Written::Always,
    own: &[
        DATABASE_NAME,
        text("user_name").or_from("user").or_zero(),
        bigint("query_hash")
            .from("hash")
            .or_from("query_hash")
            .required(),
        text("query_text")
            .from("text")
            .or_from("query_text")
            .or_zero(),
        bigint("calls").or_zero(),
        float("total_time").or_zero(),
        float("mean_time").or_zero(),
        float("min_time").or_zero(),
        float("max_time").or_zero(),
        float("stddev_time").or_zero(),
        bigint("rows").or_zero(),
        bigint("shared_blks_hit").or_zero(),
        bigint("shared_blks_read").or_zero(),
        bigint("shared_blks_dirtied").or_zero(),
        bigint("shared_blks_written").or_zero(),
        bigint("local_blks_hit").or_zero(),
        bigint("local_blks_read").or_zero(),
        bigint("local_blks_dirtied").or_zero(),
        bigint("local_blks_written").or_zero(),
        bigint("temp_blks_read").or_zero(),
        bigint("temp_blks_written").or_zero(),
        float("blk_read_time").or_zero(),
        float("blk_write_time").or_zero(),
        bigint("wal_records"),
        bigint("wal_fpi"),
        bigint("wal_bytes"),
        float("query_plan_time"),
        float("query_exec_time"),
        time("stats_reset").or_shared(),
        time("stats_since"),
        delta("calls_delta", "calls"),
        float_delta("total_time_delta", "total_time"),
        delta("rows_delta", "rows"),
        delta("shared_blks_hit_delta", "shared_blks_hit"),
        delta("shared_blks_read_delta", "shared_blks_read"),
        delta("shared_blks_dirtied_delta", "shared_blks_dirtied"),
        delta("shared_blks_written_delta", "shared_blks_written"),
        delta("local_blks_hit_delta", "local_blks_hit"),
        delta("local_blks_read_delta", "local_blks_read"),
        delta("local_blks_dirtied_delta", "local_blks_dirtied"),
        delta("local_blks_written_delta", "local_blks_written"),
        delta("temp_blks_read_delta", "temp_blks_read"),
        delta("temp_blks_written_delta", "temp_blks_written"),
        float_delta("blk_read_time_delta", "blk_read_time"),
        float_delta("blk_write_time_delta", "blk_write_time"),
        delta("wal_records_delta", "wal_records"),
        delta("wal_fpi_delta", "wal_fpi"),
        delta("wal_bytes_delta", "wal_bytes"),
        INTERVAL,
        MISSING_COUNTERS,
    ],
    unfilled: &[],
    rate_key: &["database_name", "user_name", "query_hash"],
    indexes: &["query_hash, time DESC"],
    retention_days: 30,
    chunk_days: 1,
};
