//! What a typed table says now: of each key the newest row of a window.

use pga_config::CollectorId;
use serde_json::{Map, Value as Json, json};

use super::{OneSelect, Row, Select};
use crate::store::catalogue::{ColumnType, Table, VIEWS};
use crate::store::mapper::Value;
use crate::{Result, Timestamp};

/// The newest row of each key in a typed table of one collector.
///
/// Rows of one element share its time: with no key, all rows of the newest element are wanted. The
/// lines of a log are events, none of which takes the place of another: the newest of all.
#[derive(Clone, Debug)]
pub struct Latest {
    /// Which table.
    pub table: &'static Table,
    /// The columns that name a thing; empty for all rows of the newest element of each database.
    pub key: &'static [&'static str],
    /// Whose.
    pub collector: CollectorId,
    /// Only of this database, where the table has one.
    pub database: Option<String>,
    /// Not older than this, inclusive.
    pub from: Timestamp,
    /// Older than this, exclusive.
    pub to: Timestamp,
    /// At most so many rows.
    pub limit: u32,
}

/// Lists that tell what changed tell all rows once in so many seconds, with a margin.
const ALL_WITHIN: u32 = 3 * 3_600;
const DATABASE: &str = "database_name";
/// The type whose rows are events.
const EVENTS: &str = "pg_log";

impl Latest {
    fn columns(&self) -> Vec<(&'static str, ColumnType)> {
        let shown = |name: &&str| !matches!(*name, "collector_id" | "log_index" | "ordinal");
        let columns = self.table.columns().map(|column| (column.name, column.ty));
        columns.filter(|(name, _)| shown(name)).collect()
    }

    /// A view is read from the elements: of these only the last ones, which tell all rows.
    fn recent(&self, collector: &str, from: &str, to: &str) -> String {
        if !VIEWS.iter().any(|view| std::ptr::eq(*view, self.table)) {
            return String::new();
        }
        format!(
            " AND time >= (SELECT max(time) FROM [elements] WHERE collector_id = {collector} \
             AND kind = '{kind}' AND time >= {from} AND time < {to}) - [seconds {ALL_WITHIN}]",
            kind = self.table.kind
        )
    }

    fn has_database(&self) -> bool {
        self.table.position(DATABASE).is_some()
    }
}

impl OneSelect for Latest {
    /// An object for each row, by the names of the columns; NULLs are left out.
    type Answer = Vec<Json>;

    fn select(&self) -> Select {
        let columns = self.columns();
        let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
        let types = columns.iter().map(|(_, ty)| *ty).collect();
        let names = names.join(", ");
        // dense_rank keeps all rows of the newest element; row_number the newest row of a key.
        let (rank, partition) = match (self.key, self.has_database()) {
            ([], true) => ("dense_rank()", DATABASE.to_owned()),
            ([], false) => ("dense_rank()", "collector_id".to_owned()),
            (key, _) => ("row_number()", key.join(", ")),
        };
        let newest = |order: &str| match self.table.kind == EVENTS {
            true => "1".to_owned(),
            false => format!("{rank} OVER (PARTITION BY {partition} ORDER BY {order})"),
        };
        let order = match self.key {
            [] => "time DESC, log_index DESC",
            _ => "time DESC, log_index DESC, ordinal DESC",
        };
        let mut select = Select::new("", types);
        let collector = select.bind(Value::Uuid(self.collector.get()));
        let from = select.bind(Value::Time(self.from));
        let to = select.bind(Value::Time(self.to));
        let database = match &self.database {
            Some(name) if self.has_database() => {
                let name = select.bind(Value::Text(name.clone()));
                format!(" AND {DATABASE} = {name}")
            }
            _ => String::new(),
        };
        let recent = self.recent(&collector, &from, &to);
        let limit = select.bind(Value::Int(i64::from(self.limit)));
        select.push(&format!(
            "SELECT {names} FROM (SELECT {names}, ordinal, {newest} AS newest \
             FROM [{table}] WHERE collector_id = {collector} AND time >= {from} AND time < {to}\
             {recent}{database}) AS ranked WHERE newest = 1 ORDER BY time DESC, ordinal LIMIT {limit}",
            newest = newest(order),
            table = self.table.name,
        ));
        select
    }

    fn answer(&self, rows: Vec<Row>) -> Result<Self::Answer> {
        let columns = self.columns();
        let object = |row: &Row| {
            let values = columns.iter().zip(row.values());
            let members =
                values.filter_map(|((name, _), value)| Some(((*name).to_owned(), json_of(value)?)));
            Json::Object(members.collect::<Map<_, _>>())
        };
        Ok(rows.iter().map(object).collect())
    }
}

/// A value as the API shows it; nothing for NULL.
fn json_of(value: &Value) -> Option<Json> {
    match value {
        Value::Null | Value::Bytes(_) => None,
        Value::Int(number) => Some(json!(number)),
        Value::Float(number) => Some(json!(number)),
        Value::Bool(flag) => Some(json!(flag)),
        Value::Text(text) => Some(json!(text)),
        Value::Time(time) => Some(json!(time.to_string())),
        Value::Uuid(id) => Some(json!(id.to_string())),
    }
}
