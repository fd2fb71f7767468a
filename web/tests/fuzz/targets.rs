//! What has to hold for any bytes a collector may send.

use std::io::Write;

use bytes::Bytes;
use pga_config::CollectorId;
use pga_storage::{Element, PushRecord, Timestamp};
use pga_web::{DecodedPush, PushRoute, WebLimits, decode_push};

use crate::engine::hash;

/// Cap of the decoded size in these tests, in bytes.
pub(crate) const DECODED_BYTES: u64 = 256 << 10;
const MAX_ELEMENTS: usize = 2_000;
const NOW: Timestamp = Timestamp::from_micros(1_796_000_000_000_000);

fn limits() -> WebLimits {
    WebLimits {
        decoded_body_bytes: DECODED_BYTES,
        max_elements: MAX_ELEMENTS,
        ..WebLimits::default()
    }
}

/// Memory for the elements of so many bytes of JSON: texts twice while vectors grow, and a fixed
/// part per element.
pub(crate) const fn memory_of_elements(text: u64) -> u64 {
    let most = MAX_ELEMENTS as u64;
    let elements = if text / 10 < most { text / 10 } else { most };
    6 * text + 2 * 256 * elements
}

/// A body of the JSON route.
pub(crate) fn json(body: &[u8]) -> u64 {
    match decode_push(body, PushRoute::Json, &limits(), NOW) {
        Ok(push) => accepted(&push),
        Err(error) => refused(error.status(), error.reason(), &error.to_string()),
    }
}

/// A frame of the binary route.
pub(crate) fn binary_frame(frame: &[u8]) -> u64 {
    let outcome = decode_push(frame, PushRoute::Binary, &limits(), NOW);
    if frame.starts_with(&[0xef, 0xbe, 0xad, 0xde]) {
        let json = decode_push(frame, PushRoute::Json, &limits(), NOW);
        assert_eq!(json, outcome, "a frame means the same on both routes");
    }
    match outcome {
        Ok(push) => accepted(&push),
        Err(error) => refused(error.status(), error.reason(), &error.to_string()),
    }
}

/// A compressed body: what is accepted means what another decompressor makes of it.
pub(crate) fn compressed(body: &[u8]) -> u64 {
    let outcome = decode_push(body, PushRoute::Json, &limits(), NOW);
    match outcome {
        Ok(push) => {
            if let Some(plain) = unpacked(body) {
                let plain = decode_push(&plain, PushRoute::Json, &limits(), NOW);
                assert_eq!(plain.as_ref(), Ok(&push), "compression changed the push");
            }
            accepted(&push)
        }
        Err(error) => refused(error.status(), error.reason(), &error.to_string()),
    }
}

fn unpacked(body: &[u8]) -> Option<Vec<u8>> {
    match body {
        [0x1f, 0x8b, ..] => {
            let mut decoder = flate2::write::MultiGzDecoder::new(Vec::new());
            decoder.write_all(body).unwrap();
            Some(decoder.finish().unwrap())
        }
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(zstd::stream::decode_all(body).unwrap()),
        [0x08..=0x78, ..] if body[0] & 15 == 8 => {
            let mut decoder = flate2::write::ZlibDecoder::new(Vec::new());
            decoder.write_all(body).ok()?;
            decoder.finish().ok()
        }
        _ => None,
    }
}

fn refused(status: u16, reason: &str, text: &str) -> u64 {
    assert!(matches!(status, 400 | 413 | 415 | 422), "status {status}");
    assert!(
        !reason.is_empty() && !text.is_empty() && text.len() < 1_000,
        "{text}"
    );
    hash(&(status, reason, text.split(char::is_numeric).next()))
}

/// An accepted push keeps its meaning through the record that is replicated, and its documents are
/// canonical.
fn accepted(push: &DecodedPush) -> u64 {
    assert!(!push.external_id.is_empty() && push.external_id.len() <= 1 << 10);
    assert!(!push.hostname.is_empty() && push.elements.len() <= MAX_ELEMENTS);
    let head = PushRecord {
        collector: CollectorId::from_external(&push.external_id),
        external_id: push.external_id.clone(),
        hostname: push.hostname.clone(),
        version: push.version.clone(),
        received_at: NOW,
        idempotency: None,
        keys: vec![],
        elements: Bytes::new(),
    };
    let record = PushRecord::with_elements(head, &push.elements);
    let back = PushRecord::decode(&record.encode()).unwrap();
    assert_eq!(back, record);
    assert_eq!(back.elements().unwrap(), push.elements);
    for element in &push.elements {
        match element {
            Element::Sample(sample) => assert!(sample.value.is_finite()),
            Element::Document(document) => canonical(&document.body, element),
        }
    }
    let shape = |element: &Element| match element {
        Element::Sample(sample) => (0, sample.labels.len().min(3), String::new()),
        Element::Document(document) => (
            1,
            document.body.len().ilog2() as usize,
            document.kind.clone(),
        ),
    };
    let shapes: Vec<_> = push.elements.iter().take(3).map(shape).collect();
    hash(&(
        shapes,
        push.unknown_fields.min(2),
        push.unknown_kinds.min(2),
    ))
}

/// The text of a document is JSON, and stands for itself.
fn canonical(body: &[u8], element: &Element) {
    serde_json::from_slice::<serde::de::IgnoredAny>(body).unwrap();
    let text = std::str::from_utf8(body).unwrap();
    assert!(!text.contains("\\u0000"), "NUL in {text}");
    let again = format!(
        r#"{{"collector_id":"c","hostname":"h","timestamp":1767225600,"metrics":[{text}]}}"#
    );
    let again = decode_push(
        again.as_bytes(),
        PushRoute::Json,
        &WebLimits::default(),
        NOW,
    )
    .unwrap();
    match (&again.elements[..], element) {
        ([Element::Document(again)], Element::Document(first)) => {
            assert_eq!(
                (&again.kind, &again.database, &again.body),
                (&first.kind, &first.database, &first.body)
            );
        }
        other => panic!("{other:?}"),
    }
}
