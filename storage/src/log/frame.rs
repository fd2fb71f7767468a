//! The bytes of a frame and of a segment's head; the layout is in the [module docs](super).

use bytes::{Buf, BufMut};

use super::LogEntry;
use crate::GroupId;

/// Newest format this program reads and the one it writes.
pub(super) const FORMAT: u32 = 1;
/// Bytes before a frame's payload.
pub(super) const FRAME_HEAD: usize = 40;
/// Bytes before a segment's first frame.
pub(super) const SEGMENT_HEAD: usize = 40;
/// Largest payload, in bytes.
pub(super) const MAX_PAYLOAD: usize = 128 << 20;
/// Above all indexes and sequences: the largest `bigint` of PostgreSQL. What claims to be there was
/// not written by this program, however right its checksum.
pub(super) const MAX_INDEX: u64 = i64::MAX as u64;
const SEGMENT_MAGIC: &[u8; 8] = b"PGASEGM1";

/// What stands before a frame's payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHead {
    /// Length of the payload.
    pub(super) length: u32,
    /// Checksum of the payload.
    pub(super) payload_crc: u32,
    pub(super) index: u64,
    pub(super) term: u64,
    /// Entries below this index were durable when the frame was written.
    pub(super) durable: u64,
    /// `crc` of the frame before.
    pub(super) prev: u32,
    /// Checksum of the fields above.
    pub(super) crc: u32,
}

impl FrameHead {
    /// Appends the frame of `entry` to `out` and answers its head.
    pub(super) fn encode(out: &mut Vec<u8>, entry: &LogEntry, durable: u64, prev: u32) -> Self {
        let mut head = Self {
            // INVARIANT: `Log::append` refuses payloads above `MAX_PAYLOAD`.
            length: u32::try_from(entry.payload.len()).unwrap_or(u32::MAX),
            payload_crc: crc32c::crc32c(&entry.payload),
            index: entry.index,
            term: entry.term,
            durable,
            prev,
            crc: 0,
        };
        let mut bytes = Vec::with_capacity(FRAME_HEAD);
        bytes.put_u32_le(head.length);
        bytes.put_u32_le(head.payload_crc);
        bytes.put_u64_le(head.index);
        bytes.put_u64_le(head.term);
        bytes.put_u64_le(head.durable);
        bytes.put_u32_le(head.prev);
        head.crc = crc32c::crc32c(&bytes);
        bytes.put_u32_le(head.crc);
        out.extend_from_slice(&bytes);
        out.extend_from_slice(&entry.payload);
        head
    }

    /// The head at the start of `bytes`, if there is a whole one with the right checksum.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (covered, mut crc) = bytes.get(..FRAME_HEAD)?.split_at_checked(FRAME_HEAD - 4)?;
        let mut fields = covered;
        let head = Self {
            length: fields.get_u32_le(),
            payload_crc: fields.get_u32_le(),
            index: fields.get_u64_le(),
            term: fields.get_u64_le(),
            durable: fields.get_u64_le(),
            prev: fields.get_u32_le(),
            crc: crc.get_u32_le(),
        };
        let is_sound = head.index < MAX_INDEX && head.durable <= MAX_INDEX;
        (is_sound && crc32c::crc32c(covered) == head.crc).then_some(head)
    }

    /// Bytes of the whole frame.
    pub(super) const fn frame_bytes(&self) -> u64 {
        FRAME_HEAD as u64 + self.length as u64
    }
}

/// What stands at the start of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentHead {
    pub(super) group: GroupId,
    /// Index of the first entry.
    pub(super) first: u64,
    /// `crc` of the last frame of the segment before.
    pub(super) prev: u32,
}

/// Why bytes are no head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeadFault {
    /// They end too early, or differ from any head ever written.
    Damaged,
    /// They were written by a later format.
    Newer(u32),
}

impl SegmentHead {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(SEGMENT_HEAD);
        bytes.put_slice(SEGMENT_MAGIC);
        bytes.put_u32_le(FORMAT);
        bytes.put_u32_le(!FORMAT);
        bytes.put_u32_le(self.group.get());
        bytes.put_u32_le(self.prev);
        bytes.put_u64_le(self.first);
        bytes.put_u32_le(0);
        bytes.put_u32_le(crc32c::crc32c(&bytes));
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, HeadFault> {
        check_format(bytes, SEGMENT_MAGIC)?;
        let (covered, mut crc) = bytes
            .get(..SEGMENT_HEAD)
            .and_then(|head| head.split_at_checked(SEGMENT_HEAD - 4))
            .ok_or(HeadFault::Damaged)?;
        if crc32c::crc32c(covered) != crc.get_u32_le() {
            return Err(HeadFault::Damaged);
        }
        let mut fields = covered.get(16..).ok_or(HeadFault::Damaged)?;
        let group = GroupId::new(fields.get_u32_le());
        let prev = fields.get_u32_le();
        let first = fields.get_u64_le();
        Ok(Self { group, first, prev })
    }
}

/// Checks magic and format, which stand first in every file of every format.
pub(super) fn check_format(bytes: &[u8], magic: &[u8; 8]) -> Result<(), HeadFault> {
    let mut fields = bytes
        .get(..16)
        .and_then(|head| head.strip_prefix(magic))
        .ok_or(HeadFault::Damaged)?;
    let (format, inverse) = (fields.get_u32_le(), fields.get_u32_le());
    // The inverse tells a later format from a damaged bit.
    match format {
        _ if format != !inverse || format == 0 => Err(HeadFault::Damaged),
        FORMAT => Ok(()),
        newer => Err(HeadFault::Newer(newer)),
    }
}
