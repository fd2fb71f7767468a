//! Fields that are no single pattern: lists, kinds, sums.

use serde_json::{Map, Value, json};

use super::kind::Class;
use super::pattern::{extract, number};
use super::plan;
use crate::Record;

type Fields = Map<String, Value>;

/// Adds what the table of fields cannot say.
pub(super) fn add(class: Class, record: &Record, fields: &mut Fields) {
    let message = record.message.as_str();
    let detail = record.detail.as_deref().unwrap_or_default();
    match class {
        Class::ServerReady => {
            // 13 writes it without the hyphen.
            let is_read_only = message.replace('-', " ").contains("read only");
            set(fields, "is_read_only", is_read_only);
        }
        Class::Shutdown => set(fields, "kind", shutdown_kind(message)),
        Class::ProcessCrashed | Class::OomKilled => crashed(record, fields),
        Class::DataCorruption => unquote(fields, "relation"),
        Class::OutOfMemory => set(
            fields,
            "is_shared_memory",
            message.contains("shared memory"),
        ),
        Class::TooManyConnections => set(fields, "limit", connection_limit(message)),
        Class::AuthFailed => authentication(record, fields),
        Class::Connected => connected(message, fields),
        Class::Disconnected => session_seconds(fields),
        Class::ClientLost => set(
            fields,
            "is_in_transaction",
            message.contains("open transaction"),
        ),
        Class::SessionTimeout => {
            let setting = session_setting(record);
            set(fields, "setting", setting);
        }
        Class::Deadlock => set(fields, "processes", deadlock(detail)),
        Class::LockWait | Class::LockAcquired => lock(message, detail, fields),
        Class::RecoveryConflict => conflict(detail, fields),
        Class::ConstraintViolation => columns(detail, fields),
        Class::SlowStatement => duration(message, fields),
        Class::Plan => plan::add(message, fields),
        Class::Autovacuum => {
            set(
                fields,
                "is_aggressive",
                message.starts_with("automatic aggressive"),
            );
            set(
                fields,
                "is_to_prevent_wraparound",
                message.contains("to prevent wraparound"),
            );
        }
        Class::CheckpointStart => {
            let (_, reasons) = message.split_once(':').unwrap_or_default();
            let reasons: Vec<&str> = reasons.split_whitespace().collect();
            set(fields, "reasons", reasons);
        }
        Class::SlotInvalidated => {
            let reason = slot_reason(message, detail);
            set(fields, "reason", reason);
        }
        _ => {}
    }
}

fn set(fields: &mut Fields, key: &str, value: impl Into<Value>) {
    fields.insert(key.to_owned(), value.into());
}

fn unquote(fields: &mut Fields, key: &str) {
    if let Some(Value::String(text)) = fields.get_mut(key) {
        *text = text.trim_matches('"').to_owned();
    }
}

fn shutdown_kind(message: &str) -> &'static str {
    let kinds = ["smart", "fast", "immediate"];
    let is_request = message.contains("shutdown request");
    let mut found = kinds
        .into_iter()
        .filter(|kind| is_request && message.contains(kind));
    found
        .next()
        .unwrap_or(match message.starts_with("the database system is") {
            true => "client_refused",
            false => "other",
        })
}

fn crashed(record: &Record, fields: &mut Fields) {
    if record.sqlstate.as_deref() == Some("57P02") {
        set(fields, "is_consequence", true);
    }
    let detail = record.detail.as_deref().unwrap_or_default();
    if let Some(statement) = detail.strip_prefix("Failed process was running: ") {
        set(fields, "statement", statement);
    }
}

fn connection_limit(message: &str) -> &'static str {
    let limits = [
        ("for role ", "role"),
        ("for database ", "database"),
        ("are reserved for", "reserved"),
        ("max_wal_senders", "wal_senders"),
    ];
    let mut found = limits
        .into_iter()
        .filter(|(text, _)| message.contains(text));
    found.next().map_or("max_connections", |(_, limit)| limit)
}

fn authentication(record: &Record, fields: &mut Fields) {
    let reasons = [
        ("pg_hba.conf rejects", "rejected"),
        ("no pg_hba.conf entry", "no_entry"),
        ("does not exist", "role_missing"),
        ("password authentication failed", "password"),
    ];
    let mut found = reasons
        .into_iter()
        .filter(|(text, _)| record.message.contains(text));
    let by_code = match record.sqlstate.as_deref() {
        Some("28P01") => "password",
        _ => "other",
    };
    set(
        fields,
        "reason",
        found.next().map_or(by_code, |(_, reason)| reason),
    );
    for (key, value) in [
        ("user", &record.user),
        ("address", &record.host),
        ("database", &record.database),
    ] {
        if let (None, Some(value)) = (fields.get(key), value) {
            set(fields, key, value.as_str());
        }
    }
}

/// `connection authorized: user=a database=b application_name=c`.
fn connected(message: &str, fields: &mut Fields) {
    for (label, key) in [
        ("host=", "host"),
        ("user=", "user"),
        ("database=", "database"),
    ] {
        let value = message.split_once(label).map(|(_, rest)| rest);
        let value = value.and_then(|rest| rest.split(' ').next());
        if let Some(value) = value {
            set(fields, key, value.trim_matches('"'));
        }
    }
}

