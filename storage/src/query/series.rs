//! Columns of a typed table over time, in buckets.

use pga_config::CollectorId;

use super::{OneSelect, Row, Select};
use crate::store::catalogue::{ColumnType, Table};
use crate::store::mapper::Value;
use crate::{Result, Timestamp};

/// How the values of a bucket become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    /// Their mean.
    Avg,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// Their sum: of differences, what happened in the bucket.
    Sum,
}

impl Aggregate {
    const fn sql(self) -> &'static str {
        match self {
            Self::Avg => "avg",
            Self::Min => "min",
            Self::Max => "max",
            Self::Sum => "sum",
        }
    }
}

/// One column and what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    /// Column of the table: a number.
    pub column: &'static str,
    /// How its values of a bucket become one.
    pub aggregate: Aggregate,
}

/// Measures of a typed table of one collector, by bucket and, where the table has one, database.
#[derive(Clone, Debug)]
pub struct Series {
    /// Which table.
    pub table: &'static Table,
    /// What of it.
    pub measures: Vec<Measure>,
    /// Whose.
    pub collector: CollectorId,
    /// Only of this database, where the table has one.
    pub database: Option<String>,
    /// Not older than this, inclusive.
    pub from: Timestamp,
    /// Older than this, exclusive.
    pub to: Timestamp,
    /// Width of a bucket, in microseconds.
    pub step_micros: i64,
    /// At most so many points, the newest.
    pub limit: u32,
}

/// The measures of one bucket.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Begin of the bucket.
    pub time: Timestamp,
    /// Database, or empty where the table has none.
    pub database: String,
    /// Rows in the bucket.
    pub samples: i64,
    /// A value for each measure, in their order; `None` if the bucket has none.
    pub values: Vec<Option<f64>>,
}

const DATABASE: &str = "database_name";

impl OneSelect for Series {
    /// Oldest first.
    type Answer = Vec<Point>;

    fn select(&self) -> Select {
        let has_database = self.table.position(DATABASE).is_some();
        let (database, group) = match has_database {
            true => (DATABASE, ", database_name"),
            false => ("''", ""),
        };
        let mut types = vec![ColumnType::Bigint, ColumnType::Text, ColumnType::Bigint];
        types.extend(self.measures.iter().map(|_| ColumnType::Float8));
        let measures: String = self
            .measures
            .iter()
            .map(|measure| {
                let (function, column) = (measure.aggregate.sql(), measure.column);
                format!(", CAST({function}({column}) AS double precision)")
            })
            .collect();
        let mut select = Select::new("", types);
        let collector = select.bind(Value::Uuid(self.collector.get()));
        let from = select.bind(Value::Time(self.from));
        let to = select.bind(Value::Time(self.to));
        let only = match &self.database {
            Some(name) if has_database => {
                let name = select.bind(Value::Text(name.clone()));
                format!(" AND {DATABASE} = {name}")
            }
            _ => String::new(),
        };
        let limit = select.bind(Value::Int(i64::from(self.limit)));
        select.push(&format!(
            "SELECT [bucket {step}] AS bucket, {database}, count(*){measures} FROM [{table}] \
             WHERE collector_id = {collector} AND time >= {from} AND time < {to}{only} \
             GROUP BY 1{group} ORDER BY 1 DESC{group} LIMIT {limit}",
            step = self.step_micros.max(1),
            table = self.table.name,
        ));
        select
    }

    fn answer(&self, rows: Vec<Row>) -> Result<Self::Answer> {
        let point = |row: &Row| {
            let bucket = row.int(0).unwrap_or_default();
            let values = (0..self.measures.len()).map(|measure| row.float(3 + measure));
            Point {
                time: Timestamp::from_micros(bucket.saturating_mul(self.step_micros.max(1))),
                database: row.text(1).unwrap_or_default().to_owned(),
                samples: row.int(2).unwrap_or_default(),
                values: values.collect(),
            }
        };
        let mut points: Vec<Point> = rows.iter().map(point).collect();
        points.sort_by(|a, b| (a.time, &a.database).cmp(&(b.time, &b.database)));
        Ok(points)
    }
}
