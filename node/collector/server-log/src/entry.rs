//! Events as entries of the element `pg_log`.

use serde_json::{Map, Value, json};

use crate::rate::DurationSum;
use crate::{Class, Event, Severity, Timestamp};

/// A text of an entry is cut at this many bytes.
const MAX_TEXT_BYTES: usize = 64 << 10;
/// Fields that stand in the entry itself, or in an element of their own.
const ELSEWHERE: [&str; 3] = ["plan", "query_text", "text"];

/// An entry of `pg_log.entries`.
///
/// The names of v3 are kept: `timestamp` (RFC 3339, UTC; left out where the record has no time),
/// `level` (the server's word), `message`, `detail`, `duration_ms`, and those of its table:
/// `user_name`, `hint`, `context`, `query` (the statement), `sqlstate`. Beside them stand `class`,
/// `severity` (critical, error, warning, notice, info), `query_id`, `fields` (what the class
/// says), and what names the record: `pid`, `session_id`, `line_num`. What is not known is left
/// out. Texts are cut at 64 KiB, between characters; then `is_cut` is true.
#[must_use]
pub fn entry(event: &Event) -> Value {
    let record = &event.record;
    let mut entry = Map::new();
    let mut is_cut = record.is_cut;
    for (name, text) in [
        ("message", Some(&record.message)),
        ("detail", record.detail.as_ref()),
        ("hint", record.hint.as_ref()),
        ("context", record.context.as_ref()),
        ("query", statement(event)),
        ("internal_query", record.internal_query.as_ref()),
        ("sqlstate", record.sqlstate.as_ref()),
        ("user_name", record.user.as_ref()),
        ("application_name", record.application.as_ref()),
        ("client", record.host.as_ref()),
        ("backend_type", record.backend_type.as_ref()),
        ("session_id", record.session_id.as_ref()),
        ("function", record.function.as_ref()),
        ("location", record.location.as_ref()),
    ] {
        if let Some(text) = text {
            let kept = text
                .get(..text.floor_char_boundary(MAX_TEXT_BYTES))
                .unwrap_or_default();
            is_cut |= kept.len() < text.len();
            entry.insert(name.to_owned(), kept.into());
        }
    }
    for (name, number) in [
        ("pid", record.pid.map(Value::from)),
        ("line_num", record.line_num.map(Value::from)),
        ("query_id", record.query_id.map(Value::from)),
        ("position", record.position.map(Value::from)),
        ("duration_ms", event.duration_ms().map(Value::from)),
    ] {
        entry.extend(number.map(|number| (name.to_owned(), number)));
    }
    if let Some(time) = record.time.and_then(Timestamp::rfc3339) {
        entry.insert("timestamp".to_owned(), time.into());
    }
    if is_cut {
        entry.insert("is_cut".to_owned(), true.into());
    }
    let fields = event.about.fields.iter();
    let fields = fields.filter(|(name, _)| !ELSEWHERE.contains(&name.as_str()));
    let fields: Map<String, Value> = fields.map(|(k, v)| (k.clone(), v.clone())).collect();
    if !fields.is_empty() {
        entry.insert("fields".to_owned(), fields.into());
    }
    entry.insert("level".to_owned(), level(record.severity).into());
    entry.insert("class".to_owned(), json!(event.class()));
    entry.insert("severity".to_owned(), json!(event.level()));
    Value::Object(entry)
}

/// An entry for durations of one query id that were too many to be told one by one.
#[must_use]
pub fn sum_entry(second: i64, sum: &DurationSum) -> Value {
    let text = format!(
        "{} statements took {:.3} ms together, {:.3} ms at most",
        sum.count, sum.total_ms, sum.max_ms
    );
    let mut entry = json!({
        "message": text,
        "level": level(Severity::Log),
        "class": Class::SlowStatement,
        "severity": Class::SlowStatement.level(),
        "duration_ms": sum.total_ms,
        "fields": { "count": sum.count, "ms": sum.total_ms, "max_ms": sum.max_ms },
    });
    if let Some(id) = sum.query_id {
        entry["query_id"] = id.into();
    }
    if let Some(time) = Timestamp::from_micros(second.saturating_mul(1_000_000)).rfc3339() {
        entry["timestamp"] = time.into();
    }
    entry
}

/// The statement: that of the record, else the one that its message holds.
fn statement(event: &Event) -> Option<&String> {
    let of_message = || {
        let fields = &event.about.fields;
        match fields.get("text").or_else(|| fields.get("query_text")) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        }
    };
    event.record.statement.as_ref().or_else(of_message)
}

/// The word of v3 for a severity.
const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Notice => Severity::Info.as_str(),
        Severity::Panic => Severity::Fatal.as_str(),
        severity => severity.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Record, Values};

    fn event(severity: Severity, message: &str) -> Event {
        let record = Record {
            time: Some(Timestamp::from_micros(1_772_351_998_101_000)),
            severity,
            message: message.to_owned(),
            query_id: Some(-7),
            ..Record::default()
        };
        Event::new(record, Values::Removed)
    }

    #[test]
    fn an_entry_has_the_names_of_v3_and_says_what_it_is_about() {
        let time = "2026-03-01T07:59:58.101Z";
        let got = entry(&event(
            Severity::Log,
            "duration: 1.5 ms  statement: SELECT 1",
        ));
        let want = json!({
            "timestamp": time, "level": "LOG", "message": "duration: 1.5 ms  statement: SELECT $1",
            "duration_ms": 1.5, "class": "slow_statement", "severity": "info", "query_id": -7,
            "query": "SELECT $1", "fields": { "ms": 1.5, "phase": "statement" },
        });
        assert_eq!(got, want);
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let got = entry(&event(
            Severity::Panic,
            &format!("a{}", "é".repeat(MAX_TEXT_BYTES)),
        ));
        assert_eq!(
            got["message"].as_str().map(str::len),
            Some(MAX_TEXT_BYTES - 1)
        );
        assert_eq!(
            (&got["level"], &got["is_cut"]),
            (&json!("FATAL"), &json!(true))
        );
    }

    #[test]
    fn a_sum_is_an_entry_of_its_second() {
        let sum = DurationSum {
            query_id: None,
            count: 3,
            total_ms: 6.0,
            max_ms: 4.0,
        };
        let got = sum_entry(1_772_351_998, &sum);
        assert_eq!(got["timestamp"], "2026-03-01T07:59:58Z");
        assert_eq!(got["fields"]["count"], 3);
        assert_eq!(got.get("query_id"), None);
    }
}
