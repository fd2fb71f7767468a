//! Large pushes under way: parts are staged in the log, and take effect at once with their commit.
//!
//! An upload ends by its commit or its abort alone, both entries of the log; the leader aborts
//! those whose node or client went away (`node/uploads.rs`).

use std::collections::BTreeMap;

use bytes::Bytes;
use pga_storage::{ContentKey, Position};
use serde::{Deserialize, Serialize};

use super::image_error::ImageError;
use super::section::{Section, decode, encode};
use crate::proposal_id::UploadId;

/// Uploads that may be open at a time, in the whole cluster.
pub(super) const MAX_OPEN: usize = 256;

/// The open uploads.
#[derive(Debug, Default)]
pub(super) struct Uploads(pub(super) BTreeMap<UploadId, Upload>);

/// One open upload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Upload {
    /// Position before its first part: a flush must not pass it.
    pub(super) before: Position,
    /// The record of its first part without keys and elements: who pushed, and under which name.
    pub(super) head: Option<Bytes>,
    /// Its parts.
    pub(super) parts: BTreeMap<u32, Part>,
}

/// One part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    /// Index of its entry.
    pub(super) index: u64,
    /// The keys of its elements.
    pub(super) keys: Vec<ContentKey>,
}

impl Uploads {
    /// The position before the first open upload.
    pub(super) fn before_first(&self) -> Option<Position> {
        self.0
            .values()
            .map(|upload| upload.before)
            .min_by_key(|before| before.index)
    }
}

impl Section for Uploads {
    const NAME: &'static str = "uploads";
    const VERSION: u16 = 1;

    fn write(&self) -> Result<Vec<u8>, ImageError> {
        encode(&self.0)
    }

    fn read(_version: u16, body: &[u8]) -> Result<Self, ImageError> {
        decode(body).map(Self)
    }
}

impl Upload {
    /// Whether the parts are 0, 1, …, `parts - 1`.
    pub(super) fn is_complete(&self, parts: u32) -> bool {
        parts > 0 && self.parts.len() == parts as usize && self.parts.keys().copied().eq(0..parts)
    }

    /// The entries of its parts, in the order of the parts.
    pub(super) fn indexes(&self) -> Vec<u64> {
        self.parts.values().map(|part| part.index).collect()
    }
}
