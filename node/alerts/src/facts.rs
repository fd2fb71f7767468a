//! Current values: the newest elements of each server, and the recent history of some numbers.
//!
//! Every node keeps them, from the pushes that it applies. They are no part of the replicated
//! state: a node that starts has them again after one round of its collectors, and an alert that
//! fires holds until then.

use std::collections::{BTreeMap, HashMap};

use minijinja::Value;
use pga_config::CollectorId;
use pga_storage::{Document, Sample, Timestamp};
use serde_json::Value as Json;

use crate::baseline::{Baseline, Of, Usual};
use crate::clock::Clock;
use crate::fact_row::{FactRow, largest, rows};
use crate::fields::Fields;
use crate::history::History;
use crate::log_events::LogEvents;
use crate::replicas::Replicas;
use crate::{clock, findings, lock_tree, log_events, replicas};

const MINUTE: i64 = 60_000_000;
/// Numbers with a history on one server; more have none.
const MAX_SERIES: usize = 50_000;
/// Numbers whose usual level is learnt on one server; more have none.
const MAX_BASELINES: usize = 5_000;
/// Types of elements of one server.
const MAX_TYPES: usize = 200;
/// Rows of one type of one database.
const MAX_ROWS: usize = 20_000;

/// Types whose elements come only while there are rows, and how often, in seconds: if the server is
/// heard and nothing has come for two and a half times that long, there are none.
pub const ONLY_IF_ANY: &[(&str, i64)] = &[
    ("pg_blocking", 10),
    ("pg_long_transaction", 10),
    ("pg_prepared_xact", 60),
    ("pg_progress", 10),
    ("pg_receiver", 10),
    ("pg_recovery_conflict", 60),
    ("pg_sender", 10),
    ("pg_slot", 60),
    ("pg_slru", 60),
    ("pg_subscription", 60),
];
/// What a collector sends whenever it could read its server: while the server is down nothing is
/// gone.
const HEARTBEAT: &str = "pg_activity_sample";
/// The newest elements of one type of one server.
#[derive(Debug, Default)]
struct Kind {
    /// By database.
    parts: BTreeMap<String, Part>,
}

#[derive(Debug, Default)]
struct Part {
    at: Timestamp,
    received_at: Timestamp,
    interval: Option<i64>,
    /// It comes when something has changed, and whole once an hour.
    is_by_change: bool,
    rows: BTreeMap<String, Value>,
}

/// What is known about one server.
#[derive(Debug, Default)]
pub struct ServerFacts {
    /// When the server was last read, by the collector's clock and by the node's.
    heard: (Timestamp, Timestamp),
    /// When the newest element arrived.
    now: Timestamp,
    kinds: BTreeMap<String, Kind>,
    histories: Histories,
    baselines: Baselines,
    events: LogEvents,
    replicas: Replicas,
    clock: Clock,
}

/// By type, row and field of a number.
type Histories = HashMap<(String, String, String), History>;
type Baselines = HashMap<BaselineKey, Baseline>;
/// Type, row and field of a number, and what of it is compared.
pub type BaselineKey = (String, String, String, Of);

/// Current values of all servers.
#[derive(Debug, Default)]
pub struct Facts {
    /// The types that are kept, and the fields of each that have a history.
    keep: BTreeMap<String, Fields>,
    servers: BTreeMap<CollectorId, ServerFacts>,
}

impl Facts {
    /// From now on these types are kept, and these fields of them have a history; the
    /// others are not looked at.
    pub fn keep(&mut self, keep: BTreeMap<String, Fields>) {
        for server in self.servers.values_mut() {
            server.kinds.retain(|kind, _| keep.contains_key(kind));
        }
        self.keep = keep;
    }

    /// Whether elements of this type are looked at.
    pub fn wants(&self, kind: &str) -> bool {
        kind == HEARTBEAT || kind == clock::OF || self.keep.contains_key(kind)
    }

    /// Something of a collector has arrived, looked at or not.
    pub fn arrived(&mut self, collector: CollectorId, received_at: Timestamp) {
        let server = self.servers.entry(collector).or_default();
        server.now = server.now.max(received_at);
    }

