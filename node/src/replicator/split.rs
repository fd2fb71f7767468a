//! One push as one record, or as the records of its parts.

use bytes::Bytes;
use pga_storage::{Element, PushRecord};
use pga_web::{ApiError, Push};

/// A record must fit into a message between nodes, with room around it, in bytes.
const MAX_RECORD_BYTES: usize = 12 << 20;

/// Encodes `push`: one record if it is at most `split_bytes`, else one per part, in the elements'
/// order.
pub(super) fn encode(push: &Push, split_bytes: usize) -> Result<Vec<Bytes>, ApiError> {
    let whole = Bytes::from(record(push, &push.elements));
    if whole.len() <= split_bytes {
        return Ok(vec![whole]);
    }
    let plain: usize = push.elements.iter().map(size).sum();
    // Parts are cut by plain size; what compression saved on the whole it will save on the parts.
    let budget = (plain / (whole.len() / split_bytes + 1)).max(1);
    drop(whole);
    let mut parts = Vec::new();
    let mut rest = push.elements.as_slice();
    while !rest.is_empty() {
        let (part, tail) = rest.split_at(take(rest, budget));
        let bytes = record(push, part);
        if bytes.len() > MAX_RECORD_BYTES {
            return Err(ApiError::Invalid("an element is too large".to_owned()));
        }
        parts.push(bytes.into());
        rest = tail;
    }
    Ok(parts)
}

/// How many elements make a part of about `budget` bytes; at least one.
fn take(elements: &[Element], budget: usize) -> usize {
    let mut used = 0usize;
    for (n, element) in elements.iter().enumerate() {
        used = used.saturating_add(size(element));
        if used > budget && n > 0 {
            return n;
        }
    }
    elements.len()
}

/// About how many bytes an element takes before compression.
fn size(element: &Element) -> usize {
    match element {
        Element::Document(document) => document.body.len() + document.kind.len() + 24,
        Element::Sample(sample) => {
            let labels: usize = sample
                .labels
                .iter()
                .map(|(k, v)| k.len() + v.len() + 4)
                .sum();
            sample.name.len() + labels + 24
        }
    }
}

fn record(push: &Push, elements: &[Element]) -> Vec<u8> {
    let head = PushRecord {
        collector: push.collector,
        external_id: push.external_id.clone(),
        hostname: push.hostname.clone(),
        version: push.version.clone(),
        received_at: push.received_at,
        idempotency: push.idempotency.clone(),
        keys: Vec::new(),
        elements: Bytes::new(),
    };
    PushRecord::with_elements(head, elements).encode()
}
