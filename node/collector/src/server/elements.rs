//! What was read, as elements.

use pga_runtime::Instant;
use pga_server_log::statement_without_values;
use serde_json::{Map, Value};

use super::Server;
use crate::connection::Read;
use crate::options::Options;
use crate::source::{Scope, Shape, Source};

/// Columns that hold statements as they were sent.
const STATEMENTS: [&str; 3] = ["query", "blocked_query", "blocking_query"];

/// Statements are cut here, in characters.
const MAX_STATEMENT: usize = 2_000;

/// How many rows an element takes, and how many there were; `None` if they could not be counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) limit: usize,
    pub(super) total: Option<usize>,
}

impl Server {
    /// An element a row, of the databases that are wanted.
    pub(super) fn each(&self, source: &Source, read: Read) -> Vec<Value> {
        let element = |mut row: Value| {
            without_values(&mut row);
            let is_wanted = self.options.wants(row["database"].as_str()?);
            row["type"] = source.kind.into();
            row["timestamp"] = read.at.clone().into();
            is_wanted.then_some(row)
        };
        read.rows.into_iter().filter_map(element).collect()
    }

    /// What was read as an element; none if there is nothing to tell.
    pub(super) fn element(
        &mut self,
        source: &Source,
        database: &str,
        read: Read,
        bounds: Bounds,
        now: Instant,
    ) -> Option<Value> {
        let mut element = Map::new();
        element.insert("type".to_owned(), source.kind.into());
        element.insert("timestamp".to_owned(), read.at.into());
        if !database.is_empty() {
            element.insert("database".to_owned(), database.into());
        }
        let mut rows = read.rows;
        rows.iter_mut().for_each(without_values);
        if source.shape == Shape::One {
            let Some(Value::Object(columns)) = rows.into_iter().next() else {
                return None;
            };
            // What names the element stays as it is.
            for (name, value) in columns {
                element.entry(name).or_insert(value);
            }
            return Some(Value::Object(element));
        }
        let is_truncated = rows.len() > bounds.limit;
        rows.truncate(bounds.limit);
        let kept = rows.len();
        if source.shape == Shape::RowsIfAny && kept == 0 {
            return None;
        }
        if !source.key.is_empty() {
            let changes = self
                .changes
                .entry((source.kind, database.to_owned()))
                .or_default();
            let is_all = changes.keep_changed(source, &mut rows, now);
            element.insert("changed_only".to_owned(), (!is_all).into());
            if rows.is_empty() && !is_all {
                return None;
            }
        }
        element.insert("total".to_owned(), bounds.total.into());
        if let Some(total) = bounds.total.filter(|_| is_truncated) {
            element.insert("left_out".to_owned(), total.saturating_sub(kept).into());
        }
        element.insert("truncated".to_owned(), is_truncated.into());
        element.insert("rows".to_owned(), Value::Array(rows));
        Some(Value::Object(element))
    }
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
