//! What one statement did between each two samples, from counter differences (design D6).

use super::{Question, Row, Select};
use crate::Result;
use crate::store::catalogue::ColumnType;
use crate::store::mapper::Value;
use crate::store::top_queries::{self, COUNTERS, GAP_SECONDS};
use crate::store::{QueryStats, StatsQuery};

/// The timeline of a statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Timeline(pub StatsQuery);

/// Columns before the counters, which follow in the order of [`COUNTERS`].
const HEAD: [(&str, ColumnType); 10] = [
    ("time", ColumnType::Timestamptz),
    ("collector_id", ColumnType::Uuid),
    ("database_name", ColumnType::Text),
    ("user_name", ColumnType::Text),
    ("query_hash", ColumnType::Bigint),
    ("query_text", ColumnType::Text),
    ("min_time", ColumnType::Float8),
    ("stddev_time", ColumnType::Float8),
    ("max_time", ColumnType::Float8),
    ("interval_seconds", ColumnType::Float8),
];

impl Question for Timeline {
    /// Oldest first.
    type Answer = Vec<QueryStats>;

    fn select(&self) -> Select {
        let Self(query) = self;
        let counters = COUNTERS.map(|name| (format!("{name}_delta"), counter_type(name)));
        let names: Vec<&str> = HEAD
            .iter()
            .map(|(name, _)| *name)
            .chain(counters.iter().map(|(name, _)| name.as_str()))
            .collect();
        let types = HEAD
            .iter()
            .map(|(_, ty)| *ty)
            .chain(counters.iter().map(|(_, ty)| *ty));
        let mut select = Select::new("", types.collect());
        let hash = select.bind(Value::Int(query.query_hash));
        let from = select.bind(Value::Time(query.from));
        let to = select.bind(Value::Time(query.to));
        select.push(&format!(
            "SELECT {} FROM [metrics_pg_stats_query] WHERE query_hash = {hash} \
             AND time >= {from} AND time < {to} AND calls_delta IS NOT NULL",
            names.join(", ")
        ));
        if let Some(database) = &query.database {
            let database = select.bind(Value::Text(database.clone()));
            select.push(&format!(" AND database_name = {database}"));
        }
        if let Some(collector) = query.collector {
            let collector = select.bind(Value::Uuid(collector.get()));
            select.push(&format!(" AND collector_id = {collector}"));
        }
        let limit = select.bind(Value::Int(i64::from(query.limit)));
        let order = "ORDER BY time DESC, log_index DESC, ordinal DESC";
        select.push(&format!(" {order} LIMIT {limit}"));
        select
    }

    fn answer(&self, rows: Vec<Row>) -> Result<Self::Answer> {
        let points = rows.iter().map(point).collect();
        Ok(top_queries::timeline(points))
    }
}

fn counter_type(name: &str) -> ColumnType {
    if name.ends_with("_time") {
        ColumnType::Float8
    } else {
        ColumnType::Bigint
    }
}

fn point(row: &Row) -> QueryStats {
    let text = |column| row.text(column).unwrap_or_default().to_owned();
    let int = |counter| row.int(HEAD.len() + counter).unwrap_or_default();
    let float = |counter| row.float(HEAD.len() + counter).unwrap_or_default();
    QueryStats {
        time: row.time(0).unwrap_or_default(),
        collector_id: row.uuid(1).map(|id| id.to_string()).unwrap_or_default(),
        database_name: text(2),
        user_name: text(3),
        query_hash: row.int(4).unwrap_or_default(),
        query_text: text(5),
        min_time: row.float(6).unwrap_or_default(),
        stddev_time: row.float(7).unwrap_or_default(),
        max_time_lifetime: row.float(8).unwrap_or_default(),
        gap: row
            .float(9)
            .is_some_and(|seconds| seconds > f64::from(GAP_SECONDS)),
        ..QueryStats::default()
    }
    .with_counters(int, float, |counter| row.int(HEAD.len() + counter))
}
