//! The server's log: what the server says about it, what is read of it, and what is sent.

mod follow;
mod notes;
pub(crate) mod place;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use pga_runtime::Instant;
use pga_server_log::tail::{Gap as Lost, GapReason, TailError};
use pga_server_log::{Class, Counts};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::follow::LogPosition;

use self::follow::{Batch, Follower};
use self::notes::{Notes, Unnamed};
use self::place::Place;
use crate::connection::{Connection, ReadError};
use crate::gap::Gap;
use crate::schedule::Due;

/// Type of the elements, and name of the gaps.
pub(crate) const KIND: &str = "pg_log";
/// How often the server is asked where it logs.
const ASK_EVERY: Duration = Duration::from_secs(60);

/// How the log is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Where its files are on this machine; as the server says, if none is named.
    pub directory: Option<PathBuf>,
    /// Values in statements and messages are kept: they leave the host.
    pub keeps_values: bool,
}

/// What came of reading, since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogHealth {
    /// The file that is read.
    pub file: Option<PathBuf>,
    /// Events that were sent.
    pub events: u64,
    /// Events that were too many to send, by class.
    pub dropped: BTreeMap<Class, u64>,
    /// What the reader counted.
    #[serde(flatten)]
    pub counts: Counts,
}

/// The log of one server.
#[derive(Debug)]
pub(crate) struct Log {
    options: LogOptions,
    place: Option<Place>,
    asked: Due,
    follower: Option<Follower>,
    position: Option<LogPosition>,
    notes: Notes,
    health: LogHealth,
}

/// What one cycle brought.
#[derive(Debug, Default)]
pub(crate) struct Cycle {
    /// Elements.
    pub(crate) elements: Vec<Value>,
    /// Plans whose statements have no id in the log.
    pub(crate) unnamed: Vec<Unnamed>,
    /// What is missing: the log cannot be read, or bytes of it are lost.
    pub(crate) gap: Option<Gap>,
}

impl Log {
    /// A log that is read from a position on; without one from the last 1 MiB.
    pub(crate) fn new(options: LogOptions, position: Option<LogPosition>) -> Self {
        Self {
            options,
            place: None,
            asked: Due::default(),
            follower: None,
            position,
            notes: Notes::default(),
            health: LogHealth::default(),
        }
    }

    /// The place behind what was answered last.
    pub(crate) const fn position(&self) -> Option<&LogPosition> {
        self.position.as_ref()
    }

    /// What came of reading.
    pub(crate) const fn health(&self) -> &LogHealth {
        &self.health
    }

    /// Asks the server where it logs, if it is time.
    pub(crate) async fn ask(&mut self, main: &Connection, now: Instant) -> Result<(), ReadError> {
        if !self.asked.is_due(now) {
            return Ok(());
        }
        self.asked.read(now, ASK_EVERY);
        let place = Place::ask(main, self.options.directory.as_deref()).await?;
        if self.place.as_ref() != Some(&place) {
            self.follower = None;
            self.place = Some(place);
        }
        Ok(())
    }

    /// Reads what was written since the last time. `wants` says which databases are read.
    pub(crate) async fn read(&mut self, wants: impl Fn(&str) -> bool, at: &str) -> Cycle {
        let found = match &self.place {
            // No connection has told yet: that is a gap of its own.
            None => return Cycle::default(),
            Some(Place::Elsewhere(gap)) => {
                return Cycle {
                    gap: Some(gap.clone()),
                    ..Cycle::default()
                };
            }
            Some(Place::Here(found)) => found.clone(),
        };
        let follower = self.follower.take();
        let position = self.position.clone();
        let keeps_values = self.options.keeps_values;
        let reading = pga_runtime::spawn_blocking(move || {
            let mut follower = match follower {
                Some(follower) => follower,
                None => Follower::open(&found, position, keeps_values)?,
            };
            let batch = follower.read()?;
            Ok::<_, TailError>((follower, batch))
        });
        match reading.await {
            Ok(Ok((follower, batch))) => {
                let cycle = self.take(&batch, wants, at);
                self.follower = Some(follower);
                cycle
            }
            Ok(Err(error)) => Cycle {
                gap: Some(unreadable(&error)),
                ..Cycle::default()
            },
            Err(error) => Cycle {
                gap: Some(unreadable(&error)),
                ..Cycle::default()
            },
        }
    }

    /// Whether it had a plan of a statement.
    pub(crate) fn has_plan(&self, id: i64, database: &str) -> bool {
        self.notes.has_plan(id, database)
    }

    /// The element of a plan, now that its statement is known.
    pub(crate) fn plan(&mut self, plan: &Unnamed, database: &str, id: i64) -> Option<Value> {
        self.notes.plan(plan, database, id)
    }

    fn take(&mut self, batch: &Batch, wants: impl Fn(&str) -> bool, at: &str) -> Cycle {
        let (elements, unnamed) = self.notes.elements(batch, wants, at);
        self.health.events += elements.iter().filter(|one| one["type"] == KIND).count() as u64;
        for (class, count) in &batch.dropped {
            *self.health.dropped.entry(*class).or_default() += count;
        }
        self.health.counts = add(self.health.counts, batch.counts);
        self.health.file.clone_from(&batch.file);
        if batch.position.is_some() {
            self.position.clone_from(&batch.position);
        }
        Cycle {
            elements,
            unnamed,
            gap: batch.lost.map(lost),
        }
    }
}

/// Sums, since each follower counts from 0.
const fn add(all: Counts, new: Counts) -> Counts {
    Counts {
        records: all.records + new.records,
        cut_records: all.cut_records + new.cut_records,
        unparsed_lines: all.unparsed_lines + new.unparsed_lines,
        replaced_characters: all.replaced_characters + new.replaced_characters,
    }
}

fn unreadable(error: &dyn std::error::Error) -> Gap {
    let help = "let the collector's user read the files: add it to their group, with \
        log_file_mode = 0640";
    Gap::told(KIND, pga_runtime::error_chain(error), help)
}

fn lost(lost: Lost) -> Gap {
    let what = match lost.reason {
        GapReason::Truncated => "a log file was emptied before it was read to its end",
        GapReason::Reused => "a log file was written anew before it was read to its end",
        GapReason::Vanished => "a log file is gone",
    };
    let bytes = match lost.lost_bytes {
        Some(bytes) => format!("{bytes} bytes of it were not read"),
        None => "it had been read to its end at the last look".to_owned(),
    };
    let help = "keep rotated files until the collector has read them";
    Gap::told(KIND, format!("{what}: {bytes}"), help)
}
