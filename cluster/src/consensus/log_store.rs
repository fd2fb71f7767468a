//! openraft's log storage over [`pga_storage::log::Log`].
//!
//! Votes and entries go through the log's one writer thread, so that they reach the disk in the
//! order in which consensus issued them (LOG-1).

use std::fmt::Debug;
use std::io;
use std::ops::{Bound, RangeBounds};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use openraft::storage::{IOFlushed, RaftLogStorage};
use openraft::{LogState, OptionalSend, RaftLogReader};
use pga_storage::log::{Log, LogEntry, Purged, Recovered};
use tokio::sync::oneshot;

use crate::consensus::entry_codec::{from_disk, to_disk};
use crate::consensus::type_config::{Entry, LogId, TypeConfig, Vote};

/// Payload bytes in one message of entries.
const MESSAGE_BYTES: usize = 1 << 20;
/// The newest entries are read without a blocking thread: they are in the log's cache.
const NEWEST: u64 = 64;

/// openraft's view of the log; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct LogStore {
    log: Log,
    meta: Arc<Mutex<Meta>>,
}

#[derive(Debug)]
struct Meta {
    vote: Option<Vote>,
    committed: Option<LogId>,
    purged: Option<LogId>,
    last: Option<LogId>,
    /// The last entry that is known to be on disk.
    durable: Option<LogId>,
}

impl LogStore {
    /// Takes over an opened log.
    pub(crate) fn new(log: Log, recovered: &Recovered) -> io::Result<Self> {
        let purged: Option<LogId> = decode(recovered.purged.as_ref().map(|purged| &purged.id))?;
        let last = match recovered.last {
            None => purged,
            Some(last) => log
                .read(last..last + 1, usize::MAX)?
                .first()
                .map(|entry| LogId::new_term_index(entry.term, entry.index)),
        };
        let meta = Meta {
            vote: decode(recovered.vote.as_ref())?,
            committed: decode(recovered.committed.as_ref())?,
            purged,
            last,
            durable: last,
        };
        Ok(Self {
            log,
            meta: Arc::new(Mutex::new(meta)),
        })
    }

    /// The last entry.
    pub(crate) fn last_id(&self) -> Option<LogId> {
        self.meta().last
    }

    /// The last entry that is known to be on disk.
    pub(crate) fn durable_id(&self) -> Option<LogId> {
        self.meta().durable
    }

    /// The term of the last vote; 0 if there was none.
    pub(crate) fn voted_term(&self) -> u64 {
        self.meta().vote.map_or(0, |vote| vote.leader_id.term)
    }

    /// Whether nothing was ever written.
    pub(crate) fn is_empty(&self) -> bool {
        let meta = self.meta();
        meta.last.is_none() && meta.purged.is_none() && meta.vote.is_none()
    }

    /// The log below.
    pub(crate) const fn log(&self) -> &Log {
        &self.log
    }

    fn meta(&self) -> std::sync::MutexGuard<'_, Meta> {
        self.meta.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read(&self, start: u64, end: u64, max_bytes: usize) -> io::Result<Vec<Entry>> {
        if start >= end {
            return Ok(Vec::new());
        }
        let log = self.log.clone();
        let read = move || log.read(start..end, max_bytes);
        let newest = self.log.last().is_some_and(|last| start + NEWEST > last);
        let entries = if newest {
            read()?
        } else {
            pga_runtime::spawn_blocking(read)
                .await
                .map_err(io::Error::other)??
        };
        entries.into_iter().map(from_disk).collect()
    }
}

impl RaftLogReader<TypeConfig> for LogStore {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<Entry>, io::Error> {
        let start = match range.start_bound() {
            Bound::Included(start) => *start,
            Bound::Excluded(start) => start + 1,
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(end) => end + 1,
            Bound::Excluded(end) => *end,
            Bound::Unbounded => u64::MAX,
        };
        self.read(start, end, usize::MAX).await
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, io::Error> {
        Ok(self.meta().vote)
    }

    async fn limited_get_log_entries(
        &mut self,
        start: u64,
        end: u64,
    ) -> Result<Vec<Entry>, io::Error> {
        self.read(start, end, MESSAGE_BYTES).await
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<TypeConfig>, io::Error> {
        let meta = self.meta();
        Ok(LogState {
            last_purged_log_id: meta.purged,
            last_log_id: meta.last,
        })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), io::Error> {
        let bytes = encode(vote)?;
        durable(|done| self.log.save_vote_then(bytes, done)).await?;
        self.meta().vote = Some(*vote);
        Ok(())
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), io::Error> {
        let Some(committed) = committed else {
            return Ok(());
        };
        self.log.save_committed(encode(&committed)?)?;
        self.meta().committed = Some(committed);
        Ok(())
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, io::Error> {
        let meta = self.meta();
        // The commit position reaches the disk after the entries; never answer beyond the log.
        Ok(meta.committed.min(meta.last))
    }

    async fn append<I>(
        &mut self,
        entries: I,
        flushed: IOFlushed<TypeConfig>,
    ) -> Result<(), io::Error>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries: Vec<LogEntry> = entries
            .into_iter()
            .map(to_disk)
            .collect::<io::Result<_>>()?;
        let last = entries
            .last()
            .map(|entry| LogId::new_term_index(entry.term, entry.index));
        let meta = Arc::clone(&self.meta);
        let done = move |outcome: io::Result<()>| {
            if outcome.is_ok() {
                let mut meta = meta.lock().unwrap_or_else(PoisonError::into_inner);
                meta.durable = meta.durable.max(last);
            }
            flushed.io_completed(outcome);
        };
        self.log.append(entries, Box::new(done))?;
        if last.is_some() {
            self.meta().last = last;
        }
        Ok(())
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> Result<(), io::Error> {
        let index = last.as_ref().map(|last| last.index);
        durable(|done| self.log.truncate_after_then(index, done)).await?;
        let mut meta = self.meta();
        meta.last = last.or(meta.purged);
        meta.durable = meta.durable.min(meta.last);
        Ok(())
    }

    async fn purge(&mut self, upto: LogId) -> Result<(), io::Error> {
        let purged = Purged {
            index: upto.index,
            id: encode(&upto)?,
        };
        durable(|done| self.log.purge_then(purged, done)).await?;
        let mut meta = self.meta();
        meta.purged = meta.purged.max(Some(upto));
        meta.last = meta.last.max(Some(upto));
        meta.durable = meta.durable.max(Some(upto));
        Ok(())
    }
}

/// Waits until the writer thread reports an operation durable.
async fn durable(start: impl FnOnce(pga_storage::log::Done) -> io::Result<()>) -> io::Result<()> {
    let (answer, answered) = oneshot::channel();
    start(Box::new(move |outcome| drop(answer.send(outcome))))?;
    answered
        .await
        .unwrap_or_else(|_| Err(io::Error::other("the log was closed")))
}

fn encode(value: &impl serde::Serialize) -> io::Result<Bytes> {
    rmp_serde::to_vec(value)
        .map(Bytes::from)
        .map_err(io::Error::other)
}

fn decode<T: serde::de::DeserializeOwned>(bytes: Option<&Bytes>) -> io::Result<Option<T>> {
    bytes
        .map(|bytes| pga_storage::from_msgpack(bytes).map_err(io::Error::other))
        .transpose()
}
