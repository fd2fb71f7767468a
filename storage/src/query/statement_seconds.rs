//! What some statements of a server did between samples, by the second of the sample.

use pga_config::CollectorId;

use super::{OneSelect, Row, Select};
use crate::store::catalogue::ColumnType;
use crate::store::mapper::Value;
use crate::{Result, Timestamp};

/// Samples of statements of one collector. Their differences are of the interval before them, so a
/// caller that wants minutes spreads them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementSeconds {
    /// Whose.
    pub collector: CollectorId,
    /// Which statements; none for the sums of all of them.
    pub hashes: Vec<i64>,
    /// Not older than this, inclusive.
    pub from: Timestamp,
    /// Older than this, exclusive.
    pub to: Timestamp,
    /// At most so many rows, the newest.
    pub limit: u32,
}

/// One statement (or all of a database) in one sample, over all users; counters are differences.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StatementSecond {
    /// The database.
    pub database: String,
    /// `queryid`; 0 for all.
    pub query_hash: i64,
    /// Second of the sample since 1970.
    pub second: i64,
    /// Calls.
    pub calls: f64,
    /// Milliseconds.
    pub total_ms: f64,
    /// Rows.
    pub rows: f64,
    /// Shared blocks read.
    pub reads: f64,
    /// Milliseconds of reading and writing blocks.
    pub io_ms: f64,
    /// Seconds since the sample before.
    pub interval_seconds: f64,
}

impl OneSelect for StatementSeconds {
    /// By sample, oldest first.
    type Answer = Vec<StatementSecond>;

    fn select(&self) -> Select {
        let mut types = vec![ColumnType::Text, ColumnType::Bigint, ColumnType::Bigint];
        types.extend([ColumnType::Float8; 6]);
        let mut select = Select::new("", types);
        let collector = select.bind(Value::Uuid(self.collector.get()));
        let from = select.bind(Value::Time(self.from));
        let to = select.bind(Value::Time(self.to));
        let hashes: Vec<String> = self
            .hashes
            .iter()
            .map(|hash| select.bind(Value::Int(*hash)))
            .collect();
        let (hash, only, group) = match hashes.is_empty() {
            true => ("CAST(0 AS bigint)", String::new(), ""),
            false => {
                let only = format!(" AND query_hash IN ({})", hashes.join(", "));
                ("query_hash", only, ", query_hash")
            }
        };
        let limit = select.bind(Value::Int(i64::from(self.limit)));
        select.push(&format!(
            "SELECT database_name, {hash}, [bucket 1000000] AS second, \
             CAST(sum(calls_delta) AS double precision), \
             CAST(sum(total_time_delta) AS double precision), \
             CAST(sum(rows_delta) AS double precision), \
             CAST(sum(shared_blks_read_delta) AS double precision), \
             CAST(sum(coalesce(blk_read_time_delta, 0) + coalesce(blk_write_time_delta, 0)) \
             AS double precision), \
             CAST(max(interval_seconds) AS double precision) \
             FROM [metrics_pg_stats_query] WHERE collector_id = {collector} AND time >= {from} \
             AND time < {to}{only} AND calls_delta IS NOT NULL \
             GROUP BY database_name{group}, 3 ORDER BY 3 DESC LIMIT {limit}",
        ));
        select
    }

    fn answer(&self, rows: Vec<Row>) -> Result<Self::Answer> {
        let float = |row: &Row, column| row.float(column).unwrap_or_default();
        let second = |row: &Row| StatementSecond {
            database: row.text(0).unwrap_or_default().to_owned(),
            query_hash: row.int(1).unwrap_or_default(),
            second: row.int(2).unwrap_or_default(),
            calls: float(row, 3),
            total_ms: float(row, 4),
            rows: float(row, 5),
            reads: float(row, 6),
            io_ms: float(row, 7),
            interval_seconds: float(row, 8),
        };
        Ok(rows.iter().rev().map(second).collect())
    }
}
