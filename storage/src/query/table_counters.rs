//! What some tables of a server have counted, sample by sample.

use pga_config::CollectorId;

use super::{OneSelect, Row, Select};
use crate::store::catalogue::ColumnType;
use crate::store::mapper::Value;
use crate::{Result, Timestamp};

/// Samples of tables of one collector, as `pg_stats` tells them: of each database the hundred with
/// most rows. Their counters are as they stood, so a caller that wants differences makes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableCounters {
    /// Whose.
    pub collector: CollectorId,
    /// Only tables of these names, in any schema and database; at least one.
    pub names: Vec<String>,
    /// Not older than this, inclusive.
    pub from: Timestamp,
    /// Older than this, exclusive.
    pub to: Timestamp,
    /// At most so many rows, the newest.
    pub limit: u32,
}

/// One table in one sample.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TableCounter {
    /// The database.
    pub database: String,
    /// The schema.
    pub schema: String,
    /// The table.
    pub name: String,
    /// Second of the sample since 1970.
    pub second: i64,
    /// Rows that sequential scans have read, and rows that were inserted, updated and deleted.
    pub counters: [f64; 4],
}

const COUNTERS: [&str; 4] = ["seq_tup_read", "n_tup_ins", "n_tup_upd", "n_tup_del"];

impl OneSelect for TableCounters {
    /// By sample, oldest first; those that do not tell all four counters are left out.
    type Answer = Vec<TableCounter>;

    fn select(&self) -> Select {
        let mut types = vec![ColumnType::Text; 3];
        types.push(ColumnType::Bigint);
        types.extend([ColumnType::Bigint; 4]);
        let mut select = Select::new("", types);
        let collector = select.bind(Value::Uuid(self.collector.get()));
        let from = select.bind(Value::Time(self.from));
        let to = select.bind(Value::Time(self.to));
        let names = self.names.iter();
        let names = names.map(|name| select.bind(Value::Text(name.clone())));
        let names = names.collect::<Vec<String>>().join(", ");
        let limit = select.bind(Value::Int(i64::from(self.limit)));
        let known = COUNTERS.map(|counter| format!(" AND {counter} IS NOT NULL"));
        select.push(&format!(
            "SELECT database_name, schema_name, table_name, [bucket 1000000] AS second, {counters} \
             FROM [metrics_pg_stats_table] WHERE collector_id = {collector} AND time >= {from} \
             AND time < {to} AND table_name IN ({names}){known} ORDER BY time DESC LIMIT {limit}",
            counters = COUNTERS.join(", "),
            known = known.concat(),
        ));
        select
    }

    fn answer(&self, rows: Vec<Row>) -> Result<Self::Answer> {
        let text = |row: &Row, column| row.text(column).unwrap_or_default().to_owned();
        let counter = |row: &Row, column| row.int(column).unwrap_or_default() as f64;
        let sample = |row: &Row| TableCounter {
            database: text(row, 0),
            schema: text(row, 1),
            name: text(row, 2),
            second: row.int(3).unwrap_or_default(),
            counters: [4, 5, 6, 7].map(|column| counter(row, column)),
        };
        Ok(rows.iter().rev().map(sample).collect())
    }
}
