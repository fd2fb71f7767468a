//! Tests of what a status means.

use super::*;
use crate::collect::clock::Skew;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000 + seconds * 1_000_000)
}

fn status() -> Status {
    Status {
        server: "db1:5432".to_owned(),
        process: 7,
        started_at: at(-1_000).to_string(),
        interval_seconds: 10.0,
        cycle_at: Some(at(0).to_string()),
        pushed_at: Some(at(0).to_string()),
        ..Status::default()
    }
}

#[test]
fn a_state_is_by_what_happened_last() {
    let stopped = |status: &mut Status| status.stopped_at = Some(at(1).to_string());
    let waits = |status: &mut Status| status.spool_cycles = 3;
    let never = |status: &mut Status| {
        status.spool_cycles = 1;
        status.pushed_at = None;
        status.cycle_at = Some(at(55).to_string());
    };
    type Change<'a> = &'a dyn Fn(&mut Status);
    let left_out = |status: &mut Status| status.process = 6;
    let cases: [(&str, i64, Change<'_>, &str); 8] = [
        ("started again without it", 500, &left_out, "left out"),
        ("just now", 5, &|_| {}, "running"),
        ("three intervals", 59, &|_| {}, "running"),
        ("no cycle", 61, &|_| {}, "not running"),
        ("stopped", 5, &stopped, "stopped"),
        ("a moment", 50, &waits, "running"),
        ("never pushed", 60, &never, "not delivering"),
        ("waits but is not there", 200, &waits, "not running"),
    ];
    for (name, now, change, want) in cases {
        let mut status = status();
        change(&mut status);
        let judged = Judged::of(status, at(now), 7);
        assert_eq!(judged.state, want, "{name}");
        let is_good = ["running", "left out"].contains(&want);
        assert_eq!(judged.is_good(), is_good, "{name}");
        assert_eq!(judged.to_do.is_empty(), is_good, "{name}");
    }
}

#[test]
fn it_says_what_to_do() {
    let gap = |source: &str| {
        serde_json::from_value(serde_json::json!({
            "source": source, "database": "shop", "reason": "permission denied", "help": "GRANT x",
        }))
        .unwrap()
    };
    let status = Status {
        spool_dropped_cycles: 4,
        config_refused: Some(7),
        config_error: Some("line 2: x".to_owned()),
        clock: Some(Skew {
            ahead_seconds: -12.0,
            error_seconds: 0.1,
        }),
        gaps: (0..7).map(|n| gap(&format!("s{n}"))).collect(),
        ..status()
    };
    let judged = [Judged::of(status, at(5), 7)];
    let text = text(&judged, Output::Table, at(5));
    for want in [
        "4 cycles are lost",
        "version 7 of the configuration is refused: line 2: x",
        "12.0 s behind the nodes'",
        "s0 of shop is not read (permission denied): GRANT x",
        "and 2 more sources",
    ] {
        assert!(text.contains(want), "{want}: {text}");
    }
    let json: serde_json::Value =
        serde_json::from_str(super::text(&judged, Output::Json, at(5)).trim()).unwrap();
    assert_eq!(json["state"], "running");
    assert_eq!(json["gaps"].as_array().unwrap().len(), 7);
    let csv = super::text(&judged, Output::Csv, at(5));
    assert!(csv.starts_with("server,state,collector,config,"), "{csv}");
    assert!(csv.contains("\"own, 7 refused\""), "{csv}");
}

#[test]
fn the_table_is_a_hundred_columns_wide() {
    let hosts = "a-primary.of.the.shop.example.com:5432,a-standby.of.the.shop.example.com:5432";
    let long = Status {
        server: hosts.to_owned(),
        collector_id: "6b1ee1f7-4a51-4c57-9b6a-6f1d3f2b8f0e".to_owned(),
        config_version: Some(1_000),
        pushed_to: Some("https://node-1.of.the.cluster.example.com:8080".to_owned()),
        push_error: Some("no route to host ".repeat(12)),
        spool_cycles: 100_000,
        ..status()
    };
    let judged = [long, status()].map(|status| Judged::of(status, at(4_000_000), 7));
    let text = text(&judged, Output::Table, at(4_000_000));
    let wide = text.lines().find(|line| line.chars().count() > WIDTH);
    assert_eq!(wide, None, "{text}");
    assert!(text.contains("46 d ago"), "{text}");
    let row = text.lines().nth(2).unwrap();
    let columns: Vec<&str> = row.split("  ").filter(|part| !part.is_empty()).collect();
    let want = [
        "db1:5432",
        "not running",
        "own",
        "46 d ago",
        "46 d ago",
        "0",
        "0",
    ];
    assert_eq!(
        columns.iter().map(|part| part.trim()).collect::<Vec<_>>(),
        want
    );
    assert_eq!(wrapped("a b"), "\n- a b");
    assert_eq!(age(59.9), "59 s ago");
}
