//! Sizes, ages and bloat of relations, and what autovacuum has to do, as our collector sends them.

use super::Items;
use super::element::{ONE, element_table};

element_table! {
    /// Sizes of tables.
    TABLE_SIZE: "pg_table_size", Items::Rows;
    database "database";
    numbers "relid";
    gauges "heap_bytes", "indexes_bytes", "toast_bytes", "total_bytes";
    texts "schemaname" = "schema", "relname" = "name";
}

element_table! {
    /// The tables that are frozen next.
    FREEZE: "pg_freeze", Items::Rows;
    database "database";
    labels "schemaname" = "schema", "relname" = "name";
    gauges "xid_age", "mxid_age", "relpages", "freeze_max_age";
    measures "reltuples";
    texts "relkind";
}

element_table! {
    /// What autovacuum has to do.
    AUTOVACUUM: "pg_autovacuum", ONE;
    database "database";
    gauges "workers", "workers_here", "wraparound_workers", "over_vacuum", "over_insert", "over_analyze", "disabled",
        "max_workers";
    flags "is_on";
}

element_table! {
    /// How much of each sequence is used.
    SEQUENCE: "pg_sequence", Items::Rows;
    database "database";
    labels "schemaname" = "schema", "sequence_name" = "name";
    gauges "last_value", "min_value", "max_value", "increment_by";
    measures "used_share";
    texts "data_type", "table_name", "column_name", "column_type";
    flags "is_cycle" = "cycle";
}

element_table! {
    /// Estimated bloat of tables and indexes.
    BLOAT_ESTIMATE: "pg_bloat_estimate", Items::Rows;
    database "database";
    labels "kind", "schemaname" = "schema", "relation";
    gauges "pages", "expected_pages", "wasted_bytes";
    measures "wasted_share";
    texts "table_name", "confidence";
}
