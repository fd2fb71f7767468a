use serde_json::json;

use super::*;
use crate::Severity;

fn record(severity: Severity, code: &str, message: &str) -> Record {
    let sqlstate = (!code.is_empty()).then(|| code.to_owned());
    Record {
        severity,
        sqlstate,
        message: message.to_owned(),
        ..Record::default()
    }
}

fn with(record: Record, function: &str, backend: &str) -> Record {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Record {
        function: some(function),
        backend_type: some(backend),
        ..record
    }
}

/// Classes that a lone healthy server does not show; texts of the sources of 13 to 18.
const RARE: &[(Severity, &str, &str, Class, &str)] = &[
    (
        Severity::Panic,
        "53100",
        "could not write to file \"pg_wal/xlogtemp.7\": No space left on device",
        Class::Panic,
        r#"{}"#,
    ),
    (
        Severity::Error,
        "53100",
        "could not extend file \"base/5/16384.1\": No space left on device",
        Class::DiskFull,
        r#"{"path": "base/5/16384.1"}"#,
    ),
    (
        Severity::Error,
        "XX001",
        "could not read blocks 7..9 in file \"base/5/1\": read only 0 of 8192 bytes",
        Class::DataCorruption,
        r#"{"block": 7, "path": "base/5/1"}"#,
    ),
    (
        Severity::Warning,
        "01000",
        "database \"shop\" must be vacuumed within 10184864 transactions",
        Class::WraparoundWarning,
        r#"{"database": "shop", "left": 10184864}"#,
    ),
    (
        Severity::Warning,
        "01000",
        "database with OID 5 must be vacuumed before 99 more MultiXactIds are used",
        Class::WraparoundWarning,
        r#"{"database_oid": 5, "left": 99}"#,
    ),
    (
        Severity::Error,
        "54000",
        "database is not accepting commands that assign new transaction IDs to avoid wraparound data loss in database \"shop\"",
        Class::WraparoundStop,
        r#"{"database": "shop"}"#,
    ),
    (
        Severity::Log,
        "00000",
        "started streaming WAL from primary at 0/3000000 on timeline 2",
        Class::StandbyLink,
        r#"{"lsn": "0/3000000", "timeline": 2}"#,
    ),
    (
        Severity::Fatal,
        "08P01",
        "could not receive data from WAL stream: ERROR:  requested WAL segment 00000001 has already been removed",
        Class::WalMissing,
        r#"{"segment": "00000001"}"#,
    ),
    (
        Severity::Log,
        "00000",
        "selected new timeline ID: 3",
        Class::Promotion,
        r#"{"timeline": 3}"#,
    ),
    (
        Severity::Log,
        "00000",
        "received promote request",
        Class::Promotion,
        r#"{}"#,
    ),
    (
        Severity::Fatal,
        "",
        "could not restore file \"00000002.history\" from archive: return code 1",
        Class::RestoreFailed,
        r#"{"file": "00000002.history"}"#,
    ),
    (
        Severity::Fatal,
        "53300",
        "sorry, too many clients already",
        Class::TooManyConnections,
        r#"{"limit": "max_connections"}"#,
    ),
    (
        Severity::Fatal,
        "57P03",
        "the database system is starting up",
        Class::Shutdown,
        r#"{"kind": "client_refused"}"#,
    ),
    (
        Severity::Log,
        "00000",
        "connection ready: setup total=3.500 ms, fork=0.1 ms, authentication=0.2 ms",
        Class::Connected,
        r#"{"phase": "ready", "setup_ms": 3.5}"#,
    ),
    (
        Severity::Log,
        "00000",
        "recovery still waiting after 1000.5 ms: recovery conflict on lock",
        Class::RecoveryConflict,
        r#"{"ms": 1000.5, "kind": "lock"}"#,
    ),
    (
        Severity::Log,
        "00000",
        "statement: SELECT 'deadlock detected'",
        Class::Other,
        r#"{}"#,
    ),
    (
        Severity::Log,
        "00000",
        "execute s1: SELECT 'deadlock detected'",
        Class::Other,
        r#"{}"#,
    ),
    (
        Severity::Error,
        "57014",
        "Anweisung wird abgebrochen",
        Class::Canceled,
        r#"{}"#,
    ),
    (
        Severity::Error,
        "",
        "deadlock detected",
        Class::Deadlock,
        r#"{"processes": []}"#,
    ),
];

#[test]
fn what_rarely_happens_has_its_class() {
    for (severity, code, message, want, fields) in RARE {
        let got = classify(&record(*severity, code, message));
        let fields: Value = serde_json::from_str(fields).unwrap();
        assert_eq!(
            (got.class, Value::Object(got.fields)),
            (*want, fields),
            "{message}"
        );
    }
}

#[test]
fn the_function_decides_in_any_language() {
    for (message, function, backend, want) in [
        (
            "Dauer: 12.5 ms  Anweisung: SELECT 1",
            "exec_simple_query",
            "client backend",
            Class::SlowStatement,
        ),
        (
            "Anweisung: SELECT 1",
            "exec_simple_query",
            "client backend",
            Class::Other,
        ),
        (
            "temporäre Datei: Pfad »x«, Größe 7",
            "ReportTemporaryFileUsage",
            "",
            Class::TempFile,
        ),
        (
            "automatisches Vacuum",
            "heap_vacuum_rel",
            "autovacuum worker",
            Class::Autovacuum,
        ),
        (
            "finished vacuuming",
            "heap_vacuum_rel",
            "client backend",
            Class::Other,
        ),
        ("Prozess 7 erlangte", "ProcSleep", "", Class::LockAcquired),
    ] {
        let record = with(record(Severity::Log, "00000", message), function, backend);
        assert_eq!(classify(&record).class, want, "{message}");
    }
    let duration = with(
        record(Severity::Log, "00000", "Dauer: 12.5 ms"),
        "exec_simple_query",
        "",
    );
    assert_eq!(classify(&duration).fields["ms"], 12.5);
}

