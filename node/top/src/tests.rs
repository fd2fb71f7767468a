//! What the screen shows, of answers as nodes give them.

use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use serde_json::{Value, json};

use crate::figures::{self, Figures};
use crate::keys;
use crate::model::{Model, Snapshot};
use crate::text::text;

/// 2026-11-30T02:28:00Z.
const NOW: f64 = 1_796_005_680.0;

fn node(id: u32, role: &str, is_reachable: bool) -> Value {
    json!({
        "id": id, "role": role, "http": format!("http://10.0.0.{id}:8080"), "reachable": is_reachable,
        "committed": 1200, "flushed": 1190, "lag": 0, "backlog_bytes": 2_097_152, "version": "3.0.0",
    })
}

fn element(kind: &str, rows: &Value) -> Value {
    json!({"type": kind, "timestamp": "2026-11-30T02:27:50Z", "rows": rows})
}

/// What a node tells of a primary at work.
fn figures() -> Figures {
    let mut figures = Figures::default();
    let database = |hit: u32, seconds: u32| {
        json!({
            "xact_commit_delta": 1_200, "xact_rollback_delta": 0, "interval_seconds": seconds,
            "numbackends": 20, "blks_hit_delta": hit, "blks_read_delta": 50,
            "time": "2026-11-30T02:27:48Z",
        })
    };
    figures.add_databases(&json!({"data": {"database": [database(950, 10), database(950, 60)]}}));
    let session = |sessions: u32, kind: Value, event: Value| {
        json!({
            "state": "active", "backend_type": "client backend", "sessions": sessions,
            "wait_event_type": kind, "wait_event": event,
        })
    };
    let rows = json!([
        session(2, Value::Null, Value::Null),
        session(5, json!("IO"), json!("DataFileRead")),
        session(1, json!("IO"), json!("DataFileRead")),
        {"state": "idle", "backend_type": "client backend", "sessions": 30},
        {"state": null, "backend_type": "checkpointer", "sessions": 1},
    ]);
    figures.add_element(&element("pg_activity_sample", &rows));
    let standbys = json!([{"replay_lag_seconds": 0.25}, {"replay_lag_seconds": null}]);
    figures.add_element(&element("pg_sender", &standbys));
    let ages = json!([{"xid_age": 150_000_000}, {"xid_age": 70}, {"xid_age": null}]);
    figures.add_element(&element("pg_database", &ages));
    figures
}

fn snapshot(statements: &Value) -> Snapshot {
    let server = |id: u32, name: &str, status: &str| json!({"id": id, "name": name, "collector_id": "c", "status": status, "last_seen": "2026-11-30T02:26:00Z"});
    let alert = json!({
        "severity": "critical", "name": "disk full", "labels": {"server": "db2"}, "metric_type": "disk",
        "message": "Of /data\u{1b}[2J 1 GiB is\nfree.", "fired_at": "2026-11-30T02:08:00Z",
    });
    let watchdog = json!({"severity": "info", "name": "watchdog", "metric_type": "watchdog"});
    Snapshot {
        node: "http://10.0.0.1:8080".to_owned(),
        node_age: Some(0.0),
        cluster: figures::cluster(&json!({
            "term": 7, "leader": 1,
            "nodes": [node(1, "leader", true), node(2, "follower", true), node(3, "follower", false)],
        })),
        servers: figures::servers(
            &json!({"data": [server(1, "db1", "active"), server(2, "db2", "offline")]}),
        ),
        servers_total: 2.0,
        alerts: figures::alerts(&json!({"data": [alert, watchdog]})),
        figures: [(1, figures())].into(),
        statements: figures::statements(statements, 300.0),
        fault: None,
    }
}

fn statements() -> Value {
    let row = |hash: i64, text: &str, total: u32| {
        json!({
            "query_hash": hash, "database_name": "shop", "query_text": text, "calls": 3000, "coverage": 0.5,
            "mean_time": 2.5, "max_time": 900.0, "total_time": total, "rows": 12000,
            "shared_blks_hit": 900, "shared_blks_read": 100, "wal_bytes": 1_048_576,
        })
    };
    json!({"queries": [
        row(-42, "SELECT *\n  FROM orders\u{1b}[31m\n WHERE id = $1", 7500),
        row(43, "UPDATE stock SET on_hand = $1", 2500),
    ]})
}

fn model() -> Model {
    let mut model = Model {
        interval_seconds: 5.0,
        ..Model::default()
    };
    let wish = model.wish();
    model.take(&wish, Ok(snapshot(&json!({}))), NOW - 3.0);
    model.now = NOW;
    model
}

fn press(model: &mut Model, key: KeyCode) -> bool {
    let event = Event::Key(KeyEvent::new(key, KeyModifiers::NONE));
    keys::command(&event).is_none_or(|command| model.obey(command))
}

