//! Quiet by default: a day and an hour of a healthy server fire no default rule.
//!
//! `data/healthy-server.json` holds two readings of one real server by the collector, a minute
//! apart, under load. What grew between them goes on growing, in waves over the day and with noise;
//! other numbers stray around what was read. The server was one for tests, on a machine that was
//! busy with other things: `fsync` was off, and pressure (PSI) grew ten times as fast as the data
//! says. The second day has usual levels to be compared with.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use pga_alerts::{Facts, RuleSet, evaluate, machine};
use pga_cluster::Alert;
use pga_config::CollectorId;
use pga_storage::{Document, Timestamp};
use serde_json::{Value, json};

/// 2026-11-29T19:00:00Z, three hours after the readings: the server was not started just now.
const START: i64 = 1_795_978_800;
const HOUR: i64 = 3_600;
/// Elements that come less often than once a minute, and how often, in seconds.
const SLOW: &[(&str, i64)] = &[("pg_setting", 300), ("pg_index", 300), ("pg_sequence", 900)];
/// Types whose numbers are counters where they grow.
const COUNTERS: &[&str] = &[
    "pg_statement",
    "pg_statement_health",
    "pg_database",
    "pg_wal",
    "pg_checkpointer",
    "pg_io",
    "pg_archiver",
    "pg_table",
    "pg_index",
    "pg_sequence",
    "sysstat",
];
/// Fields of these types that are levels.
const LEVELS: &[&str] = &[
    "numbackends",
    "n_live_tup",
    "n_dead_tup",
    "reltuples",
    "relpages",
    "cpu",
    "memory",
    "entries",
];

/// Numbers between -1 and 1 that look random and are the same each time (xorshift, Marsaglia 2003).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % 20_001) as f64 / 10_000.0 - 1.0
    }
}

/// Minutes of work done until a time, of an hour that has 60: most at noon, least at night.
fn work(seconds: i64, noise: &mut Noise) -> f64 {
    let minutes = seconds as f64 / 60.0;
    let day = std::f64::consts::TAU / 1_440.0;
    minutes - 0.5 / day * (day * minutes).sin() + 0.2 * noise.next()
}

/// A reading at a time: `first`, what it became in a minute, and the work done since.
fn at(
    first: &Value,
    then: &Value,
    name: &str,
    is_counter: bool,
    work: f64,
    noise: &mut Noise,
) -> Value {
    let is_counter = is_counter && !LEVELS.contains(&name);
    match (first, then) {
        (Value::Object(a), Value::Object(b)) => a
            .iter()
            .map(|(name, a)| {
                let b = b.get(name).unwrap_or(a);
                (name.clone(), at(a, b, name, is_counter, work, noise))
            })
            .collect(),
        (Value::Array(a), Value::Array(b)) => {
            let pairs = a
                .iter()
                .enumerate()
                .map(|(n, a)| (a, b.get(n).unwrap_or(a)));
            pairs
                .map(|(a, b)| at(a, b, name, is_counter, work, noise))
                .collect()
        }
        (Value::Number(a), Value::Number(b)) => {
            let (from, to) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            let number = if is_counter && to > from {
                from + (to - from) * work
            } else if is_counter {
                from
            } else {
                from * (1.0 + 0.1 * noise.next())
            };
            if a.is_f64() {
                json!(number)
            } else {
                json!(number.round() as i64)
            }
        }
        _ => first.clone(),
    }
}

/// Rows in the order of their names: the two readings have them in different ones.
fn sorted(mut element: Value) -> Value {
    let name = |row: &Value| {
        let fields = [
            "queryid",
            "userid",
            "dbid",
            "datname",
            "backend_type",
            "object",
            "context",
            "name",
        ];
        fields.map(|field| row[field].to_string()).join("/")
    };
    if let Some(rows) = element["rows"].as_array_mut() {
        rows.sort_by_key(name);
    }
    element
}

/// What the rules said about the server.
#[derive(Default)]
struct Judged {
    alerts: BTreeMap<u64, Alert>,
    readings: BTreeMap<String, usize>,
    fired: Vec<String>,
}

impl Judged {
    fn judge(&mut self, rules: &RuleSet, facts: &Facts, collector: CollectorId, now: Timestamp) {
        for rule in rules
            .iter()
            .filter(|rule| !rule.from.starts_with("cluster_"))
        {
            let evaluation = evaluate(rule, facts.server(collector), "db-1", None, now);
            assert_eq!(evaluation.error, None, "{}", rule.key());
            *self.readings.entry(rule.key()).or_default() += evaluation.readings.len();
            for reading in evaluation.readings {
                let fingerprint = machine::fingerprint(&reading.labels);
                let before = self.alerts.get(&fingerprint);
                if let Some(alert) = machine::step(rule, before, &reading, now) {
                    if alert.is_firing() {
                        let text = format!("{} at {now}: {:?}", rule.key(), alert.annotations);
                        self.fired.push(text);
                    }
                    self.alerts.insert(fingerprint, alert);
                }
            }
        }
        self.alerts
            .retain(|_, alert| !alert.is_over() || alert.fired_at.is_some());
    }
}

#[test]
fn a_healthy_server_fires_no_rule() {
    let text = include_str!("data/healthy-server.json");
    let [first, then]: [Vec<Value>; 2] = serde_json::from_str(text).unwrap();
    let pairs = first
        .into_iter()
        .map(sorted)
        .zip(then.into_iter().map(sorted));
    let readings: Vec<(Value, Value)> = pairs.collect();
    let rules = RuleSet::defaults().unwrap();
    let collector = CollectorId::from_external("db-1");
    let (mut facts, mut noise, mut judged) = (Facts::default(), Noise(7), Judged::default());
    facts.keep(rules.keeps());
    for seconds in (0..26 * HOUR).step_by(60) {
        let now = Timestamp::from_micros((START + seconds) * 1_000_000);
        let work = work(seconds, &mut noise);
        for (first, then) in &readings {
            let kind = first["type"].as_str().unwrap();
            let every = SLOW.iter().find(|(name, _)| *name == kind);
            if seconds % every.map_or(60, |(_, every)| *every) == 0 {
                let is_counter = COUNTERS.contains(&kind);
                let body = at(first, then, "", is_counter, work, &mut noise);
                let element = Document {
                    kind: kind.to_owned(),
                    time: now,
                    database: first["database"].as_str().unwrap_or_default().to_owned(),
                    body: body.to_string().into_bytes(),
                };
                facts.take(collector, now, &element);
            }
        }
        // Every five minutes: what must hold for less is seen to hold for that long.
        if seconds % 300 == 0 {
            judged.judge(&rules, &facts, collector, now);
        }
    }
    assert_eq!(judged.fired, Vec::<String>::new());
    // The rules looked at something: those about what is usual, too.
    for key in [
        "C1", "C3", "H1", "H2", "H3", "I3", "L2", "Q1", "S1", "W2", "X2",
    ] {
        let count = judged.readings.get(key).copied().unwrap_or(0);
        assert!(count > 0, "{key} had no data");
    }
}
