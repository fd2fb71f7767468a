//! When statements were seen first, as far as their samples are kept.

use pga_config::CollectorId;

use super::{OneSelect, Row, Select};
use crate::store::catalogue::ColumnType;
use crate::store::mapper::Value;
use crate::{Result, Timestamp};

/// The oldest sample of each of some statements of one collector.
#[derive(Clone, Debug)]
pub struct FirstSeen {
    /// Whose.
    pub collector: CollectorId,
    /// Query ids with their databases.
    pub statements: Vec<(i64, String)>,
}

impl OneSelect for FirstSeen {
    /// In the order of the statements; `None` of which there is no sample.
    type Answer = Vec<Option<Timestamp>>;

    fn select(&self) -> Select {
        let types = vec![ColumnType::Bigint, ColumnType::Timestamptz];
        let mut select = Select::new("", types);
        let collector = select.bind(Value::Uuid(self.collector.get()));
        let listed = self.statements.iter().zip(0..);
        let listed = listed.map(|((hash, database), n)| {
            let hash = select.bind(Value::Int(*hash));
            let database = select.bind(Value::Text(database.clone()));
            format!("({n}, CAST({hash} AS bigint), CAST({database} AS text))")
        });
        let listed = listed.collect::<Vec<_>>().join(", ");
        select.push(&match listed.is_empty() {
            // Neither database takes VALUES without any.
            true => {
                format!("SELECT 0, time FROM [elements] WHERE collector_id = {collector} AND 1 = 0")
            }
            false => format!(
                "SELECT CAST(s.column1 AS bigint), (SELECT t.time FROM [metrics_pg_stats_query] t \
                 WHERE t.query_hash = s.column2 AND [not by index t.collector_id] = {collector} \
                 AND t.database_name = s.column3 ORDER BY t.time LIMIT 1) \
                 FROM (VALUES {listed}) AS s ORDER BY 1"
            ),
        });
        select
    }

    fn answer(&self, rows: Vec<Row>) -> Result<Self::Answer> {
        let mut found = vec![None; self.statements.len()];
        for row in rows {
            let place = row.int(0).and_then(|place| usize::try_from(place).ok());
            if let Some(cell) = place.and_then(|place| found.get_mut(place)) {
                *cell = row.time(1);
            }
        }
        Ok(found)
    }
}
