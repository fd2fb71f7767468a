//! The files that a store consists of.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// Name of the database file in the store's directory.
pub(super) const FILE_NAME: &str = "store.db";

/// Deletes what a crash left of a copy coming in.
pub(super) fn remove_leftover(path: &Path) -> Result<()> {
    let staged = beside(path, ".new");
    ["", "-wal", "-shm"]
        .iter()
        .try_for_each(|suffix| remove(&beside(&staged, suffix)))
}

/// Bytes of the file and its write-ahead log.
pub(super) fn size_bytes(path: &Path) -> u64 {
    let size = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
    size(path) + size(&beside(path, "-wal"))
}

pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

pub(super) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(file("remove", path)(error)),
        _ => Ok(()),
    }
}

pub(super) fn sync(path: &Path) -> Result<()> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(file("sync", path))
}

pub(super) fn file<'a>(
    action: &'static str,
    path: &'a Path,
) -> impl FnOnce(io::Error) -> Error + 'a {
    move |source| Error::File {
        action,
        path: path.to_owned(),
        source,
    }
}