/// The model that looks at the first server, with its statements.
fn at_server() -> Model {
    let mut model = model();
    assert!(press(&mut model, KeyCode::Enter));
    let wish = model.wish();
    assert_eq!(wish.server, Some(1));
    model.take(&wish, Ok(snapshot(&statements())), NOW);
    model
}

/// Compares a screen of 80 columns and 24 lines with the one that is kept; PGANALYTICS_BLESS=1
/// keeps it.
fn shows(model: &Model, name: &str) {
    let file = format!("{}/src/tests/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    let shown = text(model, 80, 24) + "\n";
    if std::env::var_os("PGANALYTICS_BLESS").is_some() {
        std::fs::write(&file, &shown).unwrap();
    }
    assert_eq!(shown, std::fs::read_to_string(&file).unwrap(), "{shown}");
}

#[test]
fn the_cluster_fits_80_by_24() {
    shows(&model(), "cluster");
}

#[test]
fn a_server_shows_waits_and_statements() {
    shows(&at_server(), "server");
}

#[test]
fn a_statement_shows_its_text_without_commands_to_the_terminal() {
    let mut model = at_server();
    press(&mut model, KeyCode::Enter);
    shows(&model, "statement");
    press(&mut model, KeyCode::Esc);
    press(&mut model, KeyCode::Esc);
    assert!(text(&model, 80, 24).contains("NODE"), "back at the cluster");
}

#[test]
fn help_lies_over_the_screen_and_any_key_closes_it() {
    let mut model = model();
    press(&mut model, KeyCode::Char('?'));
    let shown = text(&model, 80, 24);
    assert!(
        shown.contains("Keys") && shown.contains("of 2 billion"),
        "{shown}"
    );
    press(&mut model, KeyCode::Char('s'));
    assert!(!text(&model, 80, 24).contains("2 billion"));
}

#[test]
fn old_answers_and_faults_are_told() {
    let mut model = model();
    let wish = model.wish();
    model.take(
        &wish,
        Err("cannot connect\nto http://10.0.0.1:8080".to_owned()),
        NOW + 60.0,
    );
    let shown = text(&model, 80, 24);
    assert!(shown.contains("answered 63 s ago"), "{shown}");
    assert!(
        shown.contains("cannot connect to http://10.0.0.1:8080"),
        "{shown}"
    );
    assert!(shown.contains("db1"), "what was known stays: {shown}");
    let mut old = snapshot(&json!({}));
    old.node_age = Some(40.0);
    model.take(&wish, Ok(old), NOW + 61.0);
    assert!(text(&model, 80, 24).contains("no quorum for 40 s"));
}

#[test]
fn figures_that_are_not_renewed_stay_with_their_age() {
    let mut model = model();
    let wish = model.wish();
    let mut next = model.snapshot.clone();
    next.fault = Some("10.0.0.1 answers 503: no store".to_owned());
    model.take(&wish, Ok(next), NOW + 600.0);
    let shown = text(&model, 80, 24);
    let row = shown.lines().find(|line| line.starts_with("db1")).unwrap();
    assert!(row.contains("140") && row.contains("10 min"), "{row}");
    assert!(shown.contains("no store"), "{shown}");
}

#[test]
fn keys_choose_order_window_server_and_pause() {
    let mut model = at_server();
    for (key, order) in [('s', "calls"), ('s', "mean"), ('s', "total")] {
        press(&mut model, KeyCode::Char(key));
        assert_eq!(model.wish().order, order);
    }
    press(&mut model, KeyCode::Char('w'));
    assert_eq!(model.wish().window_seconds, 900.0);
    press(&mut model, KeyCode::Right);
    assert_eq!(model.wish().server, Some(2));
    assert!(
        model.snapshot.statements.is_empty(),
        "those were another server's"
    );
    press(&mut model, KeyCode::Left);
    assert_eq!(model.wish().server, Some(1));
    press(&mut model, KeyCode::Char('p'));
    assert!(text(&model, 80, 24).contains("PAUSED"));
    assert!(!press(&mut model, KeyCode::Char('q')), "q ends it");
}

#[test]
fn answers_for_another_server_are_not_shown_as_this_ones() {
    let mut model = at_server();
    let wish = model.wish();
    press(&mut model, KeyCode::Right);
    model.take(&wish, Ok(snapshot(&statements())), NOW);
    assert!(model.snapshot.statements.is_empty());
}

#[test]
fn servers_are_ordered_by_what_is_chosen() {
    let mut model = model();
    let mut busy = figures();
    busy.active = Some(90.0);
    model.snapshot.figures.insert(2, busy);
    let names = |model: &Model| {
        model
            .servers()
            .iter()
            .map(|one| one.name.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&model), ["db1", "db2"]);
    press(&mut model, KeyCode::Char('s'));
    assert_eq!(names(&model), ["db2", "db1"]);
}

#[test]
fn no_size_of_a_terminal_is_too_small() {
    for model in [model(), at_server()] {
        for (columns, lines) in [(1, 1), (10, 3), (40, 6), (300, 100)] {
            text(&model, columns, lines);
        }
    }
}
