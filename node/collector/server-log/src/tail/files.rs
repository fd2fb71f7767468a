//! The files of one log: which belong to it, in which order.

use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::position::{Position, modified_nanos};

/// The log's format, as far as names of files tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// `*.json`.
    Json,
    /// `*.csv`.
    Csv,
    /// Any other name that is not one of a compressed file: `log_filename` may have any ending.
    Stderr,
}

impl FileKind {
    fn takes(self, name: &Path) -> bool {
        let extension = name.extension().and_then(|extension| extension.to_str());
        match self {
            Self::Json => extension == Some("json"),
            Self::Csv => extension == Some("csv"),
            Self::Stderr => !matches!(
                extension,
                Some("json" | "csv" | "gz" | "zst" | "xz" | "bz2" | "lz4" | "zip")
            ),
        }
    }
}

/// The directory of a log (`log_directory`, below `data_directory` if it is relative), and the kind
/// of its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFiles {
    /// The directory.
    pub directory: PathBuf,
    /// The kind of its files that are read.
    pub kind: FileKind,
}

/// A file of the directory; the order is that of time of change, then of name.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) path: PathBuf,
    pub(super) metadata: Metadata,
    name: OsString,
}

impl Candidate {
    pub(super) fn key(&self) -> (i64, &OsString) {
        (modified_nanos(&self.metadata), &self.name)
    }
}

impl LogFiles {
    /// The files of this kind, the oldest first. A directory that is not there has none.
    pub(super) fn list(&self) -> io::Result<Vec<Candidate>> {
        let mut files = self.regular()?;
        files.retain(|file| self.kind.takes(&file.path));
        files.sort_by(|one, two| one.key().cmp(&two.key()));
        Ok(files)
    }

    /// Opens the file of a position, whatever it is named now.
    pub(super) fn find(&self, position: &Position) -> io::Result<Option<(PathBuf, File)>> {
        let files = self.regular()?;
        let Some(file) = files
            .into_iter()
            .find(|file| position.is_of(&file.metadata))
        else {
            return Ok(None);
        };
        Ok(open(&file.path)?.map(|opened| (file.path, opened)))
    }

    fn regular(&self) -> io::Result<Vec<Candidate>> {
        let entries = match fs::read_dir(&self.directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut files = Vec::new();
        for entry in entries {
            let entry = entry?;
            match entry.metadata() {
                Ok(metadata) if metadata.is_file() => {
                    files.push(Candidate {
                        path: entry.path(),
                        metadata,
                        name: entry.file_name(),
                    });
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(files)
    }
}

/// Opens a file; one that is gone in the meantime is `None`.
pub(super) fn open(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
