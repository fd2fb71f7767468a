use std::collections::BTreeMap;

use pga_server_log::{Class, Classified, Record, classify};
use serde_json::{Value, json};

use crate::logs::{MAJORS, records};

/// Classes with the same number of records in each fixture.
const EVERYWHERE: [(Class, usize); 37] = [
    (Class::ArchiveFailed, 2),
    (Class::AuthFailed, 3),
    (Class::Autoanalyze, 1),
    (Class::Autovacuum, 1),
    (Class::AutovacuumCanceled, 1),
    (Class::Canceled, 1),
    (Class::CheckpointDone, 1),
    (Class::CheckpointStart, 4),
    (Class::CheckpointsTooFrequent, 1),
    (Class::ClientLost, 1),
    (Class::ConfigChanged, 1),
    (Class::ConfigError, 3),
    (Class::ConstraintViolation, 5),
    (Class::CrashRecovery, 3),
    (Class::DatabaseMissing, 1),
    (Class::Deadlock, 1),
    (Class::Disconnected, 1),
    (Class::LockAcquired, 2),
    (Class::LockNotAvailable, 1),
    (Class::LockTimeout, 1),
    (Class::LockWait, 3),
    (Class::LogicalApplyError, 2),
    (Class::OutOfMemory, 1),
    (Class::PermissionDenied, 2),
    (Class::Plan, 2),
    (Class::SerializationFailure, 1),
    (Class::ServerReady, 1),
    (Class::ServerStart, 1),
    (Class::Shutdown, 3),
    (Class::SlotInvalidated, 1),
    (Class::SlowStatement, 5),
    (Class::SqlError, 12),
    (Class::StatementTimeout, 1),
    (Class::TempFile, 1),
    (Class::Terminated, 1),
    (Class::TooManyConnections, 2),
    (Class::WalEndInRecovery, 2),
];

/// Classes whose number depends on the major, for 13, 15, 16 and 18: what the major writes more.
const BY_MAJOR: [(Class, [usize; 4]); 5] = [
    (Class::Connected, [5, 5, 5, 6]),
    (Class::DataCorruption, [1, 1, 1, 2]),
    (Class::Other, [14, 13, 13, 13]),
    (Class::ProcessCrashed, [2, 1, 1, 1]),
    (Class::SessionTimeout, [1, 2, 2, 3]),
];

fn classified(major: u8) -> Vec<(Record, Classified)> {
    let events = records(major).into_iter().map(|record| {
        let event = classify(&record);
        (record, event)
    });
    events.collect()
}

#[test]
fn each_class_has_its_records() {
    for (at, major) in MAJORS.into_iter().enumerate() {
        let mut counts: BTreeMap<Class, usize> = BTreeMap::new();
        for (_, event) in classified(major) {
            *counts.entry(event.class).or_default() += 1;
        }
        let by_major = BY_MAJOR.iter().map(|(class, counts)| (*class, counts[at]));
        let mut want: BTreeMap<Class, usize> = EVERYWHERE.into_iter().chain(by_major).collect();
        want.retain(|_, count| *count > 0);
        assert_eq!(counts, want, "{major}");
    }
}

/// The text alone finds the same class, except where the code alone tells it.
#[test]
fn english_text_finds_the_class_without_code_and_function() {
    let by_code = [
        Class::SqlError,
        Class::PermissionDenied,
        Class::LogicalApplyError,
        Class::ConfigError,
        Class::ConstraintViolation,
        Class::Shutdown,
        Class::ProcessCrashed,
        Class::AuthFailed,
        Class::DatabaseMissing,
    ];
    for major in MAJORS {
        for (record, event) in classified(major) {
            let text_only = Record {
                sqlstate: None,
                function: None,
                backend_type: None,
                ..record
            };
            let got = classify(&text_only).class;
            if !by_code.contains(&event.class) {
                assert_eq!(got, event.class, "{major}: {}", text_only.message);
            }
        }
    }
}

/// The values of a field of a class, in the order of the log.
fn field(events: &[(Record, Classified)], class: Class, key: &str) -> Vec<Value> {
    let of_class = events.iter().filter(|(_, event)| event.class == class);
    of_class
        .filter_map(|(_, event)| event.fields.get(key).cloned())
        .collect()
}

