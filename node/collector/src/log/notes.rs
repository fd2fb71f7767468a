//! What is sent of a log: an element an event, and one for each plan among them.

use pga_server_log::{Class, Event, entry, sum_entry};
use serde_json::{Value, json};

use super::KIND;
use super::follow::Batch;
use crate::plan::{Plans, Source};

/// Makes elements of events.
#[derive(Debug, Default)]
pub(super) struct Notes {
    plans: Plans,
}

impl Notes {
    /// The elements of a batch, of the databases that are wanted. `at` is the time of what has
    /// none (RFC 3339).
    ///
    /// Each event is an element of its own, with its own time: the cluster finds one that was sent
    /// twice by its content.
    pub(super) fn elements(
        &mut self,
        batch: &Batch,
        wants: impl Fn(&str) -> bool,
        at: &str,
    ) -> Vec<Value> {
        let mut elements = Vec::new();
        for event in &batch.events {
            let database = event.record.database.as_deref().unwrap_or_default();
            if !database.is_empty() && !wants(database) {
                continue;
            }
            let entry = entry(event);
            let time = entry["timestamp"].as_str().unwrap_or(at).to_owned();
            if event.class() == Class::Plan {
                elements.extend(self.plan(event, database, &time));
            }
            elements.push(element(entry, database, &time));
        }
        for (second, sum) in &batch.sums {
            let entry = sum_entry(*second, sum);
            let time = entry["timestamp"].as_str().unwrap_or(at).to_owned();
            elements.push(element(entry, "", &time));
        }
        elements
    }

    /// The plan that auto_explain wrote, if its statement has an id.
    fn plan(&mut self, event: &Event, database: &str, time: &str) -> Option<Value> {
        let fields = &event.about.fields;
        let told = || fields.get("query_identifier").and_then(Value::as_i64);
        let id = event.record.query_id.or_else(told).filter(|id| *id != 0)?;
        let milliseconds = fields.get("ms").and_then(Value::as_f64);
        let plan = fields.get("plan")?;
        self.plans.element(
            Source::AutoExplain,
            (id, database),
            plan,
            milliseconds,
            time,
        )
    }
}

fn element(entry: Value, database: &str, time: &str) -> Value {
    json!({ "type": KIND, "timestamp": time, "database": database, "entries": [entry] })
}
