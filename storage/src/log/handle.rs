//! The handle callers hold.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use bytes::Bytes;

use super::disk::{Disk, OsDisk};
use super::frame::MAX_PAYLOAD;
use super::job::{Done, Job};
use super::marker::MAX_BLOB;
use super::segment::{Frame, FrameReader, Segment};
use super::state::Shared;
use super::writer::Writer;
use super::{LogEntry, LogOptions, Purged, Recovered, recovery};
use crate::{Error, Result};

/// A log on disk; clones share it. See the [module docs](super) for what it promises.
///
/// The log closes when the last clone is dropped; [`Log::close`] does it at a time of the caller's
/// choice.
#[derive(Clone)]
pub struct Log {
    inner: Arc<Inner>,
}

struct Inner {
    dir: PathBuf,
    options: LogOptions,
    disk: Arc<dyn Disk>,
    shared: Arc<Shared>,
    jobs: Sender<Job>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Log {
    /// Opens the log in `dir`, or creates an empty one. Reads every segment: it takes about a
    /// second per few GiB.
    ///
    /// # Errors
    /// [`Error::Locked`] if another process uses the log; [`Error::Damaged`] if acknowledged
    /// entries or votes may be missing: the node must not vote; [`Error::NewerFormat`] if a
    /// later version wrote it; [`Error::File`] otherwise.
    pub fn open(dir: &Path, options: LogOptions) -> Result<(Self, Recovered)> {
        Self::open_on(Arc::new(OsDisk), dir, options)
    }

    pub(super) fn open_on(
        disk: Arc<dyn Disk>,
        dir: &Path,
        options: LogOptions,
    ) -> Result<(Self, Recovered)> {
        let opened = recovery::open(disk.as_ref(), dir, &options)?;
        if let Some(metrics) = &options.metrics {
            metrics.torn_bytes.inc_by(opened.recovered.torn_bytes);
        }
        let recovered = opened.recovered.clone();
        let shared = Arc::new(Shared::new(opened.state()));
        let (jobs, queue) = channel();
        let writer = Writer::new(
            Arc::clone(&disk),
            dir,
            options.clone(),
            Arc::clone(&shared),
            opened,
        );
        let thread = std::thread::Builder::new()
            .name(format!("log-{}", options.group.get()))
            .spawn(move || writer.run(&queue))
            .map_err(|source| Error::File {
                action: "start the writer of",
                path: dir.to_owned(),
                source,
            })?;
        let inner = Inner {
            dir: dir.to_owned(),
            options,
            disk,
            shared,
            jobs,
            writer: Mutex::new(Some(thread)),
        };
        let inner = Arc::new(inner);
        Ok((Self { inner }, recovered))
    }

    /// Appends `entries`, whose indexes continue the log without a gap.
    ///
    /// They are readable on return. `done` is called after they are durable, in the order of the
    /// calls; one fdatasync answers all appends that waited for it. Blocks while more than
    /// [`LogOptions::queue_bytes`] wait for the disk.
    ///
    /// # Errors
    /// `InvalidInput` if an index does not continue the log or a payload is too large, and then
    /// nothing is appended and `done` is not called; the log's failure if it has failed or is
    /// closed.
    pub fn append(&self, entries: Vec<LogEntry>, done: Done) -> io::Result<()> {
        let shared = &self.inner.shared;
        let bytes = entries.iter().map(LogEntry::weight).sum::<usize>();
        let mut state = shared.lock();
        while state.failed.is_none()
            && state.queued_bytes > 0
            && state.queued_bytes + bytes > self.inner.options.queue_bytes
        {
            state = shared
                .room
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.check()?;
        check_entries(&entries, state.end)?;
        for entry in &entries {
            state.push(entry.clone());
        }
        state.queued_bytes += bytes;
        let epoch = state.epoch;
        // The lock is held, so that jobs queue in the order in which memory changed.
        self.send(Job::Append {
            entries,
            epoch,
            bytes,
            done,
        })
    }

    /// Reads entries of `range`, oldest first: as many as fit into `max_bytes` of payload, but at
    /// least one if there is one. Entries before the first are skipped, as are those after the
    /// last. May read the disk.
    ///
    /// # Errors
    /// `InvalidData` if a segment no longer holds what was written; the log's failure if it has
    /// failed or is closed.
    pub fn read(&self, range: Range<u64>, max_bytes: usize) -> io::Result<Vec<LogEntry>> {
        let mut found = Vec::new();
        let mut left = max_bytes;
        let mut next = range.start;
        loop {
            let state = self.inner.shared.lock();
            state.check()?;
            next = next.max(state.first);
            let end = range.end.min(state.end);
            if next >= end {
                return Ok(found);
            }
            let cached_from = state.cached_from();
            if next >= cached_from {
                let skip = usize::try_from(next - cached_from).unwrap_or(usize::MAX);
                let cached = state.cache.iter().skip(skip);
                for entry in cached.take_while(|entry| entry.index < end) {
                    if !take(&mut found, &mut left, entry.clone()) {
                        break;
                    }
                }
                return Ok(found);
            }
            let segment = state
                .segments
                .iter()
                .rfind(|segment| segment.first <= next)
                .cloned();
            let epoch = state.epoch;
            drop(state);
            let segment = segment.ok_or_else(|| lost(next))?;
            let before = found.len();
            match self.read_segment(&segment, next..end.min(cached_from), &mut left, &mut found) {
                Ok(true) => return Ok(found),
                Ok(false) => next = segment.end.min(end.min(cached_from)),
                // The entries may have been purged or truncated meanwhile: look again.
                Err(_) if self.moved(epoch, next) => found.truncate(before),
                Err(error) => return Err(error),
            }
        }
    }

    /// Saves the vote: it is durable on return, and so is every append before it. Blocks for the
    /// disk.
    ///
    /// # Errors
    /// `InvalidInput` if it is larger than 1 KiB; the log's failure.
    pub fn save_vote(&self, vote: Bytes) -> io::Result<()> {
        wait(|done| self.save_vote_then(vote, done))
    }

    /// [`Log::save_vote`] that does not block: `done` is called once the vote is durable.
    ///
    /// # Errors
    /// As [`Log::save_vote`]; `done` is not called then.
    pub fn save_vote_then(&self, vote: Bytes, done: Done) -> io::Result<()> {
        check_blob(&vote)?;
        let state = self.inner.shared.lock();
        state.check()?;
        self.send(Job::Vote { vote, done })
    }

    /// Keeps the commit position; it is on disk some time later, at the latest when the log has
    /// been idle for [`LogOptions::marker_idle`]. Does not block.
    ///
    /// # Errors
    /// `InvalidInput` if it is larger than 1 KiB; the log's failure.
    pub fn save_committed(&self, committed: Bytes) -> io::Result<()> {
        check_blob(&committed)?;
        let mut state = self.inner.shared.lock();
        state.check()?;
        state.committed = Some(committed);
        if std::mem::replace(&mut state.committed_told, true) {
            return Ok(());
        }
        self.send(Job::Committed)
    }

    /// Takes away all entries after `index` (all entries at all, if none). They are gone for
    /// readers at once and on disk on return; an append may follow without waiting. Blocks for
    /// the disk.
    ///
    /// # Errors
    /// `InvalidInput` if `index` is before the purged one; the log's failure.
    pub fn truncate_after(&self, index: Option<u64>) -> io::Result<()> {
        wait(|done| self.truncate_after_then(index, done))
    }

    /// [`Log::truncate_after`] that does not block: `done` is called once it is durable.
    ///
    /// # Errors
    /// As [`Log::truncate_after`]; `done` is not called then.
    pub fn truncate_after_then(&self, index: Option<u64>, done: Done) -> io::Result<()> {
        let mut state = self.inner.shared.lock();
        state.check()?;
        let end = index.map_or(0, |index| index + 1);
        if end < state.first {
            return Err(invalid("cannot truncate what is purged"));
        }
        if end < state.end {
            state.cut(end);
        }
        self.send(Job::Truncate { end, done })
    }

    /// Takes away all entries up to `purged`, and gives back the disk space of whole segments. An
    /// index after the last entry empties the log, which continues behind it. Blocks for the
    /// disk.
    ///
    /// # Errors
    /// `InvalidInput` if the id is larger than 1 KiB; the log's failure.
    pub fn purge(&self, purged: Purged) -> io::Result<()> {
        wait(|done| self.purge_then(purged, done))
    }

    /// [`Log::purge`] that does not block: `done` is called once it is durable.
    ///
    /// # Errors
    /// As [`Log::purge`]; `done` is not called then.
    pub fn purge_then(&self, purged: Purged, done: Done) -> io::Result<()> {
        check_blob(&purged.id)?;
        let mut state = self.inner.shared.lock();
        state.check()?;
        if purged.index >= state.first {
            state.purge(purged.clone());
        }
        self.send(Job::Purge { purged, done })
    }

    /// Index of the first entry; none if the log is empty.
    pub fn first(&self) -> Option<u64> {
        let state = self.inner.shared.lock();
        (state.first < state.end).then_some(state.first)
    }

    /// Index of the last entry; none if the log is empty.
    pub fn last(&self) -> Option<u64> {
        let state = self.inner.shared.lock();
        (state.first < state.end).then(|| state.end - 1)
    }

    /// How far the log was purged.
    pub fn purged(&self) -> Option<Purged> {
        self.inner.shared.lock().purged.clone()
    }

    /// Size of all segments on disk, in bytes.
    pub fn size_bytes(&self) -> u64 {
        let state = self.inner.shared.lock();
        state.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Writes what waits, ends the writer thread and releases the lock file. Later calls fail.
    /// Blocks for the disk; must not be called from a [`Done`].
    ///
    /// # Errors
    /// The log's failure, if something that waited could not be written.
    pub fn close(&self) -> io::Result<()> {
        let outcome = wait(|done| {
            // A log that failed has a thread to be ended too.
            let _state = self.inner.shared.lock();
            self.send(Job::Close { done })
        });
        self.inner.join();
        outcome
    }

    fn send(&self, job: Job) -> io::Result<()> {
        self.inner.jobs.send(job).map_err(|_| closed())
    }

    /// Reads entries of `range` from `segment`; true if `left` is used up.
    fn read_segment(
        &self,
        segment: &Segment,
        range: Range<u64>,
        left: &mut usize,
        found: &mut Vec<LogEntry>,
    ) -> io::Result<bool> {
        let file = self.inner.disk.open(&segment.path)?;
        let mut reader = FrameReader::new(file.as_ref())?;
        let mut offset = segment.offset_before(range.start);
        while offset < segment.bytes {
            let Frame::Whole(head) = reader.frame(offset)? else {
                return Err(lost(range.start));
            };
            if head.index >= range.end {
                break;
            }
            if head.index >= range.start {
                if let Some(metrics) = &self.inner.options.metrics {
                    metrics.read_entries.inc();
                }
                if !take(found, left, reader.entry(offset, &head)?) {
                    return Ok(true);
                }
            }
            offset += head.frame_bytes();
        }
        Ok(false)
    }

    /// Whether entries were taken away, at or around `next`, since `epoch`.
    fn moved(&self, epoch: u64, next: u64) -> bool {
        let state = self.inner.shared.lock();
        state.epoch != epoch || next < state.first
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log")
            .field("dir", &self.inner.dir)
            .finish_non_exhaustive()
    }
}

impl Inner {
    fn join(&self) {
        let thread = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(thread) = thread else { return };
        // The last handle may be dropped inside a `Done`, on the writer thread itself.
        if thread.thread().id() != std::thread::current().id() && thread.join().is_err() {
            tracing::error!(dir = %self.dir.display(), "the writer thread of the log panicked");
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let done: Done = Box::new(drop);
        if self.jobs.send(Job::Close { done }).is_ok() {
            self.join();
        }
    }
}

/// Adds `entry` unless it exceeds what is `left`; the first entry always fits.
fn take(found: &mut Vec<LogEntry>, left: &mut usize, entry: LogEntry) -> bool {
    if !found.is_empty() && entry.payload.len() > *left {
        return false;
    }
    *left = left.saturating_sub(entry.payload.len());
    found.push(entry);
    true
}

fn check_entries(entries: &[LogEntry], mut next: u64) -> io::Result<()> {
    for entry in entries {
        if entry.index != next {
            return Err(invalid("an index does not continue the log"));
        }
        if entry.payload.len() > MAX_PAYLOAD {
            return Err(invalid("an entry is larger than 128 MiB"));
        }
        next += 1;
    }
    Ok(())
}

fn check_blob(blob: &Bytes) -> io::Result<()> {
    match blob.len() {
        0..=MAX_BLOB => Ok(()),
        _ => Err(invalid("a vote or log id is larger than 1 KiB")),
    }
}

fn wait(start: impl FnOnce(Done) -> io::Result<()>) -> io::Result<()> {
    let (answer, answered): (_, Receiver<io::Result<()>>) = channel();
    // The receiver lives until the answer came.
    start(Box::new(move |outcome| drop(answer.send(outcome))))?;
    answered.recv().unwrap_or_else(|_| Err(closed()))
}

fn invalid(text: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "the log is closed")
}

fn lost(index: u64) -> io::Error {
    let text = format!("the log no longer holds entry {index} as it was written");
    io::Error::new(io::ErrorKind::InvalidData, text)
}
