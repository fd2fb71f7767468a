//! From buffered records to what a store takes: decoding, and dropping of repeated elements
//! (DEDUP-1).

use pga_storage::store::{FlushBatch, FlushElement};
use pga_storage::{DecodeError, Position, PushRecord};

use crate::replica::{BufferedPush, BufferedRange};

/// Where a batch goes in the log, and who writes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    /// The store's watermark before.
    pub(crate) after: Position,
    /// Term of the flusher.
    pub(crate) term: u64,
}

/// Decodes `range` into a batch.
pub(crate) fn batch(range: &BufferedRange, span: Span) -> Result<FlushBatch, DecodeError> {
    let mut elements = Vec::new();
    let (mut index, mut ordinal) = (0, 0u32);
    for push in &range.pushes {
        if push.position.index != index {
            index = push.position.index;
            ordinal = 0;
        }
        ordinal = append(&mut elements, push, ordinal)?;
    }
    Ok(FlushBatch {
        after: span.after,
        upto: range.upto,
        term: span.term,
        elements,
    })
}

fn append(
    out: &mut Vec<FlushElement>,
    push: &BufferedPush,
    mut ordinal: u32,
) -> Result<u32, DecodeError> {
    let record = PushRecord::decode(&push.record)?;
    let accepted = push
        .accepted
        .iter()
        .copied()
        .chain(std::iter::repeat(false));
    for (element, is_accepted) in record.elements()?.into_iter().zip(accepted) {
        if is_accepted {
            out.push(FlushElement {
                collector: record.collector,
                index: push.position.index,
                ordinal,
                received_at: record.received_at,
                element,
            });
        }
        ordinal = ordinal.saturating_add(1);
    }
    Ok(ordinal)
}
