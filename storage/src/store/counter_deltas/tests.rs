use pga_config::CollectorId;
use serde_json::json;

use super::*;
use crate::store::FlushElement;
use crate::store::mapper::{Inventory, rows};
use crate::{Document, Element, Timestamp};

/// (seconds, calls, total_time, reset marker or empty) -> (calls_delta, total_time_delta,
/// interval).
type Step = ((i64, i64, f64, &'static str), Want);

fn sample(seconds: i64, calls: i64, total: f64, reset: &str) -> Rows {
    statement(
        seconds,
        json!({"hash": -4, "calls": calls, "total_time": total, "stats_reset": reset}),
    )
}

fn statement(seconds: i64, statement: serde_json::Value) -> Rows {
    let mut out = Rows::default();
    element(seconds, 0, statement, &mut out);
    out
}

fn element(seconds: i64, ordinal: u32, statement: serde_json::Value, out: &mut Rows) {
    let body = json!({"type": "pg_query_stats", "database": "shop", "queries": [statement]});
    let element = FlushElement {
        collector: CollectorId::from_external("c"),
        index: 1,
        ordinal,
        received_at: Timestamp::default(),
        element: Element::Document(Document {
            kind: "pg_query_stats".into(),
            time: Timestamp::from_micros(seconds * 1_000_000),
            database: "shop".into(),
            body: serde_json::to_vec(&body).unwrap(),
        }),
    };
    rows(&element, Inventory::Changed, out);
}

fn cell(rows: &Rows, name: &str) -> Value {
    let (id, rows) = rows.tables().next().unwrap();
    let at = id.table().position(name).unwrap();
    rows.iter().next().unwrap()[at].clone()
}

type Want = (Option<i64>, Option<f64>, Option<f64>);

const NONE: Want = (None, None, None);

const fn some(calls: i64, total: f64, interval: f64) -> Want {
    (Some(calls), Some(total), Some(interval))
}

const CASES: [(&str, &[Step]); 8] = [
    (
        "grows",
        &[
            ((10, 5, 50.0, ""), NONE),
            ((20, 8, 80.0, ""), some(3, 30.0, 10.0)),
        ],
    ),
    (
        "falls: what counts since the reset",
        &[
            ((10, 5, 50.0, ""), NONE),
            ((20, 2, 9.0, ""), some(2, 9.0, 10.0)),
            ((30, 3, 10.0, ""), some(1, 1.0, 10.0)),
        ],
    ),
    (
        "marker moves though nothing falls",
        &[
            ((10, 5, 50.0, "2026-01-01 00:00:00+00"), NONE),
            ((20, 6, 60.0, "2026-01-02 00:00:00+00"), some(6, 60.0, 10.0)),
        ],
    ),
    (
        "marker moves backward: another server",
        &[
            ((10, 5, 50.0, "2026-01-02 00:00:00+00"), NONE),
            ((20, 900, 60.0, "2026-01-01 00:00:00+00"), NONE),
            (
                (30, 901, 61.0, "2026-01-01 00:00:00+00"),
                some(1, 1.0, 10.0),
            ),
        ],
    ),
    (
        "one counter falls: nothing of it, the others keep theirs",
        &[
            ((10, 5, 50.0, ""), NONE),
            ((20, 6, 49.0, ""), some(1, 0.0, 10.0)),
            ((30, 7, 52.0, ""), some(1, 3.0, 10.0)),
        ],
    ),
    (
        "zeros with a moved marker are a reset",
        &[
            ((10, 5, 50.0, "2026-01-01 00:00:00+00"), NONE),
            ((20, 0, 0.0, "2026-01-02 00:00:00+00"), some(0, 0.0, 10.0)),
            ((30, 9, 90.0, "2026-01-02 00:00:00+00"), some(9, 90.0, 10.0)),
        ],
    ),
    (
        "late and equal times",
        &[
            ((20, 5, 50.0, ""), NONE),
            ((20, 6, 60.0, ""), NONE),
            ((10, 4, 40.0, ""), NONE),
            ((30, 7, 70.0, ""), some(2, 20.0, 10.0)),
        ],
    ),
    (
        "silence is no reset",
        &[
            ((10, 5, 50.0, ""), NONE),
            ((20, 0, 0.0, ""), NONE),
            ((30, 7, 70.0, ""), some(2, 20.0, 20.0)),
        ],
    ),
];

#[test]
fn differences_follow_the_rules() {
    for (name, steps) in CASES {
        let mut states = States::default();
        for (n, ((seconds, calls, total, reset), want)) in steps.iter().enumerate() {
            let mut rows = sample(*seconds, *calls, *total, reset);
            fill(&mut rows, &mut states);
            let want = [
                want.0.map_or(Value::Null, Value::Int),
                want.1.map_or(Value::Null, Value::Float),
                want.2.map_or(Value::Null, Value::Float),
            ];
            let got = ["calls_delta", "total_time_delta", "interval_seconds"];
            let got = got.map(|name| cell(&rows, name));
            assert_eq!(got, want, "{name}, step {n}");
        }
    }
}

/// Original collectors read three times a second, and push what they read in a minute together:
/// many elements of one second, of which each has the whole counters.
#[test]
fn of_several_elements_of_one_time_the_first_counts() {
    let mut states = States::default();
    let mut rows = sample(10, 100, 1000.0, "");
    fill(&mut rows, &mut states);
    let mut rows = Rows::default();
    for (ordinal, (seconds, calls)) in [(20, 101), (20, 102), (30, 103), (30, 104)]
        .into_iter()
        .enumerate()
    {
        let statement = json!({"hash": -4, "calls": calls, "total_time": calls * 10});
        element(seconds, ordinal as u32, statement, &mut rows);
    }
    fill(&mut rows, &mut states);
    let (id, table) = rows.tables().next().unwrap();
    let at = id.table().position("calls_delta").unwrap();
    let found: Vec<_> = table.iter().map(|row| row[at].clone()).collect();
    let none = Value::Null;
    assert_eq!(
        found,
        [Value::Int(1), none.clone(), Value::Int(2), none],
        "a sum of all elements of a second would be a counter that falls and rises"
    );
}

/// Sixty statements in two elements of one second are sixty, not a list cut off at a hundred.
#[test]
fn a_key_in_several_elements_of_one_time_is_listed_once() {
    let mut states = States::default();
    let mut rows = Rows::default();
    for ordinal in 0..2 {
        for hash in 0..60 {
            let statement = json!({"hash": hash, "calls": 5, "total_time": 50});
            element(10, ordinal, statement, &mut rows);
        }
    }
    fill(&mut rows, &mut states);
    let mut rows = statement(20, json!({"hash": 61, "calls": 7, "total_time": 70}));
    fill(&mut rows, &mut states);
    assert_eq!(cell(&rows, "calls_delta"), Value::Int(7));
}

#[test]
fn states_round_trip_and_foreign_bytes_begin_anew() {
    let mut states = States::default();
    let mut rows = sample(10, 5, 50.0, "2026-01-01 00:00:00+00");
    fill(&mut rows, &mut states);
    let keys = keys(&rows);
    let (history, key) = (keys[0], keys[1]);
    let mut changed: Vec<_> = states.changed().map(|(key, _)| key).collect();
    changed.sort_by_key(|changed| *changed != history);
    assert_eq!(changed, [history, key]);
    let (_, state) = states.changed().find(|(found, _)| *found == key).unwrap();
    assert_eq!(CounterKey::from_bytes(key.to_bytes()), key);
    assert_eq!(
        CounterState::decode(&state.encode().unwrap()).as_ref(),
        Some(state)
    );
    assert_eq!(CounterState::decode(b"\x02junk"), None);
}

#[test]
fn a_missing_counter_has_no_difference_and_comes_back_without_a_lifetime() {
    let mut states = States::default();
    let mut at = 0;
    let mut next = |body| {
        at += 10;
        let mut rows = statement(at, body);
        fill(&mut rows, &mut states);
        assert_ne!(cell(&rows, "rows"), Value::Null, "the column is NOT NULL");
        ["rows_delta", "wal_bytes_delta"].map(|name| cell(&rows, name))
    };
    let none = [Value::Null, Value::Null];
    assert_eq!(
        next(json!({"hash": 1, "calls": 5, "rows": 900, "wal_bytes": 900})),
        none
    );
    assert_eq!(next(json!({"hash": 1, "calls": 6})), none);
    let both = [Value::Int(7), Value::Int(9)];
    assert_eq!(
        next(json!({"hash": 1, "calls": 7, "rows": 907, "wal_bytes": 909})),
        both
    );
    assert_eq!(next(json!({"hash": 1, "calls": 2})), none, "a reset");
    let both = [Value::Int(4), Value::Int(5)];
    assert_eq!(
        next(json!({"hash": 1, "calls": 3, "rows": 4, "wal_bytes": 5})),
        both
    );
}

#[test]
fn what_was_not_in_the_earlier_sample_counts_unless_that_was_cut_off() {
    for (listed, want) in [(1, Value::Int(7)), (100, Value::Null)] {
        let mut states = States::default();
        for seconds in [10, 20] {
            let mut rows = Rows::default();
            for hash in 0..listed {
                let row = statement(seconds, json!({"hash": hash, "calls": 5}));
                let (id, table) = row.tables().next().unwrap();
                rows.push(id, table.iter().next().unwrap().to_vec());
            }
            fill(&mut rows, &mut states);
        }
        let mut rows = statement(30, json!({"hash": 7777, "calls": 7}));
        fill(&mut rows, &mut states);
        assert_eq!(cell(&rows, "calls_delta"), want, "{listed} rows before");
        let mut rows = statement(40, json!({"hash": 8888, "calls": 3}));
        fill(&mut rows, &mut states);
        assert_eq!(cell(&rows, "interval_seconds"), Value::Float(10.0));
    }
}
