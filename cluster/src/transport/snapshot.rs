//! Files of a snapshot, on their way between nodes.

use std::fs;
use std::path::{Path, PathBuf};

/// A file to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotFile {
    /// Name at the receiver: letters, digits, `.`, `_` and `-`, not starting with a dot, at most
    /// 128 bytes.
    pub name: String,
    /// Where its bytes are now.
    pub path: PathBuf,
}

/// A file that has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedFile {
    /// Its name, checked: a plain file name.
    pub name: String,
    /// Where it is: in the directory of its [`ReceivedSnapshot`].
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
}

/// A snapshot that has arrived completely, in a directory of its own. Not fsynced. Dropping removes
/// the directory.
#[derive(Debug)]
pub struct ReceivedSnapshot {
    dir: PathBuf,
    files: Vec<ReceivedFile>,
    kept: bool,
}

impl ReceivedSnapshot {
    /// Takes over a directory with these files.
    pub fn new(dir: PathBuf, files: Vec<ReceivedFile>) -> Self {
        Self {
            dir,
            files,
            kept: false,
        }
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The files, in the order they were sent.
    pub fn files(&self) -> &[ReceivedFile] {
        &self.files
    }

    /// The file of this name.
    pub fn file(&self, name: &str) -> Option<&ReceivedFile> {
        self.files.iter().find(|file| file.name == name)
    }

    /// Leaves the directory in place, to whoever asked: nobody else removes it.
    pub fn keep(mut self) -> PathBuf {
        self.kept = true;
        std::mem::take(&mut self.dir)
    }

    pub(crate) fn add(&mut self, file: ReceivedFile) {
        self.files.push(file);
    }
}

impl Drop for ReceivedSnapshot {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        if let Err(error) = fs::remove_dir_all(&self.dir)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.dir.display(), %error, "cannot remove a received snapshot");
        }
    }
}

/// Whether `name` is a plain file name that may come from a peer (bad input: path traversal).
pub(crate) fn is_plain_name(name: &str) -> bool {
    (1..=128).contains(&name.len())
        && !name.starts_with('.')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_are_taken_from_a_peer() {
        for (name, want) in [
            ("state.bin", true),
            ("store-1_2.sqlite", true),
            ("", false),
            (".", false),
            ("..", false),
            (".hidden", false),
            ("a/b", false),
            ("../a", false),
            ("a\\b", false),
            ("a\0b", false),
            ("ü", false),
        ] {
            assert_eq!(is_plain_name(name), want, "{name:?}");
        }
        assert!(!is_plain_name(&"a".repeat(129)));
    }
}
