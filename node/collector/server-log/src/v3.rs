//! Entries of the v3 element `pg_log`, for nodes that know no other.

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::{Event, Severity};

/// An element has at most this many entries.
pub const MAX_ENTRIES: usize = 100;

/// Messages are cut at this many bytes.
const MAX_MESSAGE_BYTES: usize = 255;

/// One entry of `pg_log.entries`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LogEntry {
    /// When the server wrote it, RFC 3339 in UTC; left out where the record has no time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<String>,
    /// `LOG`, `ERROR`, `WARNING`, `FATAL`, `INFO` or `DEBUG`.
    pub level: &'static str,
    /// The message, at most 255 bytes, cut between characters.
    pub message: String,
    /// `DETAIL`, cut in the same way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Milliseconds that a statement took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<f64>,
}

/// The entries of the last [`MAX_ENTRIES`] events, in their order.
#[must_use]
pub fn v3_entries(events: &[Event]) -> Vec<LogEntry> {
    let skipped = events.len().saturating_sub(MAX_ENTRIES);
    events.iter().skip(skipped).map(entry).collect()
}

fn entry(event: &Event) -> LogEntry {
    let record = &event.record;
    let level = match record.severity {
        Severity::Notice => Severity::Info,
        Severity::Panic => Severity::Fatal,
        severity => severity,
    };
    let timestamp = record.time.and_then(|time| {
        let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(time.micros()) * 1_000);
        time.ok()?.format(&Rfc3339).ok()
    });
    LogEntry {
        timestamp,
        level: level.as_str(),
        message: cut(&record.message),
        detail: record.detail.as_deref().map(cut),
        duration_ms: event.duration_ms(),
    }
}

fn cut(text: &str) -> String {
    let end = text.floor_char_boundary(MAX_MESSAGE_BYTES);
    text.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Record, Timestamp, Values};

    fn event(severity: Severity, message: &str) -> Event {
        let record = Record {
            time: Some(Timestamp::from_micros(1_772_351_998_101_000)),
            severity,
            message: message.to_owned(),
            ..Record::default()
        };
        Event::new(record, Values::Removed)
    }

    #[test]
    fn an_entry_has_the_fields_of_v3() {
        let events = [
            event(Severity::Panic, &"é".repeat(200)),
            event(Severity::Log, "duration: 1.5 ms  statement: SELECT 1"),
        ];
        let got = serde_json::to_value(v3_entries(&events)).unwrap();
        let time = "2026-03-01T07:59:58.101Z";
        let want = json!([
            {"timestamp": time, "level": "FATAL", "message": "é".repeat(127)},
            {"timestamp": time, "level": "LOG", "message": "duration: 1.5 ms  statement: SELECT $1", "duration_ms": 1.5},
        ]);
        assert_eq!(got, want);
    }

    #[test]
    fn the_last_hundred_are_kept() {
        let events: Vec<Event> = (0..130)
            .map(|at| event(Severity::Log, &at.to_string()))
            .collect();
        let got = v3_entries(&events);
        assert_eq!((got.len(), got[0].message.as_str()), (MAX_ENTRIES, "30"));
    }
}
