//! `collect status`: how the collectors of a state directory are, from the file that each writes
//! after every cycle.

mod show;

use std::fs;
use std::io;
use std::path::Path;

use pga_collector::Gap;
use pga_storage::Timestamp;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::clock::Skew;
use super::error::CollectError;
use super::state_dir;
use super::watched::state_dirs;
use crate::output::Output;

const FILE: &str = "status.json";

/// How one collector was at the end of its last cycle. Times are RFC 3339.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Status {
    /// Hosts and ports of its server.
    pub(super) server: String,
    /// Who it is to the cluster.
    pub(super) collector_id: String,
    /// Of the program.
    pub(super) version: String,
    /// Number of its process.
    pub(super) process: u32,
    pub(super) started_at: String,
    /// When it was told to stop and did; `None` while it runs, and after a crash.
    pub(super) stopped_at: Option<String>,
    /// Time between two cycles.
    pub(super) interval_seconds: f64,
    /// The version of the cluster's configuration that runs.
    pub(super) config_version: Option<u64>,
    /// A later one that it refused, and why.
    pub(super) config_refused: Option<u64>,
    pub(super) config_error: Option<String>,
    /// Cycles since the start.
    pub(super) cycles: u64,
    pub(super) cycle_at: Option<String>,
    pub(super) cycle_seconds: f64,
    pub(super) cycle_elements: u64,
    pub(super) pushes_acknowledged: u64,
    pub(super) pushes_refused: u64,
    pub(super) pushes_failed: u64,
    /// When a push was acknowledged last, and by which node.
    pub(super) pushed_at: Option<String>,
    pub(super) pushed_to: Option<String>,
    pub(super) push_failed_at: Option<String>,
    pub(super) push_error: Option<String>,
    pub(super) spool_cycles: u64,
    pub(super) spool_bytes: u64,
    pub(super) spool_max_bytes: u64,
    pub(super) spool_dropped_cycles: u64,
    /// How far this machine's clock is ahead of the nodes'.
    pub(super) clock: Option<Skew>,
    /// What cannot be read.
    pub(super) gaps: Vec<Gap>,
}

impl Status {
    /// Puts it in `dir`, in place of the one before.
    ///
    /// # Errors
    /// If it cannot be written; then the one before is whole.
    pub(super) fn write(&self, dir: &Path) -> io::Result<()> {
        pga_runtime::replace_file(&dir.join(FILE), &serde_json::to_vec(self)?)
    }

    /// When it started.
    fn started(&self) -> Option<Timestamp> {
        let started = OffsetDateTime::parse(&self.started_at, &Rfc3339);
        started.ok().map(Timestamp::from)
    }

    /// The one in `dir`; `None` if there is none.
    ///
    /// # Errors
    /// If it cannot be read, or is none.
    fn read(dir: &Path) -> io::Result<Option<Self>> {
        match fs::read(dir.join(FILE)) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// What `collect status` prints, and whether all collectors run and get rid of what they read.
///
/// # Errors
/// [`CollectError::NoState`] if no collector has run with that directory, or this machine's,
/// [`CollectError::State`] if a file cannot be read.
pub fn status(root: Option<&Path>, output: Output) -> Result<(String, bool), CollectError> {
    let root = &root.map_or_else(state_dir::of_this_machine, Path::to_owned);
    let mut all = Vec::new();
    for dir in state_dirs(root) {
        let read = Status::read(&dir).map_err(|error| CollectError::State(dir, error))?;
        all.extend(read);
    }
    if all.is_empty() {
        return Err(CollectError::NoState(root.to_owned()));
    }
    let now = Timestamp::now();
    let newest = all.iter().max_by_key(|status| status.started());
    let process = newest.map_or(0, |status| status.process);
    let judged: Vec<show::Judged> = all
        .into_iter()
        .map(|status| show::Judged::of(status, now, process))
        .collect();
    let is_good = judged.iter().all(|one| one.is_good());
    Ok((show::text(&judged, output, now), is_good))
}
