use pga_config::CollectorId;
use serde_json::json;

use super::*;
use crate::store::FlushElement;
use crate::store::mapper::{Inventory, rows};
use crate::{Document, Element};

/// (seconds, calls, total_time, reset marker or empty) -> (calls_delta, total_time_delta, interval).
type Step = (
    (i64, i64, f64, &'static str),
    (Option<i64>, Option<f64>, Option<f64>),
);

fn sample(seconds: i64, calls: i64, total: f64, reset: &str) -> Rows {
    let body = json!({"type": "pg_query_stats", "database": "shop", "queries": [
        {"hash": -4, "calls": calls, "total_time": total, "stats_reset": reset}]});
    let element = FlushElement {
        collector: CollectorId::from_external("c"),
        index: 1,
        ordinal: 0,
        received_at: Timestamp::default(),
        element: Element::Document(Document {
            kind: "pg_query_stats".into(),
            time: Timestamp::from_micros(seconds * 1_000_000),
            database: "shop".into(),
            body: serde_json::to_vec(&body).unwrap(),
        }),
    };
    let mut out = Rows::default();
    rows(&element, Inventory::Changed, &mut out);
    out
}

fn cell(rows: &Rows, name: &str) -> Value {
    let (id, rows) = rows.tables().next().unwrap();
    let at = id.table().position(name).unwrap();
    rows.iter().next().unwrap()[at].clone()
}

#[test]
fn differences_follow_the_rules() {
    let none = (None, None, None);
    let some = |calls, total, interval| (Some(calls), Some(total), Some(interval));
    let cases: [(&str, &[Step]); 5] = [
        (
            "grows",
            &[
                ((10, 5, 50.0, ""), none),
                ((20, 8, 80.0, ""), some(3, 30.0, 10.0)),
            ],
        ),
        (
            "falls: what counts since the reset",
            &[
                ((10, 5, 50.0, ""), none),
                ((20, 2, 9.0, ""), some(2, 9.0, 10.0)),
                ((30, 3, 10.0, ""), some(1, 1.0, 10.0)),
            ],
        ),
        (
            "marker moves though nothing falls",
            &[
                ((10, 5, 50.0, "2026-01-01 00:00:00+00"), none),
                ((20, 6, 60.0, "2026-01-02 00:00:00+00"), some(6, 60.0, 10.0)),
            ],
        ),
        (
            "late and equal times",
            &[
                ((20, 5, 50.0, ""), none),
                ((20, 6, 60.0, ""), none),
                ((10, 4, 40.0, ""), none),
                ((30, 7, 70.0, ""), some(2, 20.0, 10.0)),
            ],
        ),
        (
            "silence is no reset",
            &[
                ((10, 5, 50.0, ""), none),
                ((20, 0, 0.0, ""), none),
                ((30, 7, 70.0, ""), some(2, 20.0, 20.0)),
            ],
        ),
    ];
    for (name, steps) in cases {
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

#[test]
fn states_round_trip_and_foreign_bytes_begin_anew() {
    let mut states = States::default();
    let mut rows = sample(10, 5, 50.0, "2026-01-01 00:00:00+00");
    fill(&mut rows, &mut states);
    let (key, state) = states.changed().next().unwrap();
    assert_eq!(keys(&rows), [key]);
    assert_eq!(RateKey::from_bytes(key.to_bytes()), key);
    assert_eq!(RateState::decode(&state.encode()).as_ref(), Some(state));
    assert_eq!(RateState::decode(b"\x02junk"), None);
}
