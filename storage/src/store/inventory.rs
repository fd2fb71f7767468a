//! Inventories: large elements that seldom change, kept once per content.
//!
//! The value of the top-level `timestamp` is cut out of the body; what is left is the content,
//! addressed by its hash. An element is then the hash and the cut value, and reads back byte for
//! byte.

use std::collections::HashMap;

use serde_json::value::RawValue;
use uuid::Uuid;
use xxhash_rust::xxh3::Xxh3;

use super::mapper::Inventory;
use crate::Timestamp;

/// Typed rows of an unchanged inventory are written again after this long, so that retention never
/// drops the rows of what is current. In microseconds.
const REFRESH_MICROS: i64 = 24 * 3600 * 1_000_000;

/// A body, split into what seldom changes and its `timestamp`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitBody {
    /// Address of the content among those of one collector.
    pub hash: Uuid,
    /// The body without the value of its `timestamp`.
    pub content: Vec<u8>,
    /// Where in `content` the value belongs.
    pub cut_at: usize,
    /// The value, as JSON text.
    pub timestamp: String,
}

impl SplitBody {
    /// Splits the `body` of an element of `collector`.
    pub fn new(collector: Uuid, body: &[u8]) -> Self {
        let (cut_at, timestamp) = find_timestamp(body).unwrap_or((body.len(), ""));
        let mut content = Vec::with_capacity(body.len() - timestamp.len());
        content.extend_from_slice(body.get(..cut_at).unwrap_or(body));
        content.extend_from_slice(body.get(cut_at + timestamp.len()..).unwrap_or_default());
        let mut hash = Xxh3::new();
        hash.update(collector.as_bytes());
        hash.update(&content);
        Self {
            hash: Uuid::from_u128(hash.digest128()),
            content,
            cut_at,
            timestamp: timestamp.to_owned(),
        }
    }
}

/// The body that was split.
pub fn join(content: &[u8], cut_at: usize, timestamp: &str) -> Vec<u8> {
    let (head, tail) = content.split_at_checked(cut_at).unwrap_or((content, &[]));
    [head, timestamp.as_bytes(), tail].concat()
}

/// Whether typed rows of an inventory must be written, given the collector's last one of this type:
/// its hash and the time of the element whose rows were written.
pub fn changed(last: Option<(Uuid, Timestamp)>, hash: Uuid, time: Timestamp) -> Inventory {
    match last {
        Some((last, written))
            if last == hash && time.micros().saturating_sub(written.micros()) < REFRESH_MICROS =>
        {
            Inventory::Unchanged
        }
        _ => Inventory::Changed,
    }
}

/// Place and text of the value of the top-level `timestamp`.
fn find_timestamp(body: &[u8]) -> Option<(usize, &str)> {
    let members: HashMap<String, &RawValue> = serde_json::from_slice(body).ok()?;
    let value = members.get("timestamp")?.get();
    // `value` is a slice of `body`: the distance of their first bytes is its place.
    let at = (value.as_ptr() as usize).checked_sub(body.as_ptr() as usize)?;
    (body.get(at..at + value.len())? == value.as_bytes()).then_some((at, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_reads_back_and_its_content_does_not_depend_on_the_time() {
        let collector = Uuid::from_u128(1);
        let body = |time: &str| format!(r#"{{"a":"\"timestamp\":1","b":{{"timestamp":2}}{time}}}"#);
        let one = body(r#","timestamp":"2026-01-01T00:00:00Z""#).into_bytes();
        let two = body(r#","timestamp":1771787241"#).into_bytes();
        let split = |body: &[u8]| SplitBody::new(collector, body);
        assert_eq!(split(&one).hash, split(&two).hash);
        assert_ne!(
            split(&one).hash,
            SplitBody::new(Uuid::from_u128(2), &one).hash
        );
        for body in [one, two, body("").into_bytes(), b"not json".to_vec()] {
            let parts = split(&body);
            assert_eq!(join(&parts.content, parts.cut_at, &parts.timestamp), body);
        }
    }

    #[test]
    fn unchanged_rows_are_written_again_after_a_day() {
        let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let at = Timestamp::from_micros;
        assert_eq!(changed(None, a, at(0)), Inventory::Changed);
        assert_eq!(changed(Some((a, at(0))), a, at(1)), Inventory::Unchanged);
        assert_eq!(changed(Some((b, at(0))), a, at(1)), Inventory::Changed);
        assert_eq!(
            changed(Some((a, at(0))), a, at(REFRESH_MICROS)),
            Inventory::Changed
        );
    }
}
