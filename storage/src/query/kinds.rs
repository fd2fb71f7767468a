//! Which types of elements a collector sent in a window, how many, and how often.

use pga_config::CollectorId;

use super::{OneSelect, Row, Select};
use crate::store::catalogue::ColumnType;
use crate::store::mapper::Value;
use crate::{Result, Timestamp};

/// The types of a collector's elements in a window; plain samples are not among them.
#[derive(Clone, Debug, PartialEq)]
pub struct Kinds {
    /// Whose.
    pub collector: CollectorId,
    /// Not older than this, inclusive.
    pub from: Timestamp,
    /// Older than this, exclusive.
    pub to: Timestamp,
}

/// One type of elements.
#[derive(Clone, Debug, PartialEq)]
pub struct KindSummary {
    /// The type.
    pub kind: String,
    /// How many in the window.
    pub elements: i64,
    /// Time of the first one in the window.
    pub first: Timestamp,
    /// Time of the last one.
    pub last: Timestamp,
    /// Mean time between two collections, in seconds; `None` with one collection.
    pub cadence_seconds: Option<f64>,
}

impl OneSelect for Kinds {
    /// By type.
    type Answer = Vec<KindSummary>;

    fn select(&self) -> Select {
        let columns = vec![
            ColumnType::Text,
            ColumnType::Bigint,
            ColumnType::Timestamptz,
            ColumnType::Timestamptz,
            ColumnType::Bigint,
        ];
        let mut select = Select::new("", columns);
        let collector = select.bind(Value::Uuid(self.collector.get()));
        let from = select.bind(Value::Time(self.from));
        let to = select.bind(Value::Time(self.to));
        select.push(&format!(
            "SELECT kind, count(*), min(time), max(time), count(DISTINCT time) FROM [elements] \
             WHERE collector_id = {collector} AND time >= {from} AND time < {to} \
             GROUP BY kind ORDER BY kind"
        ));
        select
    }

    fn answer(&self, rows: Vec<Row>) -> Result<Self::Answer> {
        let summary = |row: &Row| {
            let time = |column| row.time(column).unwrap_or_default();
            let (first, last) = (time(2), time(3));
            let intervals = row.int(4).unwrap_or_default() - 1;
            let seconds = (last.micros() - first.micros()) as f64 / 1e6;
            KindSummary {
                kind: row.text(0).unwrap_or_default().to_owned(),
                elements: row.int(1).unwrap_or_default(),
                first,
                last,
                cadence_seconds: (intervals > 0).then(|| seconds / intervals as f64),
            }
        };
        Ok(rows.iter().map(summary).collect())
    }
}
