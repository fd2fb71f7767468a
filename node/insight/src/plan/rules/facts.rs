//! What a rule knows beside the plan.

use std::collections::{BTreeMap, BTreeSet};

/// What is known about a statement, its server and its tables. Nothing is assumed of what is not
/// told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlanFacts {
    /// Further plans of this structure that were seen.
    pub other_plans: u32,
    /// Calls of the statement a day.
    pub calls_per_day: Option<f64>,
    /// Usual execution time of the statement in milliseconds.
    pub baseline_ms: Option<f64>,
    /// Mean planning time by `pg_stat_statements` in milliseconds.
    pub mean_planning_ms: Option<f64>,
    /// Mean execution time by `pg_stat_statements` in milliseconds.
    pub mean_execution_ms: Option<f64>,
    /// Share of the plans of the last hour that missed workers, from 0 to 1.
    pub plans_missing_workers: Option<f64>,
    /// Largest by smallest number of rows that a function of the plan gave, over all plans.
    pub function_rows_ratio: Option<f64>,
    /// Whether the statement maintains the database, such as CREATE INDEX.
    pub is_maintenance: Option<bool>,
    /// Memory of the server's machine in bytes.
    pub memory_bytes: Option<f64>,
    /// Share of the machine's processors that work, from 0 to 1.
    pub cpu_busy: Option<f64>,
    /// Constraints whose triggers are deferred by choice.
    pub deferred_constraints: BTreeSet<String>,
    /// CTEs that call volatile functions.
    pub volatile_ctes: BTreeSet<String>,
    /// Tables by name.
    pub tables: BTreeMap<String, TableFacts>,
    /// Indexes by name.
    pub indexes: BTreeMap<String, IndexFacts>,
}

/// What is known about a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TableFacts {
    /// Its size in blocks of 8 KiB.
    pub pages: Option<f64>,
    /// Rows changed since it was analysed, by its rows.
    pub changed_share: Option<f64>,
    /// Rows written a day, by its rows.
    pub written_share_per_day: Option<f64>,
    /// Share of its pages that hold the rows of the statement, by the columns' correlation.
    pub needed_page_share: Option<f64>,
    /// How often it is read from end to end a day.
    pub seq_scans_per_day: Option<f64>,
    /// Columns that it is partitioned by, of its parent if it is a partition.
    pub partition_key: Option<BTreeSet<String>>,
    /// Foreign server that it is on.
    pub server: Option<String>,
    /// Whether its foreign data wrapper can leave conditions to the other server.
    pub has_pushdown: Option<bool>,
}

/// What is known about an index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexFacts {
    /// Columns that it includes beside its keys.
    pub included: BTreeSet<String>,
}
