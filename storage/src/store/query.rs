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
    /// At most this many elements.
    pub limit: u32,
    /// `next_cursor` of the page before; opaque to callers.
    pub cursor: Option<String>,
}

/// A page of elements, ordered by (time, position, ordinal).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ElementPage {
    /// Each element as JSON text, as it was sent.
    pub data: Vec<String>,
    /// Where the next page starts; `None` at the end.
    pub next_cursor: Option<String>,
}

/// What makes a query a top query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryOrder {
    /// By longest single execution (`max_time`), descending.
    Slow,
    /// By executions within the window, descending.
    Frequent,
}

/// Top queries of one collector.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CollectorQuery {
    /// Whose.
    pub collector: CollectorId,
    /// Slow or frequent.
    pub order: QueryOrder,
    /// Not older than this, inclusive.
    pub from: Timestamp,
    /// Older than this, exclusive.
    pub to: Timestamp,
    /// At most this many.
    pub limit: u32,
}

/// Samples of one query.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StatsQuery {
    /// `queryid` of pg_stat_statements.
    pub query_hash: i64,
    /// Not older than this, inclusive.
    pub from: Timestamp,
    /// Older than this, exclusive.
    pub to: Timestamp,
}

/// What one query did in a window or between two samples: counters are differences, never since-reset totals.
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
}

/// One point of a timeline: the difference between two consecutive samples.
pub type StatsRow = QueryStats;

pub(crate) fn rfc3339<S: serde::Serializer>(
    time: &Timestamp,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}
