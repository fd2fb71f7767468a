//! Plans as text: each line becomes the fields that the JSON form has.

mod attribute;
mod title;

use serde_json::{Map, Value, json};

use super::document::Plan;
use super::error::{Error, Result};
use super::json::{MAX_DEPTH, parse_json};

/// Reads a plan that EXPLAIN or auto_explain wrote as text, or that psql printed.
///
/// The lines need their costs or times; what stands before the first node is left out.
///
/// # Errors
/// If there is no plan or the nodes nest too deep.
pub fn parse_text(text: &str) -> Result<Plan> {
    let mut reader = Reader::default();
    for line in text.lines() {
        reader.line(line)?;
    }
    reader.finish()
}

/// A node whose lines are being read.
#[derive(Debug)]
struct Open {
    /// Column at which it starts.
    indent: usize,
    fields: Map<String, Value>,
}

/// What has been read so far.
#[derive(Debug, Default)]
struct Reader {
    /// The nodes from the root to the last one.
    open: Vec<Open>,
    /// Fields of the whole document.
    document: Map<String, Value>,
    /// A line such as `InitPlan 1` that names the next node.
    subplan: Option<String>,
    /// The section at the end that the lines belong to.
    section: Option<&'static str>,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<()> {
        let line = line.trim_end().trim_end_matches('+').trim_end();
        let body = line.trim_start();
        let indent = line.len() - body.len();
        if let Some(title) = body.strip_prefix("->") {
            return self.node(indent, title.trim_start());
        }
        let Some(root) = self.open.first() else {
            return if title::is_title(body) {
                self.node(indent, body)
            } else {
                Ok(())
            };
        };
        if body.is_empty() {
            return Ok(());
        }
        if indent <= root.indent || self.section.is_some() {
            self.footer(body, indent <= root.indent);
            return Ok(());
        }
        if ["InitPlan ", "SubPlan ", "CTE "]
            .iter()
            .any(|name| body.starts_with(name))
        {
            let name = body.split(" (").next().unwrap_or(body);
            self.subplan = Some(name.to_owned());
            self.close_from(indent);
            return Ok(());
        }
        if let (Some(node), Some((key, value))) = (self.open.last_mut(), body.split_once(':')) {
            attribute::read(key, value.trim(), &mut node.fields);
        }
        Ok(())
    }

    fn node(&mut self, indent: usize, title: &str) -> Result<()> {
        self.close_from(indent);
        if u32::try_from(self.open.len()).is_ok_and(|depth| depth >= MAX_DEPTH) {
            return Err(Error::TooDeep { limit: MAX_DEPTH });
        }
        let mut fields = title::read(title);
        if let Some(parent) = self.open.last() {
            let role = role(&parent.fields, self.subplan.as_deref());
            fields.insert("Parent Relationship".to_owned(), json!(role));
        }
        if let Some(name) = self.subplan.take() {
            fields.insert("Subplan Name".to_owned(), json!(name));
        }
        self.open.push(Open { indent, fields });
        Ok(())
    }

    /// Puts the nodes that a line at `indent` is not below into their parents; keeps the root open.
    fn close_from(&mut self, indent: usize) {
        while self.open.len() > 1 && self.open.last().is_some_and(|last| last.indent >= indent) {
            self.close();
        }
    }

    /// Puts the last node into its parent.
    fn close(&mut self) {
        let Some(node) = self.open.pop() else { return };
        match self.open.last_mut() {
            Some(parent) => push(&mut parent.fields, "Plans", Value::Object(node.fields)),
            None => {
                self.document
                    .insert("Plan".to_owned(), Value::Object(node.fields));
            }
        }
    }

    /// Reads a line below the tree.
    fn footer(&mut self, body: &str, starts: bool) {
        let Some((key, value)) = body.split_once(':') else {
            return;
        };
        let value = value.trim();
        if starts {
            self.section = match key {
                "Planning" => Some("Planning"),
                "JIT" => Some("JIT"),
                _ => None,
            };
        }
        match (key, self.section) {
            ("Planning Time" | "Execution Time", _) => {
                attribute::insert_number(&mut self.document, key, value);
            }
            ("Settings", _) => {
                self.document
                    .insert(key.to_owned(), Value::Object(attribute::settings(value)));
            }
            ("Timing", Some("JIT")) => {
                let total = value.rsplit_once("Total ").map_or("", |(_, total)| total);
                let total = attribute::leading_number(total);
                self.document
                    .insert("JIT".to_owned(), json!({"Timing": {"Total": total}}));
            }
            ("Buffers", Some("Planning")) => {
                let mut fields = Map::new();
                attribute::read(key, value, &mut fields);
                self.document
                    .insert("Planning".to_owned(), Value::Object(fields));
            }
            _ => {
                if let Some(name) = key.strip_prefix("Trigger ") {
                    push(
                        &mut self.document,
                        "Triggers",
                        attribute::trigger(name, value),
                    );
                }
            }
        }
    }

    fn finish(mut self) -> Result<Plan> {
        if self.open.is_empty() {
            return Err(Error::NoPlan);
        }
        while !self.open.is_empty() {
            self.close();
        }
        parse_json(&Value::Object(self.document))
    }
}

/// What a node is to `parent`, by what the text calls it and by the place it has.
fn role(parent: &Map<String, Value>, subplan: Option<&str>) -> &'static str {
    match subplan {
        Some(name) if name.starts_with("SubPlan") => return "SubPlan",
        Some(_) => return "InitPlan",
        None => {}
    }
    let kind = parent
        .get("Node Type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    match kind {
        "Append" | "Merge Append" | "BitmapAnd" | "BitmapOr" => return "Member",
        "Subquery Scan" => return "Subquery",
        _ => {}
    }
    let siblings = parent.get("Plans").and_then(Value::as_array);
    let is_input = |plan: &&Value| plan.get("Subplan Name").is_none();
    match siblings.into_iter().flatten().filter(is_input).count() {
        0 => "Outer",
        _ => "Inner",
    }
}

fn push(fields: &mut Map<String, Value>, key: &str, value: Value) {
    let items = fields
        .entry(key.to_owned())
        .or_insert_with(|| Value::Array(Vec::new()));
    if let Value::Array(items) = items {
        items.push(value);
    }
}
