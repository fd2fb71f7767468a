//! What start-up finds on disk, repairs, or refuses.

use std::any::Any;
use std::io;
use std::path::{Path, PathBuf};

use super::disk::{Disk, DiskFile};
use super::frame::{FORMAT, FRAME_HEAD, FrameHead, HeadFault, SEGMENT_HEAD, SegmentHead};
use super::marker::{Marker, MarkerFile, Slots};
use super::segment::{Frame, FrameReader, Segment};
use super::state::State;
use super::{LogOptions, Recovered};
use crate::{Error, Result};

/// Lost writes show as zeros in units of this many bytes.
const SECTOR: u64 = 512;

/// A log that is fit for use.
pub(super) struct Opened {
    pub(super) recovered: Recovered,
    pub(super) marker: Marker,
    pub(super) marker_file: MarkerFile,
    pub(super) segments: Vec<Segment>,
    /// The file of the last segment.
    pub(super) active: Option<Box<dyn DiskFile>>,
    /// Index after the last entry.
    pub(super) end: u64,
    /// Checksum of the last frame.
    pub(super) tail: u32,
    pub(super) lock: Box<dyn Any + Send + Sync>,
}

impl Opened {
    /// The memory the log begins with.
    pub(super) fn state(&self) -> State {
        State {
            purged: self.marker.purged.clone(),
            first: self.marker.first(),
            end: self.end,
            written: self.end,
            segments: self.segments.clone(),
            committed: self.marker.committed.clone(),
            ..State::default()
        }
    }
}

/// Opens or creates the log in `dir`.
pub(super) fn open(disk: &dyn Disk, dir: &Path, options: &LogOptions) -> Result<Opened> {
    let file = |action| {
        move |source| Error::File {
            action,
            path: dir.to_owned(),
            source,
        }
    };
    disk.create_dir(dir).map_err(file("create"))?;
    let lock = lock(disk, dir)?;
    let mut firsts: Vec<u64> = disk
        .list(dir)
        .map_err(file("list"))?
        .iter()
        .filter_map(|name| Segment::parse_name(name))
        .collect();
    firsts.sort_unstable();
    let (marker, marker_file) = marker(disk, dir, firsts.is_empty())?;
    let mut scan = Scan {
        disk,
        dir,
        options,
        end: 0,
        tail: 0,
        known: marker.durable,
        torn_bytes: 0,
        segments: Vec::new(),
        marker,
    };
    scan.check_formats(&firsts)?;
    scan.remove_cut(&mut firsts)?;
    scan.segments(&firsts)?;
    scan.finish(marker_file, lock)
}

fn lock(disk: &dyn Disk, dir: &Path) -> Result<Box<dyn Any + Send + Sync>> {
    let path = dir.join("lock");
    disk.lock(&path).map_err(|source| match source.kind() {
        io::ErrorKind::WouldBlock => Error::Locked { path },
        _ => Error::File {
            action: "lock",
            path,
            source,
        },
    })
}

fn marker(disk: &dyn Disk, dir: &Path, fresh: bool) -> Result<(Marker, MarkerFile)> {
    let path = MarkerFile::path(dir);
    let file = |action| {
        let path = path.clone();
        move |source| Error::File {
            action,
            path,
            source,
        }
    };
    let damaged = |what: &str| Error::Damaged {
        path: path.clone(),
        what: what.to_owned(),
    };
    match MarkerFile::read(disk, dir).map_err(file("read"))? {
        Slots::Found(marker) => {
            let opened = MarkerFile::open(disk, dir).map_err(file("open"))?;
            Ok((marker, opened))
        }
        Slots::Missing if fresh => {
            let mut marker = Marker::default();
            let made = MarkerFile::create(disk, dir, &mut marker).map_err(file("create"))?;
            Ok((marker, made))
        }
        Slots::Missing => Err(damaged("it is missing although there are segments")),
        Slots::Damaged => Err(damaged("neither of its slots is readable")),
        Slots::Newer(found) => Err(Error::NewerFormat {
            path,
            found,
            known: FORMAT,
        }),
    }
}

