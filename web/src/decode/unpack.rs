//! Decompression by magic bytes (contract 2.1): bounded output, bounded ratio, bounded window.

use std::borrow::Cow;
use std::io::{self, BufRead, Read};

use flate2::{Decompress, FlushDecompress, Status};

use super::fault::DecodeError;
use super::magic::{FRAME_MAGIC, GZIP_MAGIC, ZSTD_MAGIC};
use crate::admission::Lease;
use crate::options::WebLimits;

/// Largest zstd window: 128 MiB.
const WINDOW_LOG_MAX: u32 = 27;
/// The same as the head of a frame says it.
const WINDOW_MAX: u8 = 17 << 3;
/// The ratio is not looked at before so much output, in bytes.
const RATIO_FROM: u64 = 1 << 20;
const STEP: usize = 64 << 10;
/// The lease grows in steps of so many bytes.
const LEASE_STEP: u64 = 1 << 20;

/// Where decompressed bytes go: everything that bounds them.
#[derive(Debug)]
pub(super) struct Bounds<'a> {
    pub(super) limits: &'a WebLimits,
    pub(super) lease: Option<&'a mut Lease>,
    /// Bytes the lease holds for what has been received.
    pub(super) received: u64,
}

impl Bounds<'_> {
    /// The size of `output`, unpacked from `input` bytes, is still allowed.
    fn check(&mut self, output: usize, input: usize) -> Result<(), DecodeError> {
        let (output, input) = (output as u64, input as u64);
        if output > self.limits.decoded_body_bytes {
            return Err(self.too_large());
        }
        if output > RATIO_FROM && output / input.max(1) > self.limits.max_ratio {
            let text = format!("the body grows more than {} fold", self.limits.max_ratio);
            return Err(DecodeError::too_large("ratio", text));
        }
        match &mut self.lease {
            Some(lease) => Ok(lease.hold_at_least(self.received + output, LEASE_STEP)?),
            None => Ok(()),
        }
    }

    pub(super) fn too_large(&self) -> DecodeError {
        let cap = self.limits.decoded_body_bytes;
        DecodeError::too_large(
            "decoded_bytes",
            format!("the body decodes to more than {cap} bytes"),
        )
    }
}

/// `body` without its one layer of compression, if it has one. Whatever is inside is not unpacked
/// again, and refused as too large if it is compressed once more: so small a body becomes anything.
pub(super) fn unpack<'a>(
    body: &'a [u8],
    bounds: &mut Bounds<'_>,
) -> Result<Cow<'a, [u8]>, DecodeError> {
    let plain = if body.starts_with(GZIP_MAGIC) {
        let reader = flate2::bufread::MultiGzDecoder::new(body);
        read_all(reader, body.len(), "gzip", bounds)?
    } else if is_zlib(body) {
        unpack_zlib(body, bounds)?
    } else if let Cow::Owned(plain) = unpack_zstd(without_skippable(body), bounds)? {
        plain
    } else if let Some(plain) = unpack_deflate(body, bounds)? {
        plain
    } else {
        return Ok(Cow::Borrowed(body));
    };
    if plain.starts_with(GZIP_MAGIC) || plain.starts_with(ZSTD_MAGIC) || is_zlib(&plain) {
        let text = "the body is compressed more than once";
        return Err(DecodeError::too_large("decoded_bytes", text));
    }
    Ok(Cow::Owned(plain))
}

/// `body` from its first zstd frame that is not to be skipped; all of it, if it begins with
/// something else.
///
/// # Source
/// RFC 8878, 3.1.2: magic 0x184D2A50 to 0x184D2A5F, size of the content, content; all little
/// endian.
fn without_skippable(body: &[u8]) -> &[u8] {
    let mut rest = body;
    while let [0x50..=0x5f, 0x2a, 0x4d, 0x18, a, b, c, d, content @ ..] = rest {
        let size = usize::try_from(u32::from_le_bytes([*a, *b, *c, *d])).unwrap_or(usize::MAX);
        let Some(next) = content.get(size..) else {
            return body;
        };
        rest = next;
    }
    if rest.starts_with(ZSTD_MAGIC) {
        rest
    } else {
        body
    }
}

/// A stream of RFC 1951 without the header of zlib, which half of all clients mean by "deflate". It
/// has no magic: what begins JSON or one of our frames is none, and what does not unpack to JSON is
/// taken as it is.
fn unpack_deflate(body: &[u8], bounds: &mut Bounds<'_>) -> Result<Option<Vec<u8>>, DecodeError> {
    let is_json = |text: &[u8]| text.trim_ascii_start().starts_with(b"{");
    if body.is_empty() || is_json(body) || body.starts_with(FRAME_MAGIC) {
        return Ok(None);
    }
    match inflate(body, Decompress::new(false), bounds) {
        Ok(plain) if is_json(&plain) => Ok(Some(plain)),
        Err(error) if error.status() != 400 => Err(error),
        _ => Ok(None),
    }
}

