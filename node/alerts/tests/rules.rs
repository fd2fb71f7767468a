//! Each default rule over stored data: a history that fires it, and one just under it that does
//! not.

#![expect(
    clippy::unwrap_used,
    clippy::too_many_lines,
    clippy::print_stdout,
    reason = "a table of histories for each family of rules"
)]

use std::collections::BTreeMap;

use pga_alerts::{Facts, GROUP, Rule, RuleSet, evaluate, machine};
use pga_cluster::Alert;
use pga_config::CollectorId;
use pga_storage::{Document, Sample, SampleForm, Timestamp};
use serde_json::{Value, json};

/// The samples of one history begin here.
const START: i64 = 1_764_000_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros((START + seconds) * 1_000_000)
}

fn rules() -> RuleSet {
    RuleSet::defaults().unwrap()
}

/// Elements that say the same every `step` seconds for `length` seconds, each made of its time.
struct Samples<'a> {
    kind: &'a str,
    step: i64,
    length: i64,
    body: Box<dyn Fn(i64) -> Value + 'a>,
}

fn samples<'a>(
    kind: &'a str,
    step: i64,
    length: i64,
    body: impl Fn(i64) -> Value + 'a,
) -> Samples<'a> {
    Samples {
        kind,
        step,
        length,
        body: Box::new(body),
    }
}

/// Whether the rule has fired at any time.
fn fires(key: &str, samples: &[Samples<'_>]) -> bool {
    let rules = rules();
    let rule = rules.get(key).unwrap();
    let collector = CollectorId::from_external("db-1");
    let mut facts = Facts::default();
    facts.keep(rules.keeps());
    let end = samples.iter().map(|samples| samples.length).max().unwrap();
    let (mut alerts, mut has_fired) = (BTreeMap::<u64, Alert>::new(), false);
    // Days are looked at minute by minute.
    let pace = if end > 40_000 { 60 } else { 10 };
    for seconds in (0..=end).step_by(pace) {
        for one in samples {
            if seconds % one.step == 0 && seconds <= one.length {
                let body = (one.body)(seconds);
                let database = body["database"].as_str().unwrap_or_default().to_owned();
                let element = Document {
                    kind: one.kind.into(),
                    time: at(seconds),
                    database,
                    body: body.to_string().into_bytes(),
                };
                facts.take(collector, at(seconds), &element);
            }
        }
        has_fired |= step(rule, &facts, collector, &mut alerts, seconds);
    }
    has_fired
}

fn step(
    rule: &Rule,
    facts: &Facts,
    collector: CollectorId,
    alerts: &mut BTreeMap<u64, Alert>,
    seconds: i64,
) -> bool {
    let evaluation = evaluate(rule, facts.server(collector), "db-1", None, at(seconds));
    assert_eq!(evaluation.error, None, "{}", rule.key());
    let mut has_fired = false;
    for reading in &evaluation.readings {
        let fingerprint = machine::fingerprint(&reading.labels);
        let before = alerts.get(&fingerprint);
        if let Some(alert) = machine::step(rule, before, reading, at(seconds)) {
            has_fired |= alert.is_firing();
            let texts = alert.annotations.values().cloned().collect::<String>();
            let is_whole = !texts.contains("a value of this text is missing");
            assert!(is_whole || !alert.is_firing(), "{}: {texts}", rule.key());
            alerts.insert(fingerprint, alert);
        }
    }
    alerts.retain(|_, alert| !alert.is_over() || alert.fired_at.is_some());
    has_fired
}

fn rows(rows: Value) -> Value {
    json!({ "rows": rows, "changed_only": false })
}

fn time(seconds: i64) -> String {
    at(seconds).to_string()
}

fn settings() -> Samples<'static> {
    samples("pg_setting", 300, 20_000, |_| {
        let setting = |name: &str, setting: &str| json!({ "name": name, "setting": setting, "pending_restart": false });
        rows(json!([
            setting("superuser_reserved_connections", "3"),
            setting("autovacuum_freeze_max_age", "200000000"),
            setting("autovacuum_vacuum_threshold", "50"),
            setting("autovacuum_vacuum_scale_factor", "0.2"),
            setting("recovery_min_apply_delay", "0"),
            setting("max_slot_wal_keep_size", "1024"),
            setting("max_wal_size", "1024"),
        ]))
    })
}

/// Fires with the first, not with the second.
fn check(key: &str, fire: &[Samples<'_>], silent: &[Samples<'_>]) {
    assert!(fires(key, fire), "{key} fires");
    assert!(!fires(key, silent), "{key} is silent");
}

#[test]
fn availability() {
    let gaps = |sqlstate: &'static str, length| {
        samples("collector_gaps", 10, length, move |_| {
            rows(
                json!([{ "source": "connection", "database": "", "reason": "refused", "sqlstate": sqlstate }]),
            )
        })
    };
    check("A1", &[gaps("57P03", 40)], &[gaps("57P03", 20)]);
    check("A1", &[gaps("57P03", 40)], &[gaps("28P01", 600)]);
    check("A1.login", &[gaps("28P01", 40)], &[gaps("57P03", 600)]);
    check("C1.refused", &[gaps("53300", 40)], &[gaps("57P03", 600)]);
    let identity = |start: i64, timeline: fn(i64) -> i64| {
        samples(
            "pg_identity",
            60,
            600,
            move |seconds| json!({ "postmaster_start_time": time(start), "timeline": timeline(seconds), "role": "primary" }),
        )
    };
    check(
        "A2.planned",
        &[identity(-60, |_| 1)],
        &[identity(-3_600, |_| 1)],
    );
    let promoted = |seconds| if seconds < 300 { 1 } else { 2 };
    check(
        "A5.promoted",
        &[identity(0, promoted)],
        &[identity(0, |_| 2)],
    );
}

