//! A table that loads fill and empty from hour to hour, and a statement that reads all of it.

use serde_json::{Value, json};

use super::times::unix_seconds;

const HOUR: i64 = 3_600;
/// Days that are told.
const DAYS: i64 = 9;

/// Rows in the hour that begins at a Unix second, 1,000 to a million: nothing before tells them.
pub(super) fn rows(hour: i64) -> i64 {
    let mut mixed = (hour / HOUR)
        .unsigned_abs()
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 32)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed >> 40) % 1_000;
    (1_000.0 * 1_000_f64.powf(mixed as f64 / 999.0)) as i64
}

/// The hour that is not over.
pub(super) fn now() -> i64 {
    unix_seconds().div_euclid(HOUR) * HOUR
}

fn inventory(hour: i64) -> Vec<Value> {
    let rows = rows(hour);
    let names = |more: Value| {
        let mut row = json!({ "schemaname": "public", "relname": "grown" });
        if let (Some(row), Value::Object(more)) = (row.as_object_mut(), more) {
            row.extend(more);
        }
        row
    };
    let element = |kind: &str, row: Value| {
        json!({ "type": kind, "timestamp": hour, "database": "grown", "changed_only": false,
            "truncated": false, "rows": [row] })
    };
    let table = json!({ "relkind": "r", "relid": 16_400, "n_live_tup": rows, "n_dead_tup": 0,
        "reltuples": rows, "relpages": rows / 100, "relallvisible": 0, "analyze_count": 9 });
    vec![
        element("pg_table", names(table)),
        element("pg_index", names(json!({ "indexrelname": "grown_pkey" }))),
        element(
            "pg_column",
            names(json!({ "attname": "note", "avg_width": 60 })),
        ),
    ]
}

/// Nine days of it, in samples of five minutes: a call takes a millisecond for each 1,000 rows.
pub(super) fn grown() -> Vec<Value> {
    let (mut calls, mut total) = (0, 0.0);
    let (end, mut told) = (unix_seconds(), Vec::new());
    let mut at = now() - DAYS * 24 * HOUR;
    while at <= end {
        if at % HOUR == 0 {
            told.extend(inventory(at));
        }
        told.push(
            json!({ "type": "pg_query_stats", "timestamp": at, "database": "grown",
            "queries": [{ "hash": -12, "text": "SELECT count(*) FROM grown WHERE note = $1",
                "calls": calls, "total_time": total, "rows": calls, "mean_time": 1.0,
                "min_time": 1.0, "max_time": 9000.0, "stddev_time": 1.0 }] }),
        );
        calls += 60;
        total += 60.0 * rows(at.div_euclid(HOUR) * HOUR) as f64 / 1_000.0;
        at += 300;
    }
    told
}
