//! From the bytes of a push to its elements.
//!
//! What a body is, its first bytes tell, never its headers: clients label wrongly (contract 2.1).
//! One layer of gzip, zlib or zstd is taken off, then a binary frame becomes JSON text, and the
//! first JSON value is the push.

mod canonical;
mod cursor;
mod element;
mod envelope;
mod fault;
mod frame;
mod magic;
mod rejected;
mod skip;
mod unpack;

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use pga_storage::{Element, Timestamp};

use self::unpack::Bounds;
pub use self::{
    envelope::DecodedPush,
    fault::DecodeError,
    rejected::{Rejected, RejectedElement},
};
pub(crate) use self::{fault::PUSH_REASONS, rejected::REASONS};
use crate::admission::Lease;
use crate::options::WebLimits;

/// Memory that the elements take for each byte of JSON text, roughly.
const ELEMENT_FACTOR: u64 = 2;
/// The lease grows by an eighth of what the elements take, within these bounds, in bytes: seldom
/// for a large push, and little for a small one, of which there are many at once.
const ELEMENT_STEP: (u64, u64) = (4 << 10, 256 << 10);

/// Which route a body came by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushRoute {
    /// `metrics/push`: JSON or a frame.
    Json,
    /// `metrics/push/binary`: a frame.
    Binary,
}

/// Decodes a push as it was received at `now`.
///
/// # Errors
/// [`DecodeError`], with the status that tells the client what is wrong.
pub fn decode_push(
    body: &[u8],
    route: PushRoute,
    limits: &WebLimits,
    now: Timestamp,
) -> Result<DecodedPush, DecodeError> {
    decode_within(body, route, limits, now, None)
}

/// The same, with the memory it takes added to `lease`. Afterwards the lease holds what the push
/// takes until it is acknowledged: its elements, and the record they become, which is no larger
/// than the text they were.
pub(crate) fn decode_within(
    body: &[u8],
    route: PushRoute,
    limits: &WebLimits,
    now: Timestamp,
    mut lease: Option<&mut Lease>,
) -> Result<DecodedPush, DecodeError> {
    let received = body.len() as u64;
    let mut bounds = Bounds {
        limits,
        lease: lease.as_deref_mut(),
        received,
    };
    let plain = unpack::unpack(body, &mut bounds)?;
    let text = if plain.starts_with(magic::FRAME_MAGIC) || route == PushRoute::Binary {
        frame::to_json(&plain, &mut bounds)?.into()
    } else {
        plain
    };
    let mut memory = Memory {
        lease,
        text: received + text.len() as u64,
        held: ELEMENT_FACTOR * text.len() as u64,
        taken: 0,
        texts: 0,
    };
    memory.hold()?;
    let push = envelope::read(&text, limits, now, &mut memory)?;
    let elements = (push.elements.capacity() * size_of::<Element>()) as u64;
    let kept = elements + memory.texts + text.len() as u64;
    if let Some(lease) = memory.lease {
        lease.keep(kept);
    }
    Ok(push)
}

/// What a push holds while it is read.
#[derive(Debug)]
struct Memory<'a> {
    lease: Option<&'a mut Lease>,
    /// Bytes as they came, and as JSON text.
    text: u64,
    /// Bytes held for the elements.
    held: u64,
    /// Bytes the elements take while they are read.
    taken: u64,
    /// Of these, bytes that the elements point to.
    texts: u64,
}

impl Memory<'_> {
    /// Holds what one more element takes: many short ones take more than their text tells.
    fn add(&mut self, element: &Element) -> Result<(), DecodeError> {
        let texts = match element {
            Element::Sample(sample) => {
                let labels = sample.labels.iter();
                let labels: usize = labels.map(|(key, value)| key.len() + value.len()).sum();
                sample.name.len()
                    + sample.labels.capacity() * size_of::<(String, String)>()
                    + labels
            }
            Element::Document(document) => {
                document.kind.len() + document.database.len() + document.body.capacity()
            }
        };
        self.texts += texts as u64;
        // Three times: a vector that grows is there twice.
        self.taken += (3 * size_of::<Element>() + texts) as u64;
        if self.taken <= self.held {
            return Ok(());
        }
        let (least, most) = ELEMENT_STEP;
        self.held = self.taken + (self.taken / 8).clamp(least, most);
        self.hold()
    }

    fn hold(&mut self) -> Result<(), DecodeError> {
        match &mut self.lease {
            Some(lease) => Ok(lease.hold(self.text + self.held)?),
            None => Ok(()),
        }
    }
}

/// What `error` becomes if the headers announce something that is not spoken here.
///
/// Headers are otherwise ignored, so this is about bodies that are no JSON anyway: an encoding such
/// as `br`, or a media type such as `image/png`.
pub(crate) fn blame_headers(error: DecodeError, headers: &HeaderMap) -> DecodeError {
    if !matches!(error.reason, "json" | "utf8") {
        return error;
    }
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &http::HeaderValue| value.to_str().ok())
    };
    let encodings = text(CONTENT_ENCODING).unwrap_or_default();
    let ours = ["", "gzip", "x-gzip", "deflate", "zlib", "zstd", "identity"];
    let foreign = |name: &str| !ours.contains(&name.trim().to_ascii_lowercase().as_str());
    if encodings.split(',').any(foreign) {
        return DecodeError::new(415, "content_encoding", "Content-Encoding is not supported");
    }
    let media_type = text(CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase();
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    let plausible = essence.is_empty()
        || essence.contains("json")
        || [
            "text/plain",
            "application/octet-stream",
            "application/x-www-form-urlencoded",
        ]
        .contains(&essence);
    if !plausible {
        return DecodeError::new(415, "content_type", "Content-Type is not supported");
    }
    error
}

#[cfg(test)]
#[expect(clippy::too_many_lines, reason = "tables of cases")]
mod tests;
