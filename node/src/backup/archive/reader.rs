//! Reading an archive, and making sure of every byte of it.

use std::fs::File;
use std::path::Path;

use ring::digest::{Context, SHA256, digest};

use super::raw::{Raw, number};
use super::{
    CHUNK_BYTES, CHUNK_HEAD_BYTES, END_BYTES, END_MAGIC, FIXED_BYTES, FORMAT, MAGIC,
    MAX_BODY_BYTES, MAX_HEAD_BYTES, crc,
};
use crate::backup::ArchiveError;
use crate::backup::cipher::{Cipher, Passphrase, Place};
use crate::backup::head::Head;
use crate::backup::manifest::{Manifest, Part, PartSum};
use crate::data_dir::file_error;
use crate::{Error, Result};

/// An archive whose head was read.
pub(in crate::backup) struct Archive {
    raw: Raw,
    size: u64,
    head: Head,
    head_sha: Vec<u8>,
}

/// What was found in an archive that is whole.
#[derive(Clone, Debug)]
pub(crate) struct Contents {
    /// Its head.
    pub(crate) head: Head,
    /// Its manifest; none if it is encrypted and stayed closed.
    pub(crate) manifest: Option<Manifest>,
    /// Size of the file, in bytes.
    pub(crate) size: u64,
    /// SHA-256 of all before the end, as hex.
    pub(crate) sha256: String,
}

/// Who takes the parts, piece by piece.
pub(in crate::backup) type Sink<'a> = &'a mut dyn FnMut(Part, &[u8]) -> Result<()>;

/// How the bodies are read.
enum Seal {
    /// They are not sealed.
    None,
    /// They are opened.
    Open(Box<Cipher>),
    /// They stay closed: only their checksums are looked at.
    Closed,
}