#[test]
fn connections() {
    let used = |backends: i64, length| {
        samples(
            "pg_identity",
            10,
            length,
            move |_| json!({ "client_backends": backends, "max_connections": 100 }),
        )
    };
    check(
        "C1",
        &[used(83, 320), settings()],
        &[used(83, 240), settings()],
    );
    check(
        "C1",
        &[used(83, 320), settings()],
        &[used(82, 900), settings()],
    );
    check(
        "C1.reserve",
        &[used(97, 60), settings()],
        &[used(96, 600), settings()],
    );
    let limited = |backends: i64| {
        samples("pg_database", 60, 600, move |_| {
            rows(json!([{ "datname": "app", "numbackends": backends, "connection_limit": 10 }]))
        })
    };
    check("C1.limit", &[limited(10)], &[limited(9)]);
    let idle = |seconds: f64, state: &'static str| {
        samples("pg_connection", 60, 60, move |_| {
            rows(
                json!([{ "database": "app", "user": "u", "application": "a", "state": state, "longest_in_state_seconds": seconds }]),
            )
        })
    };
    let state = "idle in transaction";
    check("C2", &[idle(301.0, state)], &[idle(299.0, state)]);
    check("C2", &[idle(301.0, state)], &[idle(9_000.0, "idle")]);
    let churn = |a_second: i64| {
        samples("pg_database", 60, 2_400, move |seconds| {
            let sessions = seconds * a_second;
            rows(json!([{ "datname": "app", "sessions": sessions, "session_time": sessions * 20 }]))
        })
    };
    check("C3.churn", &[churn(15)], &[churn(9)]);
    check("C3.fork", &[churn(101)], &[churn(99)]);
}

fn blocking(
    pairs: &'static [(i64, i64, f64)],
    state: &'static str,
    length: i64,
) -> Samples<'static> {
    samples("pg_blocking", 10, length, move |seconds| {
        let pair = |(blocked, blocking, wait): &(i64, i64, f64)| {
            json!({
                "blocked_pid": blocked, "blocking_pid": blocking, "wait_seconds": wait + seconds as f64,
                "database": "app", "blocking_user": "u", "blocking_application": "a",
                "blocking_state": state, "blocking_query": "UPDATE l", "relation": "public.l",
                "blocking_transaction_seconds": 100.0,
            })
        };
        rows(pairs.iter().map(pair).collect())
    })
}

#[test]
fn locks() {
    let three = &[(2, 1, 31.0), (3, 1, 31.0), (4, 1, 31.0)];
    let short = &[(2, 1, 0.0), (3, 1, 0.0), (4, 1, 0.0)];
    check(
        "L1",
        &[blocking(three, "active", 40)],
        &[blocking(short, "active", 20)],
    );
    let chain = &[
        (2, 1, 5.0),
        (3, 2, 5.0),
        (4, 3, 5.0),
        (5, 3, 5.0),
        (6, 3, 5.0),
    ];
    check(
        "L1.chain",
        &[blocking(chain, "active", 40)],
        &[blocking(three, "active", 600)],
    );
    let queue = &[
        (2, 1, 5.0),
        (3, 2, 5.0),
        (4, 2, 5.0),
        (5, 2, 5.0),
        (6, 2, 5.0),
        (7, 2, 5.0),
    ];
    let wants = |mode: &'static str| {
        let of = blocking(queue, "active", 40);
        samples("pg_blocking", 10, 40, move |seconds| {
            let mut told = (of.body)(seconds);
            for row in told["rows"].as_array_mut().unwrap() {
                row["mode_wanted"] = json!(mode);
            }
            told
        })
    };
    check(
        "L1.chain",
        &[wants("AccessExclusiveLock")],
        &[wants("ShareLock")],
    );
    check(
        "C2.holding",
        &[blocking(chain, "idle in transaction", 10)],
        &[blocking(chain, "active", 600)],
    );
    let deadlocks = |after: i64, start: i64| {
        samples("pg_database", 60, 900, move |seconds| {
            rows(
                json!([{ "datname": "app", "deadlocks": if seconds < 300 { start } else { after } }]),
            )
        })
    };
    check("L2", &[deadlocks(5, 0)], &[deadlocks(4, 0)]);
    // 900 before a reset, 4 after it: the difference is 4.
    check("L2", &[deadlocks(5, 0)], &[deadlocks(4, 900)]);
}

#[test]
fn vacuum() {
    let holder = |age: i64, seconds: f64, length| {
        samples("pg_long_transaction", 10, length, move |_| {
            rows(
                json!([{ "kind": "backend", "holder": "77", "user": "u", "database": "app", "application": "a", "xmin_age": age, "age_seconds": seconds }]),
            )
        })
    };
    check("X1", &[holder(3, 3_660.0, 320)], &[holder(3, 3_540.0, 900)]);
    check(
        "X1",
        &[holder(5_100_000, 70.0, 320)],
        &[holder(5_100_000, 70.0, 280)],
    );
    check(
        "X1.far",
        &[holder(200_000_001, 70.0, 320)],
        &[holder(200_000_000, 70.0, 900)],
    );
    let early = || {
        samples("pg_setting", 300, 300, |_| {
            rows(json!([{ "name": "autovacuum_freeze_max_age", "setting": "100000000" }]))
        })
    };
    check(
        "X1.far",
        &[holder(100_000_001, 70.0, 320), early()],
        &[holder(100_000_000, 70.0, 900), early()],
    );
    let prepared = |seconds: Option<f64>| {
        samples("pg_long_transaction", 10, 320, move |_| {
            rows(
                json!([{ "kind": "prepared", "holder": "lab5", "user": null, "database": null, "xmin_age": 5_100_000, "age_seconds": seconds }]),
            )
        })
    };
    assert!(fires("X1", &[prepared(None)]));
    check(
        "X1.prepared",
        &[prepared(Some(301.0))],
        &[prepared(Some(299.0)), holder(3, 301.0, 320)],
    );
    let xid = |start: i64, growth: i64| {
        samples("pg_database", 60, 18_000, move |seconds| {
            rows(
                json!([{ "datname": "app", "xid_age": start + seconds * growth, "mxid_age": start }]),
            )
        })
    };
    check(
        "X2",
        &[xid(250_000_000, 500), settings()],
        &[xid(250_000_000, -500), settings()],
    );
    check(
        "X2.near",
        &[xid(1_500_000_001, 0)],
        &[xid(1_400_000_000, 0)],
    );
    check("X3.near", &[xid(1_500_000_001, 0)], &[xid(3_000_000, 0)]);
    let table = |dead: i64, live: i64, length| {
        samples("pg_table", 60, length, move |_| {
            rows(json!([{
                "relid": "1", "database": "app", "schemaname": "public", "relname": "t", "n_dead_tup": dead,
                "n_live_tup": live, "reltuples": live, "last_autovacuum": null,
            }]))
        })
    };
    check(
        "V1",
        &[table(300_000, 700_000, 7_300), settings()],
        &[table(300_000, 700_000, 7_000), settings()],
    );
    check(
        "V1",
        &[table(300_000, 700_000, 7_300), settings()],
        &[table(300, 700, 9_000), settings()],
    );
    let vacuumed = |dead: i64, ago: i64| {
        samples("pg_table", 60, 300, move |_| {
            rows(json!([{
                "relid": "1", "database": "app", "schemaname": "public", "relname": "t", "n_dead_tup": dead,
                "n_live_tup": 700_000, "last_vacuum": null, "last_autovacuum": time(-ago),
            }]))
        })
    };
    check(
        "V1.held",
        &[vacuumed(300_000, 60), holder(3, 400.0, 300)],
        &[vacuumed(300_000, 600), holder(3, 200.0, 300)],
    );
    check(
        "V1.held",
        &[vacuumed(300_000, 60), holder(3, 400.0, 300)],
        &[vacuumed(90_000, 60), holder(3, 400.0, 300)],
    );
    assert!(!fires("V1.held", &[vacuumed(300_000, 60)]), "nobody holds");
    let progress = samples("pg_progress", 10, 9_000, |_| {
        rows(json!([{ "command": "VACUUM", "pid": 5 }]))
    });
    assert!(!fires(
        "V1",
        &[table(300_000, 700_000, 9_000), settings(), progress]
    ));
    let autovacuum = |setting: &'static str| {
        samples("pg_setting", 300, 300, move |_| {
            rows(json!([{ "name": "autovacuum", "setting": setting }]))
        })
    };
    check("V2.off", &[autovacuum("off")], &[autovacuum("on")]);
}

