//! The bytes of an archive, hashed as they are read.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256};

use crate::backup::ArchiveError;
use crate::data_dir::file_error;
use crate::{Error, Result};

/// The bytes of an archive.
pub(super) struct Raw {
    pub(super) path: PathBuf,
    from: BufReader<File>,
    hash: Context,
    /// How many were read.
    pub(super) at: u64,
}

impl Raw {
    pub(super) fn new(path: &Path, file: File) -> Self {
        Self {
            path: path.to_owned(),
            from: BufReader::with_capacity(1 << 20, file),
            hash: Context::new(&SHA256),
            at: 0,
        }
    }

    /// Fills `piece`; the bytes count in the hash.
    pub(super) fn read(&mut self, piece: &mut [u8]) -> Result<()> {
        self.fill(piece)?;
        self.hash.update(piece);
        Ok(())
    }

    /// Fills `piece`; the bytes do not count in the hash.
    pub(super) fn fill(&mut self, piece: &mut [u8]) -> Result<()> {
        match self.from.read_exact(piece) {
            Ok(()) => {
                self.at += piece.len() as u64;
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                Err(self.damaged(self.at, "it is cut off"))
            }
            Err(error) => Err(file_error("read", &self.path, error)),
        }
    }

    /// The next byte, which stays; `None` at the end.
    pub(super) fn peek(&mut self) -> Result<Option<u8>> {
        match self.from.fill_buf() {
            Ok(bytes) => Ok(bytes.first().copied()),
            Err(error) => Err(file_error("read", &self.path, error)),
        }
    }

    /// SHA-256 of what was read so far.
    pub(super) fn sha256(&self) -> [u8; 32] {
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(self.hash.clone().finish().as_ref());
        sha256
    }

    /// What is wrong with the bytes at `offset`.
    pub(super) fn damaged(&self, offset: u64, what: impl Into<String>) -> Error {
        Error::Archive(ArchiveError::Damaged {
            path: self.path.clone(),
            offset,
            what: what.into(),
        })
    }
}

/// A number in `bytes` from `at` on, little endian; what is not there counts as 0.
pub(super) fn number<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let found = bytes
        .get(at..at + N)
        .and_then(|found| found.try_into().ok());
    found.unwrap_or([0; N])
}
