//! Bodies as original clients make them.

use serde_json::Value;

use super::habits::Encoding;
use crate::bad_input::frame_of;
use crate::encodings::{gzip, plain, zlib, zstd_frame};

/// A body, and what is said of it.
pub(super) struct Body {
    pub(super) path: String,
    pub(super) bytes: Vec<u8>,
    pub(super) encoding: Option<&'static str>,
}

/// The compression that a frame's header names: zstd.
const ZSTD: u8 = 1;

impl Encoding {
    pub(super) fn body(self, push: &Value) -> anyhow::Result<Body> {
        let text = push.to_string();
        let (bytes, encoding) = match self {
            Self::Plain => (plain(text.as_bytes())?, None),
            Self::PlainAsGzip => (plain(text.as_bytes())?, Some("gzip")),
            Self::ZlibAsGzip => (zlib(text.as_bytes())?, Some("gzip")),
            Self::Gzip => (gzip(text.as_bytes())?, Some("gzip")),
            Self::Frame => {
                let payload = zstd_frame(&encoded(push)?)?;
                (zstd_frame(&frame_of(&payload, ZSTD))?, Some("zstd"))
            }
            Self::FrameRaw => (frame_of(&encoded(push)?, ZSTD), Some("zstd")),
        };
        let path = match self {
            Self::Frame | Self::FrameRaw => "/api/v1/metrics/push/binary".to_owned(),
            _ => "/api/v1/metrics/push".to_owned(),
        };
        Ok(Body {
            path,
            bytes,
            encoding,
        })
    }
}

/// A value in the binary protocol's form (contract 1.5).
fn encoded(value: &Value) -> anyhow::Result<Vec<u8>> {
    let mut out = Vec::new();
    encode(value, &mut out)?;
    Ok(out)
}

fn encode(value: &Value, out: &mut Vec<u8>) -> anyhow::Result<()> {
    match value {
        Value::Null => out.push(0),
        Value::Bool(yes) => out.extend_from_slice(&[1, u8::from(*yes)]),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => match i32::try_from(whole) {
                Ok(small) => {
                    out.push(2);
                    out.extend_from_slice(&small.to_le_bytes());
                }
                Err(_) => {
                    out.push(3);
                    out.extend_from_slice(&whole.to_le_bytes());
                }
            },
            (None, Some(float)) => {
                out.push(5);
                out.extend_from_slice(&float.to_le_bytes());
            }
            (None, None) => anyhow::bail!("{number} is no number of the protocol"),
        },
        Value::String(text) => {
            out.push(6);
            string(text, out);
        }
        Value::Array(items) => {
            out.push(7);
            varint(items.len(), out);
            for item in items {
                encode(item, out)?;
            }
        }
        Value::Object(members) => {
            out.push(8);
            varint(members.len(), out);
            for (key, member) in members {
                string(key, out);
                encode(member, out)?;
            }
        }
    }
    Ok(())
}

fn string(text: &str, out: &mut Vec<u8>) {
    varint(text.len(), out);
    out.extend_from_slice(text.as_bytes());
}

fn varint(mut number: usize, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}
