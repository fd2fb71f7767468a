//! What can be asked of a store.

use pga_config::CollectorId;
use serde::Serialize;

use crate::Timestamp;

/// Which elements of a collector, and where to go on.
#[derive(Clone, Debug, PartialEq)]
pub struct ElementQuery {
    /// Whose.
    pub collector: CollectorId,
    /// Only this type; plain samples are `samples`.
    pub kind: Option<String>,
    /// Not older than this, inclusive.
    pub from: Option<Timestamp>,
    /// Older than this, exclusive.
    pub to: Option<Timestamp>,
    /// Which end comes first.
    pub order: ElementOrder,
    /// At most this many elements.
    pub limit: u32,
    /// `next_cursor` of the page before; opaque to callers.
    pub cursor: Option<String>,
}

/// Which end of a collector's elements a page begins at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ElementOrder {
    /// The oldest first.
    #[default]
    Ascending,
    /// The newest first.
    Descending,
}

/// A page of elements, ordered by (time, position, ordinal).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ElementPage {
    /// Each element as JSON text, as it was sent.
    pub data: Vec<String>,
    /// Where the next page starts; `None` at the end.
    pub next_cursor: Option<String>,
}

/// What makes a query a top query. Ties are ordered by query hash, database and user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryOrder {
    /// By mean time of the executions within the window, descending.
    Mean,
    /// By time spent within the window, descending.
    Total,
    /// By the greatest mean of one interval within the window, descending.
    Max,
    /// By executions within the window, descending.
    Calls,
}

/// Top queries of one collector.
#[derive(Clone, Debug, PartialEq)]
pub struct CollectorQuery {
    /// Whose.
    pub collector: CollectorId,
    /// Only of this database.
    pub database: Option<String>,
    /// What comes first.
    pub order: QueryOrder,
    /// Not older than this, inclusive.
    pub from: Timestamp,
    /// Older than this, exclusive.
    pub to: Timestamp,
    /// At most this many.
    pub limit: u32,
}

/// Samples of one query.
#[derive(Clone, Debug, PartialEq)]
pub struct StatsQuery {
    /// `queryid` of pg_stat_statements.
    pub query_hash: i64,
    /// Only of this collector.
    pub collector: Option<CollectorId>,
    /// Only of this database.
    pub database: Option<String>,
    /// Not older than this, inclusive.
    pub from: Timestamp,
    /// Older than this, exclusive.
    pub to: Timestamp,
    /// At most so many, the newest.
    pub limit: u32,
}

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
    #[serde(serialize_with = "crate::store::query::rfc3339")]
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
    pub stddev_time: f64,
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
    /// The longest execution since the statement's counting began, in milliseconds; `max_time` is
    /// the greatest mean of one interval.
    pub max_time_lifetime: f64,
    /// Lists: the share of the window, 0 to 1, that this statement's samples cover without a gap.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage: Option<f64>,
    /// Timelines: the difference spans a gap ([`super::top_queries::GAP_SECONDS`]).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub gap: bool,
}

impl QueryStats {
    /// The same with the counters of [`super::top_queries::COUNTERS`], by their places: whole ones,
    /// times, and those that a server may not have sent.
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

/// One point of a timeline: the difference between two consecutive samples.
pub type StatsRow = QueryStats;

pub(crate) fn rfc3339<S: serde::Serializer>(
    time: &Timestamp,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}
