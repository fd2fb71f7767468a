//! Small files that are replaced as a whole.
//!
//! # Layout (version 1)
//! ```text
//! magic: 8 bytes, format: u32 le, crc: u32 le of all that follows, body
//! ```
//! # What a crash leaves
//! The file before or after the write, and perhaps `<name>.new`, which the next write replaces.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const FORMAT: u32 = 1;
const HEAD_BYTES: usize = 8 + 4 + 4;

/// One small file, with a checksum.
#[derive(Clone, Debug)]
pub(crate) struct SealedFile {
    path: PathBuf,
    magic: &'static [u8; 8],
}

impl SealedFile {
    /// The file at `path`; `magic` says what it is.
    pub(crate) const fn new(path: PathBuf, magic: &'static [u8; 8]) -> Self {
        Self { path, magic }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its body, if there is one; `InvalidData` if it is damaged, or of another version.
    pub(crate) fn read(&self) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        if bytes.len() < HEAD_BYTES || !bytes.starts_with(self.magic) {
            return Err(invalid("torn, or another kind of file"));
        }
        let body = bytes.split_off(HEAD_BYTES);
        if bytes.get(8..12) != Some(&FORMAT.to_le_bytes()) {
            return Err(invalid("of another version"));
        }
        if bytes.get(12..) != Some(&crc32c::crc32c(&body).to_le_bytes()) {
            return Err(invalid("wrong checksum"));
        }
        Ok(Some(body))
    }

    /// Replaces the file; durable on return.
    pub(crate) fn write(&self, body: &[u8]) -> io::Result<()> {
        let format = FORMAT.to_le_bytes();
        let crc = crc32c::crc32c(body).to_le_bytes();
        let bytes = [&self.magic[..], &format, &crc, body].concat();
        pga_runtime::replace_file(&self.path, &bytes)
    }
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_what_is_damaged_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let file = SealedFile::new(dir.path().join("file"), b"PGATEST1");
        assert_eq!(file.read().unwrap(), None);
        for body in [&b"first"[..], b""] {
            file.write(body).unwrap();
            assert_eq!(file.read().unwrap().as_deref(), Some(body));
        }
        file.write(b"body").unwrap();
        let whole = fs::read(file.path()).unwrap();
        for length in 0..whole.len() {
            fs::write(file.path(), &whole[..length]).unwrap();
            let error = file.read().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{length} bytes");
        }
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            fs::write(file.path(), flipped).unwrap();
            assert!(file.read().is_err(), "byte {at}");
        }
        let mut older = whole;
        older[8] = 0;
        fs::write(file.path(), older).unwrap();
        let error = file.read().unwrap_err();
        assert!(error.to_string().contains("version"), "{error}");
    }
}
