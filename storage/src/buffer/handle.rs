//! The handle callers hold.

use pga_runtime::Instant;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::entry::Placed;
use super::index::Index;
use super::range::{Range, remove_dir};
use super::{Accepted, BufferedEntry};
use crate::metrics::BufferMetrics;
use crate::{Error, Position, Result};

/// Settings of a buffer.
#[derive(Clone, Debug)]
pub struct BufferOptions {
    /// Most bytes that may wait for the flush.
    pub cap_bytes: u64,
    /// Indexes that share one sled database.
    pub range_entries: u64,
    /// Bytes of the newest entries that stay in memory too.
    pub tail_bytes: usize,
    /// Where the buffer counts what it does.
    pub metrics: Option<BufferMetrics>,
}

impl Default for BufferOptions {
    fn default() -> Self {
        Self {
            cap_bytes: 4 << 30,
            range_entries: 2_048,
            tail_bytes: 8 << 20,
            metrics: None,
        }
    }
}

/// How full a buffer is.
#[derive(Clone, Copy, Debug)]
pub struct BufferUsage {
    /// Bytes of the entries that wait for the flush.
    pub pending_bytes: u64,
    /// Number of these entries.
    pub pending_entries: u64,
    /// Bytes of all entries.
    pub total_bytes: u64,
    /// Number of all entries.
    pub total_entries: u64,
    /// When the oldest entry that waits was put.
    pub oldest_pending: Option<Instant>,
    /// Most bytes that may wait.
    pub cap_bytes: u64,
}

/// Consecutive entries for a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BufferBatch {
    /// Index up to which the batch covers the log; entries without pushes count.
    pub upto: u64,
    /// Position of the last buffered entry at or below `upto`, if there is one in the batch.
    pub last: Option<Position>,
    /// The pushes of each entry that has some, in log order: encoded records and their new
    /// elements. The pushes of an upload stand at its commit.
    pub pushes: Vec<(Position, Vec<(Bytes, Accepted)>)>,
}

/// The flush buffer; clones share it. See the [module docs](super) for what it promises.
#[derive(Clone, Debug)]
pub struct Buffer {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    options: BufferOptions,
    /// Never held while sled works.
    index: Mutex<Index>,
    ranges: Mutex<BTreeMap<u64, Arc<Range>>>,
    /// One put at a time; holds the first index of the range that is open for writing.
    writing: Mutex<Option<u64>>,
    /// The range that is open for reading.
    reading: Mutex<Option<u64>>,
    broken: Mutex<Option<PathBuf>>,
}

impl Buffer {
    /// Makes an empty buffer in `dir`. Whatever was there is deleted, or moved aside if that fails.
    ///
    /// # Errors
    /// [`Error::File`] if `dir` cannot be used.
    pub fn open(dir: &Path, options: BufferOptions) -> Result<Self> {
        let inner = Inner {
            dir: dir.to_owned(),
            options,
            index: Mutex::new(Index::new()),
            ranges: Mutex::default(),
            writing: Mutex::default(),
            reading: Mutex::default(),
            broken: Mutex::default(),
        };
        let inner = Arc::new(inner);
        let buffer = Self { inner };
        buffer.wipe()?;
        Ok(buffer)
    }

    /// Stores what the entry at `position` brings. Blocks.
    ///
    /// # Errors
    /// [`Error::Argument`] if the index is not above the last one; [`Error::Buffer`] if sled fails,
    /// and then every call fails until [`Buffer::clear`].
    pub fn put(&self, position: Position, entry: &BufferedEntry) -> Result<()> {
        let mut writing = held(&self.inner.writing);
        self.check()?;
        let index = position.index;
        let last = held(&self.inner.index).last();
        if last.is_some_and(|last| index <= last) {
            return Err(argument(
                "position",
                format!("{index} does not follow {last:?}"),
            ));
        }
        let value = entry.encode(position.term);
        self.make_room(value.len() as u64);
        let first = self.first_of(index);
        let range = self.range(first);
        if let Some(old) = writing.replace(first).filter(|old| *old != first)
            && *held(&self.inner.reading) != Some(old)
        {
            self.range(old).close();
        }
        range
            .put(index, &value)
            .map_err(|source| self.fail(&range, "write", source))?;
        let placed = Placed {
            position,
            entry: entry.clone(),
        };
        let mut known = held(&self.inner.index);
        known.put(placed, value.len(), self.inner.options.tail_bytes);
        drop(known);
        if let Some(metrics) = &self.inner.options.metrics {
            metrics.put_bytes.inc_by(value.len() as u64);
            metrics.put_entries.inc();
        }
        self.report();
        Ok(())
    }