#[test]
fn replication() {
    let receiver = |age: f64, distance: i64, status: &'static str| {
        samples("pg_receiver", 10, 300, move |_| {
            rows(
                json!([{ "status": status, "replay_age_seconds": age, "replay_distance_bytes": distance, "replay_state": "not paused" }]),
            )
        })
    };
    check(
        "R1",
        &[receiver(61.0, 9, "streaming"), settings()],
        &[receiver(59.0, 9, "streaming"), settings()],
    );
    // An idle primary: the age grows, and nothing is to be replayed.
    check(
        "R1",
        &[receiver(61.0, 9, "streaming"), settings()],
        &[receiver(3_600.0, 0, "streaming"), settings()],
    );
    check(
        "R1.long",
        &[receiver(601.0, 9, "streaming"), settings()],
        &[receiver(599.0, 9, "streaming"), settings()],
    );
    check(
        "R2.receiver",
        &[receiver(0.0, 0, "")],
        &[receiver(0.0, 0, "streaming")],
    );
    let sender = |start: i64, growth: i64| {
        samples("pg_sender", 10, 300, move |seconds| {
            rows(
                json!([{ "application": "s1", "state": "streaming", "replay_distance_bytes": start + seconds * growth }]),
            )
        })
    };
    check(
        "R1.sender",
        &[sender(300 << 20, 1_000)],
        &[sender(300 << 20, -1_000)],
    );
    let slot = |active: bool, retained: i64, status: &'static str, safe: Option<i64>| {
        samples("pg_slot", 60, 900, move |_| {
            rows(
                json!([{ "slot_name": "s", "active": active, "retained_bytes": retained, "wal_status": status, "safe_wal_size": safe }]),
            )
        })
    };
    let gib = 1_i64 << 30;
    check(
        "R3",
        &[slot(false, gib + 1, "reserved", None)],
        &[slot(true, 3 * gib, "reserved", None)],
    );
    check(
        "R3",
        &[slot(false, gib + 1, "reserved", None)],
        &[slot(false, 10 << 20, "reserved", None)],
    );
    check(
        "R3.inactive",
        &[slot(false, 9 << 20, "reserved", None), settings()],
        &[slot(true, 3 * gib, "reserved", None), settings()],
    );
    check(
        "R3.near",
        &[slot(true, gib, "unreserved", Some(-9)), settings()],
        &[slot(true, gib, "reserved", None), settings()],
    );
    check(
        "R3.invalidated",
        &[slot(false, 0, "lost", None)],
        &[slot(false, 0, "unreserved", None)],
    );
    let subscription = |lag: i64, errors: fn(i64) -> i64| {
        samples("pg_subscription", 60, 900, move |seconds| {
            rows(
                json!([{ "subname": "s", "relid": null, "lag_bytes": lag, "counters": { "apply_error_count": errors(seconds), "sync_error_count": 0 } }]),
            )
        })
    };
    check(
        "R4",
        &[subscription(gib + 1, |_| 0)],
        &[subscription(gib - 1, |_| 0)],
    );
    let one_error = |seconds: i64| i64::from(seconds > 300);
    check(
        "R4.errors",
        &[subscription(0, one_error)],
        &[subscription(0, |seconds| 9 * i64::from(seconds < 300))],
    );
    let conflicts = |after: i64| {
        samples("pg_recovery_conflict", 60, 900, move |seconds| {
            let count = if seconds < 300 { 0 } else { after };
            rows(
                json!([{ "datname": "app", "confl_snapshot": count, "confl_lock": 0, "confl_bufferpin": 0, "confl_deadlock": 0 }]),
            )
        })
    };
    check("R5", &[conflicts(11)], &[conflicts(10)]);
}

