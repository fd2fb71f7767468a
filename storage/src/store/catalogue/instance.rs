//! Counters and states of a whole server, as our collector sends them.

use super::Items;
use super::element::{ONE, element_table};

element_table! {
    /// `pg_stat_wal`, and where the server writes.
    WAL: "pg_wal", ONE;
    counters "wal_bytes", "wal_records", "wal_fpi", "wal_buffers_full", "wal_write", "wal_sync", "lsn_bytes";
    durations "wal_write_time", "wal_sync_time";
    texts "lsn";
    times "stats_reset";
}

element_table! {
    /// `pg_stat_checkpointer`.
    CHECKPOINTER: "pg_checkpointer", ONE;
    counters "num_timed", "num_requested", "num_done", "restartpoints_timed", "restartpoints_req",
        "restartpoints_done", "buffers_written", "slru_written";
    durations "write_time", "sync_time";
    texts "redo_lsn";
    times "checkpoint_time", "stats_reset";
}

element_table! {
    /// `pg_stat_bgwriter`.
    BGWRITER: "pg_bgwriter", ONE;
    counters "buffers_alloc", "buffers_clean", "maxwritten_clean", "buffers_backend", "buffers_backend_fsync";
    times "stats_reset";
}

element_table! {
    /// `pg_stat_io`.
    IO: "pg_io", Items::Rows;
    labels "backend_type", "object", "context";
    counters "reads", "read_bytes", "writes", "write_bytes", "writebacks", "extends", "extend_bytes",
        "hits", "evictions", "reuses", "fsyncs";
    durations "read_time", "write_time", "writeback_time", "extend_time", "fsync_time";
    gauges "op_bytes";
    times "stats_reset";
}

element_table! {
    /// `pg_stat_slru`.
    SLRU: "pg_slru", Items::Rows;
    labels "name";
    counters "blks_hit", "blks_zeroed", "blks_read", "blks_written", "blks_exists", "flushes", "truncates";
    times "stats_reset";
}

element_table! {
    /// `pg_stat_archiver`.
    ARCHIVER: "pg_archiver", ONE;
    counters "archived_count", "failed_count";
    measures "last_archived_age_seconds", "last_failed_age_seconds";
    texts "archive_mode", "last_archived_wal", "last_failed_wal";
    times "last_archived_time", "last_failed_time", "stats_reset";
}

element_table! {
    /// `pg_stat_database`, and ages of transaction ids.
    DATABASE: "pg_database", Items::Rows;
    database "datname";
    counters "xact_commit", "xact_rollback", "blks_read", "blks_hit", "tup_returned", "tup_fetched",
        "tup_inserted", "tup_updated", "tup_deleted", "conflicts", "temp_files", "temp_bytes", "deadlocks",
        "checksum_failures", "sessions", "sessions_abandoned", "sessions_fatal", "sessions_killed",
        "parallel_workers_to_launch", "parallel_workers_launched";
    durations "blk_read_time", "blk_write_time", "session_time", "active_time", "idle_in_transaction_time";
    gauges "numbackends", "xid_age", "mxid_age", "connection_limit";
    flags "allows_connections", "is_template";
    times "stats_reset", "checksum_last_failure";
}

element_table! {
    /// `pg_stat_database_conflicts`, on a standby.
    RECOVERY_CONFLICT: "pg_recovery_conflict", Items::Rows;
    database "datname";
    counters "confl_snapshot", "confl_lock", "confl_bufferpin", "confl_deadlock", "confl_tablespace",
        "confl_active_logicalslot";
}

element_table! {
    /// Whether `pg_stat_statements` keeps up.
    STATEMENT_HEALTH: "pg_statement_health", ONE;
    counters "dealloc";
    gauges "entries", "max_entries" = "max";
    texts "track", "track_planning", "track_utility", "save";
    times "stats_reset";
}

element_table! {
    /// Which server it is.
    IDENTITY: "pg_identity", ONE;
    gauges "client_backends", "max_connections", "timeline", "server_version_num";
    texts "system_identifier", "role_name" = "role", "server_version", "data_checksums", "wal_segment_size",
        "encoding", "time_zone", "lc_messages", "compute_query_id";
    times "postmaster_start_time", "conf_load_time";
}

element_table! {
    /// `pg_tablespace`.
    TABLESPACE: "pg_tablespace", Items::Rows;
    labels "name";
    gauges "size_bytes";
    texts "location";
}
