//! When a server was started.

use pga_config::CollectorId;

use super::{OneSelect, Row, Select};
use crate::store::catalogue::ColumnType;
use crate::store::mapper::Value;
use crate::{Result, Timestamp};

/// The starts of the server of one collector that its samples (`pg_identity`) of a time tell.
#[derive(Clone, Debug)]
pub struct Starts {
    /// Whose.
    pub collector: CollectorId,
    /// Samples not older than this, inclusive.
    pub from: Timestamp,
    /// Older than this, exclusive.
    pub to: Timestamp,
}

impl OneSelect for Starts {
    /// `postmaster_start_time`, each once, the oldest first; the first may be long before `from`.
    type Answer = Vec<Timestamp>;

    fn select(&self) -> Select {
        let mut select = Select::new("", vec![ColumnType::Timestamptz]);
        let collector = select.bind(Value::Uuid(self.collector.get()));
        let from = select.bind(Value::Time(self.from));
        let to = select.bind(Value::Time(self.to));
        select.push(&format!(
            "SELECT DISTINCT postmaster_start_time FROM [metrics_pg_identity] \
             WHERE collector_id = {collector} AND time >= {from} AND time < {to} \
             AND postmaster_start_time IS NOT NULL ORDER BY postmaster_start_time"
        ));
        select
    }

    fn answer(&self, rows: Vec<Row>) -> Result<Self::Answer> {
        Ok(rows.iter().filter_map(|row| row.time(0)).collect())
    }
}
