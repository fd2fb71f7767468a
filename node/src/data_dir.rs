//! The data directory of a node.
//!
//! # Layout
//! `lock` (held while the process runs), `identity` (node and cluster id, written once), `pki/`,
//! `raft/` (log, snapshots, buffer), `store/` (embedded store), `admin.sock` (local operator). The
//! directory has mode 0700 and belongs to the user that runs the node; a crash leaves only
//! `admin.sock` behind, which the next start replaces.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use pga_cluster::ClusterId;
use pga_config::NodeId;
use rustix::fs::{FlockOperation, flock};

use crate::{Error, Result};

/// A data directory that this process holds.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Makes the directory if it is not there, checks its rights, and locks it until this value is
    /// dropped.
    ///
    /// # Errors
    /// `Permission` for another mode or owner, `Locked` if another process has it, `File`.
    pub fn open(path: &Path) -> Result<Self> {
        make_private_dir(path)?;
        check_rights(path)?;
        let lock_path = path.join("lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&lock_path)
            .map_err(|source| file_error("open", &lock_path, source))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                _lock: lock,
            }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(Error::Locked(path.to_owned())),
            Err(errno) => Err(file_error("lock", &lock_path, errno.into())),
        }
    }

    /// Notes whose directory this is, or refuses one that belongs to another node or cluster
    /// (ID-1).
    ///
    /// # Errors
    /// `Foreign`, `File`.
    pub fn claim(&self, node: NodeId, cluster: ClusterId) -> Result<()> {
        let path = self.path.join("identity");
        let ours = format!("node {}\ncluster {cluster}\n", node.get());
        match fs::read_to_string(&path) {
            Ok(text) if text == ours => Ok(()),
            Ok(text) => Err(Error::Foreign {
                path: self.path.clone(),
                what: format!(
                    "belongs to {}, not to {}",
                    text.trim().replace('\n', " of "),
                    ours.trim().replace('\n', " of ")
                ),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                write_private(&path, ours.as_bytes())
            }
            Err(source) => Err(file_error("read", &path, source)),
        }
    }

    /// Where the cluster keeps log, snapshots and buffer.
    pub fn raft(&self) -> PathBuf {
        self.path.join("raft")
    }

    /// Where the embedded store is.
    pub fn store(&self) -> PathBuf {
        self.path.join("store")
    }

    /// The local operator's socket.
    pub fn admin_socket(&self) -> PathBuf {
        admin_socket(&self.path)
    }
}

/// The local operator's socket of the data directory at `path`.
pub fn admin_socket(path: &Path) -> PathBuf {
    path.join("admin.sock")
}

/// Makes a directory with mode 0700, and its parents.
pub(crate) fn make_private_dir(path: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| file_error("create", path, source))
}

/// Writes a file with mode 0600, durably and whole: a crash leaves the old one or the new one.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    pga_runtime::replace_file(path, bytes).map_err(|source| file_error("write", path, source))
}

pub(crate) fn file_error(action: &'static str, path: &Path, source: io::Error) -> Error {
    Error::File {
        action,
        path: path.to_owned(),
        source,
    }
}

fn check_rights(path: &Path) -> Result<()> {
    let meta = fs::metadata(path).map_err(|source| file_error("inspect", path, source))?;
    let refuse = |what: String| {
        Err(Error::Permission {
            path: path.to_owned(),
            what,
        })
    };
    let mode = meta.permissions().mode() & 0o777;
    if mode != 0o700 {
        return refuse(format!("mode is {mode:04o}, must be 0700: chmod 700"));
    }
    let user = rustix::process::geteuid().as_raw();
    if meta.uid() != user {
        return refuse(format!("belongs to user {}, not to {user}", meta.uid()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_process_cannot_have_the_directory() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data");
        let held = DataDir::open(&path).unwrap();
        let second = DataDir::open(&path).unwrap_err();
        assert_eq!(second.exit().code(), 75);
        drop(held);
        DataDir::open(&path).unwrap();
    }

    #[test]
    fn wide_rights_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data");
        DataDir::open(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(DataDir::open(&path).unwrap_err().exit().code(), 77);
    }

    #[test]
    fn a_directory_of_another_node_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::open(&dir.path().join("data")).unwrap();
        let cluster = ClusterId::random();
        data.claim(NodeId::new(1), cluster).unwrap();
        data.claim(NodeId::new(1), cluster).unwrap();
        for (node, cluster) in [(2, cluster), (1, ClusterId::random())] {
            let error = data.claim(NodeId::new(node), cluster).unwrap_err();
            assert_eq!(error.exit().code(), 78, "{error}");
        }
    }
}
