//! The bytes of a log's files, through rotation, truncation and restarts.
//!
//! Reading blocks: a caller with an async runtime calls from a thread for that.
//!
//! # Rules
//! - A position is (device, inode, offset, hash of the first 1 KiB). Without one, reading starts at
//!   the first line of the last 1 MiB of the newest file.
//! - A file that is shorter than the offset, or starts otherwise, is read from 0; that is a gap.
//! - A rotated file is read to its end, under whatever name, before the next one: the first that
//!   changed later. Several rotations during a stop are read in their order.
//! - A file that is gone is a gap, with the bytes that are known to be lost.
//! # Limits
//! Files are ordered by the time of their last change, then by name. Somebody who changes an old
//! file makes it the newest; its records come again. If the clock is set back, the files written
//! since are found once it has caught up. Compressed files are not read.

mod files;
mod gap;
mod position;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

pub use self::files::{FileKind, LogFiles};
pub use self::gap::{Gap, GapReason};
pub use self::position::{Head, Position};

use self::files::{Candidate, open};
use self::position::modified_nanos;

/// Without a position at most this many bytes of the newest file are read.
pub const START_BYTES: u64 = 1 << 20;

/// Why a log could not be read. A retry helps once the cause is gone.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the log in {directory}")]
pub struct TailError {
    /// The log's directory.
    pub directory: PathBuf,
    /// The cause.
    #[source]
    pub source: io::Error,
}

/// What one call of [`Tail::read`] brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    /// The next bytes, for [`crate::Reader::feed`]; empty if nothing new was there.
    pub bytes: Vec<u8>,
    /// These were the last bytes of their file: the caller calls [`crate::Reader::finish`] after
    /// it fed them, before it reads or asks for a position again.
    pub is_file_end: bool,
    /// What was lost before the bytes that come next.
    pub gap: Option<Gap>,
}

/// Follows the files of one log.
#[derive(Debug)]
pub struct Tail {
    files: LogFiles,
    current: Option<Current>,
    /// The file to go on behind, if there is no current one: time of its last change.
    behind_nanos: i64,
    gap: Option<Gap>,
}

/// The file that is read.
#[derive(Debug)]
struct Current {
    file: File,
    path: PathBuf,
    /// Offset of the next byte to read.
    position: Position,
    /// The first line is not whole: it is left out.
    skips_line: bool,
}

impl Tail {
    /// Starts at a position, or without one at the end of the newest file.
    ///
    /// A directory without files is none to fail for: the first file that comes is read from 0.
    ///
    /// # Errors
    /// If the directory or a file in it cannot be read.
    pub fn open(files: LogFiles, position: Option<Position>) -> Result<Self, TailError> {
        let mut tail = Self {
            files,
            current: None,
            behind_nanos: i64::MIN,
            gap: None,
        };
        let started = match position {
            Some(position) => tail.resume(position),
            None => tail.start(),
        };
        match started {
            Ok(()) => Ok(tail),
            Err(source) => Err(tail.error(source)),
        }
    }

    /// Reads up to `limit` bytes.
    ///
    /// # Errors
    /// If the directory or a file in it cannot be read. Nothing is lost; the next call tries again.
    pub fn read(&mut self, limit: usize) -> Result<Chunk, TailError> {
        let chunk = self.step(limit).map_err(|source| self.error(source))?;
        Ok(Chunk {
            gap: self.gap.take(),
            ..chunk
        })
    }

    /// The position to keep, less the bytes that [`crate::Reader::pending_bytes`] still holds.
    /// `None` before there is a file.
    #[must_use]
    pub fn position(&self, pending_bytes: u64) -> Option<Position> {
        let position = self.current.as_ref()?.position;
        Some(Position {
            offset: position.offset.saturating_sub(pending_bytes),
            ..position
        })
    }

