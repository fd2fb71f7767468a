//! One sled database: the entries of one range of indexes.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};

/// Largest value, in bytes: what is larger is split.
const PART_BYTES: usize = 96 << 10;
/// sled's unit of writing, held in memory several times over.
const SEGMENT_BYTES: usize = 1 << 20;
/// sled's page cache.
const CACHE_BYTES: u64 = 1 << 20;
/// sled releases a directory's lock a moment after the handle is dropped.
const OPEN_ATTEMPTS: u32 = 50;

/// A range's directory, open or not.
#[derive(Debug)]
pub(super) struct Range {
    pub(super) path: PathBuf,
    db: RwLock<Option<sled::Db>>,
}

impl Range {
    /// The range whose first index is `first`; its directory need not exist.
    pub(super) fn new(dir: &Path, first: u64) -> Self {
        Self {
            path: dir.join(format!("{first:020}")),
            db: RwLock::new(None),
        }
    }

    /// Stores one encoded entry.
    pub(super) fn put(&self, index: u64, value: &[u8]) -> sled::Result<()> {
        self.with(|db| {
            for (part, bytes) in value.chunks(PART_BYTES).enumerate() {
                db.insert(key(index, part), bytes)?;
            }
            Ok(())
        })
    }

    /// The encoded entry at `index`, in one piece.
    pub(super) fn get(&self, index: u64) -> sled::Result<Bytes> {
        self.with(|db| {
            let mut whole = BytesMut::new();
            for part in db.scan_prefix(index.to_be_bytes()) {
                whole.extend_from_slice(&part?.1);
            }
            Ok(whole.freeze())
        })
    }

    /// Closes the database; the next use opens it again.
    pub(super) fn close(&self) {
        drop(
            self.db
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
    }

    /// Closes the database and deletes its directory.
    pub(super) fn remove(&self) -> std::io::Result<()> {
        let mut db = self.db.write().unwrap_or_else(PoisonError::into_inner);
        drop(db.take());
        remove_dir(&self.path)
    }

    /// Closes the database and moves its directory to `aside`.
    pub(super) fn move_aside(&self, aside: &Path) -> std::io::Result<()> {
        let mut db = self.db.write().unwrap_or_else(PoisonError::into_inner);
        drop(db.take());
        remove_dir(aside)?;
        match fs::rename(&self.path, aside) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Runs `work` on the open database. sled panics where it finds its files damaged; that is an
    /// error here.
    fn with<T>(&self, work: impl Fn(&sled::Db) -> sled::Result<T>) -> sled::Result<T> {
        let attempt = || {
            if let Some(db) = &*self.db.read().unwrap_or_else(PoisonError::into_inner) {
                return work(db);
            }
            let mut db = self.db.write().unwrap_or_else(PoisonError::into_inner);
            let db = match &mut *db {
                Some(db) => db,
                closed => closed.insert(open(&self.path)?),
            };
            work(db)
        };
        catch_unwind(AssertUnwindSafe(attempt))
            .unwrap_or_else(|_| Err(sled::Error::ReportableBug("sled panicked".to_owned())))
    }
}

/// Deletes a directory that may be missing.
pub(super) fn remove_dir(path: &Path) -> std::io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a thread for blocking work waits for the operating system to give back a lock"
)]
fn open(path: &Path) -> sled::Result<sled::Db> {
    let config = sled::Config::new()
        .path(path)
        .segment_size(SEGMENT_BYTES)
        .cache_capacity(CACHE_BYTES)
        .flush_every_ms(None);
    let mut left = OPEN_ATTEMPTS;
    loop {
        match config.open() {
            Err(sled::Error::Io(error))
                if error.kind() == std::io::ErrorKind::Other && left > 0 =>
            {
                left -= 1;
                std::thread::sleep(Duration::from_millis(2));
            }
            outcome => return outcome,
        }
    }
}

fn key(index: u64, part: usize) -> [u8; 12] {
    let mut key = [0; 12];
    let (high, low) = key.split_at_mut(8);
    high.copy_from_slice(&index.to_be_bytes());
    // INVARIANT: an entry is at most 128 MiB, so there are few parts.
    low.copy_from_slice(&u32::try_from(part).unwrap_or(u32::MAX).to_be_bytes());
    key
}
