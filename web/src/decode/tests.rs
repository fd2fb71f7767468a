//! Each rule of decoding, by table.

mod any_input;
mod bounds;
mod elements;
mod encodings;
mod envelopes;
mod frames;

use std::io::Write;

use pga_storage::Timestamp;

use super::*;

const NOW: Timestamp = Timestamp::from_micros(1_796_000_000_000_000);
const CYCLE: &[u8] = include_bytes!("../../tests/data/push-one-cycle.json");
const GOLDEN_JSON: &str = r#"{"collector_id":"c1","hostname":"h","metrics":[{"ok":true,"type":"sysstat","x":1.5}],"timestamp":1767225600,"version":"3.0.0"}"#;
const GOLDEN_FRAME: &str = "efbeadde010000000100000067000000\
    5b33b1370000000000000000000000000805\
    0c636f6c6c6563746f725f69640602633108686f73746e616d65060168076d657472696373070108\
    03026f6b0101047479706506077379737374617401780500000000\
    0000f83f0974696d657374616d700200b955690776657273696f6e0605332e302e30";

fn frame() -> Vec<u8> {
    hex::decode(GOLDEN_FRAME.replace(char::is_whitespace, "")).unwrap()
}

fn with_limits(body: &[u8], limits: &WebLimits) -> Result<DecodedPush, DecodeError> {
    decode_push(body, PushRoute::Json, limits, NOW)
}

fn decode(body: impl AsRef<[u8]>) -> Result<DecodedPush, DecodeError> {
    with_limits(body.as_ref(), &WebLimits::default())
}

fn push_of(elements: &str) -> String {
    format!(r#"{{"collector_id":"c","hostname":"h","timestamp":1767225600,"metrics":{elements}}}"#)
}

fn refused(body: impl AsRef<[u8]>) -> (u16, &'static str) {
    let error = match decode(body) {
        Ok(push) => push.rejected.error().cloned().unwrap(),
        Err(error) => error,
    };
    (error.status(), error.reason())
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn zlib(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn zstd(body: &[u8]) -> Vec<u8> {
    ::zstd::bulk::compress(body, 3).unwrap()
}

/// The golden frame with another payload.
fn frame_of(payload: &[u8]) -> Vec<u8> {
    let mut frame = frame();
    frame.truncate(32);
    frame[12..16].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    frame[16..20].copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
    frame.extend(payload);
    frame
}
