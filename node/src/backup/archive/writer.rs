//! Writing an archive.

use std::io::{self, Read, Write};

use ring::digest::{Context, SHA256};

use super::{CHUNK_BYTES, END_MAGIC, FORMAT, MAGIC, crc};
use crate::backup::cipher::{Cipher, Place};
use crate::backup::head::Head;
use crate::backup::manifest::{Manifest, Part, PartSum};
use crate::{Error, Result};

/// Between size and speed: what zstd's own program takes.
const LEVEL: i32 = 3;

/// Writes an archive, part by part. What it writes to is synced by whoever made it.
pub(in crate::backup) struct ArchiveWriter<W> {
    out: W,
    cipher: Option<Cipher>,
    head_sha: Vec<u8>,
    hash: Context,
    bytes: u64,
    chunks: u64,
    parts: Vec<PartSum>,
}

impl<W: Write> ArchiveWriter<W> {
    /// Writes the head. `cipher` belongs to the head's encryption.
    pub(in crate::backup) fn new(out: W, head: &Head, cipher: Option<Cipher>) -> Result<Self> {
        let head = serde_json::to_vec(head).map_err(|error| Error::Internal(error.to_string()))?;
        let length = u32::try_from(head.len()).unwrap_or(u32::MAX).to_le_bytes();
        let format = FORMAT.to_le_bytes();
        let mut writer = Self {
            out,
            cipher,
            head_sha: ring::digest::digest(&SHA256, &head).as_ref().to_vec(),
            hash: Context::new(&SHA256),
            bytes: 0,
            chunks: 0,
            parts: Vec::new(),
        };
        writer.put(MAGIC)?;
        writer.put(&format)?;
        writer.put(&length)?;
        writer.put(&crc(&[&format, &length, &head]).to_le_bytes())?;
        writer.put(&head)?;
        Ok(writer)
    }

    /// Writes a part; `told` hears of the bytes that were read.
    pub(in crate::backup) fn part(
        &mut self,
        part: Part,
        mut from: impl Read,
        mut told: impl FnMut(u64),
    ) -> Result<()> {
        let mut hash = Context::new(&SHA256);
        let mut bytes = 0;
        loop {
            let mut plain = Vec::with_capacity(CHUNK_BYTES);
            let limit = CHUNK_BYTES as u64;
            let read = from.by_ref().take(limit).read_to_end(&mut plain);
            read.map_err(failed)?;
            if plain.is_empty() {
                break;
            }
            hash.update(&plain);
            bytes += plain.len() as u64;
            self.chunk(part, &plain)?;
            told(bytes);
        }
        let sha256 = hex::encode(hash.finish());
        self.parts.push(PartSum {
            part,
            bytes,
            sha256,
        });
        Ok(())
    }

    /// Writes the manifest, of which `manifest` makes the rest, and the end; gives back the parts
    /// and what was written to.
    pub(in crate::backup) fn finish(
        mut self,
        manifest: impl FnOnce(Vec<PartSum>) -> Manifest,
    ) -> Result<(Manifest, W)> {
        let manifest = manifest(std::mem::take(&mut self.parts));
        let json =
            serde_json::to_vec(&manifest).map_err(|error| Error::Internal(error.to_string()))?;
        self.part(Part::Manifest, json.as_slice(), |_| ())?;
        let (chunks, bytes) = (self.chunks.to_le_bytes(), self.bytes.to_le_bytes());
        let hash = self.hash.clone().finish();
        for piece in [END_MAGIC.as_slice(), &chunks, &bytes, hash.as_ref()] {
            self.out.write_all(piece).map_err(failed)?;
        }
        self.out.flush().map_err(failed)?;
        Ok((manifest, self.out))
    }

    fn chunk(&mut self, part: Part, plain: &[u8]) -> Result<()> {
        let mut body = zstd::bulk::compress(plain, LEVEL).map_err(failed)?;
        if let Some(cipher) = &self.cipher {
            let place = Place {
                head: &self.head_sha,
                part: part.number(),
                number: self.chunks,
            };
            cipher.seal(place, &mut body)?;
        }
        let kind = [part.number()];
        let number = self.chunks.to_le_bytes();
        let length = u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes();
        self.put(&kind)?;
        self.put(&number)?;
        self.put(&length)?;
        self.put(&crc(&[&kind, &number, &length, &body]).to_le_bytes())?;
        self.put(&body)?;
        self.chunks += 1;
        Ok(())
    }

    fn put(&mut self, piece: &[u8]) -> Result<()> {
        self.hash.update(piece);
        self.bytes += piece.len() as u64;
        self.out.write_all(piece).map_err(failed)
    }
}

fn failed(source: io::Error) -> Error {
    Error::File {
        action: "write",
        path: "the backup".into(),
        source,
    }
}
