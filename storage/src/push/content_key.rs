//! Content keys: what makes two elements the same.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use super::Element;

/// 64-bit hash of what an element says: type, time, database and value, in canonical form
/// (DEDUP-1).
///
/// Keys are compared within one collector's window only (design D4): with a window of 100,000 keys
/// the chance that a new element is taken for a repeat is 5e-15.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContentKey(u64);

impl ContentKey {
    /// Key of `element`. Equal elements have equal keys on every node and in every version.
    pub fn of(element: &Element) -> Self {
        let mut hash = Xxh3::new();
        match element {
            Element::Sample(sample) => {
                hash.update(&[0, sample.form.bits()]);
                hash.update(&sample.time.micros().to_le_bytes());
                hash.update(&sample.value.to_bits().to_le_bytes());
                text(&mut hash, &sample.name);
                for (key, value) in &sample.labels {
                    text(&mut hash, key);
                    text(&mut hash, value);
                }
            }
            Element::Document(document) => {
                hash.update(&[1]);
                hash.update(&document.time.micros().to_le_bytes());
                text(&mut hash, &document.kind);
                text(&mut hash, &document.database);
                hash.update(&document.body);
            }
        }
        Self(hash.digest())
    }

    /// From the raw hash, when decoding.
    pub const fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    /// The raw hash, for encoding.
    pub const fn raw(self) -> u64 {
        self.0
    }
}

fn text(hash: &mut Xxh3, text: &str) {
    hash.update(&(text.len() as u64).to_le_bytes());
    hash.update(text.as_bytes());
}