/// The same for zstd alone.
pub(super) fn unpack_zstd<'a>(
    body: &'a [u8],
    bounds: &mut Bounds<'_>,
) -> Result<Cow<'a, [u8]>, DecodeError> {
    if !body.starts_with(ZSTD_MAGIC) {
        return Ok(Cow::Borrowed(body));
    }
    let claimed = zstd::zstd_safe::get_frame_content_size(body).ok().flatten();
    if claimed.is_some_and(|size| size > bounds.limits.decoded_body_bytes) {
        return Err(bounds.too_large());
    }
    match read_zstd(body, body.len(), bounds) {
        Err(error) if error.status() == 400 => Err(blame_size(body, bounds, error)),
        outcome => outcome.map(Cow::Owned),
    }
}

fn read_zstd(
    frame: impl BufRead,
    input: usize,
    bounds: &mut Bounds<'_>,
) -> Result<Vec<u8>, DecodeError> {
    let mut reader = zstd::stream::read::Decoder::with_buffer(frame).map_err(|_| broken("zstd"))?;
    reader
        .window_log_max(WINDOW_LOG_MAX)
        .map_err(|_| broken("zstd"))?;
    read_all(reader, input, "zstd", bounds)
}

/// What is wrong with a frame that does not decode: if it does without the size that it claims,
/// this size.
fn blame_size(body: &[u8], bounds: &mut Bounds<'_>, error: DecodeError) -> DecodeError {
    let Some((head, rest)) = without_size(body) else {
        return error;
    };
    match read_zstd(head.chain(rest), body.len(), bounds) {
        Ok(_) => {
            let text = "the zstd frame does not hold as much as it says";
            DecodeError::too_large("decoded_bytes", text)
        }
        Err(other) if other.status() != 400 => other,
        Err(_) => error,
    }
}

/// A zstd frame that claims a size as one that claims none: its head, and the rest.
///
/// # Source
/// RFC 8878, 3.1.1.1: magic, descriptor, window (not in a frame of a single segment), dictionary,
/// size.
fn without_size(body: &[u8]) -> Option<(io::Cursor<Vec<u8>>, &[u8])> {
    let (magic, rest) = body.split_at_checked(ZSTD_MAGIC.len())?;
    let (&descriptor, rest) = rest.split_first()?;
    let is_single_segment = descriptor & 0x20 != 0;
    let size = match descriptor >> 6 {
        0 if is_single_segment => 1,
        0 => return None,
        1 => 2,
        2 => 4,
        _ => 8,
    };
    let (window, rest) = match is_single_segment {
        true => (WINDOW_MAX, rest),
        false => rest.split_first().map(|(window, rest)| (*window, rest))?,
    };
    let dictionary = [0, 1, 2, 4].get(usize::from(descriptor & 3))?;
    let (dictionary, rest) = rest.split_at_checked(*dictionary)?;
    let (_, blocks) = rest.split_at_checked(size)?;
    let mut head = magic.to_vec();
    // The flags of the dictionary and of the checksum stay.
    head.extend([descriptor & 7, window]);
    head.extend(dictionary);
    Some((io::Cursor::new(head), blocks))
}

/// RFC 1950: method 8, window at most 32 KiB, and the two bytes a multiple of 31.
fn is_zlib(body: &[u8]) -> bool {
    match *body {
        [cmf, flags, ..] => {
            cmf & 0x0f == 8 && cmf >> 4 <= 7 && (u16::from(cmf) << 8 | u16::from(flags)) % 31 == 0
        }
        _ => false,
    }
}

fn read_all(
    mut reader: impl Read,
    input: usize,
    name: &'static str,
    bounds: &mut Bounds<'_>,
) -> Result<Vec<u8>, DecodeError> {
    let mut out = Vec::with_capacity((input * 4).min(1 << 20));
    let mut step = vec![0; STEP];
    loop {
        match reader.read(&mut step) {
            Ok(0) => return Ok(out),
            Ok(n) => {
                out.extend_from_slice(step.get(..n).unwrap_or_default());
                bounds.check(out.len(), input)?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.to_string().contains("too much memory") => {
                return Err(DecodeError::too_large(
                    "window",
                    "the zstd window is too large",
                ));
            }
            Err(_) => return Err(broken(name)),
        }
    }
}

/// flate2's reader takes a truncated stream for a complete one; this does not.
fn unpack_zlib(body: &[u8], bounds: &mut Bounds<'_>) -> Result<Vec<u8>, DecodeError> {
    inflate(body, Decompress::new(true), bounds)
}

fn inflate(
    body: &[u8],
    mut inflate: Decompress,
    bounds: &mut Bounds<'_>,
) -> Result<Vec<u8>, DecodeError> {
    let mut out = Vec::with_capacity((body.len() * 4).clamp(STEP, 1 << 20));
    loop {
        let read = usize::try_from(inflate.total_in()).unwrap_or(usize::MAX);
        let rest = body.get(read..).unwrap_or_default();
        if out.capacity() == out.len() {
            out.reserve(out.len().max(STEP));
        }
        let before = (inflate.total_in(), out.len());
        let status = inflate
            .decompress_vec(rest, &mut out, FlushDecompress::None)
            .map_err(|_| broken("zlib"))?;
        bounds.check(out.len(), body.len())?;
        match status {
            Status::StreamEnd => return Ok(out),
            _ if before == (inflate.total_in(), out.len()) => return Err(broken("zlib")),
            _ => {}
        }
    }
}

fn broken(name: &'static str) -> DecodeError {
    DecodeError::bad(name, format!("the {name} stream is damaged or cut off"))
}
