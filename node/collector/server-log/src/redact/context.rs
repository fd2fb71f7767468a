//! Values in `CONTEXT`: one entry for each level of a call, which may have many lines.

use super::Removed;
use super::lexer::Quotes;
use super::sql::without_literals;

/// Entries that quote SQL up to their last quotation mark.
const QUOTES_SQL: [&str; 3] = [
    "SQL statement \"",
    "SQL expression \"",
    "PL/pgSQL assignment \"",
];

/// Starts of entries that hold names and numbers of lines only.
const SAFE: [&str; 18] = [
    "PL/",
    "SQL function ",
    "while ",
    "automatic ",
    "parallel worker",
    "processing remote data",
    "slot ",
    "scanning ",
    "validating ",
    "checking ",
    "WAL redo at ",
    "writing block ",
    "I/O worker ",
    "waiting for ",
    "JIT",
    "compilation of ",
    "inlined function",
    "line ",
];

/// Takes the values out of a context.
pub(super) fn redact(context: &str, removed: &mut Removed) -> String {
    let mut entries: Vec<String> = Vec::new();
    for line in context.split('\n') {
        match entries.last_mut() {
            Some(entry) if !starts_entry(line) => {
                entry.push('\n');
                entry.push_str(line);
            }
            _ => entries.push(line.to_owned()),
        }
    }
    let entries: Vec<String> = entries.iter().map(|entry| one(entry, removed)).collect();
    entries.join("\n")
}

fn starts_entry(line: &str) -> bool {
    let starts = |start: &str| line.starts_with(start);
    QUOTES_SQL.iter().any(|start| starts(start))
        || SAFE.iter().any(|start| starts(start))
        || ["COPY ", "JSON data, ", "remote SQL command: "]
            .iter()
            .any(|start| starts(start))
}

fn one(entry: &str, removed: &mut Removed) -> String {
    if let Some(start) = QUOTES_SQL.iter().find(|start| entry.starts_with(**start)) {
        let body = entry.get(start.len()..).unwrap_or_default();
        let (sql, end) = body.rsplit_once('"').unwrap_or((body, ""));
        return format!("{start}{}\"{end}", removed.sql(sql));
    }
    if let Some(sql) = entry.strip_prefix("remote SQL command: ") {
        return format!("remote SQL command: {}", removed.sql(sql));
    }
    if entry.starts_with("COPY ") || entry.starts_with("JSON data, ") {
        // `COPY t, line 1, column a: "value"`; the name of a table may hold a colon too.
        let line = entry.find(", line ").unwrap_or(0);
        let colon = entry.get(line..).and_then(|rest| rest.find(": "));
        let end = colon.map_or(entry.len(), |colon| line + colon);
        let kept = entry.get(..end).unwrap_or_default();
        return kept.lines().next().unwrap_or_default().to_owned();
    }
    if let Some(at) = entry.find("$1 = ").or_else(|| entry.find(" = '")) {
        // `unnamed portal with parameters: $1 = '…'`, `portal "p" parameter $1 = '…'`.
        return entry
            .get(..at)
            .unwrap_or_default()
            .trim_end_matches([':', ' '])
            .to_owned();
    }
    let is_safe = SAFE.iter().any(|start| entry.starts_with(start));
    if is_safe && !entry.contains('\n') {
        return entry.to_owned();
    }
    without_literals(entry, Quotes::Prose).unwrap_or_else(|| {
        removed.dropped();
        String::new()
    })
}
