//! Where reading stands, so that a restart neither repeats nor skips.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// A file is told from another of the same inode by this many of its first bytes.
const HEAD_BYTES: u64 = 1_024;

/// The first bytes of a file, by their hash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// How many bytes were hashed, at most 1,024.
    pub length: u64,
    /// XXH3-64 of them.
    pub hash: u64,
}

impl Head {
    /// Hashes the first bytes of a file of a size.
    pub(super) fn of(file: &File, size: u64) -> io::Result<Self> {
        let length = size.min(HEAD_BYTES);
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(Self {
            length,
            hash: xxh3_64(&bytes),
        })
    }

    /// Whether a file of a size still starts as it did.
    pub(super) fn matches(&self, file: &File, size: u64) -> io::Result<bool> {
        Ok(size >= self.length && Self::of(file, self.length)? == *self)
    }

    /// Whether a file of a size has more to hash.
    pub(super) const fn is_short(&self, size: u64) -> bool {
        self.length < HEAD_BYTES && size > self.length
    }
}

/// A place in a log file. It is stored with the batch that holds the records before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Device of the file.
    pub device: u64,
    /// Inode of the file.
    pub inode: u64,
    /// Offset in bytes of the next record.
    pub offset: u64,
    /// How the file starts.
    pub head: Head,
    /// Size in bytes of the file at the last look.
    pub size: u64,
    /// Time of the file's last change at the last look, in nanoseconds since the Unix epoch. If
    /// the file is gone, reading goes on with the first one that changed later.
    pub modified_nanos: i64,
}

impl Position {
    /// Whether a file is the one of this position, by device and inode.
    pub(super) fn is_of(&self, metadata: &Metadata) -> bool {
        self.device == metadata.dev() && self.inode == metadata.ino()
    }

    /// Bytes that were there at the last look and not read; `None` if there may have been more.
    pub(super) fn unread(&self) -> Option<u64> {
        self.size
            .checked_sub(self.offset)
            .filter(|unread| *unread > 0)
    }
}

/// Time of a file's last change, in nanoseconds since the Unix epoch.
pub(super) fn modified_nanos(metadata: &Metadata) -> i64 {
    metadata
        .mtime()
        .saturating_mul(1_000_000_000)
        .saturating_add(metadata.mtime_nsec())
}
