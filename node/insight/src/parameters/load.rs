//! What was measured, by subject.

use serde::{Deserialize, Serialize};

/// What spilled to disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpillKind {
    /// A sort (P5).
    Sort,
    /// A hash join (P6).
    Hash,
    /// A hashed aggregate (P7).
    Aggregate,
    /// Temporary blocks by `pg_stat_statements`; nobody knows of what.
    #[default]
    Unknown,
}

/// A statement that writes temporary files.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spill {
    /// Its fingerprint.
    pub fingerprint: i64,
    /// Role that calls it.
    pub role: String,
    /// What spilled.
    pub kind: SpillKind,
    /// Bytes on disk of one call and one process.
    pub bytes: f64,
    /// Calls a day.
    pub calls_per_day: f64,
    /// Nodes of its plan that take work_mem.
    pub nodes: f64,
    /// Workers of its plan.
    pub workers: f64,
    /// Self share of the spilling node of the execution, from 0 to 1.
    pub share: Option<f64>,
    /// Mean time of a call in milliseconds.
    pub mean_ms: Option<f64>,
}

/// A vacuum of one table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VacuumRun {
    /// The table, with its schema.
    pub relation: String,
    /// How often it read all indexes.
    pub index_scans: f64,
    /// Row ids that it removed.
    pub dead_ids: f64,
}

/// Buffers and what is read past them, over a day or more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cache {
    /// Share of blocks found in the buffers, from 0 to 1.
    pub hit_share: Option<f64>,
    /// Mean time of a read in milliseconds.
    pub read_ms: Option<f64>,
    /// Buffers that clients gave up for others, a second.
    pub evictions_per_second: Option<f64>,
    /// Page cache of the system in bytes.
    pub page_cache_bytes: Option<f64>,
    /// All tables and indexes of the server in bytes.
    pub data_bytes: Option<f64>,
}

/// What reads cost, from `pg_stat_io` by context.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReadCost {
    /// Time of a random read in milliseconds.
    pub random_ms: f64,
    /// Time of a block of a sequential read in milliseconds.
    pub sequential_ms: f64,
    /// Days that were measured.
    pub days: f64,
}

/// Bitmap scans of a role.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BitmapReads {
    /// The role.
    pub role: String,
    /// Share of the bitmap scans' time that goes into reads, from 0 to 1.
    pub read_share: f64,
    /// Whether the disk has no arm.
    pub is_ssd: bool,
}

/// Checkpoints and WAL, over a day or more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Checkpoints {
    /// Checkpoints by time.
    pub timed: f64,
    /// Checkpoints by request, which is by the size of WAL.
    pub requested: f64,
    /// WAL in one checkpoint_timeout at its busiest, in bytes.
    pub wal_bytes_per_timeout: Option<f64>,
    /// Share of WAL that is images of full pages, from 0 to 1.
    pub full_page_share: Option<f64>,
}

/// Autovacuum's work.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Autovacuum {
    /// Tables over their trigger.
    pub tables: Vec<TableVacuum>,
    /// Share of the day in which all workers are busy, from 0 to 1.
    pub all_busy_share: f64,
}

/// A table over its trigger.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TableVacuum {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Its rows.
    pub rows: f64,
    /// Its dead rows.
    pub dead: f64,
    /// Minutes since it passed the trigger.
    pub overdue_minutes: f64,
    /// Scale factor of its own.
    pub scale_factor: Option<f64>,
}

/// Vacuums against wraparound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Freeze {
    /// Transaction ids a day.
    pub xids_per_day: f64,
}

/// A column whose estimates are wrong (P1).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ColumnMisestimate {
    /// Schema of the table.
    pub schema: String,
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// Plan structures in which its estimate is wrong.
    pub structures: u32,
    /// Statistics target of its own.
    pub target: Option<f64>,
    /// Most common values in its statistics.
    pub common_values: f64,
}

/// Sessions by the limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Connections {
    /// Sessions by max_connections at their most, from 0 to 1.
    pub used_share: f64,
    /// Share of these that are idle, from 0 to 1.
    pub idle_share: f64,
}

/// Idle transactions of a role that hold others up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct IdleHolder {
    /// The role.
    pub role: String,
    /// Longest that one held others up, in seconds.
    pub longest_seconds: f64,
    /// The 99.9th percentile of idle times that held nobody up, in seconds.
    pub harmless_p999_seconds: f64,
}

/// DDL of a role that waits for locks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DdlWait {
    /// The role.
    pub role: String,
    /// Most sessions that queued behind it.
    pub queued: f64,
    /// Longest wait in seconds.
    pub longest_seconds: f64,
}

/// Statements of a role that run away.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunAway {
    /// The role.
    pub role: String,
    /// Longest statement in milliseconds.
    pub longest_ms: f64,
    /// 99th percentile in milliseconds.
    pub p99_ms: f64,
    /// 99.9th percentile in milliseconds.
    pub p999_ms: f64,
}

/// Compilation that a role waits for (P14).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct JitLoad {
    /// The role.
    pub role: String,
    /// Families whose plans compile.
    pub fingerprints: Vec<i64>,
    /// Share of planning and execution, from 0 to 1.
    pub share: f64,
    /// Compilation a call in milliseconds.
    pub ms_per_call: f64,
    /// Planning and execution a call in milliseconds.
    pub mean_ms: f64,
    /// Calls a day.
    pub calls_per_day: f64,
}

/// Plans that missed workers (P13).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MissingWorkers {
    /// Share of the parallel plans of an hour, from 0 to 1.
    pub share: f64,
}

/// A role whose plans are generic (cause 6) or wrong for some parameters (cause 7).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanChoice {
    /// The role.
    pub role: String,
    /// The family.
    pub fingerprint: i64,
    /// Whether the plan is generic; else parameters are skewed.
    pub is_generic: bool,
    /// Time by the better plan's, at least 1.
    pub slower: f64,
}

/// A statement that gives more rows than its client takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RowLoad {
    /// The family.
    pub fingerprint: i64,
    /// Rows that a call gives.
    pub rows_per_call: f64,
    /// Rows that the client takes, by its fetches or by the time it stays.
    pub rows_taken: Option<f64>,
}

/// A family that inserts single rows (W16).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Inserts {
    /// The family.
    pub fingerprint: i64,
    /// Calls a second in its bursts.
    pub calls_per_second: f64,
    /// Commits a second of the database in the same seconds.
    pub commits_per_second: f64,
    /// Mean size of a row in bytes.
    pub row_bytes: Option<f64>,
}