#[test]
fn wal() {
    let checkpoints = |requested: i64, timed: i64| {
        samples(
            "pg_checkpointer",
            60,
            3_600,
            move |seconds| json!({ "num_requested": requested * seconds / 3_600, "num_timed": timed * seconds / 3_600 }),
        )
    };
    check(
        "W1",
        &[checkpoints(11, 0), settings()],
        &[checkpoints(3, 0), settings()],
    );
    check(
        "W1",
        &[checkpoints(11, 0), settings()],
        &[checkpoints(6, 14), settings()],
    );
    let archiver = |archived: fn(i64) -> i64, mode: &'static str| {
        samples(
            "pg_archiver",
            60,
            900,
            move |seconds| json!({ "archive_mode": mode, "failed_count": seconds / 60, "archived_count": archived(seconds), "last_failed_wal": "0001" }),
        )
    };
    check(
        "W3",
        &[archiver(|_| 5, "on")],
        &[archiver(|seconds| seconds / 60, "on")],
    );
    check("W3", &[archiver(|_| 5, "on")], &[archiver(|_| 5, "off")]);
    let temp = |bytes: i64| {
        samples("pg_database", 60, 900, move |seconds| {
            rows(json!([{ "datname": "app", "temp_bytes": if seconds < 300 { 0 } else { bytes } }]))
        })
    };
    check("I3", &[temp(11 * 99_000_000)], &[temp(10 * 99_000_000)]);
    let dealloc = |count: fn(i64) -> i64| {
        samples(
            "pg_statement_health",
            60,
            7_200,
            move |seconds| json!({ "dealloc": count(seconds), "entries": 4_990, "max": 5_000 }),
        )
    };
    check(
        "Q4",
        &[dealloc(|seconds| seconds / 600)],
        &[dealloc(|seconds| 500 * i64::from(seconds > 900))],
    );
}

#[test]
fn schema() {
    let sequence = |share: fn(i64) -> f64, cycle: bool| {
        samples("pg_sequence", 900, 18_000, move |seconds| {
            rows(json!([{
                "database": "app", "schema": "public", "name": "s", "table_name": "t", "column_name": "id",
                "column_type": "integer", "last_value": 2_147_480_000, "used_share": share(seconds), "cycle": cycle,
            }]))
        })
    };
    check(
        "S1",
        &[sequence(|_| 0.96, false)],
        &[sequence(|_| 0.96, true)],
    );
    // 10 M a day of an integer's range: 40 days are left; then 400 days.
    let fast = |seconds: i64| 0.81 + seconds as f64 * 0.00466 / 86_400.0;
    let slow = |seconds: i64| 0.85 + seconds as f64 * 0.000_37 / 86_400.0;
    check("S1", &[sequence(fast, false)], &[sequence(slow, false)]);
    check(
        "S1.near",
        &[sequence(|_| 0.999_998, false)],
        &[sequence(|_| 0.96, false)],
    );
    let index = |length| {
        samples("pg_index", 300, length, |_| {
            rows(json!([{
                "database": "app", "indexrelid": "7", "schemaname": "public", "relname": "t", "indexrelname": "i",
                "is_valid": false, "is_ready": true,
            }]))
        })
    };
    check("S2", &[index(4_200)], &[index(3_000)]);
    let build = samples("pg_progress", 10, 7_200, |_| {
        rows(json!([{ "command": "CREATE INDEX CONCURRENTLY" }]))
    });
    assert!(!fires("S2", &[index(7_200), build]));
}

#[test]
fn host() {
    let disk = |used: fn(i64) -> f64, length| {
        samples(
            "disk_usage",
            60,
            length,
            move |seconds| json!({ "filesystems": [{ "mount": "/", "percent_used": used(seconds), "free_gb": 9.0, "inodes_free": 1, "inodes_total": 100 }] }),
        )
    };
    check("H1", &[disk(|_| 91.0, 400)], &[disk(|_| 89.0, 400)]);
    // 60 % and 8 % an hour: full in 5 h. One burst of two hours is no trend.
    let trend = |seconds: i64| 60.0 + seconds as f64 * 8.0 / 3_600.0;
    let burst = |seconds: i64| 60.0 + if seconds > 16_000 { 5.0 } else { 0.0 };
    check("H1", &[disk(trend, 12_000)], &[disk(burst, 21_600)]);
    check("H1.full", &[disk(|_| 98.0, 200)], &[disk(|_| 96.0, 400)]);
    check("H1.inodes", &[disk(|_| 1.0, 400)], &[disk(|_| 1.0, 200)]);
    let stall = |memory: f64, cpu: f64, steal: f64| {
        samples("sysstat", 10, 2_400, move |seconds| {
            let micros = |share: f64| (share * 1e6) as i64 * seconds;
            json!({
                "pressure": { "memory_full_us": micros(memory), "cpu_some_us": micros(cpu) },
                "memory": { "available_mb": 100 }, "cpu": { "cores": 2, "steal": steal, "load_5m": 1.0 },
            })
        })
    };
    check("H2", &[stall(0.12, 0.0, 0.0)], &[stall(0.09, 0.0, 0.0)]);
    check("H3", &[stall(0.0, 0.7, 0.0)], &[stall(0.0, 0.5, 0.0)]);
    check(
        "H3.steal",
        &[stall(0.0, 0.0, 12.0)],
        &[stall(0.0, 0.0, 9.0)],
    );
}

#[test]
fn settings_and_integrity() {
    let setting = |name: &'static str, setting: &'static str, pending: bool, length| {
        samples("pg_setting", 300, length, move |_| {
            rows(json!([{ "name": name, "setting": setting, "pending_restart": pending }]))
        })
    };
    check(
        "G1.pending",
        &[setting("port", "1", true, 90_000)],
        &[setting("port", "1", true, 80_000)],
    );
    let identity = |start: i64| {
        samples(
            "pg_identity",
            60,
            600,
            move |_| json!({ "postmaster_start_time": time(start) }),
        )
    };
    check(
        "G1.unsafe",
        &[setting("fsync", "off", false, 600), identity(-7_200)],
        &[setting("fsync", "off", false, 600), identity(0)],
    );
    let failures = |count: fn(i64) -> Value| {
        samples("pg_database", 60, 600, move |seconds| {
            rows(
                json!([{ "datname": "app", "checksum_failures": count(seconds), "checksum_last_failure": null }]),
            )
        })
    };
    check(
        "D1",
        &[failures(|seconds| json!(i64::from(seconds > 300)))],
        &[failures(|_| json!(null))],
    );
    assert!(!fires("D1", &[failures(|_| json!(3))]), "old failures");
}

