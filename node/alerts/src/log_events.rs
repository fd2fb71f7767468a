//! Events of the server's log, counted: how many of a class came lately, and about whom.
//!
//! `log_class` has a row for each class of `pg_log` and severity (the server's word, `PANIC`
//! included). Failed log-ins have one for each `user` and one for each `host` too, and cancelled
//! autovacuums one for each `table`: `by` says which, `subject` whom. `in_1m`, `in_5m`, `in_15m`,
//! `in_30m` and `in_1h` count the events up to the newest element of the server, by their own
//! times. The other fields are those of the newest event.

use std::collections::{BTreeMap, VecDeque};

use minijinja::Value;
use pga_storage::Timestamp;
use serde_json::Value as Json;

use crate::fact_row::FactRow;
use crate::matching;

/// Type of the rows that this makes.
pub(crate) const KIND: &str = "log_class";
/// Type of the elements that this reads.
pub(crate) const OF: &str = "pg_log";
/// Rows of one server; more are not counted.
const MAX_KEYS: usize = 2_000;
/// Events of one row that are remembered.
const MAX_EVENTS: usize = 2_000;
/// How long an event is remembered.
const KEPT: i64 = 3_600;
/// What is counted.
const WINDOWS: &[(&str, i64)] = &[
    ("in_1m", 60),
    ("in_5m", 300),
    ("in_15m", 900),
    ("in_30m", 1_800),
    ("in_1h", KEPT),
];
/// Fields of an event that its row has.
const SHOWN: &[&str] = &[
    "message",
    "detail",
    "context",
    "database",
    "user",
    "application",
    "host",
    "sqlstate",
    "level",
];

/// Class, severity, what the row is by, and whom it is about.
type Key = (String, String, &'static str, String);

/// An entry of `pg_log` under the names that rows have. A `PANIC` is told as `FATAL` in v3; its
/// class tells it.
fn named(entry: &Json, database: &Json) -> Json {
    let mut event = entry.clone();
    for (name, of) in [
        ("time", "timestamp"),
        ("user", "user_name"),
        ("host", "client"),
        ("application", "application_name"),
    ] {
        event[name] = entry[of].clone();
    }
    event["database"] = database.clone();
    event["severity"] = match entry["class"] == "panic" {
        true => "PANIC".into(),
        false => entry["level"].clone(),
    };
    event
}

#[derive(Clone, Debug, Default)]
struct Seen {
    times: VecDeque<Timestamp>,
    last: Json,
}

/// The events of one server.
#[derive(Clone, Debug, Default)]
pub(crate) struct LogEvents {
    seen: BTreeMap<Key, Seen>,
}

impl LogEvents {
    /// Takes in the entries of one element.
    pub(crate) fn take(&mut self, body: &Json, at: Timestamp) {
        let entries = body.get("entries").and_then(Json::as_array);
        for entry in entries.into_iter().flatten() {
            self.one(&named(entry, &body["database"]), at);
        }
    }

    fn one(&mut self, event: &Json, element_at: Timestamp) {
        let text = |name: &str| event.get(name).and_then(Json::as_str).unwrap_or_default();
        let at = matching::time(text("time")).unwrap_or(element_at);
        let class = text("class");
        let mut about = vec![("", "")];
        match class {
            "auth_failed" => about.extend([("user", text("user")), ("host", text("host"))]),
            "autovacuum_canceled" => {
                let table = event.pointer("/fields/table").and_then(Json::as_str);
                about.push(("table", table.unwrap_or_default()));
            }
            _ => {}
        }
        let is_known = |(by, subject): &(&str, &str)| by.is_empty() || !subject.is_empty();
        for (by, subject) in about.into_iter().filter(is_known) {
            let key = (
                class.to_owned(),
                text("severity").to_owned(),
                by,
                subject.to_owned(),
            );
            if self.seen.len() >= MAX_KEYS && !self.seen.contains_key(&key) {
                continue;
            }
            let seen = self.seen.entry(key).or_default();
            seen.times.push_back(at);
            if seen.times.len() > MAX_EVENTS {
                seen.times.pop_front();
            }
            seen.last = event.clone();
        }
    }

    /// Forgets what is older than an hour.
    pub(crate) fn forget(&mut self, now: Timestamp) {
        self.seen.retain(|_, seen| {
            seen.times
                .retain(|at| now.micros() - at.micros() <= KEPT * 1_000_000);
            !seen.times.is_empty()
        });
    }

    /// The rows.
    pub(crate) fn rows(&self, now: Timestamp) -> Vec<FactRow> {
        let row = |((class, severity, by, subject), seen): (&Key, &Seen)| {
            let text = |name: &str| {
                seen.last
                    .get(name)
                    .and_then(Json::as_str)
                    .unwrap_or_default()
            };
            let shown = SHOWN.iter().map(|name| (*name, Value::from(text(name))));
            let mut row: BTreeMap<&str, Value> = shown.collect();
            for (name, value) in [
                ("class", class.as_str()),
                ("severity", severity),
                ("by", by),
                ("subject", subject),
            ] {
                row.insert(name, Value::from(value));
            }
            for (name, seconds) in WINDOWS {
                let is_in = |at: &&Timestamp| now.micros() - at.micros() <= seconds * 1_000_000;
                row.insert(name, Value::from(seen.times.iter().filter(is_in).count()));
            }
            FactRow {
                identity: [class, severity, *by, subject].join("\u{1f}"),
                value: Value::from(row),
            }
        };
        self.seen.iter().map(row).collect()
    }
}