/// A walk over all segments.
struct Scan<'a> {
    disk: &'a dyn Disk,
    dir: &'a Path,
    options: &'a LogOptions,
    marker: Marker,
    segments: Vec<Segment>,
    /// Index of the next entry.
    end: u64,
    /// Checksum of the last frame.
    tail: u32,
    /// Entries below this index were durable once: the marker or a frame says so.
    known: u64,
    torn_bytes: u64,
}

impl Scan<'_> {
    /// Refuses a later format before anything is changed.
    fn check_formats(&self, firsts: &[u64]) -> Result<()> {
        for first in firsts {
            let path = Segment::new(self.dir, *first, 0).path;
            let read = || {
                let file = self.disk.open(&path)?;
                let mut head = vec![0; SEGMENT_HEAD];
                let n = file.read_at(&mut head, 0)?;
                head.truncate(n);
                io::Result::Ok(SegmentHead::decode(&head))
            };
            match read() {
                Ok(Err(HeadFault::Newer(found))) => {
                    return Err(Error::NewerFormat {
                        path,
                        found,
                        known: FORMAT,
                    });
                }
                Ok(_) => {}
                Err(source) => {
                    return Err(Error::File {
                        action: "read",
                        path,
                        source,
                    });
                }
            }
        }
        Ok(())
    }

    /// Finishes a truncation, newest segment first, so that another crash leaves no gap.
    fn remove_cut(&self, firsts: &mut Vec<u64>) -> Result<()> {
        let cut = self.marker.cut.unwrap_or(u64::MAX);
        while let Some(first) = firsts.pop_if(|first| *first >= cut) {
            self.remove(&Segment::new(self.dir, first, 0).path)?;
        }
        Ok(())
    }

    fn segments(&mut self, firsts: &[u64]) -> Result<()> {
        self.end = firsts.first().copied().unwrap_or(self.marker.first());
        let mut rest = firsts.iter().copied().peekable();
        while let Some(first) = rest.next() {
            let path = Segment::new(self.dir, first, 0).path;
            if rest.peek().is_some_and(|next| *next <= self.marker.first()) {
                self.remove(&path)?;
                self.end = rest.peek().copied().unwrap_or_default();
                continue;
            }
            self.segment(first, rest.peek().is_none())?;
        }
        Ok(())
    }

    /// Checks one segment; `last` may have a torn end.
    fn segment(&mut self, first: u64, last: bool) -> Result<()> {
        let path = Segment::new(self.dir, first, 0).path;
        let io_error = |source| Error::File {
            action: "read",
            path: path.clone(),
            source,
        };
        if first != self.end {
            return Err(damaged(
                &path,
                format!("entry {} is missing before it", self.end),
            ));
        }
        let file = self.disk.open(&path).map_err(io_error)?;
        let mut reader = FrameReader::new(file.as_ref()).map_err(io_error)?;
        let head = reader.bytes(0, SEGMENT_HEAD).map_err(io_error)?;
        let blank = head.len() < SEGMENT_HEAD || head.iter().all(|byte| *byte == 0);
        let prev = match SegmentHead::decode(head) {
            Ok(head) => self.check_head(&path, first, head)?,
            Err(_) if blank && last => return self.drop_blank(&path, reader.length()),
            Err(_) => return Err(damaged(&path, "its head is wrong".to_owned())),
        };
        self.tail = prev;
        let mut segment = Segment::new(self.dir, first, prev);
        let cut = self.marker.cut.unwrap_or(u64::MAX);
        loop {
            match reader.frame(segment.bytes).map_err(io_error)? {
                Frame::Whole(head) if head.index >= cut => break,
                Frame::Whole(head) => self.accept(&mut segment, &head)?,
                Frame::End => break,
                fault => {
                    self.judge(&mut reader, &segment, fault, last)?;
                    break;
                }
            }
        }
        let excess = reader.length() - segment.bytes;
        let is_room = is_blank(&mut reader, segment.bytes).map_err(io_error)?;
        if excess > 0 {
            file.truncate(segment.bytes)
                .and_then(|()| file.sync())
                .map_err(|source| Error::File {
                    action: "shorten",
                    path: path.clone(),
                    source,
                })?;
        }
        if self.marker.cut.is_none() && !is_room {
            self.torn_bytes += excess;
        }
        self.segments.push(segment);
        Ok(())
    }

    /// Checks a segment's head against what came before; answers the checksum its first frame must
    /// continue.
    fn check_head(&self, path: &Path, first: u64, head: SegmentHead) -> Result<u32> {
        if head.group != self.options.group {
            return Err(damaged(
                path,
                format!("it belongs to group {}", head.group.get()),
            ));
        }
        if head.first != first {
            return Err(damaged(path, format!("its head says entry {}", head.first)));
        }
        if !self.segments.is_empty() && head.prev != self.tail {
            return Err(damaged(
                path,
                "it does not continue the segment before".to_owned(),
            ));
        }
        Ok(head.prev)
    }

    /// A new segment whose head never reached the disk: nothing in it was answered.
    fn drop_blank(&mut self, path: &Path, length: u64) -> Result<()> {
        let first = self.marker.first();
        if self.segments.is_empty() && self.end > first {
            return Err(damaged(path, format!("entry {first} is missing before it")));
        }
        if self.known > self.end.max(self.marker.first()) {
            return Err(damaged(
                path,
                format!("it lost entries below {}", self.known),
            ));
        }
        self.torn_bytes += length;
        self.remove(path)
    }

    fn accept(&mut self, segment: &mut Segment, head: &FrameHead) -> Result<()> {
        if head.index != self.end || head.prev != self.tail {
            let what = format!("entry {} stands where {} belongs", head.index, self.end);
            return Err(damaged(&segment.path, what));
        }
        segment.push(head.frame_bytes());
        self.end += 1;
        self.tail = head.crc;
        self.known = self.known.max(head.durable);
        Ok(())
    }

    /// Decides whether what follows `segment`'s good frames is an append that was never answered,
    /// or damage.
    fn judge(
        &mut self,
        reader: &mut FrameReader<'_>,
        segment: &Segment,
        fault: Frame,
        last: bool,
    ) -> Result<()> {
        let path = &segment.path;
        let io_error = |source| Error::File {
            action: "read",
            path: path.clone(),
            source,
        };
        if self.marker.cut.is_some_and(|cut| self.end >= cut) {
            return Ok(());
        }
        let wrong = format!("entry {} is wrong", self.end);
        if !last {
            return Err(damaged(path, wrong));
        }
        // A lost sector is zeros; anything else that is complete and wrong was changed after it was
        // written.
        if let Frame::Wrong(bytes) = fault
            && !has_blank_sector(reader, segment.bytes, bytes).map_err(io_error)?
        {
            return Err(damaged(path, wrong));
        }
        self.known = self
            .known
            .max(known_after(reader, segment.bytes, self.end).map_err(io_error)?);
        if self.known > self.end.max(self.marker.first()) {
            return Err(damaged(path, format!("{wrong}, but was durable")));
        }
        Ok(())
    }

    fn remove(&self, path: &Path) -> Result<()> {
        let removed = self
            .disk
            .remove(path)
            .and_then(|()| self.disk.sync_dir(self.dir));
        removed.map_err(|source| Error::File {
            action: "remove",
            path: path.to_owned(),
            source,
        })
    }

    /// Compares what was found with what must be there, and settles the marker.
    fn finish(
        mut self,
        marker_file: MarkerFile,
        lock: Box<dyn Any + Send + Sync>,
    ) -> Result<Opened> {
        let first = self.marker.first();
        let expected = self.segments.first().map_or(first, |segment| segment.first);
        if expected > first {
            return Err(damaged(self.dir, format!("entry {first} is missing")));
        }
        if self.known > self.end.max(first) {
            let what = format!(
                "it ends before entry {}, entries below {} were durable",
                self.end, self.known
            );
            return Err(damaged(self.dir, what));
        }
        if self.end <= first {
            for segment in std::mem::take(&mut self.segments) {
                self.remove(&segment.path)?;
            }
            if self.end < first {
                self.tail = 0;
            }
            self.end = first;
        }
        let active = self.reopen()?;
        self.marker.durable = self.end;
        self.marker.cut = None;
        marker_file
            .write_both(&mut self.marker)
            .map_err(|source| Error::File {
                action: "write",
                path: MarkerFile::path(self.dir),
                source,
            })?;
        let filled = first < self.end;
        let recovered = Recovered {
            vote: self.marker.vote.clone(),
            committed: self.marker.committed.clone(),
            purged: self.marker.purged.clone(),
            first: filled.then_some(first),
            last: filled.then(|| self.end - 1),
            torn_bytes: self.torn_bytes,
        };
        Ok(Opened {
            recovered,
            marker: self.marker,
            marker_file,
            segments: self.segments,
            active,
            end: self.end,
            tail: self.tail,
            lock,
        })
    }

    /// The file of the last segment. What was read from it may have been in memory only: now it is
    /// durable.
    fn reopen(&self) -> Result<Option<Box<dyn DiskFile>>> {
        let Some(segment) = self.segments.last() else {
            return Ok(None);
        };
        let open = || {
            let file = self.disk.open(&segment.path)?;
            file.sync()?;
            self.disk.sync_dir(self.dir)?;
            Ok(file)
        };
        let file = open().map_err(|source| Error::File {
            action: "open",
            path: segment.path.clone(),
            source,
        })?;
        Ok(Some(file))
    }
}

