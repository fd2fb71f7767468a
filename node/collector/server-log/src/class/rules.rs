//! Which record is of which class: by SQLSTATE, then by source function, then by English text.

mod tables;

use self::tables::{BY_FUNCTION, BY_STATE, BY_TEXT, DURATION_FUNCTIONS};
use super::kind::Class;
use crate::{Record, Severity};

/// The class of a record.
pub(super) fn class(record: &Record) -> Class {
    if record.severity == Severity::Panic {
        return Class::Panic;
    }
    by_state(record)
        .or_else(|| by_function(record))
        .or_else(|| by_text(record))
        .unwrap_or(Class::Other)
}

fn by_state(record: &Record) -> Option<Class> {
    let code = record.sqlstate.as_deref().filter(|code| *code != "00000")?;
    let is_failure = record.severity >= Severity::Error;
    if is_failure && is_apply_worker(record) && !matches!(code, "57P01" | "XX001" | "XX002") {
        return Some(Class::LogicalApplyError);
    }
    let covers = |wanted: &&str| code.starts_with(wanted);
    let rows = BY_STATE.iter();
    let mut rows = rows.filter(|(codes, and, _)| codes.iter().any(covers) && and.holds(record));
    rows.next().map(|(_, _, class)| *class)
}

fn by_function(record: &Record) -> Option<Class> {
    let name = record.function.as_deref()?;
    match name {
        // A wait has a DETAIL with the holders, the end of a wait has none.
        "ProcSleep" if record.detail.is_some() => return Some(Class::LockWait),
        "ProcSleep" => return Some(Class::LockAcquired),
        "heap_vacuum_rel" if is_backend(record, "autovacuum worker") => {
            return Some(Class::Autovacuum);
        }
        "do_analyze_rel" if is_backend(record, "autovacuum worker") => {
            return Some(Class::Autoanalyze);
        }
        name if DURATION_FUNCTIONS.contains(&name) && is_duration(&record.message) => {
            return Some(Class::SlowStatement);
        }
        _ => {}
    }
    let mut rows = BY_FUNCTION
        .iter()
        .filter(|(names, _)| names.contains(&name));
    rows.next().map(|(_, class)| *class)
}

fn by_text(record: &Record) -> Option<Class> {
    let message = record.message.as_str();
    // What a statement says of itself is no text of the server.
    if ["statement: ", "execute "]
        .iter()
        .any(|start| message.starts_with(start))
    {
        return None;
    }
    if message.starts_with("automatic ") {
        let (head, _) = message.split_once(" of table ")?;
        return match head.ends_with("analyze") {
            true => Some(Class::Autoanalyze),
            false => Some(Class::Autovacuum),
        };
    }
    if message.starts_with("parameter \"") && !message.contains("cannot be changed") {
        let is_changed = message.contains(" changed to ") || message.contains(" removed from ");
        return is_changed.then_some(Class::ConfigChanged);
    }
    if message.starts_with("process ") && message.contains(" acquired ") {
        return Some(Class::LockAcquired);
    }
    if message.starts_with("duration: ") && !message.contains("  plan:\n") {
        return Some(Class::SlowStatement);
    }
    let mut rows = BY_TEXT
        .iter()
        .filter(|(texts, _)| texts.iter().any(|text| message.contains(text)));
    rows.next().map(|(_, class)| *class)
}

/// `duration: 1.234 ms`, the word in any language.
fn is_duration(message: &str) -> bool {
    let number = message
        .split_once(": ")
        .and_then(|(_, rest)| rest.split_once(" ms"));
    number.is_some_and(|(number, _)| number.parse::<f64>().is_ok())
}

fn is_apply_worker(record: &Record) -> bool {
    is_backend(record, "logical replication")
        && record
            .backend_type
            .as_deref()
            .is_some_and(|name| name.ends_with("worker"))
}

fn is_backend(record: &Record, start: &str) -> bool {
    record
        .backend_type
        .as_deref()
        .is_some_and(|name| name.starts_with(start))
}
