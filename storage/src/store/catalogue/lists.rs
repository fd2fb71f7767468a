//! Long lists of our collector's: tables, indexes, statements, columns, and how indexes and
//! constraints are defined.
//!
//! Each is a view on the table of elements. As rows they take several times what their compressed
//! elements do (figures in `docs/benchmarks.md`); a view has the same columns, and takes nothing.
//! A list tells the rows that changed since the one before, and all of them once an hour.

use super::column::{bigint, boolean, float, text, time};
use super::{Column, Items, Table, Written};

/// The view of the lists of a type. Columns that are new go to the end: PostgreSQL can only add to
/// a view.
const fn view(
    name: &'static str,
    kind: &'static str,
    key: &'static [&'static str],
    own: &'static [Column],
) -> Table {
    Table {
        schema: "metrics",
        name,
        kind,
        items: Items::Rows,
        written: Written::Always,
        own,
        unfilled: &[],
        rate_key: key,
        indexes: &[],
        chunk_days: 7,
    }
}

/// Where one list is of one database.
const DATABASE: Column = super::column::DATABASE_NAME;

/// Counters and ages of tables.
pub(super) static TABLE: Table = view(
    "metrics_pg_table",
    "pg_table",
    &["database_name", "relid"],
    &[
        DATABASE,
        bigint("relid"),
        text("schemaname"),
        text("relname"),
        bigint("seq_scan"),
        bigint("seq_tup_read"),
        bigint("idx_scan"),
        bigint("idx_tup_fetch"),
        bigint("n_tup_ins"),
        bigint("n_tup_upd"),
        bigint("n_tup_del"),
        bigint("n_tup_hot_upd"),
        bigint("n_tup_newpage_upd"),
        bigint("n_live_tup"),
        bigint("n_dead_tup"),
        bigint("n_mod_since_analyze"),
        bigint("n_ins_since_vacuum"),
        bigint("vacuum_count"),
        bigint("autovacuum_count"),
        bigint("analyze_count"),
        bigint("autoanalyze_count"),
        float("total_vacuum_time"),
        float("total_autovacuum_time"),
        float("total_analyze_time"),
        float("total_autoanalyze_time"),
        bigint("heap_blks_read"),
        bigint("heap_blks_hit"),
        bigint("idx_blks_read"),
        bigint("idx_blks_hit"),
        bigint("toast_blks_read"),
        bigint("toast_blks_hit"),
        float("reltuples"),
        bigint("relpages"),
        bigint("relallvisible"),
        bigint("xid_age"),
        bigint("mxid_age"),
        text("relkind"),
        text("relpersistence"),
        text("reloptions"),
        boolean("relispartition"),
        time("last_seq_scan"),
        time("last_idx_scan"),
        time("last_vacuum"),
        time("last_autovacuum"),
        time("last_analyze"),
        time("last_autoanalyze"),
    ],
);

/// Counters and properties of indexes.
pub(super) static INDEX: Table = view(
    "metrics_pg_index",
    "pg_index",
    &["database_name", "indexrelid"],
    &[
        DATABASE,
        bigint("indexrelid"),
        bigint("relid"),
        text("schemaname"),
        text("relname"),
        text("indexrelname"),
        bigint("idx_scan"),
        bigint("idx_tup_read"),
        bigint("idx_tup_fetch"),
        bigint("idx_blks_read"),
        bigint("idx_blks_hit"),
        bigint("relpages"),
        float("reltuples"),
        boolean("is_unique"),
        boolean("is_primary"),
        boolean("is_exclusion"),
        boolean("is_valid"),
        boolean("is_ready"),
        boolean("is_replica_identity"),
        boolean("is_partial"),
        boolean("is_expression"),
        text("method"),
        text("columns"),
        text("constraint_name"),
        time("last_idx_scan"),
    ],
);

/// Counters of statements. Their differences, sums and texts are in `metrics_pg_stats_query`.
pub(super) static STATEMENT: Table = view(
    "metrics_pg_statement",
    "pg_statement",
    &["userid", "dbid", "toplevel", "queryid"],
    &[
        text("database_name").from("database"),
        text("user_name").from("user"),
        bigint("userid"),
        bigint("dbid"),
        boolean("toplevel"),
        bigint("queryid"),
        bigint("calls"),
        float("total_exec_time"),
        float("min_exec_time"),
        float("max_exec_time"),
        float("mean_exec_time"),
        float("stddev_exec_time"),
        bigint("rows"),
        bigint("plans"),
        float("total_plan_time"),
        float("min_plan_time"),
        float("max_plan_time"),
        float("mean_plan_time"),
        float("stddev_plan_time"),
        bigint("shared_blks_hit"),
        bigint("shared_blks_read"),
        bigint("shared_blks_dirtied"),
        bigint("shared_blks_written"),
        bigint("local_blks_hit"),
        bigint("local_blks_read"),
        bigint("local_blks_dirtied"),
        bigint("local_blks_written"),
        bigint("temp_blks_read"),
        bigint("temp_blks_written"),
        // Up to 16 under the alias, which is what 17 and later tell apart from local blocks.
        float("shared_blk_read_time").or_from("blk_read_time"),
        float("shared_blk_write_time").or_from("blk_write_time"),
        float("local_blk_read_time"),
        float("local_blk_write_time"),
        float("temp_blk_read_time"),
        float("temp_blk_write_time"),
        bigint("wal_records"),
        bigint("wal_fpi"),
        bigint("wal_bytes"),
        bigint("wal_buffers_full"),
        bigint("jit_functions"),
        float("jit_generation_time"),
        bigint("jit_inlining_count"),
        float("jit_inlining_time"),
        bigint("jit_optimization_count"),
        float("jit_optimization_time"),
        bigint("jit_emission_count"),
        float("jit_emission_time"),
        bigint("jit_deform_count"),
        float("jit_deform_time"),
        bigint("parallel_workers_to_launch"),
        bigint("parallel_workers_launched"),
        time("stats_since"),
        time("minmax_stats_since"),
    ],
);

/// Columns, and what the planner knows about them.
pub(super) static COLUMN: Table = view(
    "metrics_pg_column",
    "pg_column",
    &["database_name", "schemaname", "relname", "attname"],
    &[
        DATABASE,
        text("schemaname"),
        text("relname"),
        text("attname"),
        bigint("attnum"),
        text("data_type").from("type"),
        boolean("is_not_null"),
        float("null_frac"),
        float("n_distinct"),
        bigint("avg_width"),
        float("correlation"),
        bigint("mcv_count"),
        float("mcv_frequency"),
        text("mcv_frequencies"),
        bigint("histogram_bounds"),
    ],
);

/// How indexes and constraints are defined.
pub(super) static SCHEMA_OBJECT: Table = view(
    "metrics_pg_schema_object",
    "pg_schema_object",
    &["database_name", "class", "schemaname", "relname", "name"],
    &[
        DATABASE,
        text("class"),
        text("schemaname"),
        text("relname"),
        text("name"),
        text("kind"),
        text("definition"),
        text("predicate"),
        text("columns"),
        text("include"),
        text("foreign_schema"),
        text("foreign_relation"),
        text("foreign_columns"),
    ],
);