    /// The file that is read.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.current.as_ref().map(|current| current.path.as_path())
    }

    fn error(&self, source: io::Error) -> TailError {
        TailError {
            directory: self.files.directory.clone(),
            source,
        }
    }

    fn start(&mut self) -> io::Result<()> {
        let mut files = self.files.list()?;
        while let Some(newest) = files.pop() {
            if let Some(mut current) = Current::open(&newest)? {
                let offset = current.position.size.saturating_sub(START_BYTES);
                current.skips_line = offset > 0;
                current.position.offset = offset;
                self.current = Some(current);
                return Ok(());
            }
        }
        Ok(())
    }

    fn resume(&mut self, position: Position) -> io::Result<()> {
        self.behind_nanos = position.modified_nanos;
        let gap = |reason| {
            Some(Gap {
                reason,
                lost_bytes: position.unread(),
            })
        };
        let Some((path, file)) = self.files.find(&position)? else {
            self.gap = gap(GapReason::Vanished);
            return self.next();
        };
        let mut current = Current {
            file,
            path,
            position,
            skips_line: false,
        };
        match current.look()? {
            None => self.current = Some(current),
            Some(GapReason::Truncated) => {
                self.gap = gap(GapReason::Truncated);
                current.restart()?;
                self.current = Some(current);
            }
            Some(reason) => {
                self.gap = gap(reason);
                return self.next();
            }
        }
        Ok(())
    }

    /// Goes on with the first file that changed later than the one before.
    fn next(&mut self) -> io::Result<()> {
        let files = self.files.list()?;
        let later = files.iter().filter(|file| file.key().0 > self.behind_nanos);
        for candidate in later {
            if let Some(current) = Current::open(candidate)? {
                self.current = Some(current);
                return Ok(());
            }
        }
        Ok(())
    }

    fn step(&mut self, limit: usize) -> io::Result<Chunk> {
        if self.current.is_none() {
            self.next()?;
        }
        let Some(current) = self.current.as_mut() else {
            return Ok(Chunk::default());
        };
        let before = current.position;
        if let Some(reason) = current.look()? {
            current.restart()?;
            let lost_bytes = before.unread();
            self.gap = self.gap.or(Some(Gap { reason, lost_bytes }));
            return Ok(Chunk {
                is_file_end: true,
                ..Chunk::default()
            });
        }
        let bytes = current.read(limit)?;
        let is_file_end = bytes.is_empty() && self.turn()?;
        Ok(Chunk {
            bytes,
            is_file_end,
            gap: None,
        })
    }

    /// Goes on to the next file, if there is one and the current one has nothing more.
    fn turn(&mut self) -> io::Result<bool> {
        let Some(current) = self.current.as_mut() else {
            return Ok(false);
        };
        let files = self.files.list()?;
        let name = current.path.file_name().unwrap_or_default().to_owned();
        let own = (modified_nanos(&current.file.metadata()?), &name);
        let is_other = |file: &&Candidate| !current.position.is_of(&file.metadata);
        let later = files.iter().filter(is_other).find(|file| file.key() > own);
        let Some(later) = later else {
            return Ok(false);
        };
        // The server wrote its last bytes before it opened the next file: now they are all there.
        if current.file.metadata()?.len() > current.position.offset {
            return Ok(false);
        }
        let Some(next) = Current::open(later)? else {
            return Ok(false);
        };
        self.current = Some(next);
        Ok(true)
    }
}

impl Current {
    /// Opens a file at its start.
    fn open(candidate: &Candidate) -> io::Result<Option<Self>> {
        let Some(file) = open(&candidate.path)? else {
            return Ok(None);
        };
        let metadata = file.metadata()?;
        let size = metadata.len();
        let position = Position {
            device: metadata.dev(),
            inode: metadata.ino(),
            offset: 0,
            head: Head::of(&file, size)?,
            size,
            modified_nanos: modified_nanos(&metadata),
        };
        Ok(Some(Self {
            file,
            path: candidate.path.clone(),
            position,
            skips_line: false,
        }))
    }

    /// Looks at the file again; answers why its offset means nothing any more, if so.
    fn look(&mut self) -> io::Result<Option<GapReason>> {
        let metadata = self.file.metadata()?;
        let size = metadata.len();
        if size < self.position.offset {
            return Ok(Some(GapReason::Truncated));
        }
        if !self.position.head.matches(&self.file, size)? {
            return Ok(Some(GapReason::Reused));
        }
        if self.position.head.is_short(size) {
            self.position.head = Head::of(&self.file, size)?;
        }
        self.position.size = size;
        self.position.modified_nanos = modified_nanos(&metadata);
        Ok(None)
    }

    /// Takes the file as a new one.
    fn restart(&mut self) -> io::Result<()> {
        let metadata = self.file.metadata()?;
        let size = metadata.len();
        self.position.offset = 0;
        self.position.size = size;
        self.position.head = Head::of(&self.file, size)?;
        self.position.modified_nanos = modified_nanos(&metadata);
        self.skips_line = false;
        Ok(())
    }

    fn read(&mut self, limit: usize) -> io::Result<Vec<u8>> {
        loop {
            let unread = self.position.size.saturating_sub(self.position.offset);
            let length = usize::try_from(unread).unwrap_or(limit).min(limit);
            let mut bytes = vec![0; length];
            let read = self.file.read_at(&mut bytes, self.position.offset)?;
            bytes.truncate(read);
            self.position.offset += read as u64;
            if !self.skips_line || read == 0 {
                return Ok(bytes);
            }
            if let Some(at) = bytes.iter().position(|byte| *byte == b'\n') {
                self.skips_line = false;
                return Ok(bytes.split_off(at + 1));
            }
        }
    }
}
