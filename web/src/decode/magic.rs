//! The bytes that encodings begin with.

pub(super) const FRAME_MAGIC: &[u8] = &[0xef, 0xbe, 0xad, 0xde];
pub(super) const ZSTD_MAGIC: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
pub(super) const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];
