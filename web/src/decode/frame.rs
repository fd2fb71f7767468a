//! The binary push frame (contract 1.5), turned into the JSON text it stands for.

use super::canonical::write_text;
use super::fault::DecodeError;
use super::magic::{FRAME_MAGIC, ZSTD_MAGIC};
use super::unpack::{Bounds, unpack_zstd};

const HEADER: usize = 32;
const VERSION: u32 = 1;
const METRICS_BATCH: u32 = 1;
const SNAPPY: u8 = 2;
/// Most arrays and objects that are open at once; what reads the JSON text allows fewer in an
/// element.
const MAX_OPEN: usize = 100_000;
/// A number that no double holds, for those that are not finite.
const NOT_FINITE: &[u8] = b"1e999";
/// A byte that is no UTF-8 wherever it stands.
const NO_UTF8: &[u8] = &[0xff];

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
    if header.take(4)? != FRAME_MAGIC {
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
    transcoder.value()?;
    if !transcoder.input.0.is_empty() {
        return Err(bad("bytes follow the payload's value"));
    }
    Ok(transcoder.out)
}

/// A payload that snappy made would start with its decoded length; ours starts with an object's
/// tag.
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

    fn text(&mut self) -> Result<&'a [u8], DecodeError> {
        let length = usize::try_from(self.varint()?).map_err(|_| bad("a string is too long"))?;
        self.take(length)
    }
}

#[derive(Debug)]
struct Transcoder<'a> {
    input: Input<'a>,
    out: Vec<u8>,
    cap: usize,
}

/// An array or object whose items are not all written.
#[derive(Debug)]
struct Open {
    left: u64,
    is_first: bool,
    is_keyed: bool,
}

impl Transcoder<'_> {
    /// Writes the value at the start of the input.
    ///
    /// What is well-formed in a frame and wrong in a push, such as a string with NUL, is written as
    /// the JSON text that is wrong in the same way: who reads that knows whose element it is.
    fn value(&mut self) -> Result<(), DecodeError> {
        let mut open = Vec::new();
        loop {
            if self.out.len() > self.cap {
                return Err(DecodeError::too_large(
                    "decoded_bytes",
                    "the frame decodes to too much",
                ));
            }
            match self.input.byte()? {
                7 => self.open(false, &mut open)?,
                8 => self.open(true, &mut open)?,
                tag => self.scalar(tag)?,
            }
            if !self.go_on(&mut open)? {
                return Ok(());
            }
        }
    }

    fn scalar(&mut self, tag: u8) -> Result<(), DecodeError> {
        match tag {
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
                self.text(text);
            }
            tag => return Err(bad(&format!("unknown value type {tag}"))),
        }
        Ok(())
    }

    fn float(&mut self) -> Result<(), DecodeError> {
        let number = f64::from_le_bytes(self.input.array()?);
        if number.is_finite() {
            // INVARIANT: a finite number always encodes into a vector.
            self.out
                .extend_from_slice(&serde_json::to_vec(&number).unwrap_or_default());
        } else {
            self.out.extend_from_slice(NOT_FINITE);
        }
        Ok(())
    }

    /// Writes a string; what follows its first fault is left out, as nobody will read it.
    fn text(&mut self, bytes: &[u8]) {
        let valid = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let (valid, _) = bytes.split_at(error.valid_up_to());
                std::str::from_utf8(valid).unwrap_or_default()
            }
        };
        let (fault, valid): (&[u8], _) = match valid.split_once('\0') {
            Some((before, _)) => (b"\\u0000", before),
            None if valid.len() < bytes.len() => (NO_UTF8, valid),
            None => (b"", valid),
        };
        write_text(&mut self.out, valid);
        if !fault.is_empty() {
            self.out.pop();
            self.out.extend_from_slice(fault);
            self.out.push(b'"');
        }
    }

    fn open(&mut self, is_keyed: bool, open: &mut Vec<Open>) -> Result<(), DecodeError> {
        let left = self.input.varint()?;
        // Every item takes a byte at least, so a false count ends with the input.
        if left > self.input.0.len() as u64 {
            return Err(bad("a count is larger than the payload"));
        }
        if open.len() == MAX_OPEN {
            let text = format!("nested deeper than {MAX_OPEN}");
            return Err(DecodeError::bad("depth", text));
        }
        self.out.push(if is_keyed { b'{' } else { b'[' });
        open.push(Open {
            left,
            is_first: true,
            is_keyed,
        });
        Ok(())
    }

    /// Closes what is complete, and goes to the next item; `false` if there is none.
    fn go_on(&mut self, open: &mut Vec<Open>) -> Result<bool, DecodeError> {
        while let Some(inner) = open.last_mut() {
            if inner.left == 0 {
                self.out.push(if inner.is_keyed { b'}' } else { b']' });
                open.pop();
                continue;
            }
            inner.left -= 1;
            if !std::mem::take(&mut inner.is_first) {
                self.out.push(b',');
            }
            if inner.is_keyed {
                let key = self.input.text()?;
                self.text(key);
                self.out.push(b':');
            }
            return Ok(true);
        }
        Ok(false)
    }
}
