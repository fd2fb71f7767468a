//! What goes on in the databases: `pg_locks`, `pg_bloat`, `pg_cache`, `pg_connections` (contract
//! 3.8).

use super::column::{DATABASE_NAME, bigint, boolean, float, int, text, time};
use super::{Column, Items, Table, Written};

const fn table(
    name: &'static str,
    kind: &'static str,
    part: &'static str,
    own: &'static [Column],
) -> Table {
    Table {
        schema: "metrics",
        name,
        kind,
        items: Items::DatabaseArray(part),
        written: Written::Always,
        own,
        unfilled: &[],
        rate_key: &[],
        indexes: &[],
        chunk_days: 7,
    }
}

const SCHEMA_NAME: Column = text("schema_name").from("schema");
const TABLE_NAME: Column = text("table_name").from("table");

pub(super) static LOCKS: Table = table(
    "metrics_pg_locks",
    "pg_locks",
    "active_locks",
    &[
        DATABASE_NAME,
        int("pid"),
        text("locktype"),
        text("mode"),
        boolean("granted"),
        bigint("usesysid"),
        bigint("database_oid").from("database"),
        bigint("relation"),
        bigint("page"),
        bigint("tuple"),
        text("virtualxid"),
        bigint("transactionid"),
        bigint("classid"),
        bigint("objid"),
        bigint("objsubid"),
        float("lock_age_seconds"),
        text("username"),
        text("state"),
        text("query"),
    ],
);

pub(super) static LOCK_WAITS: Table = table(
    "metrics_pg_lock_waits",
    "pg_locks",
    "lock_wait_chains",
    &[
        DATABASE_NAME,
        int("blocked_pid"),
        text("blocked_user"),
        int("blocking_pid"),
        text("blocking_user"),
        text("blocked_query"),
        text("blocking_query"),
        text("blocked_application"),
        text("blocking_application"),
        float("wait_time_seconds"),
    ],
);

pub(super) static BLOCKING: Table = table(
    "metrics_pg_blocking_queries",
    "pg_locks",
    "blocking_queries",
    &[
        DATABASE_NAME,
        int("pid"),
        text("username"),
        text("session_database").from("database"),
        text("state"),
        text("query"),
        time("query_start"),
        time("state_change"),
        float("duration_seconds"),
        text("application_name"),
        text("client_address"),
        time("backend_start"),
    ],
);

pub(super) static BLOAT_TABLES: Table = table(
    "metrics_pg_bloat_tables",
    "pg_bloat",
    "table_bloat",
    &[
        DATABASE_NAME,
        SCHEMA_NAME,
        TABLE_NAME,
        bigint("dead_tuples"),
        bigint("live_tuples"),
        float("dead_ratio_percent"),
        text("table_size"),
        float("space_wasted_percent"),
        time("last_vacuum"),
        time("last_autovacuum"),
        bigint("vacuum_count"),
        bigint("autovacuum_count"),
    ],
);

pub(super) static BLOAT_INDEXES: Table = table(
    "metrics_pg_bloat_indexes",
    "pg_bloat",
    "index_bloat",
    &[
        DATABASE_NAME,
        SCHEMA_NAME,
        TABLE_NAME,
        text("index_name"),
        bigint("scans"),
        bigint("tuples_read"),
        bigint("tuples_fetched"),
        text("index_size"),
        text("usage_status"),
        text("recommendation"),
    ],
);

pub(super) static CACHE_TABLES: Table = table(
    "metrics_pg_cache_tables",
    "pg_cache",
    "table_cache_hit",
    &[
        DATABASE_NAME,
        SCHEMA_NAME,
        TABLE_NAME,
        bigint("heap_blks_hit"),
        bigint("heap_blks_read"),
        bigint("total_heap_blks"),
        float("heap_cache_hit_ratio"),
        bigint("idx_blks_hit"),
        bigint("idx_blks_read"),
        bigint("total_idx_blks"),
        float("idx_cache_hit_ratio"),
        bigint("toast_blks_hit"),
        bigint("toast_blks_read"),
        bigint("tidx_blks_hit"),
        bigint("tidx_blks_read"),
    ],
);

pub(super) static CACHE_INDEXES: Table = table(
    "metrics_pg_cache_indexes",
    "pg_cache",
    "index_cache_hit",
    &[
        DATABASE_NAME,
        SCHEMA_NAME,
        TABLE_NAME,
        text("index_name").from("index"),
        bigint("blks_hit"),
        bigint("blks_read"),
        bigint("total_blks"),
        float("cache_hit_ratio"),
    ],
);

pub(super) static CONNECTIONS: Table = table(
    "metrics_pg_connections_summary",
    "pg_connections",
    "connection_stats.by_state",
    &[
        DATABASE_NAME,
        text("session_database").from("database"),
        text("state"),
        bigint("count"),
        float("max_age_seconds"),
        float("min_age_seconds"),
    ],
);

pub(super) static CONNECTION_TOTALS: Table = Table {
    items: Items::Database,
    ..table(
        "metrics_pg_connections_total",
        "pg_connections",
        "",
        &[
            DATABASE_NAME,
            bigint("total_connections").from("connection_stats.total_connections"),
        ],
    )
};

pub(super) static LONG_TRANSACTIONS: Table = table(
    "metrics_pg_long_running_transactions",
    "pg_connections",
    "long_running_transactions",
    &[
        DATABASE_NAME,
        int("pid"),
        text("username"),
        text("session_database").from("database"),
        text("state"),
        text("query"),
        time("query_start"),
        float("duration_seconds"),
        text("application_name"),
        text("client_address"),
        time("backend_start"),
    ],
);

pub(super) static IDLE_TRANSACTIONS: Table = table(
    "metrics_pg_idle_transactions",
    "pg_connections",
    "idle_transactions",
    &[
        DATABASE_NAME,
        int("pid"),
        text("username"),
        text("session_database").from("database"),
        text("state"),
        time("query_start"),
        time("state_change"),
        float("idle_time_seconds"),
        text("application_name"),
        text("client_address"),
    ],
);
