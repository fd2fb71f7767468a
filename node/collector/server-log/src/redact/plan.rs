//! Values in the plans that `auto_explain` writes.

use serde_json::{Map, Value};

use super::Removed;
use super::lexer::Quotes;
use super::sql::without_literals;
use crate::class::split_plan;

/// Keys of a plan's properties that hold names or words, never an expression.
const NAMES: [&str; 12] = [
    "Node Type",
    "Relation Name",
    "Schema",
    "Alias",
    "Index Name",
    "CTE Name",
    "Function Name",
    "Trigger Name",
    "Constraint Name",
    "Subplan Name",
    "Parent Relationship",
    "Tuplestore Name",
];

/// Parts of the labels, in text plans, of properties that hold expressions.
const EXPRESSIONS: [&str; 9] = [
    "Filter", "Cond", "Output", "Key", "Call", "SQL", "Order By", "Sampling", "Window",
];

/// An expression of a text plan is looked for in at most this many more lines.
const MAX_LINES: usize = 64;

/// The plan without values, text or JSON: as [`crate::redact()`] does it in a record.
#[must_use]
pub fn plan_without_values(document: &str) -> String {
    redact(document, &mut Removed { count: 0 })
}

/// Takes the values out of a plan, text or JSON. "Query Parameters" go whole.
pub(super) fn redact(document: &str, removed: &mut Removed) -> String {
    match serde_json::from_str::<Map<String, Value>>(document) {
        Ok(mut plan) => {
            plan.remove("Query Parameters");
            let text = plan.remove("Query Text");
            let mut plan = Value::Object(plan);
            expressions(&mut plan, removed);
            if let (Value::Object(plan), Some(Value::String(text))) = (&mut plan, text) {
                plan.insert("Query Text".to_owned(), Value::from(removed.sql(&text)));
            }
            plan.to_string()
        }
        Err(_) => text_plan(document, removed),
    }
}

fn expressions(value: &mut Value, removed: &mut Removed) {
    match value {
        Value::String(text) => *text = removed.sql(text),
        Value::Array(values) => values
            .iter_mut()
            .for_each(|value| expressions(value, removed)),
        Value::Object(fields) => {
            let open = fields
                .iter_mut()
                .filter(|(key, _)| !NAMES.contains(&key.as_str()) && key.as_str() != "Settings");
            open.for_each(|(_, value)| expressions(value, removed));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A literal may hold line ends: an expression reaches as far as it takes to lex. If it never does,
/// the rest of the plan is dropped.
fn text_plan(document: &str, removed: &mut Removed) -> String {
    let (query, plan) = split_plan(document);
    let mut out = format!("Query Text: {}", removed.sql(query));
    let mut lines = plan.lines();
    while let Some(line) = lines.next() {
        let trimmed = line.trim_start();
        if trimmed.starts_with("Query Parameters: ") {
            continue;
        }
        out.push('\n');
        let Some((label, expression)) = line.split_once(": ") else {
            out.push_str(line);
            continue;
        };
        let is_figure = trimmed.starts_with("Rows Removed");
        if is_figure || !EXPRESSIONS.iter().any(|part| label.contains(part)) {
            out.push_str(line);
            continue;
        }
        let mut expression = expression.to_owned();
        let mut redacted = without_literals(&expression, Quotes::Names);
        for more in lines
            .by_ref()
            .take(if redacted.is_none() { MAX_LINES } else { 0 })
        {
            expression.push('\n');
            expression.push_str(more);
            redacted = without_literals(&expression, Quotes::Names);
            if redacted.is_some() {
                break;
            }
        }
        let Some(redacted) = redacted else {
            removed.dropped();
            out.push_str(label);
            return out;
        };
        out.push_str(label);
        out.push_str(": ");
        out.push_str(&redacted);
    }
    out
}
