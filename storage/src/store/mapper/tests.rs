use pga_config::CollectorId;
use serde_json::json;

use super::*;
use crate::{Document, Timestamp};

fn element(body: Json) -> FlushElement {
    let kind = body["type"].as_str().unwrap_or("samples").to_owned();
    let database = body["database"].as_str().unwrap_or_default().to_owned();
    FlushElement {
        collector: CollectorId::from_external("c"),
        index: 7,
        ordinal: 3,
        received_at: Timestamp::from_micros(1),
        element: Element::Document(Document {
            kind,
            time: Timestamp::from_micros(5_000_000),
            database,
            body: serde_json::to_vec(&body).unwrap(),
        }),
    }
}

fn mapped(body: Json) -> (Mapped, Rows) {
    let mut out = Rows::default();
    let outcome = rows(&element(body), Inventory::Changed, &mut out);
    (outcome, out)
}

fn column(rows: &Rows, table: &str, name: &str) -> Vec<Value> {
    let id = catalogue::tables()
        .find(|id| id.table().name == table)
        .unwrap();
    let at = id.table().position(name).unwrap();
    rows.table(id)
        .unwrap()
        .iter()
        .map(|row| row[at].clone())
        .collect()
}

fn texts(names: &[&str]) -> Vec<Value> {
    names
        .iter()
        .map(|name| Value::Text((*name).to_owned()))
        .collect()
}

#[test]
fn every_form_of_database_parts_maps_to_the_same_rows() {
    let d = json!({"database": "shop", "size_bytes": 9, "transactions_committed": 5,
        "tables": [{"schema": "s", "name": "t", "live_tuples": 3}], "indexes": []});
    let mut flat = d.clone();
    flat["type"] = json!("pg_stats");
    for (name, body) in [
        ("flat", flat),
        ("nested", json!({"type": "pg_stats", "databases": [d]})),
        (
            "keyed",
            json!({"type": "pg_stats", "databases": {"shop": d}}),
        ),
    ] {
        let (outcome, rows) = mapped(body);
        assert_eq!(outcome, Mapped::Whole, "{name}");
        let table = "metrics_pg_stats_database";
        assert_eq!(
            column(&rows, table, "database_name"),
            texts(&["shop"]),
            "{name}"
        );
        assert_eq!(
            column(&rows, table, "xact_commit"),
            [Value::Int(5)],
            "{name}"
        );
        assert_eq!(column(&rows, table, "log_index"), [Value::Int(7)], "{name}");
        let table = "metrics_pg_stats_table";
        assert_eq!(
            column(&rows, table, "n_live_tup"),
            [Value::Int(3)],
            "{name}"
        );
        assert_eq!(
            column(&rows, table, "database_name"),
            texts(&["shop"]),
            "{name}"
        );
    }
}

#[test]
fn the_fixture_form_of_pg_stats_maps() {
    let (outcome, rows) = mapped(json!({"type": "pg_stats", "database": "postgres",
        "tables": [{"schema": "public", "name": "users", "rows": 1000, "size_bytes": 1,
            "last_vacuum": "2024-02-20T10:00:00Z"}],
        "indexes": [], "databases": [{"name": "postgres", "size_bytes": 10, "connections": 4}]}));
    assert_eq!(outcome, Mapped::Whole);
    assert_eq!(
        column(&rows, "metrics_pg_stats_database", "numbackends"),
        [Value::Int(4)]
    );
    assert_eq!(
        column(&rows, "metrics_pg_stats_table", "n_live_tup"),
        [Value::Int(1000)]
    );
}

