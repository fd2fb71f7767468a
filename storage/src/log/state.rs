//! What the callers and the writer of a log share.

use std::collections::VecDeque;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::segment::Segment;
use super::{LogEntry, Purged};

/// The memory of a log, behind one lock that is never held during file operations.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) purged: Option<Purged>,
    /// Index of the first entry.
    pub(super) first: u64,
    /// Index after the last entry.
    pub(super) end: u64,
    /// The newest entries, without a gap up to `end`.
    pub(super) cache: VecDeque<LogEntry>,
    pub(super) cache_bytes: usize,
    /// Entries below this index can be read from the segments.
    pub(super) written: u64,
    /// Grows when entries are taken away, so that a late write of theirs does not move `written`.
    pub(super) epoch: u64,
    pub(super) segments: Vec<Segment>,
    /// Bytes of entries the writer has not answered yet.
    pub(super) queued_bytes: usize,
    pub(super) committed: Option<Bytes>,
    /// The writer knows that `committed` changed.
    pub(super) committed_told: bool,
    /// Why the log is no longer usable.
    pub(super) failed: Option<(io::ErrorKind, String)>,
}

impl State {
    /// The error every call answers once the log has failed or is closed.
    pub(super) fn check(&self) -> io::Result<()> {
        match &self.failed {
            None => Ok(()),
            Some((kind, text)) => Err(io::Error::new(*kind, text.clone())),
        }
    }

    /// Index of the first entry in the cache, or `end`.
    pub(super) fn cached_from(&self) -> u64 {
        self.end - self.cache.len() as u64
    }

    /// Adds one entry at the end.
    pub(super) fn push(&mut self, entry: LogEntry) {
        self.cache_bytes += entry.weight();
        self.end = entry.index + 1;
        self.cache.push_back(entry);
    }

    /// Drops the oldest cached entries that the segments hold, down to `limit` bytes.
    pub(super) fn shrink_cache(&mut self, limit: usize) {
        while self.cache_bytes > limit {
            match self.cache.front() {
                Some(entry) if entry.index < self.written => {
                    self.cache_bytes -= entry.weight();
                    self.cache.pop_front();
                }
                _ => break,
            }
        }
    }

    /// Takes away the entries from `end` on.
    pub(super) fn cut(&mut self, end: u64) {
        while let Some(entry) = self.cache.pop_back_if(|entry| entry.index >= end) {
            self.cache_bytes -= entry.weight();
        }
        self.end = end;
        self.written = self.written.min(end);
        self.epoch += 1;
    }

    /// Takes away the entries up to `purged`; the log continues behind it.
    pub(super) fn purge(&mut self, purged: Purged) {
        self.first = purged.index + 1;
        self.purged = Some(purged);
        if self.first > self.end {
            self.cache.clear();
            self.cache_bytes = 0;
            self.end = self.first;
            self.written = self.first;
            self.epoch += 1;
        }
    }
}

/// The state with its lock.
#[derive(Debug, Default)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// Told when `queued_bytes` falls or the log fails.
    pub(super) room: Condvar,
}

impl Shared {
    pub(super) fn new(state: State) -> Self {
        Self {
            state: Mutex::new(state),
            room: Condvar::new(),
        }
    }

    /// The state. A caller that panicked left it whole: no code between two of its fields can
    /// panic.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Marks the log as failed; the first reason stays.
    pub(super) fn fail(&self, kind: io::ErrorKind, text: String) {
        let mut state = self.lock();
        state.failed.get_or_insert((kind, text));
        drop(state);
        self.room.notify_all();
    }
}