impl Archive {
    /// Opens the file at `path` and reads its head.
    pub(in crate::backup) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|error| file_error("open", path, error))?;
        let meta = file.metadata();
        let meta = meta.map_err(|error| file_error("inspect", path, error))?;
        let foreign = || Error::Archive(ArchiveError::Foreign(path.to_owned()));
        if !meta.is_file() || meta.len() < MAGIC.len() as u64 {
            return Err(foreign());
        }
        let mut raw = Raw::new(path, file);
        let mut magic = [0; MAGIC.len()];
        raw.read(&mut magic)?;
        if magic != *MAGIC {
            return Err(foreign());
        }
        let mut fixed = [0; FIXED_BYTES - MAGIC.len()];
        raw.read(&mut fixed)?;
        let format = u32::from_le_bytes(number(&fixed, 0));
        let length = u32::from_le_bytes(number(&fixed, 4));
        // A later format may have another head: it is told apart before anything else is looked at.
        if format > FORMAT {
            return Err(Error::Archive(ArchiveError::Newer {
                path: path.to_owned(),
                found: format,
                known: FORMAT,
            }));
        }
        if format != FORMAT || length > MAX_HEAD_BYTES {
            return Err(raw.damaged(8, "no backup begins like that"));
        }
        let mut head = vec![0; length as usize];
        raw.read(&mut head)?;
        let numbers: [u8; 8] = number(&fixed, 0);
        if crc(&[&numbers, &head]) != u32::from_le_bytes(number(&fixed, 8)) {
            return Err(raw.damaged(8, "the head's checksum is wrong"));
        }
        let parsed = serde_json::from_slice(&head);
        let parsed = parsed.map_err(|error| raw.damaged(20, format!("the head: {error}")))?;
        Ok(Self {
            raw,
            size: meta.len(),
            head: parsed,
            head_sha: digest(&SHA256, &head).as_ref().to_vec(),
        })
    }

    /// The head.
    pub(in crate::backup) const fn head(&self) -> &Head {
        &self.head
    }

    /// Size of the file, in bytes.
    pub(in crate::backup) const fn size(&self) -> u64 {
        self.size
    }

    /// Reads all of it, and checks every byte. `sink` takes the parts as they come, before the end
    /// of the archive is known to be whole; it is not asked if the archive is encrypted and there
    /// is no passphrase. `told` hears how many bytes were read.
    pub(in crate::backup) fn read(
        mut self,
        passphrase: Option<&Passphrase>,
        sink: Sink<'_>,
        told: &mut dyn FnMut(u64),
    ) -> Result<Contents> {
        let seal = self.seal(passphrase)?;
        let mut parts = Parts::default();
        let mut chunks = 0;
        while self.raw.peek()? != END_MAGIC.first().copied() {
            self.chunk(chunks, &seal, &mut parts, sink)?;
            chunks += 1;
            told(self.raw.at);
        }
        let end = self.raw.at;
        let sha256 = self.end(chunks)?;
        let manifest = match seal {
            Seal::Closed => None,
            Seal::None | Seal::Open(_) => {
                let manifest = parts.finish();
                Some(manifest.map_err(|what| self.raw.damaged(end, what))?)
            }
        };
        Ok(Contents {
            head: self.head,
            manifest,
            size: self.size,
            sha256: hex::encode(sha256),
        })
    }

    fn seal(&self, passphrase: Option<&Passphrase>) -> Result<Seal> {
        match (&self.head.encryption, passphrase) {
            (None, _) => Ok(Seal::None),
            (Some(_), None) => Ok(Seal::Closed),
            (Some(encryption), Some(passphrase)) => {
                let cipher = Cipher::new(passphrase, encryption);
                let what = "nobody would have encrypted it like that";
                cipher
                    .map(|cipher| Seal::Open(Box::new(cipher)))
                    .ok_or_else(|| self.closed(what))
            }
        }
    }

    fn closed(&self, what: &'static str) -> Error {
        let path = self.raw.path.clone();
        Error::Archive(ArchiveError::Closed { path, what })
    }

    /// Reads the chunk of number `expected`.
    fn chunk(
        &mut self,
        expected: u64,
        seal: &Seal,
        parts: &mut Parts,
        sink: Sink<'_>,
    ) -> Result<()> {
        let at = self.raw.at;
        let mut head = [0; CHUNK_HEAD_BYTES - 4];
        self.raw.read(&mut head)?;
        let mut sum = [0; 4];
        self.raw.read(&mut sum)?;
        let [kind] = number::<1>(&head, 0);
        let found = u64::from_le_bytes(number(&head, 1));
        let length = u32::from_le_bytes(number(&head, 9));
        if length > MAX_BODY_BYTES {
            return Err(self.raw.damaged(at, "a chunk is longer than any"));
        }
        let mut body = vec![0; length as usize];
        self.raw.read(&mut body)?;
        if crc(&[&head, &body]) != u32::from_le_bytes(sum) {
            return Err(self.raw.damaged(at, "a chunk's checksum is wrong"));
        }
        let part = Part::of(kind).filter(|_| found == expected);
        let Some(part) = part else {
            return Err(self.raw.damaged(at, "a chunk is out of its place"));
        };
        if let Seal::Closed = seal {
            return Ok(());
        }
        if let Seal::Open(cipher) = seal {
            let place = Place {
                head: &self.head_sha,
                part: kind,
                number: found,
            };
            if cipher.open(place, &mut body).is_none() {
                return Err(match expected {
                    0 => self.closed("it does not open with this passphrase"),
                    _ => self.raw.damaged(at, "a chunk was changed"),
                });
            }
        }
        let plain = zstd::bulk::decompress(&body, CHUNK_BYTES);
        let plain = plain.map_err(|error| self.raw.damaged(at, error.to_string()))?;
        let taken = parts.take(part, &plain);
        taken.map_err(|what| self.raw.damaged(at, what))?;
        sink(part, &plain)
    }

    /// Reads the end, behind which there is nothing, and compares it; the hash.
    fn end(&mut self, chunks: u64) -> Result<[u8; 32]> {
        let at = self.raw.at;
        let sha256 = self.raw.sha256();
        let mut end = [0; END_BYTES];
        self.raw.fill(&mut end)?;
        let wrong = |what: &str| Err(self.raw.damaged(at, what));
        if !end.starts_with(END_MAGIC) {
            return wrong("neither a chunk nor the end");
        }
        if number(&end, 8) != chunks.to_le_bytes() || number(&end, 16) != at.to_le_bytes() {
            return wrong("chunks are missing");
        }
        if number(&end, 24) != sha256 {
            return wrong("the hash of the whole file is another one");
        }
        match self.raw.peek()? {
            None => Ok(sha256),
            Some(_) => Err(self.raw.damaged(self.raw.at, "something follows the end")),
        }
    }
}

/// What the chunks so far add up to.
#[derive(Default)]
struct Parts {
    current: Option<(Part, Context, u64)>,
    sums: Vec<PartSum>,
    manifest: Vec<u8>,
}

impl Parts {
    fn take(&mut self, part: Part, plain: &[u8]) -> Result<(), String> {
        let current = self.current.as_ref().map(|(part, _, _)| *part);
        if current != Some(part) {
            if current.is_some_and(|current| current > part) {
                return Err("the parts are in another order".to_owned());
            }
            self.close();
            self.current = Some((part, Context::new(&SHA256), 0));
        }
        if let Some((_, hash, bytes)) = &mut self.current {
            hash.update(plain);
            *bytes += plain.len() as u64;
        }
        if part == Part::Manifest {
            self.manifest.extend_from_slice(plain);
        }
        Ok(())
    }

    fn close(&mut self) {
        if let Some((part, hash, bytes)) = self.current.take() {
            let sha256 = hex::encode(hash.finish());
            self.sums.push(PartSum {
                part,
                bytes,
                sha256,
            });
        }
    }

    /// The manifest, if it is of these parts.
    fn finish(mut self) -> Result<Manifest, String> {
        self.close();
        match self.sums.pop() {
            Some(last) if last.part == Part::Manifest => {}
            _ => return Err("there is no manifest".to_owned()),
        }
        let manifest: Manifest = serde_json::from_slice(&self.manifest)
            .map_err(|error| format!("the manifest: {error}"))?;
        if manifest.parts != self.sums {
            return Err("the manifest is of other parts".to_owned());
        }
        Ok(manifest)
    }
}
