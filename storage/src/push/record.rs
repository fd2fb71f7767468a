//! The record of one push, as it stands in a Raft entry, the buffer and a forwarded message.
//!
//! # Layout (version 1)
//! A MessagePack array of the fields of [`PushRecord`] in their order (`rmp_serde::to_vec`; frozen:
//! a new field means a new version). `elements` is `encoding: u8` (0 plain, 1 zstd) followed by the
//! encoded elements:
//! ```text
//! element  := 0 sample | 1 document
//! sample   := form: u8, time: i64 le, value: f64 le, name: text, n: varint, n * (key: text, value: text)
//! document := time: i64 le, kind: text, database: text, body: text
//! text     := length: varint, bytes
//! ```

use bytes::Bytes;
use pga_config::CollectorId;
use serde::{Deserialize, Serialize};

use super::{ContentKey, Document, Element, Sample, SampleForm};
use crate::{Timestamp, varint, zstd_frames};

/// Largest decoded size of the elements of one record, in bytes.
pub(crate) const MAX_DECODED_BYTES: usize = 256 << 20;
/// Elements smaller than this are not worth compressing, in bytes.
const COMPRESS_FROM_BYTES: usize = 256;
const PLAIN: u8 = 0;
const ZSTD: u8 = 1;

/// The client's own name for a push, from its `Idempotency-Key` header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idempotency {
    /// The header's value.
    pub key: String,
    /// Hash of the whole push: the same key with another digest is a conflict.
    pub digest: u64,
}

/// One push (or one part of a large one), ready for the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushRecord {
    /// Who pushed.
    pub collector: CollectorId,
    /// The collector id as the client wrote it.
    pub external_id: String,
    /// The envelope's `hostname`.
    pub hostname: String,
    /// The envelope's `version`, or empty.
    pub version: String,
    /// Wall time at the node that received the push.
    pub received_at: Timestamp,
    /// The client's own name for the push, if it gave one.
    pub idempotency: Option<Idempotency>,
    /// One key per element, in the elements' order.
    pub keys: Vec<ContentKey>,
    /// The encoded elements; see the module's layout. Read them with [`PushRecord::elements`].
    pub elements: Bytes,
}

/// Why bytes are no push record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a push record: {what}")]
pub struct DecodeError {
    what: String,
}

impl DecodeError {
    fn new(what: impl Into<String>) -> Self {
        Self { what: what.into() }
    }
}

impl PushRecord {
    /// Encodes `elements` and computes their keys, into a record whose other fields are those of
    /// `head`.
    pub fn with_elements(head: Self, elements: &[Element]) -> Self {
        let mut plain = vec![PLAIN];
        for element in elements {
            encode_element(&mut plain, element);
        }
        let keys = elements.iter().map(ContentKey::of).collect();
        Self {
            keys,
            elements: compress(plain),
            ..head
        }
    }

    /// The elements, in their order; as many as there are keys.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are damaged or decode to more than 256 MiB.
    pub fn elements(&self) -> Result<Vec<Element>, DecodeError> {
        let elements = self.elements_of(|_| true)?;
        Ok(elements.into_iter().map(|(_, element)| element).collect())
    }

    /// The elements whose type is `wanted`, each with its place among all of them. The type of a
    /// sample is its name. The others are passed over without being taken apart.
    ///
    /// # Errors
    /// As [`PushRecord::elements`]; in elements that are passed over, texts are not looked at.
    pub fn elements_of(
        &self,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<(usize, Element)>, DecodeError> {
        let plain;
        let mut input = match self.elements.split_first() {
            Some((&PLAIN, rest)) => rest,
            Some((&ZSTD, rest)) => {
                plain = decompress(rest)?;
                plain.as_slice()
            }
            _ => return Err(DecodeError::new("unknown encoding of the elements")),
        };
        let mut elements = Vec::new();
        let mut count = 0;
        while !input.is_empty() {
            let element = decode_element(&mut input, &wanted)?;
            elements.extend(element.map(|element| (count, element)));
            count += 1;
        }
        if count != self.keys.len() {
            return Err(DecodeError::new("as many keys as elements were expected"));
        }
        Ok(elements)
    }

    /// The record as bytes.
    pub fn encode(&self) -> Vec<u8> {
        // INVARIANT: plain data without maps of unknown length always encodes into a vector.
        rmp_serde::to_vec(self).unwrap_or_default()
    }

    /// The record in `bytes`.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not exactly one record.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        crate::from_whole_msgpack(bytes).map_err(|error| DecodeError::new(error.to_string()))
    }
}