    /// Reads the entries after index `after` up to index `upto`: about `max_bytes` of them, at
    /// least one if there is one.
    ///
    /// A batch ends outside every upload: between a staged entry and its commit or abort it does
    /// not end, even if it grows above `max_bytes`, and it stops before an upload that is open
    /// at `upto`. Blocks unless the entries are among the newest.
    ///
    /// # Errors
    /// [`Error::Argument`] if entries after `after` were released; [`Error::Buffer`] and
    /// [`Error::Damaged`] if sled fails.
    pub fn read_batch(&self, after: u64, upto: u64, max_bytes: usize) -> Result<BufferBatch> {
        self.check()?;
        let known = held(&self.inner.index);
        if after < known.released {
            return Err(argument(
                "after",
                format!("entries up to {} are released", known.released),
            ));
        }
        let plan = known.plan(after, upto, max_bytes as u64);
        drop(known);
        let mut batch = BufferBatch {
            upto: plan.upto,
            ..BufferBatch::default()
        };
        let mut staged: BTreeMap<u64, Bytes> = BTreeMap::new();
        for index in plan.indexes {
            let Placed { position, entry } = self.entry(index)?;
            batch.last = Some(position);
            let pushes = match entry {
                BufferedEntry::Pushes(pushes) => pushes
                    .into_iter()
                    .map(|push| (push.record, push.accepted))
                    .collect(),
                BufferedEntry::Staged { record } => {
                    staged.insert(index, record);
                    continue;
                }
                BufferedEntry::Commit { parts } => self.commit(&mut staged, parts)?,
                BufferedEntry::Abort { parts } => {
                    staged.retain(|index, _| !parts.contains(index));
                    continue;
                }
            };
            batch.pushes.push((position, pushes));
        }
        Ok(batch)
    }

    /// Notes that the stores hold everything up to `index`; it may go back, with the store's
    /// watermark. Does not block.
    pub fn set_flushed(&self, index: u64) {
        held(&self.inner.index).set_flushed(index);
        self.report();
    }

    /// Deletes the ranges that lie wholly at or below `upto`. Blocks.
    pub fn release(&self, upto: u64) {
        let size = self.inner.options.range_entries.max(1);
        let mut ranges = held(&self.inner.ranges);
        let mut gone = Vec::new();
        while let Some(entry) = ranges.first_entry() {
            if entry.key().saturating_add(size - 1) > upto {
                break;
            }
            let (first, range) = entry.remove_entry();
            held(&self.inner.index).release(first.saturating_add(size - 1));
            gone.push(range);
        }
        drop(ranges);
        for range in gone {
            if let Err(error) = range.remove() {
                tracing::warn!(path = %range.path.display(), %error, "a drained buffer range stays on disk");
            }
        }
        self.report();
    }

    /// Index up to which entries were released: what comes after it is held.
    pub fn held_after(&self) -> u64 {
        held(&self.inner.index).released()
    }

    /// Whether `bytes` more may be proposed (BUF-1). Does not block.
    pub fn admits(&self, bytes: u64) -> bool {
        let pending = held(&self.inner.index).pending.bytes;
        pending.saturating_add(bytes) <= self.inner.options.cap_bytes
    }

    /// How full it is. Does not block.
    pub fn usage(&self) -> BufferUsage {
        let index = held(&self.inner.index);
        BufferUsage {
            pending_bytes: index.pending.bytes,
            pending_entries: index.pending.entries,
            total_bytes: index.total.bytes,
            total_entries: index.total.entries,
            oldest_pending: index.oldest_pending(),
            cap_bytes: self.inner.options.cap_bytes,
        }
    }

    /// Empties the buffer, as after the installation of a snapshot or a failure. Blocks.
    ///
    /// # Errors
    /// [`Error::File`] if the directory cannot be used.
    pub fn clear(&self) -> Result<()> {
        let mut writing = held(&self.inner.writing);
        *writing = None;
        *held(&self.inner.reading) = None;
        let ranges = std::mem::take(&mut *held(&self.inner.ranges));
        for range in ranges.values() {
            range.close();
        }
        *held(&self.inner.index) = Index::new();
        self.wipe()?;
        *held(&self.inner.broken) = None;
        self.report();
        Ok(())
    }

    /// The records of an upload, in the order of the push.
    fn commit(
        &self,
        staged: &mut BTreeMap<u64, Bytes>,
        parts: Vec<(u64, Accepted)>,
    ) -> Result<Vec<(Bytes, Accepted)>> {
        let mut pushes = Vec::with_capacity(parts.len());
        for (index, accepted) in parts {
            let record = match staged.remove(&index) {
                Some(record) => record,
                None => match self.entry(index)?.entry {
                    BufferedEntry::Staged { record } => record,
                    _ => return Err(self.damaged(index)),
                },
            };
            pushes.push((record, accepted));
        }
        Ok(pushes)
    }