#[test]
fn the_process_decides_where_the_code_does_not() {
    use Severity::{Error, Fatal, Log};
    for (severity, code, backend, want) in [
        (
            Error,
            "23505",
            "logical replication apply worker",
            Class::LogicalApplyError,
        ),
        (
            Fatal,
            "57P01",
            "logical replication worker",
            Class::Terminated,
        ),
        (Fatal, "08006", "walreceiver", Class::StandbyLink),
        (Log, "08006", "walsender", Class::StandbyLink),
        (Log, "08006", "client backend", Class::ClientLost),
        (
            Error,
            "57014",
            "autovacuum worker",
            Class::AutovacuumCanceled,
        ),
        (Log, "42704", "postmaster", Class::ConfigError),
        (Error, "42704", "client backend", Class::SqlError),
    ] {
        let record = with(record(severity, code, "x"), "", backend);
        assert_eq!(classify(&record).class, want, "{code} {backend}");
    }
}

#[test]
fn a_deadlock_has_statements_of_many_lines() {
    let detail = "Process 1 waits for ShareLock on transaction 780; blocked by process 2.\n\
                  Process 2 waits for ExclusiveLock on tuple (0,2) of relation 9 of database 5; blocked by process 1.\n\
                  Process 1: UPDATE a\nSET b = 1\nProcess 2: <command string not enabled>";
    let record = Record {
        detail: Some(detail.to_owned()),
        ..record(Severity::Error, "40P01", "deadlock detected")
    };
    let want = json!([
        {"pid": 1, "mode": "ShareLock", "object": "transaction 780", "blocked_by": 2, "statement": "UPDATE a\nSET b = 1"},
        {"pid": 2, "mode": "ExclusiveLock", "object": "tuple (0,2) of relation 9 of database 5", "blocked_by": 1, "statement": "<command string not enabled>"},
    ]);
    assert_eq!(classify(&record).fields["processes"], want);
}

#[test]
fn a_lock_has_holders_and_a_queue() {
    let message =
        "process 4 still waiting for ShareLock on relation 16413 of database 5 after 1000.1 ms";
    let record = Record {
        detail: Some("Processes holding the lock: 1, 2. Wait queue: 3, 4.".to_owned()),
        ..record(Severity::Log, "00000", message)
    };
    let fields = classify(&record).fields;
    assert_eq!(
        (&fields["holders"], &fields["queue"]),
        (&json!([1, 2]), &json!([3, 4]))
    );
    assert_eq!(
        (&fields["relation_oid"], &fields["database_oid"]),
        (&json!(16_413), &json!(5))
    );
}

#[test]
fn the_kernel_tells_a_kill_for_memory() {
    let killed = |signal: u32| {
        let message = format!("server process (PID 7) was terminated by signal {signal}: Killed");
        classify(&record(Severity::Log, "00000", &message))
            .with_oom_kill()
            .class
    };
    assert_eq!(
        (killed(9), killed(11)),
        (Class::OomKilled, Class::ProcessCrashed)
    );
}

#[test]
fn a_consequence_of_a_crash_is_a_warning() {
    let message = "terminating connection because of crash of another server process";
    let event = classify(&record(Severity::Warning, "57P02", message));
    assert_eq!(
        (event.class, event.level),
        (Class::ProcessCrashed, Level::Warning)
    );
}

#[test]
fn plans_are_documents() {
    let json = "duration: 3.25 ms  plan:\n{\n  \"Query Text\": \"SELECT 1\",\n  \"Query Identifier\": -7,\n  \"Plan\": {\"Node Type\": \"Result\", \"New\": 1.50}\n}";
    let fields = classify(&record(Severity::Log, "00000", json)).fields;
    assert_eq!(
        (&fields["ms"], &fields["format"]),
        (&json!(3.25), &json!("json"))
    );
    assert_eq!(
        fields["plan"]["Plan"],
        json!({"Node Type": "Result", "New": 1.5})
    );
    assert_eq!(
        (&fields["query_text"], &fields["query_identifier"]),
        (&json!("SELECT 1"), &json!(-7))
    );
    let text = "duration: 3 ms  plan:\nQuery Text: SELECT 1\n  FROM t\nResult  (cost=0.00..1.00 rows=1 width=4)\n  Output: 1\nQuery Identifier: 8";
    let fields = classify(&record(Severity::Log, "00000", text)).fields;
    assert_eq!(
        (&fields["format"], &fields["query_text"]),
        (&json!("text"), &json!("SELECT 1\n  FROM t"))
    );
    assert_eq!(
        fields["plan"],
        "Result  (cost=0.00..1.00 rows=1 width=4)\n  Output: 1\nQuery Identifier: 8"
    );
    assert_eq!(fields["query_identifier"], 8);
}
