//! What was read, as elements.

use pga_server_log::statement_without_values;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Reading, Server};
use crate::connection::{ReadError, odd, parsed};
use crate::options::Options;
use crate::sink::Sink;
use crate::source::{Scope, Shape, Source};

/// Columns that hold statements as they were sent.
const STATEMENTS: [&str; 3] = ["query", "blocked_query", "blocking_query"];

/// Statements are cut here, in characters.
const MAX_STATEMENT: usize = 2_000;

/// What a source read.
#[derive(Debug)]
pub(super) struct Rows<'a> {
    pub(super) at: &'a str,
    pub(super) rows: Vec<&'a RawValue>,
    /// At most so many become elements.
    pub(super) limit: usize,
    /// How many there were; `None` if they could not be counted.
    pub(super) total: Option<usize>,
}

/// The members of a list beside its rows.
#[derive(Serialize)]
struct ListHead<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    timestamp: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    database: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    changed_only: Option<bool>,
    total: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<usize>,
    truncated: bool,
}

impl Server {
    /// Gives an element a row, of the databases that are wanted.
    pub(super) fn each(
        &self,
        source: &Source,
        read: &Rows<'_>,
        out: &mut dyn Sink,
    ) -> Result<(), ReadError> {
        for row in &read.rows {
            let mut row = parsed(row)?;
            let database = row.get("database").and_then(Value::as_str);
            if database.is_some_and(|name| self.options.wants(name)) {
                without_values(&mut row);
                row["type"] = source.kind.into();
                row["timestamp"] = read.at.into();
                out.push(&row.to_string());
            }
        }
        Ok(())
    }

    /// Gives an element whose `rows` are the rows; none if there is nothing to tell. One row at a
    /// time is held as a value.
    pub(super) fn list(
        &mut self,
        of: &Reading<'_>,
        read: &Rows<'_>,
        out: &mut dyn Sink,
    ) -> Result<(), ReadError> {
        let (source, total) = (of.source, read.rows.len());
        let kept = total.min(read.limit);
        if source.shape == Shape::RowsIfAny && kept == 0 {
            return Ok(());
        }
        let mut changes = (!source.key.is_empty()).then(|| {
            let key = (source.kind, of.database.to_owned());
            self.changes.entry(key).or_default().begin(source, of.now)
        });
        let changed_only = changes.as_ref().map(|changes| !changes.is_all());
        let truncated = total > kept;
        let head = ListHead {
            kind: source.kind,
            timestamp: read.at,
            database: of.database,
            changed_only,
            total: read.total,
            left_out: read
                .total
                .filter(|_| truncated)
                .map(|all| all.saturating_sub(kept)),
            truncated,
        };
        let mut element = serde_json::to_string(&head).map_err(odd)?;
        element.pop();
        element.push_str(",\"rows\":[");
        let empty = element.len();
        for row in read.rows.iter().take(kept) {
            let mut row = parsed(row)?;
            without_values(&mut row);
            if changes.as_mut().is_none_or(|changes| changes.keeps(&row)) {
                if element.len() > empty {
                    element.push(',');
                }
                element.push_str(&row.to_string());
            }
        }
        if let Some(changes) = changes {
            changes.end();
        }
        if changed_only == Some(true) && element.len() == empty {
            return Ok(());
        }
        element.push_str("]}");
        out.push(&element);
        Ok(())
    }
}

/// Gives an element with the columns of the only row.
pub(super) fn one(of: &Reading<'_>, read: &Rows<'_>, out: &mut dyn Sink) -> Result<(), ReadError> {
    let Some(row) = read.rows.first() else {
        return Ok(());
    };
    let mut row = parsed(row)?;
    without_values(&mut row);
    row["type"] = of.source.kind.into();
    row["timestamp"] = read.at.into();
    if !of.database.is_empty() {
        row["database"] = of.database.into();
    }
    out.push(&row.to_string());
    Ok(())
}

/// Most rows of an element of a source.
pub(super) fn limit(source: &Source, options: &Options) -> usize {
    let most = options.max_relations;
    let most = most.filter(|_| source.scope == Scope::Database && source.shape != Shape::One);
    most.map_or(source.limit, |most| most.min(source.limit))
}

/// The query with a bound on its rows: one more than wanted tells that there are more.
pub(super) fn bounded(source: &Source, limit: usize, sql: &str) -> String {
    match source.shape {
        Shape::One => sql.to_owned(),
        Shape::Rows | Shape::RowsIfAny | Shape::Each => format!("{sql} LIMIT {}", limit + 1),
    }
}

/// Takes values out of the statements of a row.
fn without_values(row: &mut Value) {
    for name in STATEMENTS {
        if let Some(Value::String(text)) = row.get_mut(name) {
            let bare = statement_without_values(text);
            *text = bare.chars().take(MAX_STATEMENT).collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SOURCES;

    fn source(kind: &str) -> &'static Source {
        SOURCES.iter().find(|source| source.kind == kind).unwrap()
    }

    #[test]
    fn one_row_more_than_wanted_is_asked_for() {
        let options = Options {
            max_relations: Some(7),
            ..Options::default()
        };
        for (kind, want) in [
            ("pg_activity_sample", "SELECT 1 LIMIT 101"),
            ("pg_table", "SELECT 1 LIMIT 8"),
            ("pg_wal", "SELECT 1"),
        ] {
            let limit = limit(source(kind), &options);
            assert_eq!(bounded(source(kind), limit, "SELECT 1"), want, "{kind}");
        }
    }
}
