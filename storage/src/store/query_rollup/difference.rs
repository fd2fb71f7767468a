//! Differences of statements, as the flush stores them.

use crate::Timestamp;
use crate::store::catalogue::ColumnType;

/// The counters of [`QueryStats`](crate::query::QueryStats) that are differences, as columns of
/// `metrics_pg_stats_query` without their `_delta`, in the order of the fields.
pub const COUNTERS: [&str; 18] = [
    "calls",
    "total_time",
    "rows",
    "shared_blks_hit",
    "shared_blks_read",
    "shared_blks_dirtied",
    "shared_blks_written",
    "local_blks_hit",
    "local_blks_read",
    "local_blks_dirtied",
    "local_blks_written",
    "temp_blks_read",
    "temp_blks_written",
    "blk_read_time",
    "blk_write_time",
    "wal_records",
    "wal_fpi",
    "wal_bytes",
];

/// Which rows of a statement, where a client tells them apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The client does not tell.
    #[default]
    Any,
    /// Those that functions ran.
    Nested,
    /// Those that clients ran.
    Top,
}

impl Level {
    /// From the column `toplevel`.
    pub const fn new(is_top: Option<bool>) -> Self {
        match is_top {
            None => Self::Any,
            Some(false) => Self::Nested,
            Some(true) => Self::Top,
        }
    }

    pub(super) const fn to_word(self) -> u64 {
        match self {
            Self::Any => 0,
            Self::Nested => 1,
            Self::Top => 2,
        }
    }

    pub(super) const fn from_word(word: u64) -> Self {
        match word {
            1 => Self::Nested,
            2 => Self::Top,
            _ => Self::Any,
        }
    }
}

/// One difference of a statement.
#[derive(Clone, Debug, Default)]
pub struct Difference {
    /// When its interval ends.
    pub time: Timestamp,
    /// Length of its interval, in seconds.
    pub interval: f64,
    /// Usual length in its history, in seconds.
    pub usual: Option<f64>,
    /// Database and user.
    pub names: [String; 2],
    /// `queryid`.
    pub hash: i64,
    /// Which rows of it.
    pub level: Level,
    /// `min_time`, `stddev_time` and `max_time` as the server said.
    pub lifetime: [f64; 3],
    /// Since when the server counts `min_time` and `max_time`, where it says.
    pub minmax_since: Option<Timestamp>,
    /// Difference of the sum of squares of execution times, in square milliseconds.
    pub squares: Option<f64>,
    /// In the order of [`COUNTERS`]; `None` where the client did not send one.
    pub counters: [Option<f64>; COUNTERS.len()],
}

/// The columns of a [`Difference`], in the order of its fields.
pub fn difference_columns() -> String {
    let deltas = COUNTERS.map(|name| format!("{name}_delta"));
    format!(
        "time, interval_seconds, database_name, user_name, query_hash, min_time, stddev_time, \
         max_time, usual_seconds, minmax_stats_since, squares_delta, toplevel, {}",
        deltas.join(", ")
    )
}

/// The type of a counter's difference: times are in milliseconds, with a fraction.
pub fn counter_type(name: &str) -> ColumnType {
    if name.ends_with("_time") {
        ColumnType::Float8
    } else {
        ColumnType::Bigint
    }
}
