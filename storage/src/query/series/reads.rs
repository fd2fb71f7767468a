//! The statements. Rows and sums have the same columns: bucket, database, how many rows; then for
//! each measure how many values, their sum, the least and the greatest.

use pga_config::CollectorId;

use super::Series;
use super::pieces::Range;
use crate::query::Select;
use crate::store::catalogue::ColumnType;
use crate::store::mapper::Value;
use crate::store::series_rollup::ROWS;

const DATABASE: &str = "database_name";

/// Which hours of a table of a collector are sealed: the first, and the first that is not.
pub(in crate::query) fn mark(collector: CollectorId, table: &str) -> Select {
    let mut select = Select::new("", vec![ColumnType::Bigint, ColumnType::Bigint]);
    let collector = select.bind(Value::Uuid(collector.get()));
    select.push(&format!(
        "SELECT since, sealed FROM [series_rollup_marks] \
         WHERE collector_id = {collector} AND table_name = '{table}'"
    ));
    select
}

impl Series {
    /// Sums the rows of a range.
    pub(super) fn raw(&self, (from, to): Range) -> Select {
        let has_database = self.table.position(DATABASE).is_some();
        let (database, group) = match has_database {
            true => (DATABASE, ", database_name"),
            false => ("''", ""),
        };
        let measures = self.measures.iter().map(|measure| {
            let column = measure.column;
            format!(
                ", count({column}), sum(CAST({column} AS double precision)), \
                 CAST(min({column}) AS double precision), CAST(max({column}) AS double precision)"
            )
        });
        let measures: String = measures.collect();
        let mut select = Select::new("", self.columns());
        let collector = select.bind(Value::Uuid(self.collector.get()));
        let from = select.bind(Value::Time(from));
        let to = select.bind(Value::Time(to));
        let only = self.only(&mut select, has_database);
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

    /// Adds up the sums over spans of so many seconds in a range.
    pub(super) fn sealed(&self, seconds: i64, (from, to): Range) -> Select {
        let of = |function: &str, value: &str, column: &str| {
            format!("{function}(CASE WHEN column_name = '{column}' THEN {value} END)")
        };
        let measures = self.measures.iter().map(|measure| {
            let column = measure.column;
            format!(
                ", CAST({} AS bigint), {}, {}, {}",
                of("sum", "n", column),
                of("sum", "total", column),
                of("min", "least", column),
                of("max", "most", column),
            )
        });
        let measures: String = measures.collect();
        let mut select = Select::new("", self.columns());
        let collector = select.bind(Value::Uuid(self.collector.get()));
        let from = select.bind(Value::Int(from.micros().div_euclid(1_000_000)));
        let to = select.bind(Value::Int(to.micros().div_euclid(1_000_000)));
        let only = self.only(&mut select, self.table.position(DATABASE).is_some());
        let limit = select.bind(Value::Int(i64::from(self.limit)));
        select.push(&format!(
            "SELECT start / {step} AS bucket, {DATABASE}, CAST({rows} AS bigint){measures} \
             FROM [series_rollups] WHERE collector_id = {collector} AND table_name = '{table}' \
             AND seconds = {seconds} AND start >= {from} AND start < {to}{only} \
             GROUP BY 1, {DATABASE} ORDER BY 1 DESC, {DATABASE} LIMIT {limit}",
            step = self.step_micros.max(1) / 1_000_000,
            rows = of("sum", "n", ROWS),
            table = self.table.name,
        ));
        select
    }

    fn columns(&self) -> Vec<ColumnType> {
        let mut types = vec![ColumnType::Bigint, ColumnType::Text, ColumnType::Bigint];
        for _ in &self.measures {
            types.push(ColumnType::Bigint);
            types.extend([ColumnType::Float8; 3]);
        }
        types
    }

    /// The condition on the database.
    fn only(&self, select: &mut Select, has_database: bool) -> String {
        match &self.database {
            Some(name) if has_database => {
                let name = select.bind(Value::Text(name.clone()));
                format!(" AND {DATABASE} = {name}")
            }
            _ => String::new(),
        }
    }
}