#[test]
fn the_rules_of_the_cluster_have_data_in_all_their_rows() {
    let row = json!({
        "name": "db-1", "is_active": true, "interval_seconds": 10, "silent_seconds": 701,
        "may_lose": 0, "reachable": 2, "voters": 3, "missing": "node 2",
        "lag_seconds": 301, "buffer_share": 0.9, "node": 1, "used_share": 0.95,
        "failed_running": 5, "dead": 0, "last_error": "503", "id": 1,
        "restarts": 4, "is_recovering": false, "clock_ahead_seconds": 0.5, "subject": "node 1",
        "days_left": 2, "ends_at": "2026-12-01T00:00:00Z",
    });
    let under = json!({
        "name": "db-1", "is_active": true, "interval_seconds": 10, "silent_seconds": 80,
        "may_lose": 1, "reachable": 3, "voters": 3, "missing": "",
        "lag_seconds": 40, "buffer_share": 0.1, "node": 1, "used_share": 0.85,
        "failed_running": 4, "dead": 0, "last_error": "503", "id": 1,
        "restarts": 3, "is_recovering": false, "clock_ahead_seconds": -0.5, "subject": "node 1",
        "days_left": 30, "ends_at": "2026-12-29T00:00:00Z",
    });
    let (over, under) = (
        minijinja::Value::from_serialize(row),
        minijinja::Value::from_serialize(under),
    );
    let rules = rules();
    let of_cluster = rules
        .iter()
        .filter(|rule| rule.from.starts_with("cluster_") && rule.from != GROUP);
    for rule in of_cluster {
        for (row, want) in [(&over, true), (&under, rule.id == "N6")] {
            let rows = [row.clone()];
            let evaluation = evaluate(rule, None, "", Some(&rows), at(0));
            assert_eq!(evaluation.error, None, "{}", rule.key());
            let fire: Vec<bool> = evaluation
                .readings
                .iter()
                .map(|reading| reading.fire)
                .collect();
            assert_eq!(fire, [want], "{}", rule.key());
        }
    }
}

/// Elements of the server's log: at each of these seconds so many events.
fn log<'a>(at_seconds: &'a [(i64, usize)], event: fn(usize) -> Value) -> Samples<'a> {
    samples("pg_log", 10, 3_900, move |seconds| {
        let here = at_seconds.iter().filter(|(when, _)| *when == seconds);
        let events = here.flat_map(|(when, count)| {
            (0..*count).map(move |n| {
                let mut event = event(n);
                event["timestamp"] = json!(time(*when));
                for (name, of) in [
                    ("level", "severity"),
                    ("user_name", "user"),
                    ("client", "host"),
                ] {
                    event[name] = event[of].clone();
                }
                event["severity"] = json!("error");
                event
            })
        });
        json!({ "database": "", "entries": events.collect::<Vec<Value>>() })
    })
}

#[test]
fn the_log_of_the_server() {
    let from_one: fn(usize) -> Value = |n| json!({ "class": "auth_failed", "severity": "FATAL", "message": "no", "user": format!("u{n}"), "host": "10.0.0.1" });
    let from_all: fn(usize) -> Value = |n| json!({ "class": "auth_failed", "severity": "FATAL", "message": "no", "user": format!("u{n}"), "host": format!("10.0.0.{n}") });
    check(
        "D3",
        &[log(&[(60, 20)], from_one)],
        &[log(&[(60, 20)], from_all)],
    );
    check(
        "D3",
        &[log(&[(60, 20)], from_one)],
        &[log(&[(60, 10), (130, 10)], from_one)],
    );
    let panic: fn(usize) -> Value =
        |_| json!({ "class": "panic", "severity": "FATAL", "message": "x" });
    let fatal: fn(usize) -> Value =
        |_| json!({ "class": "other", "severity": "FATAL", "message": "x" });
    check("D2", &[log(&[(60, 1)], panic)], &[log(&[(60, 1)], fatal)]);
    check(
        "D2.fatal",
        &[log(&[(60, 20)], fatal)],
        &[log(&[(60, 300)], from_all)],
    );
    check(
        "D2.fatal",
        &[log(&[(60, 20)], fatal)],
        &[log(&[(60, 10), (400, 10)], fatal)],
    );
    let full: fn(usize) -> Value =
        |_| json!({ "class": "too_many_connections", "severity": "FATAL", "message": "x" });
    check("C1.log", &[log(&[(60, 3)], full)], &[log(&[(60, 2)], full)]);
    let canceled: fn(usize) -> Value = |_| json!({ "class": "autovacuum_canceled", "severity": "ERROR", "message": "x", "fields": { "table": "app.public.t" } });
    check(
        "V2.canceled",
        &[log(&[(60, 1), (900, 1), (3_600, 1)], canceled)],
        &[log(&[(60, 1), (900, 1), (3_700, 1)], canceled)],
    );
    let often: fn(usize) -> Value =
        |_| json!({ "class": "checkpoints_too_frequent", "severity": "LOG", "message": "x" });
    check(
        "W1.log",
        &[log(&[(60, 3)], often)],
        &[log(&[(60, 2)], often)],
    );
    let oom: fn(usize) -> Value =
        |_| json!({ "class": "oom_killed", "severity": "LOG", "message": "x" });
    check("H2.oom", &[log(&[(60, 1)], oom)], &[log(&[(60, 1)], panic)]);
    let wrong: fn(usize) -> Value =
        |_| json!({ "class": "config_error", "severity": "LOG", "message": "x" });
    check(
        "G1.error",
        &[log(&[(60, 1)], wrong)],
        &[log(&[(60, 1)], fatal)],
    );
    let damaged: fn(usize) -> Value =
        |_| json!({ "class": "data_corruption", "severity": "ERROR", "message": "x" });
    let end: fn(usize) -> Value =
        |_| json!({ "class": "wal_end_in_recovery", "severity": "LOG", "message": "x" });
    check(
        "D1.log",
        &[log(&[(60, 1)], damaged)],
        &[log(&[(60, 1)], end)],
    );
}

