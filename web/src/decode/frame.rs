//! The binary push frame (contract 1.5), turned into the JSON text it stands for.

use super::canonical::write_text;
use super::fault::DecodeError;
use super::unpack::{Bounds, ZSTD_MAGIC, unpack_zstd};

pub(super) const MAGIC: &[u8] = &[0xef, 0xbe, 0xad, 0xde];
const HEADER: usize = 32;
const VERSION: u32 = 1;
const METRICS_BATCH: u32 = 1;
const SNAPPY: u8 = 2;
/// Deepest nesting; the JSON that comes out is bounded anyway.
const MAX_DEPTH: usize = 128;

/// The JSON text of the frame's payload.
#[expect(
    clippy::too_many_lines,
    reason = "the header's fields, checked in their order"
)]
pub(super) fn to_json(frame: &[u8], bounds: &mut Bounds<'_>) -> Result<Vec<u8>, DecodeError> {
    let Some((header, stored)) = frame.split_at_checked(HEADER) else {
        return Err(bad("the header is cut off"));
    };
    let mut header = Input(header);
    if header.take(4)? != MAGIC {
        return Err(bad("wrong magic"));
    }
    let version = header.u32()?;
    if version != VERSION {
        let text = format!("unsupported_version: {version}");
        return Err(DecodeError::bad("unsupported_version", text));
    }
    let message = header.u32()?;
    if message != METRICS_BATCH {
        let text = format!("message type {message} cannot be pushed");
        return Err(DecodeError::invalid("message_type", text));
    }
    let length = header.u32()?;
    let crc = header.u32()?;
    let (compression, encrypted) = (header.byte()?, header.byte()?);
    if compression > SNAPPY {
        let text = format!("unknown compression {compression}");
        return Err(DecodeError::new(415, "frame_compression", text));
    }
    if encrypted != 0 {
        return Err(DecodeError::new(
            415,
            "frame_encrypted",
            "encrypted frames are not supported",
        ));
    }
    if u64::from(length) > bounds.limits.decoded_body_bytes {
        return Err(bounds.too_large());
    }
    if u64::from(length) != stored.len() as u64 {
        let text = format!(
            "the header says {length} bytes of payload, there are {}",
            stored.len()
        );
        return Err(DecodeError::bad("frame", text));
    }
    if crc32fast::hash(stored) != crc {
        return Err(DecodeError::bad(
            "crc",
            "the payload does not match its CRC-32",
        ));
    }
    // The sender sets the flag whether or not it compressed; snappy it never does.
    if compression == SNAPPY && !stored.starts_with(ZSTD_MAGIC) {
        check_snappy_claim(stored, bounds)?;
    }
    let payload = unpack_zstd(stored, bounds)?;
    let mut transcoder = Transcoder {
        input: Input(&payload),
        out: Vec::with_capacity(payload.len()),
        cap: usize::try_from(bounds.limits.decoded_body_bytes).unwrap_or(usize::MAX),
    };
    transcoder.value(0)?;
    if !transcoder.input.0.is_empty() {
        return Err(bad("bytes follow the payload's value"));
    }
    Ok(transcoder.out)
}

/// A payload that snappy made would start with its decoded length; ours starts with an object's tag.
fn check_snappy_claim(stored: &[u8], bounds: &Bounds<'_>) -> Result<(), DecodeError> {
    match Input(stored).varint() {
        Ok(length) if stored.first() != Some(&8) && length > bounds.limits.decoded_body_bytes => {
            Err(bounds.too_large())
        }
        _ => Ok(()),
    }
}

fn bad(text: &str) -> DecodeError {
    DecodeError::bad("frame", text)
}

#[derive(Debug)]
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], DecodeError> {
        let (head, tail) = self
            .0
            .split_at_checked(n)
            .ok_or_else(|| bad("the bytes end too early"))?;
        self.0 = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        self.take(N)?
            .try_into()
            .map_err(|_| bad("the bytes end too early"))
    }

    fn byte(&mut self) -> Result<u8, DecodeError> {
        self.array().map(|[byte]| byte)
    }

    fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_le_bytes)
    }

    /// Base 128, least first, at most ten bytes and no needless ones.
    fn varint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0u64;
        for shift in (0..70).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 || shift > 0 && byte == 0 {
                return Err(bad("a varint is too long"));
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(bad("a varint is too long"))
    }

    fn text(&mut self) -> Result<&'a str, DecodeError> {
        let length = usize::try_from(self.varint()?).map_err(|_| bad("a string is too long"))?;
        let bytes = self.take(length)?;
        let text = std::str::from_utf8(bytes)
            .map_err(|_| DecodeError::bad("utf8", "a string is no UTF-8"))?;
        if text.contains('\0') {
            return Err(DecodeError::invalid("nul", "a NUL character in a string"));
        }
        Ok(text)
    }
}

#[derive(Debug)]
struct Transcoder<'a> {
    input: Input<'a>,
    out: Vec<u8>,
    cap: usize,
}

impl Transcoder<'_> {
    fn value(&mut self, depth: usize) -> Result<(), DecodeError> {
        if depth > MAX_DEPTH {
            return Err(DecodeError::bad(
                "depth",
                format!("nested deeper than {MAX_DEPTH}"),
            ));
        }
        if self.out.len() > self.cap {
            return Err(DecodeError::too_large(
                "decoded_bytes",
                "the frame decodes to too much",
            ));
        }
        match self.input.byte()? {
            0 => self.out.extend_from_slice(b"null"),
            1 => match self.input.byte()? {
                0 => self.out.extend_from_slice(b"false"),
                1 => self.out.extend_from_slice(b"true"),
                _ => return Err(bad("a bool is neither 0 nor 1")),
            },
            2 => {
                let number = i32::from_le_bytes(self.input.array()?);
                self.out.extend_from_slice(number.to_string().as_bytes());
            }
            3 => {
                let number = i64::from_le_bytes(self.input.array()?);
                self.out.extend_from_slice(number.to_string().as_bytes());
            }
            5 => self.float()?,
            6 => {
                let text = self.input.text()?;
                write_text(&mut self.out, text);
            }
            7 => self.items(depth, b"[]", false)?,
            8 => self.items(depth, b"{}", true)?,
            tag => return Err(bad(&format!("unknown value type {tag}"))),
        }
        Ok(())
    }

    fn float(&mut self) -> Result<(), DecodeError> {
        let number = f64::from_le_bytes(self.input.array()?);
        if !number.is_finite() {
            return Err(DecodeError::bad("number", "a number is not finite"));
        }
        // INVARIANT: a finite number always encodes into a vector.
        self.out
            .extend_from_slice(&serde_json::to_vec(&number).unwrap_or_default());
        Ok(())
    }

    fn items(&mut self, depth: usize, brackets: &[u8; 2], keyed: bool) -> Result<(), DecodeError> {
        let [open, close] = *brackets;
        let count = self.input.varint()?;
        // Every item takes a byte at least, so a false count ends with the input.
        if count > self.input.0.len() as u64 {
            return Err(bad("a count is larger than the payload"));
        }
        self.out.push(open);
        for n in 0..count {
            if n > 0 {
                self.out.push(b',');
            }
            if keyed {
                let key = self.input.text()?;
                write_text(&mut self.out, key);
                self.out.push(b':');
            }
            self.value(depth + 1)?;
        }
        self.out.push(close);
        Ok(())
    }
}
