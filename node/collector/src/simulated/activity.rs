//! What goes on: `pg_log`, `pg_replication`, `pg_locks`, `pg_connections`, and sessions as a
//! collector of ours sees them.

use serde_json::{Value, json};

use super::Frame;
use super::numbers::Numbers;

pub(super) fn pg_log(numbers: Numbers, frame: &Frame<'_>) -> Value {
    let at = frame.at;
    let pid = 800 + numbers.whole("log.pid", 0, 90);
    let duration = numbers.level("log.duration", 1_000.0, 4_000.0);
    let slow = "SELECT count(*) FROM orders WHERE status = 'open'";
    let taken = "duplicate key value violates unique constraint \"customer_email_key\"";
    json!({
        "type": "pg_log", "timestamp": at, "database": "postgres",
        "entries": [
            {"timestamp": at, "level": "LOG",
             "message": format!("{at} [{pid}] LOG:  duration: {duration:.3} ms  statement: {slow}")},
            {"timestamp": at, "level": "ERROR",
             "message": format!("{at} [{pid}] ERROR:  {taken}")},
        ],
    })
}

/// Sessions by what they wait for, in the form of a collector of ours.
pub(super) fn pg_activity_sample(numbers: Numbers, frame: &Frame<'_>) -> Value {
    let working = [
        (None, None, numbers.whole("busy.cpu", 0, 4)),
        (
            Some("IO"),
            Some("DataFileRead"),
            numbers.whole("busy.read", 0, 3),
        ),
        (
            Some("LWLock"),
            Some("WALWrite"),
            numbers.whole("busy.wal", 0, 2),
        ),
        (
            Some("Lock"),
            Some("transactionid"),
            numbers.whole("busy.lock", 0, 2),
        ),
    ];
    let row = |(kind, event, sessions): &(Option<&str>, Option<&str>, u64)| {
        json!({
            "backend_type": "client backend", "state": "active", "wait_event_type": kind,
            "wait_event": event, "query_id": 4_711, "user": "app", "database": "shop",
            "application": "shop-web", "sessions": sessions, "parallel_workers": 0,
            "oldest_transaction_seconds": numbers.level("busy.age", 0.01, 4.0),
            "oldest_query_seconds": numbers.level("busy.age", 0.01, 4.0),
        })
    };
    let mut rows: Vec<Value> = working
        .iter()
        .filter(|(_, _, sessions)| *sessions > 0)
        .map(row)
        .collect();
    rows.push(json!({
        "backend_type": "client backend", "state": "idle", "wait_event_type": null,
        "wait_event": null, "query_id": null, "user": "app", "database": "shop",
        "application": null, "sessions": numbers.whole("idle", 5, 40), "parallel_workers": 0,
        "oldest_transaction_seconds": null, "oldest_query_seconds": null,
    }));
    json!({
        "type": "pg_activity_sample", "timestamp": frame.at, "total": rows.len(),
        "truncated": false, "rows": rows,
    })
}

pub(super) fn pg_replication(numbers: Numbers, frame: &Frame<'_>) -> Value {
    let lsn = 0x5000_0000 + numbers.counter("lsn", 0x1_0000);
    let text = |at: u64| format!("{:X}/{:08X}", at >> 32, at & 0xFFFF_FFFF);
    let replayed = lsn - numbers.whole("replay_lag", 0, 4_096);
    json!({
        "type": "pg_replication", "timestamp": frame.at, "replication_slots": [],
        "replication_status": [{
            "server_pid": 4_411, "usename": "repl", "application_name": "standby1",
            "state": "streaming", "sync_state": "async",
            "write_lsn": text(lsn), "flush_lsn": text(lsn), "replay_lsn": text(replayed),
            "write_lag_ms": 1, "flush_lag_ms": 2,
            "replay_lag_ms": numbers.whole("replay_lag_ms", 2, 40), "behind_by_mb": 0,
            "client_addr": "10.0.0.12", "backend_start": "2026-02-28 22:10:01.001212+00",
        }],
        "wal_status": {
            "total_segments": 12, "current_wal_size_mb": 192, "wal_directory_size_mb": 192,
            "segments_since_checkpoint": numbers.whole("wal.segments", 0, 6),
            "growth_rate_mb_per_hour": 0.0,
        },
        "wraparound_risk": [], "logical_subscriptions": [], "collection_errors": [],
    })
}

pub(super) fn pg_locks(numbers: Numbers, frame: &Frame<'_>) -> Value {
    frame.by_database("pg_locks", |database| {
        let pid = 4_800 + numbers.fixed(database, 100);
        let locks: Vec<Value> = (0..numbers.whole("locks", 1, 8))
            .map(|n| {
                json!({
                    "pid": pid + n, "locktype": "relation", "mode": "RowExclusiveLock",
                    "granted": true, "database": 16_415, "relation": 16_477 + n,
                    "username": "app", "usesysid": 10, "state": "active",
                    "lock_age_seconds": numbers.level("lock_age", 0.001, 3.0),
                    "query": "UPDATE stock SET on_hand = on_hand - $1 WHERE product_id = $2",
                })
            })
            .collect();
        json!({"active_locks": locks, "lock_wait_chains": [], "blocking_queries": []})
    })
}

pub(super) fn pg_connections(numbers: Numbers, frame: &Frame<'_>) -> Value {
    frame.by_database("pg_connections", |database| {
        let active = numbers.whole("active", 1, 12);
        let idle = numbers.whole("idle", 5, 40);
        json!({
            "connection_stats": {
                "by_state": [
                    {"database": database, "state": "active", "count": active,
                     "max_age_seconds": numbers.level("age.active", 0.1, 9.0),
                     "min_age_seconds": 0.001},
                    {"database": database, "state": "idle", "count": idle,
                     "max_age_seconds": numbers.level("age.idle", 9.0, 900.0),
                     "min_age_seconds": 0.5},
                ],
                "total_connections": active + idle,
            },
            "long_running_transactions": [], "idle_transactions": [],
        })
    })
}