fn damaged(path: &Path, what: String) -> Error {
    Error::Damaged {
        path: PathBuf::from(path),
        what,
    }
}

/// Whether there are only zeros from `offset` on.
fn is_blank(reader: &mut FrameReader<'_>, mut offset: u64) -> io::Result<bool> {
    loop {
        let bytes = reader.bytes(offset, 64 << 10)?;
        if bytes.is_empty() || bytes.iter().any(|byte| *byte != 0) {
            return Ok(bytes.is_empty());
        }
        offset += bytes.len() as u64;
    }
}

/// Whether the part in one sector of the `bytes` bytes from `offset` on is all zeros.
fn has_blank_sector(reader: &mut FrameReader<'_>, mut offset: u64, bytes: u64) -> io::Result<bool> {
    let end = offset + bytes;
    while offset < end {
        let next = ((offset / SECTOR + 1) * SECTOR).min(end);
        let sector = reader.bytes(offset, (next - offset) as usize)?;
        if sector.iter().all(|byte| *byte == 0) {
            return Ok(true);
        }
        offset = next;
    }
    Ok(false)
}

/// The largest `durable` in any head after `offset` that a frame above `end` may have.
fn known_after(reader: &mut FrameReader<'_>, mut offset: u64, end: u64) -> io::Result<u64> {
    let mut known = 0;
    while offset < reader.length() {
        let bytes = reader.bytes(offset, 64 << 10)?;
        let Some(heads) = bytes.len().checked_sub(FRAME_HEAD) else {
            break;
        };
        for at in 0..=heads {
            // A checksum of 36 bytes per byte is slow; most places do not have a plausible index.
            let index = bytes
                .get(at + 8..at + 16)
                .and_then(|bytes| bytes.first_chunk());
            if index.is_some_and(|index| u64::from_le_bytes(*index).wrapping_sub(end) < 1 << 32)
                && let Some(head) = bytes.get(at..).and_then(FrameHead::decode)
            {
                known = known.max(head.durable);
            }
        }
        offset += heads as u64 + 1;
    }
    Ok(known)
}
