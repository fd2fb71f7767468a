//! Replication: `pg_replication` and `pg_logical_replication` (contract 3.7 and 3.9).

use super::column::{bigint, boolean, float, int, text, time};
use super::{Column, ColumnType, Items, Table, Written};

const fn table(
    name: &'static str,
    kind: &'static str,
    items: Items,
    own: &'static [Column],
) -> Table {
    Table {
        schema: "metrics",
        name,
        kind,
        items,
        written: Written::Always,
        own,
        unfilled: &[],
        rate_key: &[],
        indexes: &[],
        chunk_days: 7,
    }
}

/// Lags are milliseconds here, as collectors send them; the published schema has bytes, which
/// nobody sends.
pub(super) static REPLICATION: Table = Table {
    unfilled: &[
        ("server_id", ColumnType::Int),
        ("instance_id", ColumnType::Int),
        ("sync_priority", ColumnType::Int),
        ("write_lag_bytes", ColumnType::Bigint),
        ("flush_lag_bytes", ColumnType::Bigint),
        ("replay_lag_bytes", ColumnType::Bigint),
        ("reply_time", ColumnType::Timestamptz),
    ],
    ..table(
        "metrics_replication",
        "pg_replication",
        Items::ElementArray("replication_status"),
        &[
            int("standby_pid").from("server_pid"),
            text("usename"),
            text("application_name"),
            text("client_addr"),
            text("state"),
            text("sync_state"),
            text("write_lsn"),
            text("flush_lsn"),
            text("replay_lsn"),
            bigint("write_lag_ms"),
            bigint("flush_lag_ms"),
            bigint("replay_lag_ms"),
            bigint("behind_by_mb"),
            time("backend_start"),
        ],
    )
};

pub(super) static SLOTS: Table = table(
    "metrics_replication_slots",
    "pg_replication",
    Items::ElementArray("replication_slots"),
    &[
        text("slot_name"),
        text("slot_type"),
        text("restart_lsn"),
        text("confirmed_flush_lsn"),
        boolean("active"),
        boolean("plugin_active"),
        bigint("wal_retained_mb"),
        int("backend_pid"),
        bigint("bytes_retained"),
    ],
);

pub(super) static WAL_STATUS: Table = table(
    "metrics_wal_status",
    "pg_replication",
    Items::Element("wal_status"),
    &[
        bigint("total_segments"),
        bigint("current_wal_size_mb"),
        bigint("wal_directory_size_mb"),
        bigint("segments_since_checkpoint"),
        float("growth_rate_mb_per_hour"),
    ],
);

pub(super) static WRAPAROUND: Table = table(
    "metrics_wraparound_risk",
    "pg_replication",
    Items::ElementArray("wraparound_risk"),
    &[
        text("database_name").from("database"),
        bigint("relfrozenxid"),
        bigint("current_xid"),
        bigint("xid_until_wraparound"),
        float("percent_until_wraparound"),
        bigint("tables_needing_vacuum"),
        bigint("oldest_table_age"),
        boolean("at_risk"),
    ],
);

const SUBSCRIPTION: &[Column] = &[
    text("sub_name"),
    text("sub_state"),
    text("received_lsn"),
    text("latest_end_lsn"),
    time("last_msg_receipt_time"),
    time("last_msg_send_time"),
    int("worker_pid"),
    int("worker_count"),
    text("database_name").from("database"),
];

/// Subscriptions as `pg_replication` reports them.
pub(super) static PHYSICAL_SUBSCRIPTIONS: Table = table(
    "metrics_replication_subscriptions",
    "pg_replication",
    Items::ElementArray("logical_subscriptions"),
    SUBSCRIPTION,
);

pub(super) static SUBSCRIPTIONS: Table = table(
    "metrics_logical_subscriptions",
    "pg_logical_replication",
    Items::ElementArray("logical_subscriptions"),
    SUBSCRIPTION,
);

pub(super) static PUBLICATIONS: Table = table(
    "metrics_publications",
    "pg_logical_replication",
    Items::ElementArray("publications"),
    &[
        text("pub_name"),
        text("pub_owner"),
        boolean("pub_all_tables"),
        boolean("pub_insert"),
        boolean("pub_update"),
        boolean("pub_delete"),
        boolean("pub_truncate"),
        text("database_name").from("database"),
    ],
);

pub(super) static WAL_RECEIVERS: Table = table(
    "metrics_wal_receivers",
    "pg_logical_replication",
    Items::Element("wal_receiver"),
    &[
        text("status"),
        text("sender_host"),
        int("sender_port"),
        text("received_lsn"),
        text("latest_end_lsn"),
        text("slot_name"),
        text("conn_info"),
    ],
);
