//! How often a node began anew.
//!
//! # Layout
//! `<dir>/life`, a [`SealedFile`]: the number of the incarnation, u64 le. A node that never began
//! anew has none, and is its incarnation 0.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Result};
use crate::sealed_file::SealedFile;

const MAGIC: &[u8; 8] = b"PGALIFE1";

/// Number of a node's incarnation: the log entry with which the others evicted it, before it began
/// anew. So a later incarnation has a larger number, whatever the node itself remembers.
#[derive(Debug)]
pub(crate) struct Incarnation {
    file: SealedFile,
    number: AtomicU64,
}

impl Incarnation {
    /// Reads the number below `dir`.
    pub(crate) fn open(dir: &Path) -> Result<Self> {
        let incarnation = Self::first(dir);
        let read = incarnation.file.read().and_then(|body| match body {
            None => Ok(0),
            Some(body) => match body.try_into() {
                Ok(bytes) => Ok(u64::from_le_bytes(bytes)),
                Err(_) => Err(io::ErrorKind::InvalidData.into()),
            },
        });
        match read {
            Ok(number) => {
                incarnation.number.store(number, Ordering::Release);
                Ok(incarnation)
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(Error::Damaged {
                path: incarnation.file.path().to_owned(),
                what: error.to_string(),
            }),
            Err(source) => Err(incarnation.error("read", source)),
        }
    }

    /// The incarnation before any that was written down.
    pub(crate) fn first(dir: &Path) -> Self {
        Self {
            file: SealedFile::new(dir.join("life"), MAGIC),
            number: AtomicU64::new(0),
        }
    }

    /// Its number.
    pub(crate) fn number(&self) -> u64 {
        self.number.load(Ordering::Acquire)
    }

    /// Begins the incarnation `number`; durable on return.
    pub(crate) fn begin(&self, number: u64) -> Result<()> {
        self.file
            .write(&number.to_le_bytes())
            .map_err(|source| self.error("write", source))?;
        self.number.store(number, Ordering::Release);
        Ok(())
    }

    fn error(&self, action: &'static str, source: io::Error) -> Error {
        Error::File {
            action,
            path: self.file.path().to_owned(),
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_survives_a_restart_and_damage_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let incarnation = Incarnation::open(dir.path()).unwrap();
        assert_eq!(incarnation.number(), 0);
        incarnation.begin(70).unwrap();
        assert_eq!(incarnation.number(), 70);
        assert_eq!(Incarnation::open(dir.path()).unwrap().number(), 70);
        let path = dir.path().join("life");
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        let error = Incarnation::open(dir.path()).unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
    }
}