fn session_seconds(fields: &mut Fields) {
    let mut take = |key| fields.remove(key).and_then(|value: Value| value.as_f64());
    if let (Some(hours), Some(minutes), Some(seconds)) =
        (take("hours"), take("minutes"), take("seconds"))
    {
        set(
            fields,
            "session_seconds",
            hours * 3_600.0 + minutes * 60.0 + seconds,
        );
    }
}

fn session_setting(record: &Record) -> &'static str {
    match record.sqlstate.as_deref() {
        Some("25P04") => "transaction_timeout",
        Some("57P05") => "idle_session_timeout",
        Some(_) => "idle_in_transaction_session_timeout",
        None if record.message.contains("idle-session") => "idle_session_timeout",
        None if record.message.contains("transaction timeout")
            && !record.message.contains("idle") =>
        {
            "transaction_timeout"
        }
        None => "idle_in_transaction_session_timeout",
    }
}

/// One object for each process: what it waits for, then its statement, which may have many lines.
fn deadlock(detail: &str) -> Vec<Value> {
    let mut processes: Vec<Fields> = Vec::new();
    let mut speaker: Option<i64> = None;
    for line in detail.lines() {
        let mut waits = Fields::new();
        let is_wait = speaker.is_none()
            && extract(
                "Process {pid:i} waits for {mode} on {object}; blocked by process {blocked_by:i}.",
                line,
                &mut waits,
            );
        if is_wait {
            processes.push(waits);
            continue;
        }
        let head = line
            .strip_prefix("Process ")
            .and_then(|rest| rest.split_once(": "));
        let named = head.and_then(|(pid, text)| Some((pid.parse::<i64>().ok()?, text)));
        let (pid, text) = match (named, speaker) {
            (Some((pid, text)), _) => (pid, text),
            (None, Some(pid)) => (pid, line),
            (None, None) => continue,
        };
        speaker = Some(pid);
        let is_speaker = |process: &&mut Fields| process.get("pid") == Some(&Value::from(pid));
        let Some(process) = processes.iter_mut().find(is_speaker) else {
            continue;
        };
        match process.get_mut("statement") {
            Some(Value::String(statement)) => {
                statement.push('\n');
                statement.push_str(text);
            }
            _ => set(process, "statement", text),
        }
    }
    processes.into_iter().map(Value::Object).collect()
}

fn lock(message: &str, detail: &str, fields: &mut Fields) {
    set(fields, "is_deadlock", message.contains("detected deadlock"));
    if let Some(Value::String(object)) = fields.get("object").cloned() {
        extract("relation {relation_oid:i} of database ", &object, fields);
        extract("of database {database_oid:i}", &object, fields);
        extract("transaction {transaction:i}", &object, fields);
    }
    // "Process holding the lock: 1. Wait queue: 2, 3."
    for (label, key) in [
        (" holding the lock: ", "holders"),
        ("Wait queue: ", "queue"),
    ] {
        let list = detail
            .split_once(label)
            .and_then(|(_, rest)| rest.split('.').next());
        if let Some(list) = list {
            let pids: Vec<Value> = list.split(',').filter_map(number).collect();
            set(fields, key, pids);
        }
    }
}

fn conflict(detail: &str, fields: &mut Fields) {
    let kinds = [
        ("relation lock for too long", "lock"),
        ("row versions that must be removed", "snapshot"),
        ("buffer pin for too long", "bufferpin"),
        ("tablespace that must be dropped", "tablespace"),
        ("database that must be dropped", "database"),
        ("buffer deadlock", "deadlock"),
        ("logical replication slot", "logical_slot"),
    ];
    if let Some((_, kind)) = kinds.into_iter().find(|(text, _)| detail.contains(text)) {
        set(fields, "kind", kind);
    }
}

/// `Key (a, b)=(…) already exists.`, or without the values once they are taken out.
fn columns(detail: &str, fields: &mut Fields) {
    let Some((_, rest)) = detail.split_once("Key (") else {
        return;
    };
    let ends = [")=(", ") already ", ") is ", ") conflicts "];
    if let Some(end) = ends.into_iter().filter_map(|end| rest.find(end)).min() {
        let names: Vec<&str> = rest.get(..end).unwrap_or_default().split(", ").collect();
        set(fields, "columns", names);
    }
}

/// `duration: N ms`, maybe with `  statement: text` or `  parse name: text` behind it.
fn duration(message: &str, fields: &mut Fields) {
    let Some((number_text, rest)) = message
        .split_once(": ")
        .and_then(|(_, rest)| rest.split_once(" ms"))
    else {
        return;
    };
    if let Some(ms) = number_text.parse::<f64>().ok().map(|ms| json!(ms)) {
        set(fields, "ms", ms);
    }
    let Some((head, text)) = rest.trim_start().split_once(": ") else {
        return;
    };
    let (phase, name) = head.split_once(' ').unwrap_or((head, ""));
    set(fields, "phase", phase);
    if !name.is_empty() {
        set(fields, "name", name);
    }
    set(fields, "text", text);
}

fn slot_reason(message: &str, detail: &str) -> &'static str {
    let reasons = [
        ("conflicted with xid horizon", "rows_removed"),
        ("wal_level", "wal_level_insufficient"),
        ("idle_replication_slot_timeout", "idle_timeout"),
        ("idle time of", "idle_timeout"),
        ("exceeds", "wal_removed"),
    ];
    let has = |text: &str| message.contains(text) || detail.contains(text);
    let mut found = reasons.into_iter().filter(|(text, _)| has(text));
    found.next().map_or("other", |(_, reason)| reason)
}
