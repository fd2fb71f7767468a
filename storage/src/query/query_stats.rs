//! What a statement did.

use serde::Serialize;

use crate::Timestamp;

/// What one query did in a window or between two samples: counters are differences, never
/// since-reset totals.
///
/// Serialises to the contract's QueryStats (appendix A), without `id`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[expect(
    missing_docs,
    reason = "the fields are the columns of pg_stat_statements, named in the contract"
)]
pub struct QueryStats {
    #[serde(serialize_with = "rfc3339")]
    pub time: Timestamp,
    pub collector_id: String,
    pub database_name: String,
    pub user_name: String,
    pub query_hash: i64,
    pub query_text: String,
    pub calls: i64,
    pub total_time: f64,
    pub mean_time: f64,
    pub min_time: f64,
    pub max_time: f64,
    /// Of the executions that it tells of; `None` (null) where the samples do not tell.
    pub stddev_time: Option<f64>,
    pub rows: i64,
    pub shared_blks_hit: i64,
    pub shared_blks_read: i64,
    pub shared_blks_dirtied: i64,
    pub shared_blks_written: i64,
    pub local_blks_hit: i64,
    pub local_blks_read: i64,
    pub local_blks_dirtied: i64,
    pub local_blks_written: i64,
    pub temp_blks_read: i64,
    pub temp_blks_written: i64,
    pub blk_read_time: f64,
    pub blk_write_time: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wal_records: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wal_fpi: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wal_bytes: Option<i64>,
    /// The longest execution since the statement's counting began, in milliseconds. `max_time` and
    /// `min_time` are the greatest and least mean of one interval, or those of executions where the
    /// server counted them anew since the window began (`minmax_stats_since`).
    pub max_time_lifetime: f64,
    /// Lists: the share of the window, 0 to 1, that this statement's samples cover without a gap.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage: Option<f64>,
    /// Timelines: the difference spans a gap ([`is_gap`](crate::store::query_rollup::is_gap)).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub gap: bool,
}

impl QueryStats {
    /// The same with the mean time of its calls.
    pub(crate) fn with_mean(self) -> Self {
        let mean_time = if self.calls > 0 {
            self.total_time / self.calls as f64
        } else {
            0.0
        };
        Self { mean_time, ..self }
    }

    /// The same with the counters of [`COUNTERS`](crate::store::query_rollup::COUNTERS), by their
    /// places: whole ones, times, and those that a server may not have sent.
    pub(crate) fn with_counters(
        self,
        int: impl Fn(usize) -> i64,
        float: impl Fn(usize) -> f64,
        sent: impl Fn(usize) -> Option<i64>,
    ) -> Self {
        Self {
            calls: int(0),
            total_time: float(1),
            rows: int(2),
            shared_blks_hit: int(3),
            shared_blks_read: int(4),
            shared_blks_dirtied: int(5),
            shared_blks_written: int(6),
            local_blks_hit: int(7),
            local_blks_read: int(8),
            local_blks_dirtied: int(9),
            local_blks_written: int(10),
            temp_blks_read: int(11),
            temp_blks_written: int(12),
            blk_read_time: float(13),
            blk_write_time: float(14),
            wal_records: sent(15),
            wal_fpi: sent(16),
            wal_bytes: sent(17),
            ..self
        }
    }
}

impl QueryStats {
    /// Adds what other rows of the same statement did in the same time.
    pub(crate) fn add(&mut self, other: &Self) {
        let sent = |one: Option<i64>, other: Option<i64>| match (one, other) {
            (Some(one), Some(other)) => Some(one + other),
            (one, other) => one.or(other),
        };
        self.calls += other.calls;
        self.total_time += other.total_time;
        self.rows += other.rows;
        self.shared_blks_hit += other.shared_blks_hit;
        self.shared_blks_read += other.shared_blks_read;
        self.shared_blks_dirtied += other.shared_blks_dirtied;
        self.shared_blks_written += other.shared_blks_written;
        self.local_blks_hit += other.local_blks_hit;
        self.local_blks_read += other.local_blks_read;
        self.local_blks_dirtied += other.local_blks_dirtied;
        self.local_blks_written += other.local_blks_written;
        self.temp_blks_read += other.temp_blks_read;
        self.temp_blks_written += other.temp_blks_written;
        self.blk_read_time += other.blk_read_time;
        self.blk_write_time += other.blk_write_time;
        self.wal_records = sent(self.wal_records, other.wal_records);
        self.wal_fpi = sent(self.wal_fpi, other.wal_fpi);
        self.wal_bytes = sent(self.wal_bytes, other.wal_bytes);
        self.min_time = self.min_time.min(other.min_time);
        self.max_time = self.max_time.max(other.max_time);
        self.max_time_lifetime = self.max_time_lifetime.max(other.max_time_lifetime);
        self.gap |= other.gap;
    }
}

fn rfc3339<S: serde::Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}
