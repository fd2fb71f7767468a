//! Reading once, for a person to look at.

use std::fmt::Write as _;
use std::time::Duration;

use pga_collector::{Host, Options, Server};
use pga_storage::Timestamp;
use serde_json::{Map, Value};

use super::error::CollectError;
use crate::output::{Output, Rows};

/// Longest value in a table, in characters.
const MAX_VALUE: usize = 40;
/// Rows of one element that are shown.
const MAX_ROWS: usize = 20;
/// Between the two samples that a share of processor time needs.
const BETWEEN: Duration = Duration::from_millis(200);

/// What `collect once` prints.
///
/// # Errors
/// If the connection string cannot be read, or the server takes no connection.
pub async fn once(dsn: &str, types: &[String], output: Output) -> Result<String, CollectError> {
    let mut server = Server::new(dsn, Options::default())?;
    let at = Timestamp::now().to_string();
    let mut elements = Vec::new();
    server.collect(pga_runtime::now(), &at, &mut elements).await;
    if let Some(reason) = no_connection(&elements) {
        return Err(CollectError::NoServer(reason));
    }
    let mut host = Host::default();
    let start = pga_runtime::now();
    elements.extend(host.collect(start, &at));
    tokio::time::sleep(BETWEEN).await;
    elements.extend(host.collect(start + Duration::from_secs(10), &at));
    let is_wanted = |element: &Value| {
        types.is_empty() || types.iter().any(|kind| element["type"] == kind.as_str())
    };
    elements.retain(is_wanted);
    let lines = elements.iter().map(|element| format!("{element}\n"));
    Ok(match output {
        Output::Json => lines.collect(),
        Output::Csv => cells(&elements).csv(),
        Output::Table => {
            let mut text = String::new();
            for element in &elements {
                show(element, &mut text);
            }
            text
        }
    })
}

/// Why there was no connection to the server itself, if there was none.
fn no_connection(elements: &[Value]) -> Option<String> {
    let gaps = elements
        .iter()
        .filter(|one| one["type"] == "collector_gaps");
    let mut rows = gaps.filter_map(|one| one["rows"].as_array()).flatten();
    let gap = rows.find(|row| {
        row["source"] == "connection" && row["database"].as_str().unwrap_or_default().is_empty()
    })?;
    gap["reason"].as_str().map(str::to_owned)
}

/// A row for each value: elements of different types have no columns in common.
fn cells(elements: &[Value]) -> Rows {
    let mut rows = Rows::new(["type", "database", "list", "row", "column", "value"]);
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    for element in elements {
        let of = |name: &str| element[name].as_str().unwrap_or_default().to_owned();
        let (kind, database) = (of("type"), of("database"));
        let mut push = |list: &str, row: usize, column: &str, value: &Value| {
            rows.push([
                kind.clone(),
                database.clone(),
                list.to_owned(),
                row.to_string(),
                column.to_owned(),
                text(value),
            ]);
        };
        for (name, value) in element.as_object().into_iter().flatten() {
            match value.as_array() {
                _ if name == "type" || name == "database" => {}
                None => push("", 0, name, value),
                Some(list) => {
                    for (n, row) in list.iter().enumerate() {
                        for (column, value) in row.as_object().into_iter().flatten() {
                            push(name, n + 1, column, value);
                        }
                    }
                }
            }
        }
    }
    rows
}

/// What `collect check` prints, and whether all is as it could be.
///
/// # Errors
/// If the connection string cannot be read.
pub async fn check(dsn: &str, output: Output) -> Result<(String, bool), CollectError> {
    let findings = pga_collector::check(dsn).await?;
    let is_good = findings.iter().all(|finding| finding.is_good);
    let mut text = String::new();
    let mut rows = Rows::new(["subject", "is_good", "text", "fix"]);
    for finding in &findings {
        if output == Output::Csv {
            let (subject, found, fix) = (&finding.subject, &finding.text, &finding.fix);
            let is_good = finding.is_good.to_string();
            rows.push([subject.clone(), is_good, found.clone(), fix.clone()]);
            continue;
        }
        if output == Output::Json {
            let line = serde_json::to_string(finding).unwrap_or_default();
            text.push_str(&line);
            text.push('\n');
            continue;
        }
        let mark = if finding.is_good { "ok  " } else { "MISS" };
        let line = writeln!(text, "{mark}  {:22}  {}", finding.subject, finding.text);
        debug_assert!(line.is_ok(), "writing into a string cannot fail");
        if !finding.fix.is_empty() {
            text.push_str("                              → ");
            text.push_str(&finding.fix);
            text.push('\n');
        }
    }
    if output == Output::Csv {
        text = rows.csv();
    }
    Ok((text, is_good))
}

/// An element as a heading and a table.
fn show(element: &Value, text: &mut String) {
    let member = |name: &str| {
        element
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let database = match member("database") {
        "" => String::new(),
        name => format!(" of {name}"),
    };
    text.push_str(&format!("\n{}{database}\n", member("type")));
    let list = element.as_object().into_iter().flatten();
    let lists: Vec<(&String, &Vec<Value>)> = list
        .filter_map(|(name, value)| Some((name, value.as_array()?)))
        .collect();
    for (name, rows) in &lists {
        if lists.len() > 1 || *name != "rows" {
            text.push_str(&format!("  {name}\n"));
        }
        table(rows, text);
    }
    if lists.is_empty() {
        for (name, value) in element.as_object().into_iter().flatten() {
            if name != "type" && name != "database" {
                text.push_str(&format!("  {name:32} {}\n", cell(value)));
            }
        }
    }
}

/// Rows as a table, of the columns that have a value somewhere.
fn table(rows: &[Value], text: &mut String) {
    let objects: Vec<&Map<String, Value>> = rows.iter().filter_map(Value::as_object).collect();
    let mut columns: Vec<&String> = Vec::new();
    for (name, value) in objects.iter().flat_map(|row| row.iter()) {
        if !value.is_null() && !columns.contains(&name) {
            columns.push(name);
        }
    }
    let mut lines: Vec<Vec<String>> = vec![columns.iter().map(|name| (*name).clone()).collect()];
    for row in objects.iter().take(MAX_ROWS) {
        let cells = columns
            .iter()
            .map(|name| row.get(*name).map(cell).unwrap_or_default());
        lines.push(cells.collect());
    }
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    for line in &lines {
        let cells = line
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        let cells: Vec<String> = cells.collect();
        text.push_str("  ");
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    if objects.len() > MAX_ROWS {
        text.push_str(&format!("  … and {} more\n", objects.len() - MAX_ROWS));
    }
}

fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.replace(['\n', '\r', '\t'], " "),
        other => other.to_string(),
    };
    match text.char_indices().nth(MAX_VALUE) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}
