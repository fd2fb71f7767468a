//! Sessions and what they wait for, as our collector sends them.

use super::Items;
use super::element::element_table;

element_table! {
    /// Samples of `pg_stat_activity`.
    ACTIVITY: "pg_activity_sample", Items::Rows;
    database "database";
    labels "backend_type", "state", "wait_event_type", "wait_event", "user_name" = "user", "application";
    numbers "query_id";
    gauges "sessions", "parallel_workers";
    measures "oldest_transaction_seconds", "oldest_query_seconds";
}

element_table! {
    /// Who waits for whom.
    BLOCKING: "pg_blocking", Items::Rows;
    database "database";
    numbers "blocked_pid", "blocking_pid";
    gauges "blocked_query_id", "blocking_query_id";
    measures "wait_seconds", "blocking_transaction_seconds";
    texts "lock_type", "mode_wanted", "mode_held", "relation", "blocked_user", "blocked_application",
        "blocked_query", "blocking_user", "blocking_application", "blocking_state", "blocking_query";
}

element_table! {
    /// What holds old row versions back.
    LONG_TRANSACTION: "pg_long_transaction", Items::Rows;
    database "database";
    labels "kind", "holder";
    gauges "xmin_age";
    measures "age_seconds";
    texts "user_name" = "user", "application", "state", "query";
}

element_table! {
    /// What long commands are at.
    PROGRESS: "pg_progress", Items::Rows;
    database "datname";
    labels "command";
    numbers "pid";
    gauges "relid" = "progress.relid", "heap_blks_total" = "progress.heap_blks_total",
        "heap_blks_scanned" = "progress.heap_blks_scanned", "heap_blks_vacuumed" = "progress.heap_blks_vacuumed",
        "index_vacuum_count" = "progress.index_vacuum_count", "sample_blks_total" = "progress.sample_blks_total",
        "sample_blks_scanned" = "progress.sample_blks_scanned", "blocks_total" = "progress.blocks_total",
        "blocks_done" = "progress.blocks_done", "tuples_total" = "progress.tuples_total",
        "tuples_done" = "progress.tuples_done", "tuples_processed" = "progress.tuples_processed",
        "bytes_total" = "progress.bytes_total", "bytes_processed" = "progress.bytes_processed",
        "backup_total" = "progress.backup_total", "backup_streamed" = "progress.backup_streamed";
    texts "phase" = "progress.phase";
}

element_table! {
    /// Sessions by who opened them.
    CONNECTION: "pg_connection", Items::Rows;
    database "database";
    labels "user_name" = "user", "application", "state";
    levels "ssl";
    gauges "sessions";
    measures "oldest_seconds", "longest_in_state_seconds";
}

element_table! {
    /// `pg_prepared_xacts`.
    PREPARED_XACT: "pg_prepared_xact", Items::Rows;
    database "database";
    labels "gid";
    gauges "xid_age";
    measures "age_seconds";
    texts "owner";
}
