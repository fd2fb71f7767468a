//! What each statement of a server did in each part of a window.

use pga_config::CollectorId;

use super::{OneSelect, Row, Select};
use crate::store::catalogue::ColumnType;
use crate::store::mapper::Value;
use crate::{Result, Timestamp};

/// The parts of a window of one collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatementParts {
    /// Whose.
    pub collector: CollectorId,
    /// Not older than this, inclusive.
    pub from: Timestamp,
    /// Older than this, exclusive.
    pub to: Timestamp,
    /// Length of a part, in microseconds.
    pub step_micros: i64,
    /// At most so many rows.
    pub limit: u32,
}

/// One statement in one part, over all users; counters are differences.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StatementPart {
    /// The database.
    pub database: String,
    /// `queryid`.
    pub query_hash: i64,
    /// Number of the part since 1970.
    pub part: i64,
    /// Calls.
    pub calls: i64,
    /// Milliseconds.
    pub total_ms: f64,
    /// Rows.
    pub rows: i64,
    /// Shared blocks, found or read.
    pub blocks: i64,
}

impl OneSelect for StatementParts {
    /// By database, statement and part.
    type Answer = Vec<StatementPart>;

    fn select(&self) -> Select {
        let types = vec![
            ColumnType::Text,
            ColumnType::Bigint,
            ColumnType::Bigint,
            ColumnType::Bigint,
            ColumnType::Float8,
            ColumnType::Bigint,
            ColumnType::Bigint,
        ];
        let mut select = Select::new("", types);
        let collector = select.bind(Value::Uuid(self.collector.get()));
        let from = select.bind(Value::Time(self.from));
        let to = select.bind(Value::Time(self.to));
        let limit = select.bind(Value::Int(i64::from(self.limit)));
        select.push(&format!(
            "SELECT database_name, query_hash, [bucket {step}] AS part, \
             CAST(sum(calls_delta) AS bigint), CAST(sum(total_time_delta) AS double precision), \
             CAST(sum(rows_delta) AS bigint), \
             CAST(sum(shared_blks_hit_delta + shared_blks_read_delta) AS bigint) \
             FROM [metrics_pg_stats_query] WHERE collector_id = {collector} AND time >= {from} \
             AND time < {to} AND calls_delta IS NOT NULL \
             GROUP BY database_name, query_hash, 3 ORDER BY 1, 2, 3 LIMIT {limit}",
            step = self.step_micros.max(1),
        ));
        select
    }

    fn answer(&self, rows: Vec<Row>) -> Result<Self::Answer> {
        let part = |row: &Row| StatementPart {
            database: row.text(0).unwrap_or_default().to_owned(),
            query_hash: row.int(1).unwrap_or_default(),
            part: row.int(2).unwrap_or_default(),
            calls: row.int(3).unwrap_or_default(),
            total_ms: row.float(4).unwrap_or_default(),
            rows: row.int(5).unwrap_or_default(),
            blocks: row.int(6).unwrap_or_default(),
        };
        Ok(rows.iter().map(part).collect())
    }
}