#[test]
fn fields_that_are_known_have_their_values() {
    for major in MAJORS {
        let events = classified(major);
        for (class, key, want) in [
            (
                Class::SlowStatement,
                "phase",
                json!(["statement", "parse", "bind", "execute"]),
            ),
            (Class::Autovacuum, "table", json!(["postgres.public.busy"])),
            (Class::Autovacuum, "tuples_removed", json!([1_000])),
            (Class::Autoanalyze, "table", json!(["postgres.public.busy"])),
            (
                Class::AutovacuumCanceled,
                "table",
                json!(["postgres.public.slow_vacuum"]),
            ),
            (Class::SlotInvalidated, "slot", json!(["left_behind"])),
            (Class::SlotInvalidated, "reason", json!(["wal_removed"])),
            (
                Class::AuthFailed,
                "reason",
                json!(["role_missing", "rejected", "password"]),
            ),
            (Class::AuthFailed, "line", json!([2])),
            (
                Class::TooManyConnections,
                "limit",
                json!(["role", "reserved"]),
            ),
            (Class::ProcessCrashed, "signal", json!([9])),
            (Class::DataCorruption, "block", json!([1])),
            (
                Class::ConstraintViolation,
                "table",
                json!(["customer", "customer", "invoice"]),
            ),
            (
                Class::ConstraintViolation,
                "columns",
                json!([["id"], ["during"], ["customer_id"]]),
            ),
            (Class::Plan, "format", json!(["text", "json"])),
        ] {
            let got = Value::from(field(&events, class, key));
            assert_eq!(got, want, "{major}: {class:?}.{key}");
        }
    }
}

#[test]
fn figures_are_numbers() {
    for major in MAJORS {
        let events = classified(major);
        let first = |class, key| {
            field(&events, class, key)
                .into_iter()
                .next()
                .unwrap_or_default()
        };
        assert!(
            first(Class::SlowStatement, "ms").as_f64().unwrap() > 99.0,
            "{major}"
        );
        assert!(
            first(Class::TempFile, "bytes").as_i64().unwrap() > 10_000,
            "{major}"
        );
        for key in ["wal_bytes", "cutoff_xid", "buffer_misses", "pages_remain"] {
            assert!(first(Class::Autovacuum, key).is_i64(), "{major}: {key}");
        }
        assert!(
            first(Class::Autoanalyze, "elapsed_seconds").is_f64(),
            "{major}"
        );
        assert!(
            first(Class::CheckpointDone, "total_seconds").is_f64(),
            "{major}"
        );
        assert_eq!(
            first(Class::CheckpointDone, "redo_lsn").is_string(),
            major >= 16
        );
        assert!(
            first(Class::Disconnected, "session_seconds").is_f64(),
            "{major}"
        );
        assert_eq!(
            field(&events, Class::Plan, "plan")[1]["Plan"]["Node Type"],
            "Aggregate"
        );
    }
}

#[test]
fn locks_name_who_waits_for_whom() {
    for major in MAJORS {
        let events = classified(major);
        let of = |class: Class| events.iter().filter(move |(_, event)| event.class == class);
        let deadlock = &of(Class::Deadlock).next().unwrap().1.fields["processes"];
        assert_eq!(deadlock[0]["blocked_by"], deadlock[1]["pid"], "{major}");
        assert_eq!(deadlock[1]["blocked_by"], deadlock[0]["pid"], "{major}");
        assert!(
            deadlock[0]["statement"]
                .as_str()
                .unwrap()
                .starts_with("BEGIN; UPDATE account")
        );
        let waits: Vec<&Classified> = of(Class::LockWait).map(|(_, event)| event).collect();
        assert_eq!(waits[0].fields["is_deadlock"], true, "{major}");
        assert_eq!(
            waits[1].fields["holders"].as_array().unwrap().len(),
            1,
            "{major}"
        );
        let queue = waits[1].fields["queue"].as_array().unwrap();
        assert!(queue.contains(&waits[1].fields["pid"]), "{major}");
        assert_eq!(waits[1].fields["mode"], "AccessShareLock", "{major}");
    }
}