fn compress(plain: Vec<u8>) -> Bytes {
    if plain.len() < COMPRESS_FROM_BYTES {
        return plain.into();
    }
    let Some(body) = plain.get(1..) else {
        return plain.into();
    };
    match zstd_frames::compress(body) {
        Ok(packed) if packed.len() + 1 < plain.len() => {
            let mut out = Vec::with_capacity(packed.len() + 1);
            out.push(ZSTD);
            out.extend_from_slice(&packed);
            out.into()
        }
        _ => plain.into(),
    }
}

fn decompress(packed: &[u8]) -> Result<Vec<u8>, DecodeError> {
    zstd_frames::decompress(packed, MAX_DECODED_BYTES)
        .map_err(|error| DecodeError::new(error.to_string()))
}

fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    varint::put(out, text.len() as u64);
    out.extend_from_slice(text);
}

fn encode_element(out: &mut Vec<u8>, element: &Element) {
    match element {
        Element::Sample(sample) => {
            out.extend_from_slice(&[0, sample.form.bits()]);
            out.extend_from_slice(&sample.time.micros().to_le_bytes());
            out.extend_from_slice(&sample.value.to_le_bytes());
            put_text(out, sample.name.as_bytes());
            varint::put(out, sample.labels.len() as u64);
            for (key, value) in &sample.labels {
                put_text(out, key.as_bytes());
                put_text(out, value.as_bytes());
            }
        }
        Element::Document(document) => {
            out.push(1);
            out.extend_from_slice(&document.time.micros().to_le_bytes());
            put_text(out, document.kind.as_bytes());
            put_text(out, document.database.as_bytes());
            put_text(out, &document.body);
        }
    }
}

fn take<'a>(input: &mut &'a [u8], n: usize) -> Result<&'a [u8], DecodeError> {
    let (head, tail) = input
        .split_at_checked(n)
        .ok_or_else(|| DecodeError::new("the bytes end too early"))?;
    *input = tail;
    Ok(head)
}

fn take_byte(input: &mut &[u8]) -> Result<u8, DecodeError> {
    take(input, 1).map(|bytes| bytes.first().copied().unwrap_or_default())
}

fn take_word(input: &mut &[u8]) -> Result<[u8; 8], DecodeError> {
    take(input, 8)?
        .try_into()
        .map_err(|_| DecodeError::new("the bytes end too early"))
}

fn take_length(input: &mut &[u8]) -> Result<usize, DecodeError> {
    varint::take(input)
        .and_then(|n| usize::try_from(n).ok())
        .ok_or_else(|| DecodeError::new("a length is cut off or too large"))
}

fn take_bytes<'a>(input: &mut &'a [u8]) -> Result<&'a [u8], DecodeError> {
    let n = take_length(input)?;
    take(input, n)
}

fn take_str<'a>(input: &mut &'a [u8]) -> Result<&'a str, DecodeError> {
    let bytes = take_bytes(input)?;
    std::str::from_utf8(bytes).map_err(|_| DecodeError::new("a text is not UTF-8"))
}

fn take_text(input: &mut &[u8]) -> Result<String, DecodeError> {
    take_str(input).map(str::to_owned)
}

