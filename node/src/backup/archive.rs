//! The file of a backup; its layout is in the [module docs](super).

mod raw;
mod reader;
mod writer;

#[cfg(test)]
mod tests;

pub(super) use self::reader::{Archive, Contents};
pub(super) use self::writer::ArchiveWriter;

const MAGIC: &[u8; 8] = b"PGABACK1";
const END_MAGIC: &[u8; 8] = b"PGAEND01";
const FORMAT: u32 = 1;
/// Magic, format, length, CRC.
const FIXED_BYTES: usize = 8 + 4 + 4 + 4;
/// Part, number, length, CRC.
const CHUNK_HEAD_BYTES: usize = 1 + 8 + 4 + 4;
/// Magic, chunks, bytes, SHA-256.
const END_BYTES: usize = 8 + 8 + 8 + 32;
/// Longest head.
const MAX_HEAD_BYTES: u32 = 64 << 10;
/// Bytes of a part in one chunk, before compression.
const CHUNK_BYTES: usize = 1 << 20;
/// Longest body: what does not compress grows a little, and is sealed.
const MAX_BODY_BYTES: u32 = (CHUNK_BYTES + (64 << 10)) as u32;

/// CRC32C of pieces that stand one after the other.
fn crc(pieces: &[&[u8]]) -> u32 {
    let add = |crc, piece: &&[u8]| crc32c::crc32c_append(crc, piece);
    pieces.iter().fold(0, add)
}
