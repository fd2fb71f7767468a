//! One statement for both databases.

use super::Row;
use crate::store::catalogue::{ColumnType, TABLES, VIEWS};
use crate::store::mapper::Value;
use crate::store::relation_sums::RELATION_SUMS;

/// The elements as PostgreSQL has them; SQLite looks the collector up and goes on by the index.
const ELEMENTS: &str = "(SELECT c.uuid AS collector_id, e.time, e.log_index, e.ordinal, e.kind, \
    e.database_name, e.inventory, CASE WHEN e.inventory IS NULL THEN e.body END AS body, \
    CASE WHEN e.inventory IS NOT NULL THEN e.body END AS sent_timestamp \
    FROM elements e JOIN collectors c ON c.id = e.collector) AS elements";
/// What stands for a mark in PostgreSQL and in SQLite.
const MARKS: [(&str, &str, &str); 9] = [
    ("elements", "metrics.elements", ELEMENTS),
    (
        "inventory content",
        "(SELECT i.content FROM metrics.inventory i \
         WHERE i.collector_id = elements.collector_id AND i.hash = elements.inventory)",
        "(SELECT i.content FROM inventory i WHERE i.hash = elements.inventory)",
    ),
    (
        "inventory cut_at",
        "cut_at",
        "(SELECT i.cut_at FROM inventory i WHERE i.hash = elements.inventory)",
    ),
    ("query_rollups", "metrics.query_rollups", "query_rollups"),
    (
        "query_rollup_marks",
        "metrics.query_rollup_marks",
        "query_rollup_marks",
    ),
    ("series_rollups", "metrics.series_rollups", "series_rollups"),
    (
        "series_rollup_marks",
        "metrics.series_rollup_marks",
        "series_rollup_marks",
    ),
    ("rollup collector", "collector_id", "collector"),
    (
        "interval begin",
        "time - make_interval(secs => interval_seconds)",
        "time - interval_seconds * 1e6",
    ),
];

/// Which database's SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// PostgreSQL with TimescaleDB.
    Postgres,
    /// SQLite.
    Sqlite,
}

/// A `SELECT` with its parameters and the types of its columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Select {
    text: String,
    parameters: Vec<Value>,
    columns: Vec<ColumnType>,
    until_bytes: usize,
}

impl Select {
    /// A statement whose rows have these columns. `text` has marks where the dialects differ (see
    /// the module's page), and takes parameters with [`Select::bind`].
    pub fn new(text: impl Into<String>, columns: Vec<ColumnType>) -> Self {
        Self {
            text: text.into(),
            parameters: Vec::new(),
            columns,
            until_bytes: usize::MAX,
        }
    }

    /// Bounds what its rows hold: the first rows with so many bytes of text, and one more, are all
    /// that is read.
    pub const fn until_bytes(mut self, bytes: usize) -> Self {
        self.until_bytes = bytes;
        self
    }

    /// Takes rows in their order: adds one to `rows`, and says whether more are wanted. `bytes` is
    /// what the rows before hold.
    pub(crate) fn take(&self, row: Row, rows: &mut Vec<Row>, bytes: &mut usize) -> bool {
        let is_wanted = *bytes < self.until_bytes;
        *bytes = bytes.saturating_add(row.len_bytes());
        rows.push(row);
        is_wanted
    }

    /// Adds a parameter, and answers how the text names it: `$1` is the first.
    pub fn bind(&mut self, value: Value) -> String {
        self.parameters.push(value);
        format!("${}", self.parameters.len())
    }

    /// Adds to the text.
    pub fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// The parameters, in their order.
    pub fn parameters(&self) -> &[Value] {
        &self.parameters
    }

    /// The types of the columns.
    pub fn columns(&self) -> &[ColumnType] {
        &self.columns
    }

    /// The text for one database.
    pub fn render(&self, dialect: Dialect) -> String {
        let mut out = String::with_capacity(self.text.len() + 32);
        let mut rest = self.text.as_str();
        while let Some((before, marked)) = rest.split_once('[') {
            let (mark, after) = marked.split_once(']').unwrap_or((marked, ""));
            out.push_str(before);
            out.push_str(&expand(mark, dialect));
            rest = after;
        }
        out.push_str(rest);
        match dialect {
            Dialect::Postgres => out,
            Dialect::Sqlite => out.replace('$', "?"),
        }
    }
}

fn expand(mark: &str, dialect: Dialect) -> String {
    if let Some(micros) = mark.strip_prefix("bucket ") {
        return match dialect {
            // `time` is whole microseconds in both; the extract is exact (numeric).
            Dialect::Postgres => {
                format!("CAST(floor(extract(epoch FROM time) * 1000000 / {micros}) AS bigint)")
            }
            Dialect::Sqlite => format!("(time / {micros})"),
        };
    }
    if let Some(index) = mark.strip_prefix("by index ") {
        return match dialect {
            Dialect::Postgres => String::new(),
            Dialect::Sqlite => format!(" INDEXED BY {index}"),
        };
    }
    if let Some(column) = mark.strip_prefix("not by index ") {
        return match dialect {
            Dialect::Postgres => column.to_owned(),
            Dialect::Sqlite => format!("+{column}"),
        };
    }
    if let Some(parameter) = mark.strip_prefix("a time ") {
        return match dialect {
            Dialect::Postgres => format!("CAST({parameter} AS timestamptz)"),
            Dialect::Sqlite => parameter.to_owned(),
        };
    }
    if let Some(seconds) = mark.strip_prefix("seconds ") {
        return match dialect {
            Dialect::Postgres => format!("interval '{seconds} seconds'"),
            Dialect::Sqlite => format!("{seconds}000000"),
        };
    }
    if let Some((_, postgres, sqlite)) = MARKS.iter().find(|(known, _, _)| *known == mark) {
        return match dialect {
            Dialect::Postgres => (*postgres).to_owned(),
            Dialect::Sqlite => (*sqlite).to_owned(),
        };
    }
    let mut tables = TABLES.iter().chain(VIEWS);
    let table = tables.find(|table| table.name == mark);
    let sums = RELATION_SUMS.iter().find(|sums| sums.name == mark);
    match (dialect, table, sums) {
        (Dialect::Postgres, Some(table), _) => table.qualified(),
        (Dialect::Postgres, None, Some(sums)) => sums.qualified(),
        _ => mark.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_and_parameters_are_written_as_each_database_takes_them() {
        let mut select = Select::new(
            "SELECT [bucket 60000000] FROM [metrics_sysstat] WHERE collector_id = ",
            vec![ColumnType::Bigint],
        );
        let name = select.bind(Value::Int(7));
        select.push(&name);
        assert_eq!(
            select.render(Dialect::Postgres),
            "SELECT CAST(floor(extract(epoch FROM time) * 1000000 / 60000000) AS bigint) \
             FROM metrics.metrics_sysstat WHERE collector_id = $1"
        );
        assert_eq!(
            select.render(Dialect::Sqlite),
            "SELECT (time / 60000000) FROM metrics_sysstat WHERE collector_id = ?1"
        );
    }
}
