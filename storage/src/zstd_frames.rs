//! Frames of zstd. To make a context costs more than a small frame, so each thread keeps its own.
//!
//! # Source
//! RFC 8878; zstd's manual: "When compressing many times, it is recommended to allocate a context
//! just once, and reuse it for each successive operation".

use std::cell::RefCell;
use std::io;

use zstd::bulk::{Compressor, Decompressor};

/// Level of compression: the fastest, since a push waits for it.
const LEVEL: i32 = 1;

thread_local! {
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// One frame that holds `plain` and its length.
///
/// # Errors
/// If there is no memory for it.
pub(crate) fn compress(plain: &[u8]) -> io::Result<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|kept| {
        let mut compressor = match kept.take() {
            Some(compressor) => compressor,
            None => Compressor::new(LEVEL)?,
        };
        let packed = compressor.compress(plain);
        *kept = Some(compressor);
        packed
    })
}

/// What a frame holds.
///
/// # Errors
/// If it is damaged, does not tell its length, or is longer than `most` bytes.
pub(crate) fn decompress(packed: &[u8], most: usize) -> io::Result<Vec<u8>> {
    let claimed = zstd::zstd_safe::get_frame_content_size(packed)
        .ok()
        .flatten();
    let size = claimed.and_then(|size| usize::try_from(size).ok());
    let Some(size) = size.filter(|size| *size <= most) else {
        return Err(io::Error::other(format!("more than {most} bytes")));
    };
    DECOMPRESSOR.with_borrow_mut(|kept| {
        let mut decompressor = match kept.take() {
            Some(decompressor) => decompressor,
            None => Decompressor::new()?,
        };
        let plain = decompressor.decompress(packed, size);
        *kept = Some(decompressor);
        plain
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_round_trip_and_a_damaged_one_spoils_no_later_one() {
        for length in [0, 1, 300, 70_000] {
            let plain = b"pg_stat_statements ".repeat(length);
            let packed = compress(&plain).unwrap();
            assert_eq!(decompress(&packed, plain.len()).unwrap(), plain);
            if let Some(damaged) = packed.get(..packed.len() / 2) {
                assert!(decompress(damaged, plain.len()).is_err(), "{length}");
            }
            assert_eq!(decompress(&packed, 1 << 21).unwrap(), plain);
        }
    }

    #[test]
    fn a_frame_that_claims_too_much_is_refused() {
        let packed = compress(&[7; 1_000]).unwrap();
        assert!(decompress(&packed, 999).is_err());
    }
}
