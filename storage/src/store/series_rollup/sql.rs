//! The statements that seal. Their parameters are the collector and the begin of a span in Unix
//! seconds, [`Statements::hours`] takes the end of a range besides.

use super::{DAY, HOUR, ROWS};
use crate::store::catalogue::Table;

/// Which database's SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// PostgreSQL with TimescaleDB.
    Postgres,
    /// SQLite.
    Sqlite,
}

/// The statements for one table.
#[derive(Debug)]
pub(crate) struct Statements {
    dialect: Dialect,
    table: &'static Table,
}

const INTO: &str = "(collector_id, table_name, seconds, start, database_name, column_name, \
    n, total, least, most)";

impl Statements {
    pub(crate) const fn new(dialect: Dialect, table: &'static Table) -> Self {
        Self { dialect, table }
    }

    fn p(&self, n: u32) -> String {
        match self.dialect {
            Dialect::Postgres => format!("${n}"),
            Dialect::Sqlite => format!("?{n}"),
        }
    }

    fn rollups(&self) -> &'static str {
        match self.dialect {
            Dialect::Postgres => "metrics.series_rollups",
            Dialect::Sqlite => "series_rollups",
        }
    }

    /// Where the rows stand.
    fn from(&self) -> String {
        match self.dialect {
            Dialect::Postgres => self.table.qualified(),
            Dialect::Sqlite => self.table.name.to_owned(),
        }
    }

    /// Unix seconds, as what times are compared with.
    fn time(&self, seconds: &str) -> String {
        match self.dialect {
            Dialect::Postgres => format!("to_timestamp(({seconds})::bigint)"),
            Dialect::Sqlite => format!("({seconds}) * 1000000"),
        }
    }

    /// Begins of the hours from parameter 2 to before parameter 3 that have rows.
    pub(crate) fn hours(&self) -> String {
        let hour = match self.dialect {
            Dialect::Postgres => {
                format!("(floor(extract(epoch FROM time) / {HOUR}) * {HOUR})::bigint")
            }
            Dialect::Sqlite => {
                format!("(time / {HOUR}000000 - (time % {HOUR}000000 < 0)) * {HOUR}")
            }
        };
        format!(
            "SELECT DISTINCT {hour} FROM {from} WHERE collector_id = {collector} \
             AND time >= {begin} AND time < {end}",
            from = self.from(),
            collector = self.p(1),
            begin = self.time(&self.p(2)),
            end = self.time(&self.p(3)),
        )
    }

    /// Forgets a span of so many seconds.
    pub(crate) fn forget(&self, seconds: i64) -> String {
        format!(
            "DELETE FROM {} WHERE collector_id = {} AND table_name = '{}' AND seconds = {seconds} \
             AND start = {}",
            self.rollups(),
            self.p(1),
            self.table.name,
            self.p(2),
        )
    }

    /// Sums the rows of an hour.
    pub(crate) fn seal_hour(&self) -> String {
        let database = match self.table.position("database_name") {
            Some(_) => "coalesce(database_name, '')",
            None => "''",
        };
        let (collector, start) = (self.collector(), self.start());
        let (begin, end) = (
            self.time(&self.p(2)),
            self.time(&format!("{start} + {HOUR}")),
        );
        let of = |column: &str| {
            let (n, total, least, most) = match column {
                ROWS => ("count(*)".to_owned(), "NULL", "NULL", "NULL"),
                _ => (format!("count({column})"), "sum", "min", "max"),
            };
            let value = |function: &str| match function {
                "NULL" => format!("CAST(NULL AS {})", self.float()),
                // A sum of whole numbers may be no whole number of 64 bits.
                "sum" => format!("sum(CAST({column} AS {}))", self.float()),
                _ => format!("CAST({function}({column}) AS {})", self.float()),
            };
            format!(
                "SELECT {collector}, '{table}', {HOUR}, {start}, {database}, '{column}', {n}, {}, {}, {} \
                 FROM {from} WHERE collector_id = {collector} AND time >= {begin} AND time < {end} \
                 GROUP BY {group} HAVING {n} > 0",
                value(total),
                value(least),
                value(most),
                table = self.table.name,
                from = self.from(),
                group = self.group(database),
            )
        };
        let columns = std::iter::once(ROWS).chain(self.table.charted_columns());
        let parts: Vec<String> = columns.map(of).collect();
        format!(
            "INSERT INTO {} {INTO} {}",
            self.rollups(),
            parts.join(" UNION ALL ")
        )
    }

    /// Sums the hours of a day.
    pub(crate) fn seal_day(&self) -> String {
        let (collector, start) = (self.collector(), self.start());
        format!(
            "INSERT INTO {rollups} {INTO} SELECT collector_id, table_name, {DAY}, {start}, \
             database_name, column_name, CAST(sum(n) AS bigint), sum(total), min(least), max(most) \
             FROM {rollups} WHERE collector_id = {collector} AND table_name = '{table}' \
             AND seconds = {HOUR} AND start >= {start} AND start < {start} + {DAY} \
             GROUP BY collector_id, table_name, database_name, column_name",
            rollups = self.rollups(),
            table = self.table.name,
        )
    }

    /// The collector, with its type.
    fn collector(&self) -> String {
        match self.dialect {
            Dialect::Postgres => "$1::uuid".to_owned(),
            Dialect::Sqlite => "?1".to_owned(),
        }
    }

    /// The begin, with its type.
    fn start(&self) -> String {
        match self.dialect {
            Dialect::Postgres => "$2::bigint".to_owned(),
            Dialect::Sqlite => "?2".to_owned(),
        }
    }

    const fn float(&self) -> &'static str {
        match self.dialect {
            Dialect::Postgres => "double precision",
            Dialect::Sqlite => "REAL",
        }
    }

    /// What rows are grouped by: a constant cannot be.
    fn group(&self, database: &str) -> String {
        match database {
            "''" => "collector_id".to_owned(),
            _ => database.to_owned(),
        }
    }
}
