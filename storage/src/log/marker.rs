//! The two-slot marker: vote, committed, purged, and what must be in the segments; the layout is in
//! the [module docs](super).

use std::io;
use std::path::{Path, PathBuf};

use bytes::{Buf, BufMut, Bytes};

use super::Purged;
use super::disk::{Disk, DiskFile};
use super::frame::{FORMAT, HeadFault, MAX_INDEX, check_format};

/// Bytes of one slot.
pub(super) const SLOT: usize = 4096;
/// Largest vote or log id, in bytes.
pub(super) const MAX_BLOB: usize = 1024;
const SLOT_HEAD: usize = 24;
const MAGIC: &[u8; 8] = b"PGAMARK1";

/// What the marker says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Marker {
    /// Grows with each write; the slot with the larger one counts.
    pub(super) sequence: u64,
    /// Entries below this index are durable.
    pub(super) durable: u64,
    /// A truncation is under way: entries from this index on are to go.
    pub(super) cut: Option<u64>,
    pub(super) purged: Option<Purged>,
    pub(super) vote: Option<Bytes>,
    pub(super) committed: Option<Bytes>,
}

impl Marker {
    /// First index that may be in the log.
    pub(super) fn first(&self) -> u64 {
        self.purged.as_ref().map_or(0, |purged| purged.index + 1)
    }

    /// One slot.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        body.put_u64_le(self.sequence);
        body.put_u64_le(self.durable);
        body.put_u8(self.cut.is_some().into());
        if let Some(cut) = self.cut {
            body.put_u64_le(cut);
        }
        body.put_u8(self.purged.is_some().into());
        if let Some(purged) = &self.purged {
            body.put_u64_le(purged.index);
            put_blob(&mut body, &purged.id);
        }
        for blob in [&self.vote, &self.committed] {
            body.put_u8(blob.is_some().into());
            if let Some(blob) = blob {
                put_blob(&mut body, blob);
            }
        }
        // INVARIANT: three blobs of at most `MAX_BLOB` bytes fit into a slot.
        let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
        let mut slot = Vec::with_capacity(SLOT);
        slot.put_slice(MAGIC);
        slot.put_u32_le(FORMAT);
        slot.put_u32_le(!FORMAT);
        slot.put_u32_le(length);
        slot.put_u32_le(checksum(length, &body));
        slot.put_slice(&body);
        slot.resize(SLOT, 0);
        slot
    }

    /// Reads one slot.
    pub(super) fn decode(slot: &[u8]) -> Result<Self, HeadFault> {
        check_format(slot, MAGIC)?;
        let mut head = slot.get(16..SLOT_HEAD).ok_or(HeadFault::Damaged)?;
        let (length, crc) = (head.get_u32_le(), head.get_u32_le());
        let body = usize::try_from(length)
            .ok()
            .and_then(|length| slot.get(SLOT_HEAD..)?.get(..length))
            .filter(|body| checksum(length, body) == crc)
            .ok_or(HeadFault::Damaged)?;
        Self::decode_body(body).ok_or(HeadFault::Damaged)
    }

    fn decode_body(mut body: &[u8]) -> Option<Self> {
        let body = &mut body;
        let mut marker = Self {
            sequence: take_below(MAX_INDEX, body)?,
            durable: take_below(MAX_INDEX + 1, body)?,
            ..Self::default()
        };
        if take_flag(body)? {
            marker.cut = Some(body.try_get_u64_le().ok()?);
        }
        if take_flag(body)? {
            let index = take_below(MAX_INDEX, body)?;
            let id = take_blob(body)?;
            marker.purged = Some(Purged { index, id });
        }
        for blob in [&mut marker.vote, &mut marker.committed] {
            if take_flag(body)? {
                *blob = Some(take_blob(body)?);
            }
        }
        body.is_empty().then_some(marker)
    }
}

fn checksum(length: u32, body: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&length.to_le_bytes()), body)
}

fn put_blob(out: &mut Vec<u8>, blob: &[u8]) {
    out.put_u32_le(u32::try_from(blob.len()).unwrap_or(u32::MAX));
    out.put_slice(blob);
}

fn take_below(bound: u64, body: &mut &[u8]) -> Option<u64> {
    let number = body.try_get_u64_le().ok()?;
    (number < bound).then_some(number)
}

fn take_flag(body: &mut &[u8]) -> Option<bool> {
    match body.try_get_u8().ok()? {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

fn take_blob(body: &mut &[u8]) -> Option<Bytes> {
    let length = usize::try_from(body.try_get_u32_le().ok()?).ok()?;
    let (blob, rest) = body.split_at_checked(length)?;
    *body = rest;
    Some(Bytes::copy_from_slice(blob))
}

/// Both slots as they are on disk.
#[derive(Debug)]
pub(super) enum Slots {
    /// There is no marker file.
    Missing,
    /// The newer of the readable slots.
    Found(Marker),
    /// Neither slot is readable.
    Damaged,
    /// A later format wrote it.
    Newer(u32),
}

/// The marker file.
pub(super) struct MarkerFile {
    file: Box<dyn DiskFile>,
}

impl MarkerFile {
    /// Where the marker of the log in `dir` is.
    pub(super) fn path(dir: &Path) -> PathBuf {
        dir.join("marker")
    }

    /// Creates the file with `marker` in both slots.
    pub(super) fn create(disk: &dyn Disk, dir: &Path, marker: &mut Marker) -> io::Result<Self> {
        let file = disk.create(&Self::path(dir))?;
        let made = Self { file };
        made.write_both(marker)?;
        disk.sync_dir(dir)?;
        Ok(made)
    }

    /// Opens the file that [`Slots::Found`] was read from.
    pub(super) fn open(disk: &dyn Disk, dir: &Path) -> io::Result<Self> {
        let file = disk.open(&Self::path(dir))?;
        Ok(Self { file })
    }

    /// Reads both slots.
    pub(super) fn read(disk: &dyn Disk, dir: &Path) -> io::Result<Slots> {
        let file = match disk.open(&Self::path(dir)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Slots::Missing),
            Err(error) => return Err(error),
        };
        let mut best = Slots::Damaged;
        for slot in 0..2 {
            let mut bytes = vec![0; SLOT];
            let n = file.read_at(&mut bytes, slot * SLOT as u64)?;
            bytes.truncate(n);
            best = match (best, Marker::decode(&bytes)) {
                (Slots::Newer(format), _) | (_, Err(HeadFault::Newer(format))) => {
                    Slots::Newer(format)
                }
                (Slots::Found(old), Ok(new)) if old.sequence >= new.sequence => Slots::Found(old),
                (_, Ok(new)) => Slots::Found(new),
                (best, Err(HeadFault::Damaged)) => best,
            };
        }
        Ok(best)
    }

    /// Writes `marker` durably into one slot, under the next sequence number.
    pub(super) fn write(&self, marker: &mut Marker) -> io::Result<()> {
        marker.sequence += 1;
        let offset = (marker.sequence % 2) * SLOT as u64;
        self.file.write_at(&marker.encode(), offset)?;
        self.file.sync()
    }

    /// Writes `marker` durably into one slot, then into the other: damage to either one hides
    /// nothing.
    pub(super) fn write_both(&self, marker: &mut Marker) -> io::Result<()> {
        self.write(marker)?;
        self.write(marker)
    }
}
