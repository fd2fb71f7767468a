//! The statements that seal. Parameters are the collector, as the elements name it, and times or
//! begins of spans in Unix seconds.

use super::RelationSums;
use crate::store::catalogue::ColumnType;
use crate::store::series_rollup::{DAY, Dialect, HOUR};

/// The statements for one type of lists.
#[derive(Debug)]
pub(crate) struct Statements {
    dialect: Dialect,
    of: &'static RelationSums,
}

impl Statements {
    pub(crate) const fn new(dialect: Dialect, of: &'static RelationSums) -> Self {
        Self { dialect, of }
    }

    /// The table of sums.
    pub(crate) fn table(&self) -> String {
        match self.dialect {
            Dialect::Postgres => self.of.qualified(),
            Dialect::Sqlite => self.of.name.to_owned(),
        }
    }

    /// Makes the table.
    pub(crate) fn create(&self) -> String {
        let name = |ty: ColumnType| match self.dialect {
            Dialect::Postgres => ty.postgres(),
            Dialect::Sqlite => ty.sqlite(),
        };
        let key = [
            ("collector_id", ColumnType::Uuid),
            ("seconds", ColumnType::Int),
            ("start", ColumnType::Bigint),
            ("database_name", ColumnType::Text),
            (self.of.id, ColumnType::Bigint),
        ];
        let mut lines: Vec<String> = key
            .iter()
            .map(|(column, ty)| format!("{column} {} NOT NULL", name(*ty)))
            .collect();
        let names = self.of.names.iter();
        lines.extend(names.map(|column| format!("{column} {}", name(ColumnType::Text))));
        lines.push(format!("samples {} NOT NULL", name(ColumnType::Bigint)));
        let sums = self.of.counters.iter();
        lines.extend(sums.map(|column| format!("{column}_delta {}", name(ColumnType::Float8))));
        let key = key.map(|(column, _)| column).join(", ");
        lines.push(format!("PRIMARY KEY ({key})"));
        let rowid = match self.dialect {
            Dialect::Postgres => "",
            Dialect::Sqlite => " WITHOUT ROWID",
        };
        let (table, lines) = (self.table(), lines.join(", "));
        format!("CREATE TABLE IF NOT EXISTS {table} ({lines}){rowid}")
    }

    /// All columns, in the order in which rows are written.
    pub(crate) fn columns(&self) -> String {
        let sums = self.of.counters.iter();
        let sums: Vec<String> = sums.map(|column| format!("{column}_delta")).collect();
        format!(
            "collector_id, seconds, start, database_name, {}, {}, samples, {}",
            self.of.id,
            self.of.names.join(", "),
            sums.join(", ")
        )
    }

    /// The types of the columns.
    pub(crate) fn types(&self) -> Vec<ColumnType> {
        let mut types = vec![
            ColumnType::Uuid,
            ColumnType::Int,
            ColumnType::Bigint,
            ColumnType::Text,
            ColumnType::Bigint,
        ];
        types.extend(self.of.names.iter().map(|_| ColumnType::Text));
        types.push(ColumnType::Bigint);
        types.extend(self.of.counters.iter().map(|_| ColumnType::Float8));
        types
    }

    /// Forgets a span of so many seconds: of a collector, by its begin.
    pub(crate) fn forget(&self, seconds: i64) -> String {
        let (table, collector, start) = (self.table(), self.p(1, "uuid"), self.p(2, "bigint"));
        format!(
            "DELETE FROM {table} WHERE collector_id = {collector} AND seconds = {seconds} AND start = {start}"
        )
    }

    /// Sums the hours of a day: of a collector, by the day's begin.
    pub(crate) fn seal_day(&self) -> String {
        let (collector, start) = (self.p(1, "uuid"), self.p(2, "bigint"));
        let names = self.of.names.iter();
        let names: Vec<String> = names.map(|column| format!("max({column})")).collect();
        let sums = self.of.counters.iter();
        let sums: Vec<String> = sums.map(|column| format!("sum({column}_delta)")).collect();
        format!(
            "INSERT INTO {table} ({columns}) SELECT collector_id, {DAY}, {start}, database_name, {id}, \
             {names}, CAST(sum(samples) AS bigint), {sums} FROM {table} \
             WHERE collector_id = {collector} AND seconds = {HOUR} AND start >= {start} AND start < {start} + {DAY} \
             GROUP BY collector_id, database_name, {id}",
            table = self.table(),
            columns = self.columns(),
            id = self.of.id,
            names = names.join(", "),
            sums = sums.join(", "),
        )
    }

    /// Deletes sums that ended at a time, in microseconds, or before.
    pub(crate) fn drop_before(&self) -> String {
        let micros = self.p(1, "bigint");
        format!(
            "DELETE FROM {} WHERE (start + seconds) * 1000000 <= {micros}",
            self.table()
        )
    }

    fn p(&self, n: u32, ty: &str) -> String {
        match self.dialect {
            Dialect::Postgres => format!("${n}::{ty}"),
            Dialect::Sqlite => format!("?{n}"),
        }
    }
}