/// The next element, or none if its type is not wanted.
fn decode_element(
    input: &mut &[u8],
    wanted: impl Fn(&str) -> bool,
) -> Result<Option<Element>, DecodeError> {
    match take_byte(input)? {
        0 => {
            let form = SampleForm::from_bits(take_byte(input)?);
            let time = Timestamp::from_micros(i64::from_le_bytes(take_word(input)?));
            let value = f64::from_le_bytes(take_word(input)?);
            let name = take_str(input)?;
            let n = take_length(input)?;
            if !wanted(name) {
                for _ in 0..n {
                    take_bytes(input)?;
                    take_bytes(input)?;
                }
                return Ok(None);
            }
            let mut labels = Vec::with_capacity(n.min(64));
            for _ in 0..n {
                labels.push((take_text(input)?, take_text(input)?));
            }
            Ok(Some(Element::Sample(Sample {
                name: name.to_owned(),
                labels,
                time,
                value,
                form,
            })))
        }
        1 => {
            let time = Timestamp::from_micros(i64::from_le_bytes(take_word(input)?));
            let kind = take_str(input)?;
            if !wanted(kind) {
                take_bytes(input)?;
                take_bytes(input)?;
                return Ok(None);
            }
            let database = take_text(input)?;
            let body = take_bytes(input)?.to_vec();
            Ok(Some(Element::Document(Document {
                kind: kind.to_owned(),
                time,
                database,
                body,
            })))
        }
        tag => Err(DecodeError::new(format!("unknown element tag {tag}"))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn element() -> impl Strategy<Value = Element> {
        let sample = (any::<String>(), any::<i64>(), -1e300..1e300f64, 0u8..8).prop_map(
            |(name, micros, value, form)| {
                Element::Sample(Sample {
                    labels: vec![("k".into(), name.clone())],
                    name,
                    time: Timestamp::from_micros(micros),
                    value,
                    form: SampleForm::from_bits(form),
                })
            },
        );
        let document =
            (any::<String>(), any::<i64>(), any::<Vec<u8>>()).prop_map(|(kind, micros, body)| {
                Element::Document(Document {
                    kind,
                    time: Timestamp::from_micros(micros),
                    database: "shop".into(),
                    body,
                })
            });
        prop_oneof![sample, document]
    }

    fn head() -> PushRecord {
        PushRecord {
            collector: CollectorId::from_external("c"),
            external_id: "c".into(),
            hostname: "h".into(),
            version: "3.0.0".into(),
            received_at: Timestamp::from_micros(7),
            idempotency: Some(Idempotency {
                key: "k".into(),
                digest: u64::MAX,
            }),
            keys: vec![],
            elements: Bytes::new(),
        }
    }

    proptest! {
        #[test]
        fn records_round_trip(elements in prop::collection::vec(element(), 0..40)) {
            let record = PushRecord::with_elements(head(), &elements);
            let back = PushRecord::decode(&record.encode()).unwrap();
            prop_assert_eq!(&back, &record);
            prop_assert_eq!(back.elements().unwrap(), elements);
        }

        #[test]
        fn elements_that_are_not_wanted_are_passed_over(
            elements in prop::collection::vec(element(), 0..40),
            length in 0_usize..8,
        ) {
            let record = PushRecord::with_elements(head(), &elements);
            let wanted = |kind: &str| kind.len() > length;
            let expected: Vec<_> = elements.into_iter().enumerate()
                .filter(|(_, element)| match element {
                    Element::Sample(sample) => wanted(&sample.name),
                    Element::Document(document) => wanted(&document.kind),
                })
                .collect();
            prop_assert_eq!(record.elements_of(wanted).unwrap(), expected);
        }

        #[test]
        fn a_record_is_neither_longer_nor_shorter(
            elements in prop::collection::vec(element(), 0..4),
            rest in prop::collection::vec(any::<u8>(), 1..9),
        ) {
            let mut bytes = PushRecord::with_elements(head(), &elements).encode();
            prop_assert!(PushRecord::decode(&bytes[..bytes.len() - 1]).is_err());
            bytes.extend(rest);
            prop_assert!(PushRecord::decode(&bytes).is_err());
        }

        #[test]
        fn damaged_bytes_are_an_error_and_never_a_panic(bytes in any::<Vec<u8>>()) {
            if let Ok(record) = PushRecord::decode(&bytes) {
                let _ignored = record.elements();
            }
            let damaged = PushRecord { elements: bytes.into(), ..head() };
            let _ignored = damaged.elements();
        }
    }
}
