//! The one thread that writes a log.

mod room;

use pga_runtime::Instant;
use std::any::Any;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};

use bytes::Bytes;

use super::disk::{Disk, DiskFile};
use super::frame::{FrameHead, SEGMENT_HEAD, SegmentHead};
use super::job::{Done, Job};
use super::marker::{Marker, MarkerFile};
use super::recovery::Opened;
use super::segment::{Frame, FrameReader, Segment};
use super::state::Shared;
use super::{LogEntry, LogOptions, Purged};

/// Bytes after which a group is handed to the operating system in parts.
const WRITE_BYTES: usize = 1 << 20;
/// Bytes that share one fdatasync at most.
const GROUP_BYTES: usize = 16 << 20;

/// Appends that share one fdatasync.
#[derive(Default)]
struct Group {
    entries: Vec<LogEntry>,
    epoch: u64,
    bytes: usize,
    done: Vec<Done>,
}

/// The thread's own state.
pub(super) struct Writer {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    options: LogOptions,
    shared: Arc<Shared>,
    marker: Marker,
    marker_file: MarkerFile,
    /// The marker on disk is behind.
    dirty: bool,
    marked_at: Instant,
    segments: Vec<Segment>,
    /// The file of the last segment, if it is to grow.
    active: Option<Box<dyn DiskFile>>,
    /// Length of that file: after the last frame there are zeros.
    room: u64,
    /// The file system has no room for zeros ahead of this segment's end.
    is_cramped: bool,
    /// Index after the last entry written.
    end: u64,
    /// Checksum of the last frame written.
    tail: u32,
    /// Held as long as the thread lives.
    _lock: Box<dyn Any + Send + Sync>,
}

