//! Segment files: their names, where their entries are, and how their frames are read.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::LogEntry;
use super::disk::DiskFile;
use super::frame::{FRAME_HEAD, FrameHead, SEGMENT_HEAD};

/// Distance of two index points, in bytes.
const POINT_BYTES: u64 = 32 << 10;
const READ_BYTES: usize = 256 << 10;

/// One segment, as memory knows it.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    /// Index of the first entry.
    pub(super) first: u64,
    /// Index after the last entry.
    pub(super) end: u64,
    /// Length in bytes.
    pub(super) bytes: u64,
    /// Checksum of the last frame of the segment before.
    pub(super) prev: u32,
    /// Some entries' indexes and offsets, ascending.
    points: Vec<(u64, u64)>,
}

impl Segment {
    /// A segment that has no entry yet.
    pub(super) fn new(dir: &Path, first: u64, prev: u32) -> Self {
        Self {
            path: dir.join(format!("{first:020}.log")),
            first,
            end: first,
            bytes: SEGMENT_HEAD as u64,
            prev,
            points: Vec::new(),
        }
    }

    /// The first index in a segment's file name.
    pub(super) fn parse_name(name: &str) -> Option<u64> {
        let digits = name.strip_suffix(".log")?;
        (digits.len() == 20).then(|| digits.parse().ok()).flatten()
    }

    /// Notes that the frame of entry `end` follows.
    pub(super) fn push(&mut self, frame_bytes: u64) {
        let due = match self.points.last() {
            None => true,
            Some((_, offset)) => self.bytes - offset >= POINT_BYTES,
        };
        if due {
            self.points.push((self.end, self.bytes));
        }
        self.end += 1;
        self.bytes += frame_bytes;
    }

    /// Notes that entries from `end` on, at `bytes`, are gone.
    pub(super) fn cut(&mut self, end: u64, bytes: u64) {
        self.points.retain(|(index, _)| *index < end);
        self.end = end;
        self.bytes = bytes;
    }

    /// An offset at or before the frame of `index`, where a frame begins.
    pub(super) fn offset_before(&self, index: u64) -> u64 {
        let after = self.points.partition_point(|(point, _)| *point <= index);
        after
            .checked_sub(1)
            .and_then(|at| self.points.get(at))
            .map_or(SEGMENT_HEAD as u64, |(_, offset)| *offset)
    }
}

/// What stands at an offset of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// A frame whose checksums are right.
    Whole(FrameHead),
    /// The file ends exactly here.
    End,
    /// The file ends inside the head, or inside the payload of a head with the right checksum.
    Short,
    /// The checksum of the head, or of the payload, is wrong; so many bytes are in doubt.
    Wrong(u64),
}

/// Reads frames in order through one buffer.
pub(super) struct FrameReader<'a> {
    file: &'a dyn DiskFile,
    length: u64,
    buffer: Vec<u8>,
    start: u64,
}

impl<'a> FrameReader<'a> {
    pub(super) fn new(file: &'a dyn DiskFile) -> io::Result<Self> {
        let length = file.length()?;
        Ok(Self {
            file,
            length,
            buffer: Vec::new(),
            start: 0,
        })
    }

    /// Length of the file when the reader was made.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Bytes from `offset`: `n` of them, or fewer where the file ends.
    pub(super) fn bytes(&mut self, offset: u64, n: usize) -> io::Result<&[u8]> {
        let left = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let n = n.min(left);
        let skip = offset
            .checked_sub(self.start)
            .and_then(|skip| usize::try_from(skip).ok())
            .filter(|skip| skip.saturating_add(n) <= self.buffer.len());
        let skip = match skip {
            Some(skip) => skip,
            None => {
                self.buffer.resize(n.max(READ_BYTES.min(left)), 0);
                let read = self.file.read_at(&mut self.buffer, offset)?;
                self.buffer.truncate(read);
                self.start = offset;
                0
            }
        };
        Ok(self
            .buffer
            .get(skip..)
            .map_or(&[], |rest| rest.get(..n).unwrap_or(rest)))
    }

    /// Checks the frame at `offset`.
    pub(super) fn frame(&mut self, offset: u64) -> io::Result<Frame> {
        let head = self.bytes(offset, FRAME_HEAD)?;
        if head.is_empty() {
            return Ok(Frame::End);
        }
        if head.len() < FRAME_HEAD {
            return Ok(Frame::Short);
        }
        let Some(head) = FrameHead::decode(head) else {
            return Ok(Frame::Wrong(FRAME_HEAD as u64));
        };
        let length = usize::try_from(head.length).unwrap_or(usize::MAX);
        let payload = self.bytes(offset + FRAME_HEAD as u64, length)?;
        if payload.len() < length {
            return Ok(Frame::Short);
        }
        if crc32c::crc32c(payload) != head.payload_crc {
            return Ok(Frame::Wrong(head.frame_bytes()));
        }
        Ok(Frame::Whole(head))
    }

    /// The entry whose frame at `offset` was just checked.
    pub(super) fn entry(&mut self, offset: u64, head: &FrameHead) -> io::Result<LogEntry> {
        let length = usize::try_from(head.length).unwrap_or(usize::MAX);
        let payload = self.bytes(offset + FRAME_HEAD as u64, length)?;
        Ok(LogEntry {
            index: head.index,
            term: head.term,
            payload: Bytes::copy_from_slice(payload),
        })
    }
}
