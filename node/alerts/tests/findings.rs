//! Rules over what the analyses found: elements that the cluster stores under its own id.

#![expect(clippy::unwrap_used, reason = "tests")]

use pga_alerts::{Evaluation, Facts, RuleSet, evaluate};
use pga_config::CollectorId;
use pga_storage::{Document, Timestamp};
use serde_json::{Value, json};

const HOUR: i64 = 3_600;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros((1_764_000_000 + seconds) * 1_000_000)
}

fn server() -> CollectorId {
    CollectorId::from_external("db-1")
}

/// What a rule says about a server at a time, after runs of an analysis at others.
fn said(key: &str, runs: &[(i64, CollectorId, Value)], seconds: i64) -> Evaluation {
    let rules = RuleSet::defaults().unwrap();
    let rule = rules.get(key).unwrap();
    let mut facts = Facts::default();
    facts.keep(rules.keeps());
    for (time, about, findings) in runs {
        let body = json!({ "collector_id": about.to_string(), "findings": findings });
        let run = Document {
            kind: rule.from.clone(),
            time: at(*time),
            database: String::new(),
            body: body.to_string().into_bytes(),
        };
        facts.take(CollectorId::FINDINGS, at(*time), &run);
    }
    evaluate(rule, facts.server(server()), "db-1", None, at(seconds))
}

fn fires(key: &str, findings: Value) -> bool {
    let said = said(key, &[(0, server(), findings)], 10);
    assert_eq!((said.error, said.without_data), (None, 0), "{key}");
    said.readings.iter().any(|reading| reading.fire)
}

fn regression(hash: i64, cause: &str, seconds_per_hour: f64, ended_at: Value) -> Value {
    json!({ "id": hash, "database": "shop", "query_hash": hash, "ended_at": ended_at,
        "slower": { "before_ms": 0.1, "after_ms": 90.0, "factor": 900.0,
            "seconds_per_hour": seconds_per_hour, "p_value": 0.0 },
        "why": { "cause": { "kind": cause, "evidence": "lines was analysed at 12:00" } } })
}

#[test]
fn a_worse_plan_with_a_cause_is_told_while_it_costs_much() {
    let open = Value::Null;
    for (name, findings, want) in [
        (
            "ANALYZE between",
            json!([regression(1, "statistics_changed", 400.0, open.clone())]),
            true,
        ),
        (
            "no cause",
            json!([regression(1, "unknown", 400.0, open.clone())]),
            false,
        ),
        (
            "costs little",
            json!([regression(1, "statistics_changed", 350.0, open)]),
            false,
        ),
        (
            "over",
            json!([regression(1, "statistics_changed", 400.0, json!(5))]),
            false,
        ),
        ("nothing", json!([]), false),
    ] {
        assert_eq!(fires("Q2", findings), want, "{name}");
    }
    let told = said(
        "Q2",
        &[(
            0,
            server(),
            json!([regression(-7, "index_gone", 400.0, Value::Null)]),
        )],
        10,
    );
    let told = &told.readings[0];
    assert_eq!(
        (
            told.labels["statement"].as_str(),
            told.labels["database"].as_str()
        ),
        ("-7", "shop")
    );
    assert_eq!(
        told.annotations["summary"],
        "Statement -7 in shop takes 90 ms a call instead of 0.1 since its plan changed: index gone. lines was analysed at 12:00"
    );
}

fn anomaly(id: u64, subject: &str, severity: &str, part_of: Value, ended: Value) -> Value {
    json!({ "id": id, "subject": subject, "part_of": part_of, "ended": ended, "anomaly": {
        "kind": "statement_mean_ms", "severity": severity, "metric_name": "mean_exec_time",
        "metric_value": 120.0, "baseline_value": 30.0, "z_score": 12.5,
        "raw_metrics": { "causes": [{ "text": "An index was dropped." }] } } })
}

#[test]
fn an_anomaly_is_told_while_it_is_open_and_high() {
    let none = Value::Null;
    let of = |severity, ended| {
        json!([anomaly(
            1,
            "statement 42 my shop",
            severity,
            Value::Null,
            ended
        )])
    };
    assert!(fires("Q3", of("high", none.clone())));
    assert!(!fires("Q3", of("medium", none.clone())), "medium");
    assert!(!fires("Q3", of("high", json!(29_400_000))), "over");
    let runs = [(0, server(), of("high", none))];
    let one = &said("Q3", &runs, 10).readings[0];
    assert_eq!(one.labels["kind"], "statement_mean_ms");
    assert_eq!(one.labels["statement"], "42");
    assert_eq!(one.labels["database"], "my shop");
    assert_eq!(
        one.annotations["summary"],
        "statement 42 my shop, mean_exec_time 120, usual is 30 (z = 12.5). An index was dropped."
    );
    for (subject, database) in [("database shop", Some("shop")), ("wait Lock", None)] {
        let runs = [(
            0,
            server(),
            json!([anomaly(1, subject, "high", Value::Null, Value::Null)]),
        )];
        let labels = &said("Q3", &runs, 10).readings[0].labels;
        assert_eq!(
            labels.get("database").map(String::as_str),
            database,
            "{subject}"
        );
        assert!(!labels.contains_key("statement"), "{subject}");
    }
}

#[test]
fn many_anomalies_at_once_are_one_alert() {
    let many: Vec<Value> = (0..12)
        .map(|n| {
            anomaly(
                n,
                &format!("statement {n} shop"),
                "high",
                json!(77),
                Value::Null,
            )
        })
        .collect();
    let said = said("Q3", &[(0, server(), json!(many))], 10);
    assert_eq!(said.readings.len(), 12);
    for reading in &said.readings {
        let names: Vec<_> = reading.labels.keys().map(String::as_str).collect();
        assert_eq!(
            (names, reading.labels["kind"].as_str()),
            (vec!["kind", "rule", "server"], "server")
        );
        assert!(reading.annotations["summary"].starts_with("Much of the server"));
    }
}

#[test]
fn what_was_found_holds_for_a_day_and_is_about_its_server() {
    let open = json!([regression(1, "index_gone", 400.0, Value::Null)]);
    let over = json!([regression(1, "index_gone", 400.0, json!(5))]);
    let other = CollectorId::from_external("db-2");
    for (name, runs, seconds, want) in [
        (
            "a day later",
            vec![(0, server(), open.clone())],
            24 * HOUR + 60,
            (1, false),
        ),
        (
            "two days later",
            vec![(0, server(), open.clone())],
            48 * HOUR,
            (0, true),
        ),
        (
            "over since",
            vec![(0, server(), open.clone()), (60, server(), over.clone())],
            70,
            (0, false),
        ),
        (
            "late news",
            vec![(60, server(), over), (0, server(), open.clone())],
            70,
            (0, false),
        ),
        ("another's", vec![(0, other, open)], 10, (0, true)),
    ] {
        let said = said("Q2", &runs, seconds);
        assert_eq!((said.readings.len(), said.is_stale), want, "{name}");
    }
}