    /// Takes an element in that a collector sent, or that an analysis stored.
    pub fn take(&mut self, collector: CollectorId, received_at: Timestamp, element: &Document) {
        if collector == CollectorId::FINDINGS {
            self.take_findings(received_at, element);
            return;
        }
        let server = self.servers.entry(collector).or_default();
        server.now = server.now.max(received_at);
        if element.kind == HEARTBEAT && element.time > server.heard.0 {
            server.heard = (element.time, received_at);
            server.clock.has_read(element.time, received_at);
        }
        if element.kind == clock::OF {
            server.clock.take(element, received_at);
        }
        let Some(fields) = self.keep.get(&element.kind) else {
            return;
        };
        if let Ok(body) = serde_json::from_slice::<Json>(&element.body) {
            match element.kind.as_str() {
                log_events::OF => server.events.take(&body, element.time),
                "pg_identity" => server.replicas.identity(&body, received_at),
                replicas::OF => server.replicas.senders(&body, element.time),
                _ => {}
            }
            server.take(element, received_at, &body, fields);
            server.events.forget(server.now);
        }
    }

    /// Takes in what an analysis found about a server.
    fn take_findings(&mut self, received_at: Timestamp, element: &Document) {
        let Some(fields) = self.keep.get(&element.kind) else {
            return;
        };
        let body = serde_json::from_slice::<Json>(&element.body).ok();
        let about = body
            .as_ref()
            .and_then(|body| Some((body, findings::server_of(body)?)));
        if let Some((body, id)) = about.filter(|_| findings::is_finding(&element.kind)) {
            let server = self.servers.entry(id).or_default();
            server.take(element, received_at, body, fields);
        }
    }

    /// Takes a plain sample in. Its name is the type, and each set of labels a row of it.
    pub fn take_sample(&mut self, collector: CollectorId, received_at: Timestamp, sample: &Sample) {
        let server = self.servers.entry(collector).or_default();
        server.now = server.now.max(received_at);
        let Some(fields) = self.keep.get(&sample.name) else {
            return;
        };
        let mut row: serde_json::Map<String, Json> = (sample.labels.iter())
            .map(|(name, value)| (name.clone(), Json::from(value.as_str())))
            .collect();
        row.insert("value".to_owned(), Json::from(sample.value));
        let labels: Vec<&str> = (sample.labels.iter())
            .flat_map(|(name, value)| [name.as_str(), value])
            .collect();
        let element = Document {
            kind: sample.name.clone(),
            time: sample.time,
            database: labels.join("\u{1f}"),
            body: Vec::new(),
        };
        server.take(&element, received_at, &Json::Object(row), fields);
    }

    /// Hands out what was learnt about what is usual.
    pub fn baselines(&self) -> impl Iterator<Item = (CollectorId, &BaselineKey, &Baseline)> {
        let servers = self.servers.iter();
        servers.flat_map(|(id, server)| {
            let all = server.baselines.iter();
            all.map(|(key, baseline)| (*id, key, baseline))
        })
    }

    /// Knows again what was learnt before; what has been learnt since stays.
    pub fn learn(&mut self, collector: CollectorId, key: BaselineKey, baseline: Baseline) {
        let server = self.servers.entry(collector).or_default();
        if server.baselines.len() < MAX_BASELINES {
            server.baselines.entry(key).or_insert(baseline);
        }
    }

    /// What is known about a server.
    pub fn server(&self, collector: CollectorId) -> Option<&ServerFacts> {
        self.servers.get(&collector)
    }

    /// The servers that something is known about.
    pub fn servers(&self) -> impl Iterator<Item = (CollectorId, &ServerFacts)> {
        self.servers.iter().map(|(id, server)| (*id, server))
    }

    /// A row for each system identifier that these servers have: who is primary, who was.
    pub fn replication_groups(
        &self,
        names: &[(CollectorId, String)],
        now: Timestamp,
    ) -> Vec<Value> {
        let known = names.iter().filter_map(|(id, name)| {
            let server = self.servers.get(id)?;
            Some((name.as_str(), &server.replicas))
        });
        replicas::groups(known, now)
    }

    /// Forgets the servers that are not `known`.
    pub fn retain(&mut self, known: impl Fn(CollectorId) -> bool) {
        self.servers.retain(|id, _| known(*id));
    }
}

