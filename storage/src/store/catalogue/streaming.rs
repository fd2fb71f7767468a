//! Replication, as our collector sends it.

use super::Items;
use super::element::element_table;

element_table! {
    /// `pg_stat_replication`.
    SENDER: "pg_sender", Items::Rows;
    labels "application", "address";
    numbers "pid";
    gauges "sent_distance_bytes", "write_distance_bytes", "flush_distance_bytes", "replay_distance_bytes",
        "backend_xmin_age", "sync_priority";
    measures "write_lag_seconds", "flush_lag_seconds", "replay_lag_seconds", "reply_age_seconds";
    texts "user_name" = "user", "state", "sync_state", "slot_name" = "slot";
}

element_table! {
    /// `pg_stat_wal_receiver`, on a standby.
    RECEIVER: "pg_receiver", Items::Rows;
    gauges "replay_distance_bytes", "sender_port", "timeline";
    measures "replay_age_seconds", "message_age_seconds";
    texts "status", "slot" = "slot", "sender_host", "received_lsn", "replayed_lsn", "replay_state";
}

element_table! {
    /// `pg_replication_slots` and `pg_stat_replication_slots`.
    SLOT: "pg_slot", Items::Rows;
    database "database";
    labels "slot_name";
    counters "total_txns", "total_bytes", "spill_txns", "spill_count", "spill_bytes", "stream_txns",
        "stream_count", "stream_bytes";
    gauges "retained_bytes", "safe_wal_size", "xmin_age", "catalog_xmin_age", "active_pid";
    texts "plugin", "slot_type", "wal_status", "restart_lsn", "confirmed_flush_lsn", "invalidation_reason";
    flags "active", "is_temporary" = "temporary", "conflicting", "two_phase", "failover", "synced";
    times "stats_reset", "inactive_since";
}

element_table! {
    /// `pg_stat_subscription` and `pg_stat_subscription_stats`.
    SUBSCRIPTION: "pg_subscription", Items::Rows;
    labels "subname";
    numbers "relid";
    counters "apply_error_count" = "counters.apply_error_count", "sync_error_count" = "counters.sync_error_count";
    gauges "lag_bytes", "pid";
    texts "worker_type", "received_lsn", "latest_end_lsn";
    times "last_msg_send_time", "last_msg_receipt_time", "latest_end_time", "stats_reset" = "counters.stats_reset";
}
