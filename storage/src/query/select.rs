//! One statement for both databases.

use crate::store::catalogue::{ColumnType, TABLES};
use crate::store::mapper::Value;

/// The elements as PostgreSQL has them; SQLite looks the collector up and goes on by the index.
const ELEMENTS: &str = "(SELECT c.uuid AS collector_id, e.time, e.log_index, e.ordinal, e.kind, \
    e.database_name FROM elements e JOIN collectors c ON c.id = e.collector) AS elements";

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
}

impl Select {
    /// A statement whose rows have these columns. `text` has marks where the dialects differ (see
    /// the module's page), and takes parameters with [`Select::bind`].
    pub fn new(text: impl Into<String>, columns: Vec<ColumnType>) -> Self {
        Self {
            text: text.into(),
            parameters: Vec::new(),
            columns,
        }
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
    if mark == "elements" {
        return match dialect {
            Dialect::Postgres => "metrics.elements",
            Dialect::Sqlite => ELEMENTS,
        }
        .to_owned();
    }
    if let Some(column) = mark.strip_prefix("hex ") {
        return match dialect {
            Dialect::Postgres => format!("encode({column}, 'hex')"),
            Dialect::Sqlite => format!("hex({column})"),
        };
    }
    // The sums of statements are no typed table.
    match (mark, dialect) {
        ("query_rollups", Dialect::Postgres) => return "metrics.query_rollups".to_owned(),
        ("rollup collector", Dialect::Postgres) => return "collector_id".to_owned(),
        ("rollup collector", Dialect::Sqlite) => return "collector".to_owned(),
        _ => {}
    }
    let table = TABLES.iter().find(|table| table.name == mark);
    match (dialect, table) {
        (Dialect::Postgres, Some(table)) => table.qualified(),
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