#[test]
fn wrong_shapes_are_reported_and_the_rest_is_taken() {
    for (name, body, want) in [
        ("unknown type", json!({"type": "novel"}), 0),
        (
            "array is a text",
            json!({"type": "pg_log", "entries": "none"}),
            0,
        ),
        (
            "entry is a number",
            json!({"type": "pg_log", "entries": [1, {"level": "LOG"}]}),
            1,
        ),
        (
            "counter is a text",
            json!({"type": "pg_stats", "database": "d", "size_bytes": "big",
            "tuples_fetched": 1}),
            1,
        ),
        (
            "no hash",
            json!({"type": "pg_query_stats", "database": "d",
            "queries": [{"calls": 1}, {"hash": -4, "calls": 1}]}),
            1,
        ),
        (
            "beyond 64 bits",
            json!({"type": "pg_query_stats", "database": "d",
            "queries": [{"hash": 1, "calls": 18_446_744_073_709_551_615_u64}]}),
            1,
        ),
    ] {
        let (outcome, rows) = mapped(body);
        assert_eq!((outcome, rows.len()), (Mapped::Partly, want), "{name}");
    }
}

#[test]
fn host_values_are_scaled_and_partitions_are_counted_once() {
    let (outcome, rows) = mapped(json!({"type": "sysstat", "cpu": {"user": 1.5},
        "memory": {"total_mb": 2}, "disk_io": [
            {"device": "sda", "read_ops": 10}, {"device": "sda1", "read_ops": 9},
            {"device": "nvme0n1", "read_ops": 5}, {"device": "nvme0n1p1", "read_ops": 5}]}));
    assert_eq!(outcome, Mapped::Whole);
    assert_eq!(
        column(&rows, "metrics_sysstat", "memory_total"),
        [Value::Int(2 << 20)]
    );
    assert_eq!(
        column(&rows, "metrics_sysstat", "io_read_ops"),
        [Value::Int(15)]
    );
    assert_eq!(column(&rows, "metrics_disk_io", "read_ops").len(), 4);
}

#[test]
fn disk_rates_of_older_clients_are_taken_as_they_are() {
    let (outcome, rows) = mapped(json!({"type": "sysstat", "disk_io": [
        {"device": "sda", "read_iops": 10.5, "write_iops": 2, "read_mb_s": 1.5},
        {"device": "sdb", "read_iops": 1}]}));
    assert_eq!(outcome, Mapped::Whole);
    let cell = |name| column(&rows, "metrics_sysstat", name);
    assert_eq!(cell("io_read_iops"), [Value::Float(11.5)]);
    assert_eq!(cell("io_read_ops"), [Value::Null]);
    assert_eq!(column(&rows, "metrics_disk_io", "read_mb_s").len(), 2);
}

#[test]
fn an_unchanged_inventory_has_no_rows() {
    let body =
        json!({"type": "pg_extensions", "databases": {"d": {"extensions": [{"name": "x"}]}}});
    for (inventory, want) in [(Inventory::Changed, 1), (Inventory::Unchanged, 0)] {
        let mut out = Rows::default();
        assert_eq!(
            rows(&element(body.clone()), inventory, &mut out),
            Mapped::Whole
        );
        assert_eq!(out.len(), want);
    }
}

#[test]
fn times_of_every_form_are_understood() {
    let micros = 1_771_787_241_000_000;
    for (json, want) in [
        (json!("2026-02-22T19:07:21Z"), Some(micros)),
        (json!("2026-02-22T19:07:21.123456Z"), Some(micros + 123_456)),
        (
            json!("2026-02-22 16:07:21.123456-03"),
            Some(micros + 123_456),
        ),
        (json!("2026-02-23 00:37:21+05:30"), Some(micros)),
        (json!("2026-02-22T19:07:21"), Some(micros)),
        (json!(1_771_787_241), Some(micros)),
        (json!(1_771_787_241_000_i64), Some(micros)),
        (json!(1_771_787_241.5), Some(micros + 500_000)),
        (json!(""), None),
        (json!("never"), None),
        (json!("yesterday at noon"), None),
        (json!("2026-13-22T19:07:21Z"), None),
        (json!("2026-02-22T19:07:21+5"), None),
        (json!(true), None),
    ] {
        let got = parse_time(&json).map(Timestamp::micros);
        assert_eq!(got, want, "{json}");
    }
}