impl ServerFacts {
    fn take(&mut self, element: &Document, received_at: Timestamp, body: &Json, keep: &Fields) {
        if !self.kinds.contains_key(&element.kind) && self.kinds.len() >= MAX_TYPES {
            return;
        }
        let kind = self.kinds.entry(element.kind.clone()).or_default();
        if kind.parts.len() >= MAX_ROWS && !kind.parts.contains_key(&element.database) {
            return;
        }
        let part = kind.parts.entry(element.database.clone()).or_default();
        if element.time < part.at {
            // A backlog: it is history, not news.
            return;
        }
        if element.time > part.at && part.at.micros() > 0 {
            part.interval = Some(element.time.micros() - part.at.micros());
        }
        (part.at, part.received_at) = (element.time, received_at);
        let rows = largest(&element.kind, rows(&element.kind, &element.database, body));
        part.is_by_change = body.get("changed_only").is_some();
        if body.get("changed_only") != Some(&Json::Bool(true)) {
            part.rows.clear();
        }
        for (identity, row) in rows.into_iter().take(MAX_ROWS) {
            part.rows
                .insert(identity.clone(), Value::from_serialize(&row));
            remember(
                (&mut self.histories, &mut self.baselines),
                (&element.kind, &identity, element.time),
                &row,
                keep,
            );
        }
    }

    /// The rows of a type, of all databases; `lock_root` are the roots of those of `pg_blocking`.
    pub fn rows(&self, kind: &str) -> Vec<FactRow> {
        if kind == lock_tree::KIND {
            return lock_tree::roots(&self.rows(lock_tree::OF));
        }
        match kind {
            log_events::KIND => return self.events.rows(self.now),
            replicas::STANDBY => return self.replicas.rows(self.heard.0),
            clock::KIND => return self.clock.row().into_iter().collect(),
            _ => {}
        }
        if self.is_gone(kind) {
            return Vec::new();
        }
        let parts = self.kinds.get(kind).map(|kind| &kind.parts);
        let parts = parts.into_iter().flatten();
        let rows = parts
            .filter(|(_, part)| findings::is_finding(kind) || !self.is_over(part))
            .flat_map(|(_, part)| &part.rows);
        rows.map(|(identity, value)| FactRow {
            identity: identity.clone(),
            value: value.clone(),
        })
        .collect()
    }

    /// Whether a part has not come for a day, while others have: its labels or database are gone.
    fn is_over(&self, part: &Part) -> bool {
        self.now.micros() - part.received_at.micros() > 24 * 60 * MINUTE
    }

    /// What is usual for a number at this hour.
    pub fn usual(&self, key: &BaselineKey, now: Timestamp) -> Option<Usual> {
        self.baselines.get(key)?.usual(now)
    }

    /// The history of a number.
    pub fn history(&self, kind: &str, identity: &str, field: &str) -> Option<&History> {
        let key = (kind.to_owned(), identity.to_owned(), field.to_owned());
        self.histories.get(&key)
    }

    /// Whether a type that comes only while there are rows has not come, although the server is
    /// heard.
    fn is_gone(&self, kind: &str) -> bool {
        let Some((_, every)) = ONLY_IF_ANY.iter().find(|(name, _)| *name == kind) else {
            return false;
        };
        let parts = self.kinds.get(kind).map(|kind| &kind.parts);
        let newest = parts.into_iter().flatten().map(|(_, part)| part.at).max();
        let silent = self.heard.0.micros() - newest.unwrap_or_default().micros();
        silent > every * 2_500_000
    }

    /// When the newest element of a type was read by its collector, and whether it still tells how
    /// things are: it is not older than three of its intervals.
    pub fn freshness(&self, kind: &str, now: Timestamp) -> Option<(Timestamp, bool)> {
        match kind {
            clock::KIND | replicas::STANDBY => {
                let age = now.micros() - self.heard.1.micros();
                return (self.heard.1.micros() > 0).then_some((self.heard.1, age <= 90_000_000));
            }
            log_events::KIND => {
                let age = now.micros() - self.now.micros();
                return Some((self.now, age <= 90_000_000));
            }
            _ => {}
        }
        let kind = if kind == lock_tree::KIND {
            lock_tree::OF
        } else {
            kind
        };
        if self.is_gone(kind) {
            let age = now.micros() - self.heard.1.micros();
            return Some((self.heard.0, age <= 90_000_000));
        }
        let parts = &self.kinds.get(kind)?.parts;
        let part = parts.values().max_by_key(|part| part.received_at)?;
        let patience = match part.interval.filter(|_| !part.is_by_change) {
            _ if findings::is_finding(kind) => findings::PATIENCE,
            Some(interval) => interval.saturating_mul(3).max(90_000_000),
            None => 2 * 60 * MINUTE,
        };
        let age = now.micros() - part.received_at.micros();
        Some((part.at, age <= patience))
    }
}