#[test]
fn an_unclean_restart_is_told_from_a_planned_one_by_the_log() {
    let identity = |start: i64| {
        samples(
            "pg_identity",
            60,
            600,
            move |_| json!({ "postmaster_start_time": time(start) }),
        )
    };
    let recovery: fn(usize) -> Value = |_| json!({ "class": "crash_recovery", "severity": "LOG", "message": "not properly shut down" });
    let stopped: fn(usize) -> Value =
        |_| json!({ "class": "shutdown", "severity": "LOG", "message": "fast" });
    check(
        "A2.unclean",
        &[identity(30), log(&[(60, 1)], recovery)],
        &[identity(30), log(&[(60, 1)], stopped)],
    );
    assert!(!fires(
        "A2.unclean",
        &[identity(-7_200), log(&[(60, 1)], recovery)]
    ));
    let crashed: fn(usize) -> Value = |_| json!({ "class": "process_crashed", "severity": "LOG", "message": "signal 11", "detail": "Failed process was running: x" });
    check(
        "A2.backend_crash",
        &[log(&[(60, 1)], crashed)],
        &[log(&[(60, 1)], recovery)],
    );
}

/// A counter that grows by `usual` a second for 25 hours, and by `then` after that.
fn grown(seconds: i64, usual: f64, then: f64) -> f64 {
    let turn = 90_000;
    usual * seconds.min(turn) as f64 + then * (seconds - turn).max(0) as f64
}

/// A day, and 40 minutes of the next one that are like it or not.
const LONG: i64 = 92_400;

#[test]
fn what_is_not_usual_at_this_hour() {
    let sessions = |usual: f64, then: f64| {
        samples("pg_database", 60, LONG, move |seconds| {
            rows(json!([{ "datname": "app", "sessions": grown(seconds, usual, then) }]))
        })
    };
    check("C3", &[sessions(2.0, 188.0)], &[sessions(10.0, 15.0)]);
    assert!(
        !fires(
            "C3",
            &[samples("pg_database", 60, 3_600, |seconds| {
                rows(json!([{ "datname": "app", "sessions": seconds * 188 }]))
            })]
        ),
        "nothing is usual on the first day"
    );
    let mib = f64::from(1 << 20);
    let wal = |usual: f64, then: f64| {
        samples(
            "pg_wal",
            60,
            LONG,
            move |seconds| json!({ "wal_bytes": grown(seconds, usual * mib, then * mib) }),
        )
    };
    check("W2", &[wal(5.0, 60.0)], &[wal(20.0, 60.0)]);
    check("W2", &[wal(5.0, 60.0)], &[wal(0.1, 4.0)]);
    let io = |reads: f64, usual: f64, then: f64| {
        samples("pg_io", 60, LONG, move |seconds| {
            rows(json!([{
                "backend_type": "client backend", "object": "relation", "context": "normal",
                "reads": grown(seconds, reads, reads), "read_time": grown(seconds, reads * usual, reads * then),
            }]))
        })
    };
    check("I1", &[io(500.0, 0.5, 8.0)], &[io(3.0, 0.5, 8.0)]);
    check("I1", &[io(500.0, 0.5, 8.0)], &[io(500.0, 3.0, 8.0)]);
    let cache = |hit: f64, read: f64| {
        samples("pg_database", 60, LONG, move |seconds| {
            rows(json!([{
                "datname": "app", "blks_hit": grown(seconds, 9_800.0, hit), "blks_read": grown(seconds, 200.0, read),
            }]))
        })
    };
    check("I2", &[cache(22_600.0, 4_000.0)], &[cache(20.0, 20.0)]);
    let statement = |calls: f64, usual: f64, then: f64| {
        samples("pg_statement", 60, LONG, move |seconds| {
            rows(json!([{
                "userid": "10", "dbid": "5", "toplevel": true, "queryid": "77", "database": "app", "user": "u",
                "calls": grown(seconds, calls, calls), "total_exec_time": grown(seconds, calls * usual, calls * then),
            }]))
        })
    };
    check(
        "Q1",
        &[statement(10.0, 10.0, 30.0)],
        &[statement(10.0, 10.0, 19.0)],
    );
    check(
        "Q1",
        &[statement(10.0, 10.0, 30.0)],
        &[statement(10.0, 0.01, 0.05)],
    );
}

/// A collector that reads its server every ten seconds and says once a minute when it made a push,
/// by a clock that is ahead by as much as `ahead` says of the minute. What waits in its spool is
/// two hours old.
fn collector_with_clock(key: &str, ahead: fn(i64) -> i64, waiting: i64) -> bool {
    let made = |seconds: i64| json!({ "made_at": time(seconds + ahead(seconds / 60)), "spool_cycles": waiting });
    fires(
        key,
        &[
            samples("pg_activity_sample", 10, 1_200, |_| rows(json!([]))),
            samples("collector_health", 60, 1_200, made),
        ],
    )
}

#[test]
fn a_clock_is_judged_by_when_a_push_was_sent() {
    for (name, key, ahead, want) in [
        ("ahead", "A4", (|_| 3) as fn(i64) -> i64, true),
        ("behind", "A4", |_| -3, true),
        ("nearly right", "A4", |_| -2, false),
        (
            "one of five is late",
            "A4",
            |minute| -90 * i64::from(minute % 5 == 0),
            false,
        ),
        (
            "for four minutes",
            "A4",
            |minute| -3 * i64::from(minute < 6),
            false,
        ),
        ("far behind", "A4.far", |_| -61, true),
        ("not that far", "A4.far", |_| -60, false),
    ] {
        assert_eq!(collector_with_clock(key, ahead, 0), want, "{name}");
    }
    assert!(!collector_with_clock("A4", |_| -7_200, 1), "from the spool");
}

