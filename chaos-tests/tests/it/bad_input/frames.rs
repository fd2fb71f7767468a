//! Rows 39 to 53: the binary protocol.

use std::io::Write;

use super::Row;
use crate::raw_http::{BINARY, request};

/// A good frame: a push with one element.
const FRAME: &str = "efbeadde0100000001000000670000005b33b13700000000000000000000000008050c636f6c6c65\
63746f725f69640602633108686f73746e616d65060168076d65747269637307010803026f6b010104747970\
6506077379737374617401780500000000\
0000f83f0974696d657374616d700200b955690776657273696f6e0605332e302e30";
const HEADER: usize = 32;
/// Offsets in the header.
const VERSION: usize = 4;
const MESSAGE: usize = 8;
const LENGTH: usize = 12;
const CRC: usize = 16;
const COMPRESSION: usize = 20;
const ENCRYPTED: usize = 21;
const RESERVED: usize = 22;

fn good() -> anyhow::Result<Vec<u8>> {
    let digits: String = FRAME.split_whitespace().collect();
    let bytes = digits.as_bytes().chunks(2);
    let bytes = bytes.map(|pair| u8::from_str_radix(str::from_utf8(pair)?, 16).map_err(Into::into));
    bytes.collect()
}

/// A frame around this payload.
fn frame_of(payload: &[u8], compression: u8) -> Vec<u8> {
    let mut frame = vec![0xef, 0xbe, 0xad, 0xde, 1, 0, 0, 0, 1, 0, 0, 0];
    frame.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    let mut crc = flate2::Crc::new();
    crc.update(payload);
    frame.extend_from_slice(&crc.sum().to_le_bytes());
    frame.push(compression);
    frame.resize(HEADER, 0);
    frame.extend_from_slice(payload);
    frame
}

/// A zstd frame that says 256 bytes and holds a gigabyte.
fn false_size() -> anyhow::Result<Vec<u8>> {
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 3)?;
    let step = vec![0; 1 << 20];
    for _ in 0..1024 {
        encoder.write_all(&step)?;
    }
    let unsized_frame = encoder.finish()?;
    // After the magic a descriptor and the window; 0x40 says that two bytes of size (less 256) follow.
    let (magic, rest) = unsized_frame.split_at(4);
    let (head, blocks) = rest.split_at(2);
    Ok([magic, &[0x40, head[1], 0, 0], blocks].concat())
}

/// A zstd frame that says four gigabytes.
const HUGE_SIZE: [u8; 12] = [
    0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 0xff, 0x01, 0x00, 0x00,
];

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn rows() -> anyhow::Result<Vec<Row>> {
    let good = good()?;
    let send = |frame: &[u8]| {
        let headers = "Content-Type: application/octet-stream\r\nX-Protocol-Version: 1.0\r\n";
        request(BINARY, headers, frame)
    };
    let patched = |at: usize, bytes: &[u8]| {
        let mut frame = good.clone();
        frame[at..at + bytes.len()].copy_from_slice(bytes);
        send(&frame)
    };
    let payload = |bytes: &[u8]| send(&frame_of(bytes, 0));
    let with_more = [&good[HEADER..], &[0]].concat();
    Ok(vec![
        Row::refused("39 header of 31 bytes", send(&good[..31]), 400, "header"),
        Row::refused("40 wrong magic", patched(0, &[1]), 400, "magic"),
        Row::refused(
            "40 big-endian magic",
            patched(0, &[0xde, 0xad, 0xbe, 0xef]),
            400,
            "magic",
        ),
        Row::refused(
            "41 version 0",
            patched(VERSION, &[0]),
            400,
            "unsupported_version",
        ),
        Row::refused(
            "41 version 2",
            patched(VERSION, &[2]),
            400,
            "unsupported_version",
        ),
        Row::refused(
            "41 version 2^32-1",
            patched(VERSION, &[0xff; 4]),
            400,
            "unsupported_version",
        ),
        Row::refused(
            "42 message type 0",
            patched(MESSAGE, &[0]),
            422,
            "message type 0",
        ),
        Row::refused(
            "42 message type 8",
            patched(MESSAGE, &[8]),
            422,
            "message type 8",
        ),
        Row::refused(
            "42 message type of an answer",
            patched(MESSAGE, &[3]),
            422,
            "message type 3",
        ),
        Row::refused("43 length 0", patched(LENGTH, &[0]), 400, "payload"),
        Row::refused(
            "43 length too short",
            patched(LENGTH, &[0x66]),
            400,
            "payload",
        ),
        Row::refused(
            "43 length too long",
            patched(LENGTH, &[0x68]),
            400,
            "payload",
        ),
        Row::refused(
            "43 length 2^32-1",
            patched(LENGTH, &[0xff; 4]),
            413,
            "decodes to more",
        ),
        Row::refused("44 wrong CRC", patched(CRC, &[0]), 400, "CRC-32"),
        Row::refused(
            "45 compression 3",
            patched(COMPRESSION, &[3]),
            415,
            "compression 3",
        ),
        Row::refused("46 encrypted", patched(ENCRYPTED, &[1]), 415, "encrypted"),
        Row::stored(
            "47 reserved bytes are not zero",
            patched(RESERVED, &[0xff; 10]),
            1,
        ),
        Row::refused(
            "48 varint of 11 bytes",
            payload(&[&[6][..], &[0x80; 11]].concat()),
            400,
            "varint",
        ),
        Row::refused(
            "48 overlong varint",
            payload(&[6, 0x81, 0, b'a']),
            400,
            "varint",
        ),
        Row::refused(
            "49 string past the end",
            payload(&[6, 5, b'a']),
            400,
            "end too early",
        ),
        // The contract wins: 7 is its array; types it does not know are refused.
        Row::refused(
            "50 value type 4",
            payload(&[4, 0, 0, 0, 0]),
            400,
            "value type 4",
        ),
        Row::refused("50 value type 9", payload(&[9]), 400, "value type 9"),
        Row::refused("51 zstd of a false size", payload(&false_size()?), 413, ""),
        Row::refused(
            "51 zstd that says 4 GiB",
            payload(&HUGE_SIZE),
            413,
            "decodes to more",
        ),
        Row::refused(
            "52 bytes after the value",
            payload(&with_more),
            400,
            "follow",
        ),
        Row::refused(
            "52 bytes after the frame",
            send(&[&good[..], &[0]].concat()),
            400,
            "payload",
        ),
        Row::refused(
            "53 snappy that says 4 GiB",
            send(&frame_of(&[0xff, 0xff, 0xff, 0xff, 0x0f], 2)),
            413,
            "decodes to more",
        ),
    ])
}
