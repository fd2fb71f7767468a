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
pub(crate) fn frame_of(payload: &[u8], compression: u8) -> Vec<u8> {
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

/// A zstd frame of `plain` that says another size.
///
/// In a frame of a single segment this size is the window's, too.
fn claiming(plain: &[u8], size: u64, is_single_segment: bool) -> anyhow::Result<Vec<u8>> {
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 3)?;
    encoder.write_all(plain)?;
    let unsized_frame = encoder.finish()?;
    // After the magic a descriptor and the window; 0xc0 says that eight bytes of size follow.
    let (magic, rest) = unsized_frame.split_at(4);
    let (head, blocks) = rest.split_at(2);
    let head = match is_single_segment {
        true => vec![0xe0],
        false => vec![0xc0, head[1]],
    };
    Ok([magic, &head, &size.to_le_bytes(), blocks].concat())
}

/// Row 51: the payload of a good frame, with false sizes that the program may believe or not.
fn false_sizes(good: &[u8]) -> anyhow::Result<Vec<Row>> {
    const GIB: u64 = 1 << 30;
    let push = |payload: &[u8]| request(BINARY, "", &frame_of(payload, 1));
    let payload = &good[HEADER..];
    let bytes = payload.len() as u64;
    let mut rows = vec![Row::stored(
        "51 zstd of its true size",
        push(&claiming(payload, bytes, true)?),
        // The element is that of another row.
        0,
    )];
    for (name, size, says) in [
        ("51 zstd that says nothing", 0, "as much as it says"),
        ("51 zstd that says less", bytes - 1, "as much as it says"),
        ("51 zstd that says more", bytes + 1, "as much as it says"),
        ("51 zstd that says 100 MiB", 100 << 20, "as much as it says"),
        ("51 zstd that says 4 GiB", 4 * GIB, "decodes to more"),
        ("51 zstd that says 2^62", 1 << 62, "decodes to more"),
    ] {
        for is_single_segment in [true, false] {
            let packed = claiming(payload, size, is_single_segment)?;
            rows.push(Row::refused(name, push(&packed), 413, says));
            // The same around the whole frame.
            let outside = claiming(good, size.saturating_add(32), is_single_segment)?;
            rows.push(Row::refused(name, request(BINARY, "", &outside), 413, says));
        }
    }
    let gigabyte = claiming(&vec![0; GIB as usize], 256, false)?;
    let name = "51 zstd that says 256 bytes and holds 1 GiB";
    rows.push(Row::refused(name, push(&gigabyte), 413, "fold"));
    Ok(rows)
}

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
    let mut rows = vec![
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
            "42 answer to ConfigRequest",
            patched(MESSAGE, &[3]),
            422,
            "message type 3",
        ),
        Row::refused(
            "42 answer to RegistrationRequest",
            patched(MESSAGE, &[5]),
            422,
            "message type 5",
        ),
        Row::refused(
            "42 answer to HealthCheck",
            patched(MESSAGE, &[7]),
            422,
            "message type 7",
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
    ];
    rows.extend(false_sizes(&good)?);
    Ok(rows)
}
