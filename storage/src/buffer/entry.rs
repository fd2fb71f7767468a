//! One log entry's pushes, and their bytes; the layout is in the [module docs](super).

use bytes::{Buf, BufMut, Bytes};

use super::Accepted;
use crate::Position;

const FORMAT: u8 = 1;
const PUSHES: u8 = 0;
const STAGED: u8 = 1;
const COMMIT: u8 = 2;
const ABORT: u8 = 3;

/// One push and which of its elements are new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BufferedPush {
    /// The encoded [`PushRecord`](crate::PushRecord).
    pub record: Bytes,
    /// Its new elements.
    pub accepted: Accepted,
}

/// What one log entry brings to the stores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BufferedEntry {
    /// Pushes that take effect here.
    Pushes(Vec<BufferedPush>),
    /// A part of a large push, without effect until its commit.
    Staged {
        /// The encoded [`PushRecord`](crate::PushRecord).
        record: Bytes,
    },
    /// Staged parts take effect here.
    Commit {
        /// The index of each staged entry and its new elements, in the order of the push.
        parts: Vec<(u64, Accepted)>,
    },
    /// Staged parts never take effect.
    Abort {
        /// The indexes of the staged entries.
        parts: Vec<u64>,
    },
}

impl BufferedEntry {
    pub(super) fn encode(&self, term: u64) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.weight());
        out.put_u8(FORMAT);
        out.put_u64(term);
        match self {
            Self::Pushes(pushes) => {
                out.put_u8(PUSHES);
                for push in pushes {
                    push.accepted.encode(&mut out);
                    out.put_u64(push.record.len() as u64);
                    out.put_slice(&push.record);
                }
            }
            Self::Staged { record } => {
                out.put_u8(STAGED);
                out.put_slice(record);
            }
            Self::Commit { parts } => {
                out.put_u8(COMMIT);
                for (index, accepted) in parts {
                    out.put_u64(*index);
                    accepted.encode(&mut out);
                }
            }
            Self::Abort { parts } => {
                out.put_u8(ABORT);
                for index in parts {
                    out.put_u64(*index);
                }
            }
        }
        out
    }

    /// The entry in `bytes` and its term; none if they are not exactly one entry.
    pub(super) fn decode(bytes: &Bytes) -> Option<(u64, Self)> {
        let mut input = bytes.as_ref();
        let input = &mut input;
        if input.try_get_u8().ok()? != FORMAT {
            return None;
        }
        let term = input.try_get_u64().ok()?;
        let entry = match input.try_get_u8().ok()? {
            PUSHES => {
                let mut pushes = Vec::new();
                while !input.is_empty() {
                    let accepted = Accepted::decode(input)?;
                    let length = usize::try_from(input.try_get_u64().ok()?).ok()?;
                    let (record, rest) = input.split_at_checked(length)?;
                    *input = rest;
                    let record = bytes.slice_ref(record);
                    pushes.push(BufferedPush { record, accepted });
                }
                Self::Pushes(pushes)
            }
            STAGED => Self::Staged {
                record: bytes.slice_ref(input),
            },
            COMMIT => {
                let mut parts = Vec::new();
                while !input.is_empty() {
                    parts.push((input.try_get_u64().ok()?, Accepted::decode(input)?));
                }
                Self::Commit { parts }
            }
            ABORT => {
                let mut parts = Vec::new();
                while !input.is_empty() {
                    parts.push(input.try_get_u64().ok()?);
                }
                Self::Abort { parts }
            }
            _ => return None,
        };
        Some((term, entry))
    }

    /// Bytes of its encoding, about.
    pub(super) fn weight(&self) -> usize {
        10 + match self {
            Self::Pushes(pushes) => pushes
                .iter()
                .map(|push| push.record.len() + 13 + push.accepted.elements() as usize / 8)
                .sum(),
            Self::Staged { record } => record.len(),
            Self::Commit { parts } => parts
                .iter()
                .map(|(_, accepted)| 13 + accepted.elements() as usize / 8)
                .sum(),
            Self::Abort { parts } => parts.len() * 8,
        }
    }

    /// The staged entries this one settles.
    pub(super) fn settles(&self) -> Vec<u64> {
        match self {
            Self::Pushes(_) | Self::Staged { .. } => vec![],
            Self::Commit { parts } => parts.iter().map(|(index, _)| *index).collect(),
            Self::Abort { parts } => parts.clone(),
        }
    }
}

/// An entry at its place, as memory keeps it.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) position: Position,
    pub(super) entry: BufferedEntry,
}
