//! Bodies on disk: an encoding byte (0 plain, 1 zstd) and the bytes.

use super::files::FILE_NAME;
use crate::{Error, Result, zstd_frames};

/// Bodies below this are not worth compressing, in bytes.
const COMPRESS_FROM_BYTES: usize = 256;
/// Largest body that is unpacked, in bytes: the largest push.
const MAX_BYTES: usize = 256 << 20;
const PLAIN: u8 = 0;
const ZSTD: u8 = 1;

/// `body` as stored.
pub(super) fn pack(body: &[u8]) -> Vec<u8> {
    if body.len() >= COMPRESS_FROM_BYTES
        && let Ok(packed) = zstd_frames::compress(body)
        && packed.len() < body.len()
    {
        return [&[ZSTD], packed.as_slice()].concat();
    }
    [&[PLAIN], body].concat()
}

/// The body in `stored`.
///
/// # Errors
/// `Damaged` if the bytes are none of [`pack`]'s.
pub(super) fn unpack(stored: &[u8]) -> Result<Vec<u8>> {
    let damaged = |what: &str| Error::Damaged {
        path: FILE_NAME.into(),
        what: what.to_owned(),
    };
    match stored.split_first() {
        Some((&PLAIN, body)) => Ok(body.to_vec()),
        Some((&ZSTD, packed)) => {
            zstd_frames::decompress(packed, MAX_BYTES).map_err(|_| damaged("a body"))
        }
        _ => Err(damaged("the encoding of a body")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_round_trip_and_other_bytes_are_an_error() {
        for body in [vec![], b"{}".to_vec(), vec![b'a'; 10_000]] {
            assert_eq!(unpack(&pack(&body)).unwrap(), body);
        }
        for bad in [&b""[..], b"\x02{}", b"\x01junk"] {
            assert!(unpack(bad).is_err(), "{bad:?}");
        }
    }
}
