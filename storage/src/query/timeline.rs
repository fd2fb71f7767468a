//! What one statement did between each two samples, from counter differences (design D6).

use pga_config::CollectorId;

use super::{OneSelect, QueryStats, Row, Select};
use crate::store::catalogue::ColumnType;
use crate::store::mapper::Value;
use crate::store::query_rollup::{COUNTERS, counter_type, deviation, is_gap};
use crate::{Result, Timestamp};

/// The timeline of a statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Timeline {
    /// `queryid` of pg_stat_statements.
    pub query_hash: i64,
    /// Only of this collector.
    pub collector: Option<CollectorId>,
    /// Only of this database.
    pub database: Option<String>,
    /// Not older than this, inclusive.
    pub from: Timestamp,
    /// Older than this, exclusive.
    pub to: Timestamp,
    /// At most so many points, the newest.
    pub limit: u32,
}

/// Rows that make up one point: a statement may run at top level and nested.
const LEVELS: i64 = 2;

/// Columns before the counters, which follow in the order of [`COUNTERS`].
const HEAD: [(&str, ColumnType); 12] = [
    ("time", ColumnType::Timestamptz),
    ("collector_id", ColumnType::Uuid),
    ("database_name", ColumnType::Text),
    ("user_name", ColumnType::Text),
    ("query_hash", ColumnType::Bigint),
    ("query_text", ColumnType::Text),
    ("min_time", ColumnType::Float8),
    ("max_time", ColumnType::Float8),
    ("interval_seconds", ColumnType::Float8),
    ("usual_seconds", ColumnType::Float8),
    ("squares_delta", ColumnType::Float8),
    ("minmax_stats_since", ColumnType::Timestamptz),
];

impl OneSelect for Timeline {
    /// Oldest first; those of one time by collector, database and user.
    type Answer = Vec<QueryStats>;

    fn select(&self) -> Select {
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
        let hash = select.bind(Value::Int(self.query_hash));
        let from = select.bind(Value::Time(self.from));
        let to = select.bind(Value::Time(self.to));
        select.push(&format!(
            "SELECT {} FROM [metrics_pg_stats_query] WHERE query_hash = {hash} \
             AND time >= {from} AND time < {to} AND calls_delta IS NOT NULL",
            names.join(", ")
        ));
        if let Some(database) = &self.database {
            let database = select.bind(Value::Text(database.clone()));
            select.push(&format!(" AND database_name = {database}"));
        }
        if let Some(collector) = self.collector {
            let collector = select.bind(Value::Uuid(collector.get()));
            select.push(&format!(" AND collector_id = {collector}"));
        }
        let limit = select.bind(Value::Int(i64::from(self.limit) * LEVELS));
        let order = "ORDER BY time DESC, collector_id, database_name, user_name, log_index DESC, \
            ordinal DESC";
        select.push(&format!(" {order} LIMIT {limit}"));
        select
    }

    fn answer(&self, rows: Vec<Row>) -> Result<Self::Answer> {
        let mut points: Vec<Point> = rows.iter().map(point).collect();
        points.sort_by(|a, b| a.place().cmp(&b.place()));
        let mut added: Vec<Point> = Vec::new();
        for point in points {
            match added.last_mut() {
                Some(last) if last.place() == point.place() => last.add(&point),
                _ => added.push(point),
            }
        }
        let beyond = added.len().saturating_sub(self.limit as usize);
        let newest = added.into_iter().skip(beyond);
        Ok(newest.map(Point::finish).collect())
    }
}

/// A point in the making.
struct Point {
    stats: QueryStats,
    squares: Option<f64>,
    /// The extremes are those of its executions.
    is_exact: bool,
}

fn point(row: &Row) -> Point {
    let text = |column| row.text(column).unwrap_or_default().to_owned();
    let int = |counter| row.int(HEAD.len() + counter).unwrap_or_default();
    let float = |counter| row.float(HEAD.len() + counter).unwrap_or_default();
    let time = row.time(0).unwrap_or_default();
    let interval = row.float(8).unwrap_or_default();
    let begin = Timestamp::from_micros(time.micros() - (interval * 1e6) as i64);
    let max_time = row.float(7).unwrap_or_default();
    let stats = QueryStats {
        time,
        collector_id: row.uuid(1).map(|id| id.to_string()).unwrap_or_default(),
        database_name: text(2),
        user_name: text(3),
        query_hash: row.int(4).unwrap_or_default(),
        query_text: text(5),
        min_time: row.float(6).unwrap_or_default(),
        max_time,
        max_time_lifetime: max_time,
        gap: is_gap(interval, row.float(9)),
        ..QueryStats::default()
    };
    Point {
        stats: stats.with_counters(int, float, |counter| row.int(HEAD.len() + counter)),
        squares: row.float(10),
        is_exact: row.time(11).is_some_and(|since| since >= begin),
    }
}

impl Point {
    fn place(&self) -> (Timestamp, &str, &str, &str) {
        let stats = &self.stats;
        let names = (&stats.collector_id, &stats.database_name, &stats.user_name);
        (stats.time, names.0, names.1, names.2)
    }

    /// With what another level did.
    fn add(&mut self, other: &Self) {
        self.stats.add(&other.stats);
        self.squares = self
            .squares
            .zip(other.squares)
            .map(|(one, other)| one + other);
        self.is_exact &= other.is_exact;
    }

    fn finish(self) -> QueryStats {
        let mut stats = self.stats.with_mean();
        let calls = stats.calls as f64;
        stats.stddev_time = self
            .squares
            .and_then(|squares| deviation(calls, stats.total_time, squares));
        if !self.is_exact {
            (stats.min_time, stats.max_time) = (stats.mean_time, stats.mean_time);
        }
        stats
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_in_the_order_of_time_whatever_the_database() {
        let timeline = Timeline {
            query_hash: 1,
            collector: None,
            database: None,
            from: Timestamp::from_micros(0),
            to: Timestamp::from_micros(9),
            limit: 9,
        };
        let row = |(database, at): (&str, i64)| {
            let mut values = vec![Value::Null; timeline.select().columns().len()];
            values[0] = Value::Time(Timestamp::from_micros(at));
            values[2] = Value::Text(database.to_owned());
            values[HEAD.len()] = Value::Int(2);
            values[HEAD.len() + 1] = Value::Float(3.0);
            Row::new(values)
        };
        let rows = [("b", 2), ("b", 1), ("a", 2)].map(row);
        let points = timeline.answer(rows.to_vec()).unwrap();
        let got: Vec<_> = points
            .iter()
            .map(|p| (p.time.micros(), p.database_name.as_str(), p.max_time))
            .collect();
        assert_eq!(got, [(1, "b", 1.5), (2, "a", 1.5), (2, "b", 1.5)]);
    }
}
