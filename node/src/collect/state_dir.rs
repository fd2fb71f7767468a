//! Where a collector keeps its identity and what no node has taken yet, and that one process has
//! it.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::error::CollectError;

/// Of the service, and of everybody who is root.
const SYSTEM: &str = "/var/lib/pganalytics-collector";
/// Below the directory of a person's state.
const NAME: &str = "pganalytics-collector";

/// The directory, where the command line names none: `/var/lib/pganalytics-collector` for root,
/// else `pganalytics-collector` in `$XDG_STATE_HOME`, else in `~/.local/state`.
///
/// # Errors
/// [`CollectError::Options`] if there is neither variable.
///
/// # Source
/// XDG Base Directory Specification 0.8: a relative path counts as none.
pub fn default_state_dir() -> Result<PathBuf, CollectError> {
    let var = |name| env::var_os(name).map(PathBuf::from);
    let is_root = rustix::process::geteuid().is_root();
    choose(is_root, var("XDG_STATE_HOME"), var("HOME")).ok_or_else(|| {
        let text = "--state-dir: write one, as there is no home directory ($HOME)";
        CollectError::Options(text.to_owned())
    })
}

/// The directory whose collectors `collect status` shows, where the command line names none: that
/// of this user, else that of the service.
pub(super) fn of_this_machine() -> PathBuf {
    let own = default_state_dir().ok();
    own.filter(|dir| dir.exists())
        .unwrap_or_else(|| PathBuf::from(SYSTEM))
}

fn choose(is_root: bool, state_home: Option<PathBuf>, home: Option<PathBuf>) -> Option<PathBuf> {
    if is_root {
        return Some(PathBuf::from(SYSTEM));
    }
    let absolute = |path: &PathBuf| path.is_absolute();
    let below_home = || home.filter(absolute).map(|home| home.join(".local/state"));
    let parent = state_home.filter(absolute).or_else(below_home)?;
    Some(parent.join(NAME))
}

/// A state directory that this process has, until this value is dropped.
#[derive(Debug)]
pub(super) struct StateDir {
    _lock: File,
}

impl StateDir {
    /// Makes the directory if it is not there, and takes it.
    ///
    /// # Errors
    /// [`CollectError::State`] if it cannot be written, [`CollectError::InUse`] if another process
    /// has it.
    pub(super) fn take(path: &Path) -> Result<Self, CollectError> {
        let failed = |error| CollectError::State(path.to_owned(), error);
        fs::create_dir_all(path).map_err(failed)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path.join("lock"))
            .map_err(failed)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { _lock: lock }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(CollectError::InUse(path.to_owned())),
            Err(errno) => Err(failed(errno.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_by_user_and_variables() {
        let path = |text: &str| Some(PathBuf::from(text));
        let home = "/home/u/.local/state/pganalytics-collector";
        for (is_root, state_home, want) in [
            (true, path("/state"), path(SYSTEM)),
            (false, path("/state"), path("/state/pganalytics-collector")),
            (false, path("state"), path(home)),
            (false, None, path(home)),
        ] {
            assert_eq!(choose(is_root, state_home, path("/home/u")), want);
        }
        assert_eq!(choose(false, path(""), None), None);
    }

    #[test]
    fn one_process_has_a_directory() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("a/b");
        let held = StateDir::take(&root).unwrap();
        let error = StateDir::take(&root).unwrap_err().to_string();
        assert!(
            error.contains("another process") && error.contains("--state-dir"),
            "{error}"
        );
        drop(held);
        StateDir::take(&root).unwrap();
        let file = root.join("lock/below");
        let error = StateDir::take(&file).unwrap_err();
        assert!(matches!(error, CollectError::State(..)), "{error:?}");
    }
}