    /// The entry at `index`, from memory or from sled.
    fn entry(&self, index: u64) -> Result<Placed> {
        if let Some(placed) = held(&self.inner.index).recent(index) {
            return Ok(placed);
        }
        let first = self.first_of(index);
        let Some(range) = held(&self.inner.ranges).get(&first).cloned() else {
            return Err(self.damaged(index));
        };
        let before = held(&self.inner.reading).replace(first);
        if let Some(old) = before.filter(|old| *old != first)
            && *held(&self.inner.writing) != Some(old)
        {
            let old = held(&self.inner.ranges).get(&old).cloned();
            old.iter().for_each(|range| range.close());
        }
        let value = range
            .get(index)
            .map_err(|source| self.fail(&range, "read", source))?;
        if let Some(metrics) = &self.inner.options.metrics {
            metrics.read_entries.inc();
        }
        let (term, entry) = BufferedEntry::decode(&value).ok_or_else(|| self.damaged(index))?;
        Ok(Placed {
            position: Position::new(term, index),
            entry,
        })
    }

    /// Gives up what is flushed and only kept, oldest first, until `bytes` more fit under the cap.
    fn make_room(&self, bytes: u64) {
        let size = self.inner.options.range_entries.max(1);
        loop {
            let index = held(&self.inner.index);
            let (total, flushed) = (index.total.bytes, index.flushed);
            drop(index);
            let oldest = held(&self.inner.ranges).keys().next().copied();
            match oldest.map(|first| first.saturating_add(size - 1)) {
                Some(last) if total + bytes > self.inner.options.cap_bytes && last <= flushed => {
                    self.release(last);
                }
                _ => return,
            }
        }
    }

    fn first_of(&self, index: u64) -> u64 {
        index - index % self.inner.options.range_entries.max(1)
    }

    fn range(&self, first: u64) -> Arc<Range> {
        let mut ranges = held(&self.inner.ranges);
        let range = ranges
            .entry(first)
            .or_insert_with(|| Arc::new(Range::new(&self.inner.dir, first)));
        Arc::clone(range)
    }

    /// Deletes everything in the directory.
    fn wipe(&self) -> Result<()> {
        let dir = &self.inner.dir;
        let file = |action| {
            move |source| Error::File {
                action,
                path: dir.clone(),
                source,
            }
        };
        fs::create_dir_all(dir).map_err(file("create"))?;
        for found in fs::read_dir(dir).map_err(file("list"))? {
            let path = found.map_err(file("list"))?.path();
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            let ours = name.len() == 20 && name.bytes().all(|byte| byte.is_ascii_digit());
            if !ours {
                continue;
            }
            if let Err(error) = remove_dir(&path) {
                let aside = dir.join(format!("aside-{name}"));
                tracing::warn!(path = %path.display(), %error, "an old buffer range is moved aside");
                remove_dir(&aside)
                    .and_then(|()| fs::rename(&path, &aside))
                    .map_err(file("clear"))?;
            }
        }
        Ok(())
    }

    /// Moves a failed range aside; nothing works until [`Buffer::clear`].
    fn fail(&self, range: &Range, action: &'static str, source: sled::Error) -> Error {
        let name = range
            .path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let aside = self.inner.dir.join(format!("aside-{name}"));
        let moved = range.move_aside(&aside).is_ok();
        tracing::error!(path = %aside.display(), moved, error = %source, "the flush buffer failed and must be rebuilt");
        if let Some(metrics) = &self.inner.options.metrics {
            metrics.failures.inc();
        }
        *held(&self.inner.broken) = Some(aside);
        Error::Buffer { action, source }
    }

    fn check(&self) -> Result<()> {
        match &*held(&self.inner.broken) {
            None => Ok(()),
            Some(path) => Err(Error::Damaged {
                path: path.clone(),
                what: "the flush buffer must be rebuilt from the log".to_owned(),
            }),
        }
    }

    fn damaged(&self, index: u64) -> Error {
        Error::Damaged {
            path: self.inner.dir.clone(),
            what: format!("entry {index} is not there as it was put"),
        }
    }

    fn report(&self) {
        if let Some(metrics) = &self.inner.options.metrics {
            metrics.show(&self.usage());
        }
    }
}

fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

fn argument(key: &'static str, what: String) -> Error {
    Error::Argument { key, what }
}
