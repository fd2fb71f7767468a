//! How collectors themselves are.

use super::Items;
use super::element::{ONE, element_table};

element_table! {
    /// What each source costs.
    COST: "collector_cost", Items::Rows;
    labels "source";
    counters "reads", "failures";
    durations "total_ms";
    gauges "row_count" = "rows", "bytes", "stretch";
    measures "last_ms";
}

element_table! {
    /// What cannot be read.
    GAPS: "collector_gaps", Items::Rows;
    database "database";
    labels "source";
    texts "reason", "sqlstate", "help";
}

element_table! {
    /// How a collector delivers.
    HEALTH: "collector_health", ONE;
    counters "pushes_acknowledged", "pushes_refused", "pushes_failed", "spool_dropped_cycles";
    gauges "uptime_seconds", "spool_cycles", "spool_bytes", "config_version", "config_refused_version";
    measures "clock_ahead_seconds", "clock_error_seconds";
    texts "version", "config_error";
    times "made_at";
}