#[test]
fn clocks_and_standbys() {
    let rules = rules();
    let far = |ahead: i64, key: &str| {
        let collector = CollectorId::from_external("db-1");
        let mut facts = Facts::default();
        facts.keep(rules.keeps());
        let (mut alerts, mut has_fired) = (BTreeMap::new(), false);
        for seconds in (0..=600).step_by(10) {
            let element = Document {
                kind: "pg_activity_sample".into(),
                time: at(seconds + ahead),
                database: String::new(),
                body: rows(json!([])).to_string().into_bytes(),
            };
            facts.take(collector, at(seconds), &element);
            has_fired |= step(
                rules.get(key).unwrap(),
                &facts,
                collector,
                &mut alerts,
                seconds,
            );
        }
        has_fired
    };
    assert!(far(3, "A4") && !far(1, "A4") && far(-31, "A4") && !far(-20, "A4"));
    assert!(far(61, "A4.far") && !far(59, "A4.far"));
    assert!(far(-91, "A4.far") && !far(-89, "A4.far"));
    let heard = |length| samples("pg_activity_sample", 60, length, |_| rows(json!([])));
    let sender = |length, sync: &'static str| {
        samples("pg_sender", 60, length, move |_| {
            rows(json!([{ "application": "s1", "state": "streaming", "sync_state": sync }]))
        })
    };
    check(
        "R2",
        &[heard(87_000), sender(86_400, "async")],
        &[heard(87_000), sender(86_940, "async")],
    );
    check(
        "R2",
        &[heard(87_000), sender(86_400, "async")],
        &[heard(80_000), sender(3_600, "async")],
    );
    check(
        "R2.last",
        &[heard(87_000), sender(86_400, "sync")],
        &[heard(87_000), sender(87_000, "sync")],
    );
}

#[test]
fn two_primaries_and_none() {
    let rules = rules();
    let names = ["a", "b"].map(|name| (CollectorId::from_external(name), name.to_owned()));
    // The roles of two servers, minute by minute.
    let fires = |key: &str, roles: &[[&str; 2]]| {
        let mut facts = Facts::default();
        facts.keep(rules.keeps());
        let (rule, mut alerts, mut has_fired) = (
            rules.get(key).unwrap(),
            BTreeMap::<u64, Alert>::new(),
            false,
        );
        for (minute, roles) in (0_i64..).zip(roles) {
            let now = at(minute * 60);
            for ((id, _), role) in names.iter().zip(roles).filter(|(_, role)| !role.is_empty()) {
                let element = Document {
                    kind: "pg_identity".into(),
                    time: now,
                    database: String::new(),
                    body: json!({ "system_identifier": "7", "role": role })
                        .to_string()
                        .into_bytes(),
                };
                facts.take(*id, now, &element);
            }
            let rows = facts.replication_groups(&names, now);
            for reading in evaluate(rule, None, "", Some(&rows), now).readings {
                let fingerprint = machine::fingerprint(&reading.labels);
                if let Some(alert) = machine::step(rule, alerts.get(&fingerprint), &reading, now) {
                    has_fired |= alert.is_firing();
                    alerts.insert(fingerprint, alert);
                }
            }
        }
        has_fired
    };
    let (one, both) = (["primary", "standby"], ["primary", "primary"]);
    assert!(fires("A5.two_primaries", &[one, both, both]));
    assert!(
        !fires("A5.two_primaries", &[both, both, both]),
        "a clone that was never a standby"
    );
    assert!(!fires(
        "A5.two_primaries",
        &[one, ["", "primary"], ["", "primary"], ["", "primary"]].repeat(2)[..4]
    ));
    let gone = ["", "standby"];
    assert!(fires("A5.no_primary", &[one, gone, gone, gone, gone, gone]));
    assert!(
        !fires("A5.no_primary", &[["", "standby"]; 6]),
        "its primary was never seen"
    );
}

#[test]
fn more_about_vacuum_slots_and_indexes() {
    let age = |field: &'static str, start: i64, a_day: i64| {
        samples("pg_database", 300, 72_000, move |seconds| {
            let mut row = json!({ "datname": "app", "xid_age": 0, "mxid_age": 0 });
            row[field] = json!(start + a_day * seconds / 86_400);
            rows(json!([row]))
        })
    };
    check(
        "X2.days",
        &[age("xid_age", 1_200_000_000, 50_000_000)],
        &[age("xid_age", 1_200_000_000, 5_000_000)],
    );
    check(
        "X2.days",
        &[age("xid_age", 1_200_000_000, 50_000_000)],
        &[age("xid_age", 190_000_000, 900_000_000 / 400)],
    );
    check(
        "X2.week",
        &[age("xid_age", 1_900_000_000, 50_000_000)],
        &[age("xid_age", 1_200_000_000, 50_000_000)],
    );
    let limit = || {
        samples("pg_setting", 300, 72_000, |_| {
            let setting = |name: &str, setting: &str| json!({ "name": name, "setting": setting });
            rows(json!([
                setting("autovacuum_multixact_freeze_max_age", "400000000"),
                setting("autovacuum_max_workers", "3"),
            ]))
        })
    };
    check(
        "X3",
        &[age("mxid_age", 500_000_000, 900_000), limit()],
        &[age("mxid_age", 3_000_000, 900_000), limit()],
    );
    let workers = |count: i64| {
        samples("pg_activity_sample", 10, 2_400, move |_| {
            rows(
                json!([{ "backend_type": "autovacuum worker", "state": "active", "sessions": count }]),
            )
        })
    };
    let tables = |count: i64| {
        samples("pg_table", 60, 2_400, move |_| {
            rows(
                (0..count)
                    .map(|n| json!({ "relid": n.to_string(), "n_dead_tup": 200_000 }))
                    .collect(),
            )
        })
    };
    check(
        "V2",
        &[workers(3), tables(4), limit()],
        &[workers(3), tables(0), limit()],
    );
    check(
        "V2",
        &[workers(3), tables(4), limit()],
        &[workers(2), tables(4), limit()],
    );
    let off = |pages: i64, options: Value| {
        samples("pg_table", 60, 60, move |_| {
            rows(
                json!([{ "relid": "1", "database": "app", "schemaname": "s", "relname": "t", "relpages": pages, "reloptions": options.clone() }]),
            )
        })
    };
    check(
        "V2.table_off",
        &[off(200_000, json!(["autovacuum_enabled=false"]))],
        &[off(1_280, json!(["autovacuum_enabled=false"]))],
    );
    check(
        "V2.table_off",
        &[off(200_000, json!(["autovacuum_enabled=false"]))],
        &[off(200_000, json!(null))],
    );
    let gib = 1_i64 << 30;
    let bloat = |confidence: &'static str, wasted: i64, size: i64| {
        samples("pg_bloat_estimate", 3_600, 10_800, move |_| {
            rows(
                json!([{ "database": "app", "kind": "table", "schema": "s", "relation": "t", "confidence": confidence, "wasted_bytes": wasted, "wasted_share": wasted as f64 / size as f64 }]),
            )
        })
    };
    check(
        "V3",
        &[bloat("high", 16 * gib / 10, 4 * gib)],
        &[bloat("low", 16 * gib / 10, 4 * gib)],
    );
    check(
        "V3",
        &[bloat("high", 16 * gib / 10, 4 * gib)],
        &[bloat("high", gib / 10, gib / 5)],
    );
    let slot = |retained: i64| {
        samples("pg_slot", 60, 900, move |_| {
            rows(
                json!([{ "slot_name": "s", "active": true, "wal_status": "reserved", "retained_bytes": retained }]),
            )
        })
    };
    let disk = || {
        samples(
            "disk_usage",
            60,
            900,
            |_| json!({ "filesystems": [{ "mount": "/", "free_gb": 10.0 }, { "mount": "/boot", "free_gb": 0.1 }] }),
        )
    };
    check(
        "R3.disk",
        &[slot(3 * gib), disk()],
        &[slot(3 * gib / 2), disk()],
    );
    assert!(!fires("R3.disk", &[slot(900 * gib)]), "no disk is known");
    let indexes = |pages: i64, unique: bool| {
        samples("pg_index", 300, 600, move |_| {
            let index = |n: i64| json!({ "database": "app", "indexrelid": n.to_string(), "idx_scan": 0, "is_unique": unique, "is_exclusion": false, "relpages": pages, "is_valid": true, "is_ready": true });
            rows((0..3).map(index).collect())
        })
    };
    let reset = |days: i64| {
        samples("pg_database", 60, 600, move |_| {
            rows(json!([{ "datname": "app", "stats_reset": time(-86_400 * days) }]))
        })
    };
    check(
        "S3",
        &[indexes(48_000, false), reset(60)],
        &[indexes(48_000, true), reset(60)],
    );
    check(
        "S3",
        &[indexes(48_000, false), reset(60)],
        &[indexes(48_000, false), reset(3)],
    );
    let standby = samples("pg_sender", 10, 600, |_| {
        rows(json!([{ "application": "s1" }]))
    });
    assert!(
        !fires("S3", &[indexes(48_000, false), reset(60), standby]),
        "a standby may use them"
    );
}

