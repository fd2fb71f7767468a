//! Moves what is damaged aside.
//!
//! # Layout
//! ```text
//! <dir>/recovering                  why this node recovers; there from the decision until the others have evicted it
//! <dir>/quarantine/<seconds>/       log and snapshots as they were found, for people; nothing reads or deletes them
//! ```
//! # What a crash leaves
//! `recovering`, with all or some of the directories still in place: the next start finds the
//! damage again, and moves them.

use std::fs::{self};
use std::io::{self};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// What is moved aside.
const DIRECTORIES: [&str; 2] = ["log", "snapshots"];

/// The place for what is damaged.
#[derive(Clone, Debug)]
pub(crate) struct Quarantine {
    dir: PathBuf,
}

impl Quarantine {
    /// Beside the log and the snapshots in `dir`.
    pub(crate) fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
        }
    }

    /// The directory that holds everything.
    pub(crate) fn path(&self) -> PathBuf {
        self.dir.clone()
    }

    fn note(&self) -> PathBuf {
        self.dir.join("recovering")
    }

    /// Why a recovery was begun that is not finished.
    pub(crate) fn pending(&self) -> Result<Option<String>> {
        let note = self.note();
        match fs::read_to_string(&note) {
            Ok(why) => Ok(Some(why)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(file_error("read", &note, source)),
        }
    }

    /// Notes durably that this node recovers.
    pub(crate) fn begin(&self, why: &str) -> Result<()> {
        let note = self.note();
        pga_runtime::replace_file(&note, why.as_bytes())
            .map_err(|source| file_error("write", &note, source))
    }

    /// Moves log and snapshots aside; answers where they are. Nobody may have them open.
    pub(crate) fn move_aside(&self) -> Result<PathBuf> {
        let seconds = pga_runtime::unix_time().as_secs();
        let parent = self.dir.join("quarantine");
        let mut place = parent.join(seconds.to_string());
        for again in 2_u32.. {
            if !place.exists() {
                break;
            }
            place = parent.join(format!("{seconds}-{again}"));
        }
        let make = || -> io::Result<()> {
            fs::create_dir_all(&place)?;
            for name in DIRECTORIES {
                let from = self.dir.join(name);
                if from.exists() {
                    fs::rename(&from, place.join(name))?;
                }
            }
            pga_runtime::sync_dir(&place)?;
            pga_runtime::sync_dir(&self.dir.join("quarantine"))?;
            pga_runtime::sync_dir(&self.dir)
        };
        make().map_err(|source| file_error("move the damaged log to", &place, source))?;
        Ok(place)
    }

    /// Notes durably that the node is as good as new.
    pub(crate) fn end(&self) -> Result<()> {
        let note = self.note();
        let remove = || match fs::remove_file(&note) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => pga_runtime::sync_dir(&self.dir),
        };
        remove().map_err(|source| file_error("remove", &note, source))
    }
}

fn file_error(action: &'static str, path: &Path, source: io::Error) -> Error {
    Error::File {
        action,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_damaged_is_kept_and_the_reason_survives_until_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let quarantine = Quarantine::new(dir.path());
        assert_eq!(quarantine.pending().unwrap(), None);
        quarantine.begin("a bit flipped").unwrap();
        for round in 0..3 {
            fs::create_dir(dir.path().join("log")).unwrap();
            fs::write(dir.path().join("log/marker"), [round]).unwrap();
            let place = quarantine.move_aside().unwrap();
            assert_eq!(fs::read(place.join("log/marker")).unwrap(), [round]);
            assert!(!dir.path().join("log").exists());
        }
        let found = quarantine.pending().unwrap();
        assert_eq!(found.as_deref(), Some("a bit flipped"));
        quarantine.end().unwrap();
        quarantine.end().unwrap();
        assert_eq!(quarantine.pending().unwrap(), None);
    }
}