impl Writer {
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        dir: &Path,
        options: LogOptions,
        shared: Arc<Shared>,
        opened: Opened,
    ) -> Self {
        Self {
            disk,
            dir: dir.to_owned(),
            options,
            shared,
            marker: opened.marker,
            marker_file: opened.marker_file,
            dirty: false,
            marked_at: pga_runtime::now(),
            room: opened.segments.last().map_or(0, |segment| segment.bytes),
            is_cramped: false,
            segments: opened.segments,
            active: opened.active,
            end: opened.end,
            tail: opened.tail,
            _lock: opened.lock,
        }
    }

    /// Works until the log is closed.
    pub(super) fn run(mut self, queue: &Receiver<Job>) {
        self.publish();
        let mut held = None;
        loop {
            let Some(job) = held.take().or_else(|| self.next(queue)) else {
                return;
            };
            match job {
                Job::Append { .. } => held = self.append(job, queue),
                Job::Vote { vote, done } => {
                    let outcome = self.attempt(|writer| writer.vote(vote));
                    done(outcome);
                }
                Job::Committed => self.dirty = true,
                Job::Truncate { end, done } => {
                    let outcome = self.attempt(|writer| writer.truncate(end));
                    done(outcome);
                }
                Job::Purge { purged, done } => {
                    let outcome = self.attempt(|writer| writer.purge(purged));
                    done(outcome);
                }
                Job::Close { done } => return self.close(queue, done),
            }
        }
    }

    /// The next job. While there is none room is made for more, and the marker follows; also when
    /// it has been behind for long.
    fn next(&mut self, queue: &Receiver<Job>) -> Option<Job> {
        loop {
            if self.failed() {
                return queue.recv().ok();
            }
            if !self.dirty || self.marked_at.elapsed() < self.options.marker_interval {
                if self.wants_room() {
                    match queue.try_recv() {
                        Ok(job) => return Some(job),
                        Err(TryRecvError::Disconnected) => return None,
                        Err(TryRecvError::Empty) => {}
                    }
                    drop(self.attempt(Self::make_room));
                    continue;
                }
                if !self.dirty {
                    return queue.recv().ok();
                }
                match queue.recv_timeout(self.options.marker_idle) {
                    Ok(job) => return Some(job),
                    Err(RecvTimeoutError::Disconnected) => return None,
                    Err(RecvTimeoutError::Timeout) => {}
                }
            }
            // A failure is in the shared state now: the next caller learns of it.
            drop(self.attempt(Self::mark));
        }
    }

    /// Runs `work` unless the log has failed; a failure of `work` is the log's.
    fn attempt(&mut self, work: impl FnOnce(&mut Self) -> io::Result<()>) -> io::Result<()> {
        self.shared.lock().check()?;
        let outcome = work(self);
        if let Err(error) = &outcome {
            if let Some(metrics) = &self.options.metrics {
                metrics.failures.inc();
            }
            tracing::error!(dir = %self.dir.display(), %error, "the log failed and stays so");
            self.shared
                .fail(error.kind(), format!("the log failed: {error}"));
        }
        outcome
    }

    fn failed(&self) -> bool {
        self.shared.lock().failed.is_some()
    }

    /// Writes `first` and the appends that wait behind it; answers the job that came after them.
    fn append(&mut self, first: Job, queue: &Receiver<Job>) -> Option<Job> {
        let mut group = Group::default();
        let mut job = Some(first);
        while let Some(Job::Append {
            entries,
            epoch,
            bytes,
            done,
        }) = job
        {
            group.entries.extend(entries);
            group.epoch = epoch;
            group.bytes += bytes;
            group.done.push(done);
            job = match group.bytes {
                0..GROUP_BYTES => queue.try_recv().ok(),
                _ => None,
            };
        }
        let outcome = self.attempt(|writer| writer.write_group(&group.entries, group.epoch));
        self.settle(&group);
        for done in group.done {
            done(outcome.as_ref().copied().map_err(copy));
        }
        job
    }

    /// Tells callers that `group` no longer waits.
    fn settle(&self, group: &Group) {
        let mut state = self.shared.lock();
        state.queued_bytes = state.queued_bytes.saturating_sub(group.bytes);
        state.shrink_cache(self.options.cache_bytes);
        if let Some(metrics) = &self.options.metrics {
            metrics.queued_bytes.set(state.queued_bytes as i64);
        }
        drop(state);
        self.shared.room.notify_all();
    }

    fn write_group(&mut self, entries: &[LogEntry], epoch: u64) -> io::Result<()> {
        let mut buffer = Vec::new();
        for entry in entries {
            let room = self.segments.last().filter(|_| self.active.is_some());
            if room.is_none_or(|segment| segment.bytes >= self.options.segment_bytes) {
                self.flush(&mut buffer, epoch)?;
                self.roll()?;
            }
            let head = FrameHead::encode(&mut buffer, entry, self.marker.durable, self.tail);
            self.tail = head.crc;
            self.end = entry.index + 1;
            if let Some(segment) = self.segments.last_mut() {
                segment.push(head.frame_bytes());
            }
            if buffer.len() >= WRITE_BYTES {
                self.flush(&mut buffer, epoch)?;
            }
        }
        self.flush(&mut buffer, epoch)?;
        self.sync_active()?;
        self.marker.durable = self.end;
        self.dirty = true;
        if let Some(metrics) = &self.options.metrics {
            metrics.group_entries.observe(entries.len() as f64);
            metrics.written_entries.inc_by(entries.len() as u64);
        }
        Ok(())
    }

    /// Hands `buffer`, the end of the last segment, to the operating system.
    fn flush(&mut self, buffer: &mut Vec<u8>, epoch: u64) -> io::Result<()> {
        let (Some(file), Some(segment)) = (&self.active, self.segments.last()) else {
            return Ok(());
        };
        if buffer.is_empty() {
            return Ok(());
        }
        file.write_at(buffer, segment.bytes - buffer.len() as u64)?;
        self.room = self.room.max(segment.bytes);
        if let Some(metrics) = &self.options.metrics {
            metrics.written_bytes.inc_by(buffer.len() as u64);
        }
        buffer.clear();
        self.publish();
        let mut state = self.shared.lock();
        if state.epoch == epoch {
            state.written = self.end;
        }
        Ok(())
    }

    /// Begins a new segment. What the old one holds is durable before the new one can be seen.
    fn roll(&mut self) -> io::Result<()> {
        self.trim()?;
        self.sync_active()?;
        let segment = Segment::new(&self.dir, self.end, self.tail);
        let head = SegmentHead {
            group: self.options.group,
            first: self.end,
            prev: self.tail,
        };
        let file = self.disk.create(&segment.path)?;
        file.write_at(&head.encode(), 0)?;
        self.sync(file.as_ref())?;
        self.disk.sync_dir(&self.dir)?;
        self.room = segment.bytes;
        self.is_cramped = false;
        self.segments.push(segment);
        self.active = Some(file);
        self.marker.durable = self.end;
        self.mark()
    }

    fn sync_active(&self) -> io::Result<()> {
        match &self.active {
            Some(file) => self.sync(file.as_ref()),
            None => Ok(()),
        }
    }

    fn sync(&self, file: &dyn DiskFile) -> io::Result<()> {
        let started = pga_runtime::now();
        file.sync()?;
        if let Some(metrics) = &self.options.metrics {
            metrics
                .sync_seconds
                .observe(started.elapsed().as_secs_f64());
        }
        Ok(())
    }

    fn vote(&mut self, vote: Bytes) -> io::Result<()> {
        self.marker.vote = Some(vote);
        self.mark_both()
    }

    fn truncate(&mut self, end: u64) -> io::Result<()> {
        if end >= self.end {
            return Ok(());
        }
        self.marker.durable = self.marker.durable.min(end);
        self.marker.cut = Some(end);
        self.mark_both()?;
        self.active = None;
        while let Some(segment) = self.segments.pop_if(|segment| segment.first >= end) {
            self.tail = segment.prev;
            self.disk.remove(&segment.path)?;
        }
        self.disk.sync_dir(&self.dir)?;
        if let Some(segment) = self.segments.last_mut() {
            let file = self.disk.open(&segment.path)?;
            if segment.end > end {
                self.tail = cut_segment(file.as_ref(), segment, end)?;
            }
            self.room = file.length()?;
            self.active = Some(file);
        }
        self.end = end;
        self.publish();
        self.marker.cut = None;
        self.mark_both()
    }

    fn purge(&mut self, purged: Purged) -> io::Result<()> {
        let first = purged.index + 1;
        if first <= self.marker.first() {
            return Ok(());
        }
        self.marker.purged = Some(purged);
        if first > self.end {
            self.end = first;
            self.tail = 0;
            self.marker.durable = first;
        }
        self.mark_both()?;
        let kept = self
            .segments
            .partition_point(|segment| segment.end <= first);
        if kept == self.segments.len() {
            self.active = None;
        }
        let gone: Vec<Segment> = self.segments.drain(..kept).collect();
        self.publish();
        for segment in &gone {
            self.disk.remove(&segment.path)?;
        }
        self.disk.sync_dir(&self.dir)
    }

    /// Brings the marker up to date in one slot.
    fn mark(&mut self) -> io::Result<()> {
        self.take_committed();
        let started = pga_runtime::now();
        self.marker_file.write(&mut self.marker)?;
        self.marked(started);
        Ok(())
    }

    /// Brings the marker up to date in both slots.
    fn mark_both(&mut self) -> io::Result<()> {
        self.take_committed();
        let started = pga_runtime::now();
        self.marker_file.write_both(&mut self.marker)?;
        self.marked(started);
        Ok(())
    }

    fn take_committed(&mut self) {
        let mut state = self.shared.lock();
        state.committed_told = false;
        self.marker.committed.clone_from(&state.committed);
    }

    fn marked(&mut self, started: Instant) {
        self.dirty = false;
        self.marked_at = pga_runtime::now();
        if let Some(metrics) = &self.options.metrics {
            metrics
                .sync_seconds
                .observe(started.elapsed().as_secs_f64());
        }
    }

    /// Shows readers the segments as they are.
    fn publish(&self) {
        let mut state = self.shared.lock();
        state.segments.clone_from(&self.segments);
        drop(state);
        if let Some(metrics) = &self.options.metrics {
            let bytes = self
                .segments
                .iter()
                .map(|segment| segment.bytes)
                .sum::<u64>();
            metrics
                .size_bytes
                .set(i64::try_from(bytes).unwrap_or(i64::MAX));
            metrics.segments.set(self.segments.len() as i64);
        }
    }

    fn close(mut self, queue: &Receiver<Job>, done: Done) {
        let outcome = self.attempt(|writer| {
            writer.trim()?;
            match writer.dirty {
                true => writer.mark(),
                false => Ok(()),
            }
        });
        self.shared
            .fail(io::ErrorKind::NotConnected, "the log is closed".to_owned());
        // Whoever saw the log open has queued its job by now.
        while let Ok(job) = queue.try_recv() {
            let failed = self.shared.lock().check();
            match job {
                Job::Committed => {}
                Job::Append { done, .. }
                | Job::Vote { done, .. }
                | Job::Truncate { done, .. }
                | Job::Purge { done, .. }
                | Job::Close { done } => done(failed),
            }
        }
        drop(self);
        done(outcome);
    }
}

/// Shortens `segment` to the entries before `end`, durably; answers the checksum of its last frame.
pub(super) fn cut_segment(file: &dyn DiskFile, segment: &mut Segment, end: u64) -> io::Result<u32> {
    let mut reader = FrameReader::new(file)?;
    // One entry earlier, so that the last frame that stays is seen.
    let mut offset = segment
        .offset_before(end.saturating_sub(1))
        .max(SEGMENT_HEAD as u64);
    let mut tail = segment.prev;
    while let Frame::Whole(head) = reader.frame(offset)? {
        if head.index >= end {
            file.truncate(offset)?;
            file.sync()?;
            segment.cut(end, offset);
            return Ok(tail);
        }
        tail = head.crc;
        offset += head.frame_bytes();
    }
    let text = format!("entry {end} is not where the log wrote it");
    Err(io::Error::new(io::ErrorKind::InvalidData, text))
}

/// The same error once more: `io::Error` does not clone.
fn copy(error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), error.to_string())
}