/// The histories and usual levels of a row's numbers take its values in.
fn remember(
    (histories, baselines): (&mut Histories, &mut Baselines),
    (kind, identity, at): (&str, &str, Timestamp),
    row: &Json,
    keep: &Fields,
) {
    let number = |field: &str| {
        let pointer = format!("/{}", field.replace('.', "/"));
        row.pointer(&pointer).and_then(Json::as_f64)
    };
    for field in &keep.histories {
        let key = (kind.to_owned(), identity.to_owned(), field.clone());
        if let Some(value) = number(field)
            && (histories.len() < MAX_SERIES || histories.contains_key(&key))
        {
            histories.entry(key).or_default().push(at, value);
        }
    }
    let values = keep.values.iter().map(|field| (field, Of::Value));
    let growths = keep.growths.iter().map(|field| (field, Of::Growth));
    for (field, of) in values.chain(growths) {
        let key = (kind.to_owned(), identity.to_owned(), field.clone(), of);
        if let Some(value) = number(field)
            && (baselines.len() < MAX_BASELINES || baselines.contains_key(&key))
        {
            baselines.entry(key).or_default().push(of, at, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn element(kind: &str, seconds: i64, body: &str) -> Document {
        Document {
            kind: kind.into(),
            time: at(seconds),
            database: String::new(),
            body: body.as_bytes().to_vec(),
        }
    }

    /// Facts that keep the types of these tests.
    fn all() -> Facts {
        let mut facts = Facts::default();
        let kinds = ["pg_setting", "pg_blocking", "pg_activity_sample", "pg_wal"];
        facts.keep(
            kinds
                .map(|kind| (kind.to_owned(), Fields::default()))
                .into(),
        );
        facts
    }

    fn collector() -> CollectorId {
        CollectorId::from_external("db-1")
    }

    #[test]
    fn changed_rows_are_merged_and_whole_elements_replace() {
        let mut facts = all();
        for (seconds, body, want) in [
            (
                1,
                r#"{"changed_only":false,"rows":[{"name":"a","setting":"1"},{"name":"b","setting":"1"}]}"#,
                2,
            ),
            (
                2,
                r#"{"changed_only":true,"rows":[{"name":"a","setting":"2"}]}"#,
                2,
            ),
            (
                3,
                r#"{"changed_only":false,"rows":[{"name":"a","setting":"3"}]}"#,
                1,
            ),
            (2, r#"{"changed_only":false,"rows":[]}"#, 1),
        ] {
            facts.take(
                collector(),
                at(seconds),
                &element("pg_setting", seconds, body),
            );
            let rows = facts.server(collector()).unwrap().rows("pg_setting");
            assert_eq!(rows.len(), want, "{body}");
        }
    }

    #[test]
    fn what_comes_only_while_it_is_there_is_gone_when_the_server_is_heard_without_it() {
        let mut facts = all();
        facts.take(
            collector(),
            at(1_010),
            &element("pg_blocking", 1_010, r#"{"rows":[{"blocked_pid":1}]}"#),
        );
        for (seconds, want) in [(1_020, 1), (1_035, 1), (1_036, 0)] {
            facts.take(
                collector(),
                at(seconds),
                &element("pg_activity_sample", seconds, "{}"),
            );
            let server = facts.server(collector()).unwrap();
            assert_eq!(server.rows("pg_blocking").len(), want, "{seconds}");
            assert!(server.freshness("pg_blocking", at(seconds)).unwrap().1);
        }
        let server = facts.server(collector()).unwrap();
        assert_eq!(
            server.freshness("pg_slot", at(1_200)),
            Some((at(1_036), false)),
            "silent"
        );
    }

    #[test]
    fn types_that_nothing_asks_for_are_not_kept() {
        let mut facts = all();
        for (kind, seconds) in [
            ("pg_wal", 1_000),
            ("pg_statement", 1_010),
            ("sysstat", 1_020),
        ] {
            facts.take(
                collector(),
                at(seconds),
                &element(kind, seconds, r#"{"rows":[{}]}"#),
            );
        }
        let server = facts.server(collector()).unwrap();
        assert_eq!(
            (
                server.rows("pg_wal").len(),
                server.rows("pg_statement").len()
            ),
            (1, 0)
        );
        assert_eq!(server.heard.0, at(0), "the host is not the server");
    }

    #[test]
    fn what_has_not_come_for_three_intervals_is_stale() {
        let mut facts = all();
        for seconds in [60, 120] {
            facts.take(collector(), at(seconds), &element("pg_wal", seconds, "{}"));
        }
        let server = facts.server(collector()).unwrap();
        assert_eq!(server.freshness("pg_wal", at(300)), Some((at(120), true)));
        assert_eq!(server.freshness("pg_wal", at(301)), Some((at(120), false)));
        assert_eq!(server.freshness("pg_setting", at(0)), None);
    }
}