#[test]
fn a_rule_looks_at_plain_samples_too() {
    let text = r#"
        [[rule]]
        id = "T1"
        name = "queue_long"
        severity = "w"
        from = "queue_length"
        where = 'row.queue != "test"'
        value = "num(row.value)"
        fire = 'value > 100 and lowest("value", 60) > 100'
        labels = { queue = "row.queue" }
        summary = "{{ row.queue }} has {{ value|round(0) }} jobs, {{ value|round(1) }} of {{ (value * -1.5)|round }}."
        first_step = "Look."
    "#;
    let rules = RuleSet::parse(text).unwrap();
    let rule = rules.get("T1").unwrap();
    let collector = CollectorId::from_external("jobs");
    let mut facts = Facts::default();
    facts.keep(rules.keeps());
    let mut told = Vec::new();
    for seconds in (0..=300).step_by(10) {
        for (queue, value) in [
            ("mail", if seconds < 100 { 5.0 } else { 500.0 }),
            ("test", 900.0),
        ] {
            let sample = Sample {
                name: "queue_length".into(),
                labels: vec![("queue".into(), queue.into())],
                time: at(seconds),
                value,
                form: SampleForm::default(),
            };
            facts.take_sample(collector, at(seconds), &sample);
        }
        let evaluation = evaluate(rule, facts.server(collector), "jobs", None, at(seconds));
        assert_eq!(
            (evaluation.error.clone(), evaluation.is_stale),
            (None, false)
        );
        told.extend(
            evaluation
                .readings
                .iter()
                .filter(|one| one.fire)
                .map(|one| {
                    (
                        seconds,
                        one.labels["queue"].clone(),
                        one.annotations["summary"].clone(),
                    )
                }),
        );
    }
    assert_eq!(
        told[0],
        (160, "mail".into(), "mail has 500 jobs, 500 of -750.".into())
    );
    assert!(told.iter().all(|(_, queue, _)| queue == "mail"));
}

/// Prints how long one evaluation takes, with `--release -- --ignored --nocapture cost`.
#[test]
#[ignore = "a measurement, not a check"]
fn cost() {
    let rules = rules();
    let mut facts = Facts::default();
    facts.keep(rules.keeps());
    let (tables, servers) = (2_000, 20);
    let table = |n: i64| json!({ "relid": n.to_string(), "n_dead_tup": n, "n_live_tup": 9, "reltuples": 9, "schemaname": "s", "relname": "t", "last_autovacuum": null });
    let sequence =
        |n: i64| json!({ "schema": "s", "name": n.to_string(), "used_share": 0.1, "cycle": false });
    let database = |n: i64| json!({ "datname": n.to_string(), "xid_age": 1, "mxid_age": 1, "deadlocks": 1, "temp_bytes": 1, "sessions": 1, "session_time": 1, "connection_limit": -1, "checksum_failures": null });
    let elements = [
        ("pg_table", rows((0..tables).map(table).collect())),
        ("pg_sequence", rows((0..500).map(sequence).collect())),
        ("pg_database", rows((0..50).map(database).collect())),
    ];
    for server in 0..servers {
        let collector = CollectorId::from_external(&format!("db-{server}"));
        for (kind, body) in &elements {
            let element = Document {
                kind: (*kind).into(),
                time: at(0),
                database: String::new(),
                body: body.to_string().into_bytes(),
            };
            facts.take(collector, at(0), &element);
        }
    }
    let started = pga_runtime::now();
    let mut readings = 0;
    for (id, server) in facts.servers() {
        for rule in rules.iter() {
            let evaluation = evaluate(rule, Some(server), &id.to_string(), None, at(1));
            readings += evaluation.readings.len();
        }
    }
    println!(
        "{servers} servers of {tables} tables: {readings} readings in {:?}",
        started.elapsed()
    );
}
