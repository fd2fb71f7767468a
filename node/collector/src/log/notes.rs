//! What is sent of a log: an element an event, and one for each plan among them.

use std::collections::HashMap;

use pga_server_log::{Class, Event, entry, sum_entry};
use serde_json::{Value, json};

use super::KIND;
use super::follow::Batch;
use crate::plan::{Plans, Source};

/// Entries that are remembered to tell equal ones apart; beyond them, none is.
const MAX_SEEN: usize = 20_000;

/// Makes elements of events.
#[derive(Debug, Default)]
pub(super) struct Notes {
    plans: Plans,
    seen: HashMap<String, u32>,
}

/// A plan that auto_explain wrote.
#[derive(Debug)]
pub(crate) struct Unnamed {
    /// Its statement, without values.
    pub(crate) text: String,
    /// The statement's database; empty if that is not known.
    pub(crate) database: String,
    /// JSON, or text as a string.
    document: Value,
    milliseconds: Option<f64>,
    time: String,
}

impl Notes {
    /// The elements of a batch, of the databases that are wanted, and the plans whose statements
    /// have no id. `at` is the time of what has none (RFC 3339).
    ///
    /// Each event is an element of its own, with its own time: the cluster finds one that was sent
    /// twice by its content.
    pub(super) fn elements(
        &mut self,
        batch: &Batch,
        wants: impl Fn(&str) -> bool,
        at: &str,
    ) -> (Vec<Value>, Vec<Unnamed>) {
        let (mut elements, mut unnamed) = (Vec::new(), Vec::new());
        for event in &batch.events {
            let database = event.record.database.as_deref().unwrap_or_default();
            if !database.is_empty() && !wants(database) {
                continue;
            }
            let mut entry = entry(event);
            self.number(&mut entry);
            let time = entry["timestamp"].as_str().unwrap_or(at).to_owned();
            if let Some((id, plan)) = plan(event, database, &time) {
                match id {
                    Some(id) => elements.extend(self.plan(&plan, database, id)),
                    None => unnamed.push(plan),
                }
            }
            elements.push(element(entry, database, &time));
        }
        for (second, sum) in &batch.sums {
            let entry = sum_entry(*second, sum);
            let time = entry["timestamp"].as_str().unwrap_or(at).to_owned();
            elements.push(element(entry, "", &time));
        }
        (elements, unnamed)
    }

    /// Whether the log had a plan of a statement.
    pub(super) fn has_plan(&self, id: i64, database: &str) -> bool {
        self.plans.has(id, database)
    }

    /// The element of a plan, now that its statement is known.
    pub(super) fn plan(&mut self, plan: &Unnamed, database: &str, id: i64) -> Option<Value> {
        let Unnamed {
            document,
            milliseconds,
            time,
            ..
        } = plan;
        let of = (id, database);
        self.plans
            .element(Source::AutoExplain, of, document, *milliseconds, time)
    }

    /// Numbers equal entries, which a prefix without `%c %l` leaves: the cluster would take the
    /// second one for the first, sent twice.
    fn number(&mut self, entry: &mut Value) {
        if entry["session_id"].is_string() && entry["line_num"].is_number() {
            return;
        }
        if self.seen.len() >= MAX_SEEN {
            self.seen.clear();
        }
        let times = self.seen.entry(entry.to_string()).or_default();
        if *times > 0 {
            entry["repeat"] = (*times).into();
        }
        *times += 1;
    }
}

/// A plan that auto_explain wrote, and the id of its statement if the record has it.
fn plan(event: &Event, database: &str, time: &str) -> Option<(Option<i64>, Unnamed)> {
    if event.class() != Class::Plan {
        return None;
    }
    let fields = &event.about.fields;
    let told = || fields.get("query_identifier").and_then(Value::as_i64);
    let id = event.record.query_id.or_else(told).filter(|id| *id != 0);
    let text = fields.get("query_text").and_then(Value::as_str);
    let plan = Unnamed {
        text: text.unwrap_or_default().to_owned(),
        database: database.to_owned(),
        document: fields.get("plan")?.clone(),
        milliseconds: fields.get("ms").and_then(Value::as_f64),
        time: time.to_owned(),
    };
    Some((id, plan))
}

fn element(entry: Value, database: &str, time: &str) -> Value {
    json!({ "type": KIND, "timestamp": time, "database": database, "entries": [entry] })
}

#[cfg(test)]
mod tests {
    use pga_server_log::{Record, Values};

    use super::*;

    fn elements(records: &[Record]) -> Vec<Value> {
        let events = records
            .iter()
            .map(|record| Event::new(record.clone(), Values::Removed));
        let batch = Batch {
            events: events.collect(),
            ..Batch::default()
        };
        let (elements, unnamed) =
            Notes::default().elements(&batch, |database| database != "closed", "T");
        assert!(unnamed.is_empty());
        elements
    }

    #[test]
    fn equal_lines_are_told_apart_unless_they_have_a_name() {
        let line = Record {
            message: "oh".to_owned(),
            ..Record::default()
        };
        let found = elements(&[line.clone(), line.clone(), line]);
        let repeats = found.iter().map(|element| &element["entries"][0]["repeat"]);
        let want = [&Value::Null, &json!(1), &json!(2)];
        assert_eq!(repeats.collect::<Vec<_>>(), want);
        assert_eq!(found[0]["timestamp"], "T");
        let named = Record {
            session_id: Some("a.b".to_owned()),
            line_num: Some(1),
            ..Record::default()
        };
        let found = elements(&[named.clone(), named]);
        assert_eq!(found[0], found[1], "read twice, it is the same");
    }

    #[test]
    fn databases_that_are_not_wanted_are_left_out() {
        let of = |database: &str| Record {
            database: Some(database.to_owned()),
            ..Record::default()
        };
        let found = elements(&[of("closed"), of("shop"), Record::default()]);
        let names: Vec<_> = found.iter().map(|element| &element["database"]).collect();
        assert_eq!(names, ["shop", ""]);
    }
}
