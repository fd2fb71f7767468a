//! Reading on: from bytes to events, so many at a time. It blocks.

use pga_runtime::Instant;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use pga_server_log::rate::{DurationSum, Limiter, Limits, Second};
use pga_server_log::tail::{FileKind, Gap, Position, Tail, TailError};
use pga_server_log::{Class, Counts, Event, Level, Reader, Record, Timestamp, Values};
use serde::{Deserialize, Serialize};

use super::place::Found;
use crate::connection::APPLICATION;

/// Bytes that are read at once.
const PIECE: usize = 64 << 10;
/// After this time without new bytes the open record is all there is.
const SILENCE: Duration = Duration::from_secs(2);
/// One reading ends after so many events, bytes of their texts, or bytes of the log; what is left
/// comes with the next one. They are twenty seconds' worth of what a server may send.
const MOST: (usize, usize, u64) = (4_000, 16 << 20, 64 << 20);

/// A place in a log, and which of its files it is in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPosition {
    /// `json`, `csv` or `stderr`.
    kind: String,
    at: Position,
}

/// What one reading brought.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Events in the order in which they were written.
    pub(super) events: Vec<Event>,
    /// Durations that are no events, with their second since the Unix epoch.
    pub(super) sums: Vec<(i64, DurationSum)>,
    /// How many events of each class were left out.
    pub(super) dropped: BTreeMap<Class, u64>,
    /// What the reader counted meanwhile.
    pub(super) counts: Counts,
    /// What was lost of the log.
    pub(super) lost: Option<Gap>,
    /// The file that is read.
    pub(super) file: Option<PathBuf>,
    /// The place behind these events; `None` before there is a file.
    pub(super) position: Option<LogPosition>,
    /// Bytes of their texts.
    pub(super) bytes: usize,
}

/// Reads one log.
#[derive(Debug)]
pub(super) struct Follower {
    kind: &'static str,
    tail: Tail,
    reader: Reader,
    limiter: Limiter,
    values: Values,
    told: Counts,
    last_bytes: Instant,
}

impl Follower {
    /// Goes on at a position, if it is one in files of this kind.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub(super) fn open(
        found: &Found,
        position: Option<LogPosition>,
        keeps_values: bool,
    ) -> Result<Self, TailError> {
        let kind = match found.files.kind {
            FileKind::Json => "json",
            FileKind::Csv => "csv",
            FileKind::Stderr => "stderr",
        };
        let position = position.filter(|position| position.kind == kind);
        Ok(Self {
            kind,
            tail: Tail::open(found.files.clone(), position.map(|position| position.at))?,
            reader: Reader::new(found.format.clone(), found.zones.clone()),
            limiter: Limiter::new(Limits::default()),
            values: match keeps_values {
                true => Values::Kept,
                false => Values::Removed,
            },
            told: Counts::default(),
            last_bytes: pga_runtime::now(),
        })
    }

    /// Reads what is there, or as much as one batch takes.
    ///
    /// The limits are those of the seconds in which the server wrote, so that a backlog is not
    /// thinned out.
    ///
    /// # Errors
    /// If a file cannot be read: then nothing of this reading is kept, and the follower must be
    /// opened anew.
    pub(super) fn read(&mut self) -> Result<Batch, TailError> {
        let mut batch = Batch::default();
        let mut read = 0;
        loop {
            let chunk = self.tail.read(PIECE)?;
            batch.lost = batch.lost.or(chunk.gap);
            let mut records = self.reader.feed(&chunk.bytes);
            let is_all = chunk.bytes.is_empty() && !chunk.is_file_end;
            if chunk.is_file_end {
                records.extend(self.reader.finish());
            }
            if !chunk.bytes.is_empty() {
                self.last_bytes = pga_runtime::now();
            } else if is_all && self.last_bytes.elapsed() >= SILENCE {
                records.extend(self.reader.flush());
            }
            for record in records {
                if let Some(second) = self.offer(record) {
                    batch.add(second);
                }
            }
            read += chunk.bytes.len() as u64;
            let is_full = batch.events.len() >= MOST.0 || batch.bytes >= MOST.1 || read >= MOST.2;
            if is_all || is_full {
                break;
            }
        }
        if let Some(second) = self.limiter.finish() {
            batch.add(second);
        }
        batch.counts = less(self.reader.counts(), self.told);
        self.told = self.reader.counts();
        batch.file = self.tail.path().map(PathBuf::from);
        let at = self.tail.position(self.reader.pending_bytes());
        batch.position = at.map(|at| LogPosition {
            kind: self.kind.to_owned(),
            at,
        });
        Ok(batch)
    }

    fn offer(&mut self, record: Record) -> Option<Second> {
        let at = record.time.unwrap_or_else(now);
        let is_own = is_own(&record);
        let event = Event::new(record, self.values);
        // What the collector itself costs, and what it may not, is told elsewhere.
        if is_own && event.level() > Level::Error {
            return None;
        }
        self.limiter.offer(event, at)
    }
}

impl Batch {
    fn add(&mut self, second: Second) {
        self.bytes += second.events.iter().map(Event::size_bytes).sum::<usize>();
        self.events.extend(second.events);
        let sums = second.durations.into_iter().map(|sum| (second.second, sum));
        self.sums.extend(sums);
        for (class, count) in second.dropped {
            *self.dropped.entry(class).or_default() += count;
        }
    }
}

/// Whether a session of the collector wrote it: by its name, or by the tag of its statements.
fn is_own(record: &Record) -> bool {
    record.application.as_deref() == Some(APPLICATION) || record.message.contains("/* pganalytics:")
}

fn now() -> Timestamp {
    let micros = pga_runtime::unix_time().as_micros();
    Timestamp::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
}

const fn less(all: Counts, told: Counts) -> Counts {
    Counts {
        records: all.records - told.records,
        cut_records: all.cut_records - told.cut_records,
        unparsed_lines: all.unparsed_lines - told.unparsed_lines,
        replaced_characters: all.replaced_characters - told.replaced_characters,
    }
}
