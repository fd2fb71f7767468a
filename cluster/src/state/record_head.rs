//! The part of a push record that apply looks at.

use bytes::Bytes;
use pga_config::CollectorId;
use pga_storage::{ContentKey, Idempotency, PushRecord, Timestamp};
use serde::Deserialize;

/// A [`pga_storage::PushRecord`] whose texts and elements stay where they are: apply never decodes
/// elements.
///
/// Fields are positional, as in the record's own layout.
#[derive(Debug, Deserialize)]
pub(super) struct RecordHead<'a> {
    pub(super) collector: CollectorId,
    pub(super) external_id: &'a str,
    pub(super) hostname: &'a str,
    pub(super) version: &'a str,
    pub(super) received_at: Timestamp,
    pub(super) idempotency: Option<Idempotency>,
    pub(super) keys: Vec<ContentKey>,
    /// Only to make sure that they are there.
    #[serde(rename = "elements")]
    _elements: &'a [u8],
}

impl<'a> RecordHead<'a> {
    /// The head of an encoded record; `None` if it is none, as [`PushRecord::decode`] sees it.
    pub(super) fn decode(record: &'a [u8]) -> Option<Self> {
        pga_storage::from_whole_msgpack(record).ok()
    }

    /// The head alone, as a record.
    pub(super) fn without_keys(&self) -> Bytes {
        let record = PushRecord {
            collector: self.collector,
            external_id: self.external_id.to_owned(),
            hostname: self.hostname.to_owned(),
            version: self.version.to_owned(),
            received_at: self.received_at,
            idempotency: self.idempotency.clone(),
            keys: Vec::new(),
            elements: Bytes::new(),
        };
        record.encode().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_reads_what_the_record_wrote() {
        let record = PushRecord {
            collector: CollectorId::from_external("c"),
            external_id: "c".into(),
            hostname: "h".into(),
            version: "v".into(),
            received_at: Timestamp::from_micros(9),
            idempotency: Some(Idempotency {
                key: "k".into(),
                digest: 7,
            }),
            keys: vec![ContentKey::from_raw(1), ContentKey::from_raw(u64::MAX)],
            elements: vec![0, 1, 2].into(),
        };
        let bytes = record.encode();
        let head = RecordHead::decode(&bytes).unwrap();
        assert_eq!(head.collector, record.collector);
        assert_eq!(head.external_id, "c");
        assert_eq!(head.hostname, "h");
        assert_eq!(head.version, "v");
        assert_eq!(head.received_at, record.received_at);
        assert_eq!(head.idempotency, record.idempotency);
        assert_eq!(head.keys, record.keys);
        // What is applied can be flushed: both take the same bytes for a record.
        let longer = [&bytes[..], &[0]].concat();
        for no_record in [&bytes[..bytes.len() - 1], &longer] {
            assert!(RecordHead::decode(no_record).is_none());
            assert!(PushRecord::decode(no_record).is_err());
        }
    }
}
