//! What goes into a log and how it is set up.

use std::time::Duration;

use bytes::Bytes;

use crate::GroupId;
use crate::metrics::LogMetrics;

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// Place in the log, from 0, without gaps.
    pub index: u64,
    /// Term of the leader that wrote it.
    pub term: u64,
    /// The entry itself, opaque to the log; at most 128 MiB.
    pub payload: Bytes,
}

impl LogEntry {
    /// What the entry costs in memory, roughly, in bytes.
    pub(crate) fn weight(&self) -> usize {
        self.payload.len() + 64
    }
}

/// How far a log was purged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purged {
    /// The last index that is gone.
    pub index: u64,
    /// That entry's log id as the caller encodes it; at most 1 KiB.
    pub id: Bytes,
}

/// Settings of a log.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// The Raft group whose log it is.
    pub group: GroupId,
    /// Size from which a segment is closed, in bytes.
    pub segment_bytes: u64,
    /// Zeros that are written ahead of the frames while the log is idle: an fdatasync of bytes
    /// that the file has already does not wait for the file system's journal.
    pub room_bytes: u64,
    /// Bytes of the newest entries that stay in memory.
    pub cache_bytes: usize,
    /// Bytes that may wait for the disk before [`append`](super::Log::append) blocks.
    pub queue_bytes: usize,
    /// Idle time after which the marker follows.
    pub marker_idle: Duration,
    /// Longest time under load between two markers.
    pub marker_interval: Duration,
    /// Where the log counts what it does.
    pub metrics: Option<LogMetrics>,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            group: GroupId::ZERO,
            segment_bytes: 64 << 20,
            room_bytes: 1 << 20,
            cache_bytes: 4 << 20,
            queue_bytes: 64 << 20,
            marker_idle: Duration::from_millis(50),
            marker_interval: Duration::from_secs(1),
            metrics: None,
        }
    }
}

/// What [`Log::open`](super::Log::open) found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// The last saved vote.
    pub vote: Option<Bytes>,
    /// The last saved commit position; it may be older than the last one given.
    pub committed: Option<Bytes>,
    /// How far the log was purged.
    pub purged: Option<Purged>,
    /// First entry in the log; none if it is empty.
    pub first: Option<u64>,
    /// Last entry in the log; none if it is empty.
    pub last: Option<u64>,
    /// Bytes of unanswered appends that were cut off the end.
    pub torn_bytes: u64,
}
