//! The statements with which a store reads and replaces rows for [`super::derive`].
//!
//! Parameters are numbered; the collector is the first one. Rows have the columns of the catalogue.

use super::history::LOOKED_BACK;
use super::{CHAIN_ROWS, server};
use crate::store::catalogue::{ColumnType, Table};
use crate::store::mapper::Value;

/// A column and the value that selects by it; only the name is part of a text.
type Selected = (&'static str, Value);

/// What the two databases write differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// PostgreSQL.
    Postgres,
    /// SQLite.
    Sqlite,
}

/// Types of the columns of [`Statements::times`].
pub(crate) const TIMES: [ColumnType; 7] = [
    ColumnType::Timestamptz,
    ColumnType::Bigint,
    ColumnType::Bigint,
    ColumnType::Timestamptz,
    ColumnType::Bigint,
    ColumnType::Bigint,
    ColumnType::Text,
];

/// One statement a question, for one table and the columns that select its rows.
#[derive(Debug)]
pub(crate) struct Statements<'a> {
    dialect: Dialect,
    table: &'a Table,
    columns: String,
}

impl<'a> Statements<'a> {
    pub(crate) fn new(dialect: Dialect, table: &'a Table) -> Self {
        let columns: Vec<_> = table.columns().map(|column| column.name).collect();
        Self {
            dialect,
            table,
            columns: columns.join(", "),
        }
    }

    /// Times of a history and what is listed then, from the last eight before `$2` to the first
    /// eight after `$3`; the history's columns follow. The columns have the types [`TIMES`].
    pub(crate) fn times(&self, history: &[Selected]) -> String {
        let (name, at) = (self.name(), self.equal(history, 4));
        self.finish(format!(
            "SELECT time, count(*), {} FROM (SELECT DISTINCT time{} FROM {name} \
             WHERE collector_id = $1 {at} \
             AND time >= coalesce((SELECT min(time) FROM (SELECT DISTINCT time FROM {name} \
                 WHERE collector_id = $1 {at} AND time < $2 \
                 ORDER BY time DESC LIMIT {LOOKED_BACK}) AS past), $2) \
             AND time <= coalesce((SELECT max(time) FROM (SELECT DISTINCT time FROM {name} \
                 WHERE collector_id = $1 {at} AND time > $3 \
                 ORDER BY time LIMIT {LOOKED_BACK}) AS next), $3)) AS listed \
             GROUP BY time ORDER BY time",
            self.listed_columns(),
            self.listed_once()
        ))
    }

    /// The columns of a key, and what is listed with it: a key that several elements of one time
    /// have is listed once.
    fn listed_once(&self) -> String {
        let listed = ["stats_reset"].into_iter().chain(server::COLUMNS);
        let listed = listed.filter(|name| self.table.position(name).is_some());
        let key = self.table.rate_key.iter().copied();
        key.chain(listed).map(|name| format!(", {name}")).collect()
    }

    /// What [`super::Listed`] is made of.
    fn listed_columns(&self) -> String {
        let has = |name: &str| self.table.position(name).is_some();
        let levels = match has("toplevel") {
            true => "count(toplevel)".to_owned(),
            false => "CAST(0 AS bigint)".to_owned(),
        };
        let greatest = ["stats_reset"].into_iter().chain(server::COLUMNS);
        let greatest =
            greatest
                .zip(TIMES.iter().skip(3))
                .map(|(name, ty)| match (has(name), self.dialect) {
                    (true, _) => format!("max({name})"),
                    (false, Dialect::Postgres) => format!("CAST(NULL AS {})", ty.postgres()),
                    (false, Dialect::Sqlite) => "NULL".to_owned(),
                });
        let columns: Vec<String> = std::iter::once(levels).chain(greatest).collect();
        columns.join(", ")
    }

    /// Rows of a history at the time `$2`; the history's columns follow.
    pub(crate) fn listed(&self, history: &[Selected]) -> String {
        let (name, at) = (self.name(), self.equal(history, 3));
        self.finish(format!(
            "SELECT {} FROM {name} WHERE collector_id = $1 AND time = $2 {at}",
            self.columns
        ))
    }

    /// Rows of a key before `$2`, the newest first; the key's columns follow.
    pub(crate) fn before(&self, key: &[Selected]) -> String {
        self.chain(
            key,
            3,
            "time < $2",
            &format!("time DESC, log_index DESC, ordinal DESC LIMIT {CHAIN_ROWS}"),
        )
    }

    /// Rows of a key from `$2` to `$3`; the key's columns follow.
    pub(crate) fn within(&self, key: &[Selected]) -> String {
        self.chain(
            key,
            4,
            "time >= $2 AND time <= $3",
            "time, log_index, ordinal",
        )
    }

    /// Rows of a key after `$2`; the key's columns follow.
    pub(crate) fn after(&self, key: &[Selected]) -> String {
        let order = format!("time, log_index, ordinal LIMIT {CHAIN_ROWS}");
        self.chain(key, 3, "time > $2", &order)
    }

    /// Deletes the rows of a key and an element: `$2` time, `$3` log index, `$4` ordinal; the key's
    /// columns follow.
    pub(crate) fn delete(&self, key: &[Selected]) -> String {
        let at = self.equal(key, 5);
        self.finish(format!(
            "DELETE FROM {} WHERE collector_id = $1 AND time = $2 AND log_index = $3 \
             AND ordinal = $4 {at}",
            self.name()
        ))
    }

    fn chain(&self, key: &[Selected], from: usize, time: &str, order: &str) -> String {
        // An index on the key's own columns finds a row at once; SQLite takes the collector's.
        let collector = match (self.dialect, self.table.indexes) {
            (Dialect::Sqlite, [_, ..]) => "+collector_id",
            _ => "collector_id",
        };
        let at = self.equal(key, from);
        self.finish(format!(
            "SELECT {} FROM {} WHERE {collector} = $1 AND {time} {at} ORDER BY {order}",
            self.columns,
            self.name()
        ))
    }

    fn name(&self) -> String {
        match self.dialect {
            Dialect::Postgres => self.table.qualified(),
            Dialect::Sqlite => self.table.name.to_owned(),
        }
    }

    fn equal(&self, columns: &[Selected], from: usize) -> String {
        let columns = columns.iter().enumerate();
        columns
            .map(|(n, (column, _))| {
                let sign = match self.can_be_null(column) {
                    true => "IS NOT DISTINCT FROM",
                    false => "=",
                };
                format!(" AND {column} {sign} ${}", from + n)
            })
            .collect()
    }

    fn can_be_null(&self, name: &str) -> bool {
        let mut columns = self.table.columns();
        columns.any(|column| column.name == name && !column.is_required())
    }

    fn finish(&self, sql: String) -> String {
        match self.dialect {
            Dialect::Postgres => sql,
            Dialect::Sqlite => sql.replace('$', "?"),
        }
    }
}
