//! Plans of statements, from the server's log and from EXPLAIN.

mod bounded;
mod generic;
pub(crate) mod hypothetical;
mod names;

use std::collections::HashMap;
use std::time::Duration;

use pga_runtime::Instant;
use serde_json::{Value, json};

use self::bounded::bounded;
pub(crate) use self::generic::GenericPlans;
pub use self::hypothetical::IndexCandidate;
pub(crate) use self::hypothetical::IndexChecks;
pub(crate) use self::names::Names;

/// Source of gaps, and tag of the statements.
pub(crate) const TAG: &str = "pg_plan";
/// Type of the elements: the node keeps plans that are sent to it under this one.
const KIND: &str = "explain_plan";
/// The same structure of one statement is sent at most this often.
const AGAIN: Duration = Duration::from_secs(3_600);
/// Statements that are remembered; beyond them, none is.
const MAX_KNOWN: usize = 20_000;
/// Structures of one statement that are sent within that time.
const MAX_STRUCTURES: usize = 20;

/// Where a plan is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The log: a statement that ran.
    AutoExplain,
    /// EXPLAIN without values: nothing ran.
    Generic,
}

/// Which plans were sent, so that none is sent all the time.
#[derive(Debug, Default)]
pub(crate) struct Plans {
    known: HashMap<(i64, String), HashMap<String, Instant>>,
}

impl Plans {
    /// Whether a plan of a statement was sent since the start.
    pub(crate) fn has(&self, id: i64, database: &str) -> bool {
        self.known.contains_key(&(id, database.to_owned()))
    }

    /// The element of a plan of a statement, by query id and database: JSON as an object, text as
    /// a string. One that is too large is cut, and says so. `None` if its structure was sent within
    /// the hour.
    pub(crate) fn element(
        &mut self,
        source: Source,
        (id, database): (i64, &str),
        plan: &Value,
        milliseconds: Option<f64>,
        time: &str,
    ) -> Option<Value> {
        let now = pga_runtime::now();
        if self.known.len() >= MAX_KNOWN {
            self.known.clear();
        }
        let known = self.known.entry((id, database.to_owned())).or_default();
        known.retain(|_, at| now - *at < AGAIN);
        if known.len() >= MAX_STRUCTURES || known.contains_key(&structure(plan)) {
            return None;
        }
        let Some((sent, is_cut)) = bounded(plan) else {
            tracing::warn!(
                query_id = id,
                database,
                "a plan is too large to send, however it is cut"
            );
            return None;
        };
        known.insert(structure(plan), now);
        let (json, text) = match sent {
            Value::String(text) => (Value::Null, json!(text)),
            document => (document, Value::Null),
        };
        let mut element = json!({
            "type": KIND, "timestamp": time, "query_hash": id, "database": database,
            "plan_json": json, "plan_text": text, "execution_duration_ms": milliseconds,
            "source": match source {
                Source::AutoExplain => "auto_explain",
                Source::Generic => "generic_plan",
            },
        });
        if is_cut {
            element["is_cut"] = true.into();
        }
        Some(element)
    }
}

/// What makes a plan the same as another: its nodes, relations, indexes and joins, without costs.
fn structure(plan: &Value) -> String {
    let mut out = String::new();
    match plan {
        Value::String(text) => {
            let nodes = text.lines().filter_map(|line| line.split_once("  (cost="));
            nodes.for_each(|(node, _)| {
                out.push_str(node);
                out.push('\n');
            });
        }
        document => nodes(document.get("Plan").unwrap_or(document), &mut out),
    }
    out
}

fn nodes(node: &Value, out: &mut String) {
    for name in [
        "Node Type",
        "Join Type",
        "Relation Name",
        "Index Name",
        "Strategy",
    ] {
        out.push_str(node[name].as_str().unwrap_or_default());
        out.push('|');
    }
    out.push('(');
    for child in node["Plans"].as_array().into_iter().flatten() {
        nodes(child, out);
    }
    out.push(')');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(kind: &str, cost: f64) -> Value {
        json!({ "Plan": { "Node Type": "Limit", "Plans": [
            { "Node Type": kind, "Relation Name": "t", "Total Cost": cost }
        ] } })
    }

    #[test]
    fn a_structure_is_sent_once_an_hour() {
        let mut plans = Plans::default();
        let mut sent = |id, plan: &Value| {
            let of = plans.element(Source::AutoExplain, (id, "db"), plan, Some(5.0), "T");
            of.is_some()
        };
        for (name, id, plan, want) in [
            ("first", 1, scan("Seq Scan", 1.0), true),
            ("other costs", 1, scan("Seq Scan", 2.0), false),
            ("other node", 1, scan("Index Scan", 2.0), true),
            ("other statement", 2, scan("Seq Scan", 1.0), true),
            (
                "text",
                3,
                json!("Seq Scan on t  (cost=0..1 rows=5 width=4)"),
                true,
            ),
            (
                "its costs",
                3,
                json!("Seq Scan on t  (cost=0..2 rows=9 width=4)"),
                false,
            ),
            (
                "a large one",
                4,
                json!("x\n".repeat(bounded::MAX_BYTES)),
                true,
            ),
        ] {
            assert_eq!(sent(id, &plan), want, "{name}");
        }
        let large = json!("y\n".repeat(bounded::MAX_BYTES));
        let large = plans.element(Source::AutoExplain, (5, "db"), &large, None, "T");
        assert_eq!(large.unwrap()["is_cut"], true);
    }
}
