//! Any bytes as the stream of a snapshot: all of what was sent, or nothing.

use std::collections::BTreeMap;

use bytes::BufMut;

use super::super::frame_buffer::FrameBuffer;
use super::super::frame_io::FRAME_LIMIT;
use super::*;
use crate::fuzz_engine::{Campaign, Dice, corpus, hash};

/// Cap of a snapshot in these tests, in bytes.
const MAX_BYTES: u64 = 4_096;

type Files = BTreeMap<String, Vec<u8>>;

fn frames(input: &[u8]) -> Vec<Bytes> {
    let mut buffer = FrameBuffer::new(FRAME_LIMIT);
    buffer.extend(input);
    std::iter::from_fn(|| buffer.next().ok().flatten()).collect()
}

fn framed(frames: &[Bytes]) -> Vec<u8> {
    let mut out = Vec::new();
    for frame in frames {
        out.put_u32(frame.len() as u32);
        out.put_slice(frame);
    }
    out
}

/// The files that these frames bring, if they are sizes, names and chunks in their order up to an
/// end mark.
fn sent(frames: &[Bytes]) -> Files {
    let (mut files, mut name) = (Files::new(), String::new());
    for frame in frames {
        match frame[0] {
            SNAPSHOT_FILE => {
                name = String::from_utf8(frame[9..].to_vec()).unwrap();
                files.insert(name.clone(), Vec::new());
            }
            SNAPSHOT_CHUNK => files
                .get_mut(&name)
                .unwrap()
                .extend_from_slice(&frame[13..]),
            _ => return files,
        }
    }
    unreachable!("no end mark")
}

fn on_disk(snapshot: &ReceivedSnapshot) -> Files {
    let read = |file: &ReceivedFile| (file.name.clone(), std::fs::read(&file.path).unwrap());
    snapshot.files().iter().map(read).collect()
}

async fn take_all(spool: &Path, frames: &[Bytes]) -> Result<Files, ReceiveError> {
    let mut receiving = Receiving::begin(spool, MAX_BYTES).await?;
    for frame in frames {
        let done = receiving.take(frame.clone()).await?;
        assert!(receiving.total <= MAX_BYTES, "more than the cap");
        if done {
            return Ok(on_disk(&receiving.snapshot));
        }
    }
    Err(ReceiveError::Frame(FrameError::Ended))
}

fn target(input: &[u8]) -> u64 {
    let spool = tempfile::tempdir().unwrap();
    let frames = frames(input);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let outcome = runtime.block_on(take_all(spool.path(), &frames));
    drop(runtime);
    let left = std::fs::read_dir(spool.path()).unwrap().count();
    assert_eq!(left, 0, "a snapshot that is not kept stays on disk");
    match outcome {
        Ok(files) => {
            assert_eq!(files, sent(&frames));
            hash(&("ok", files.len()))
        }
        Err(error) => hash(&error.to_string()),
    }
}

/// Makes the checksums of chunks right, and often their sizes and the count at the end.
fn repair(input: &mut Vec<u8>, dice: &mut Dice) {
    let (mut repaired, mut offset, mut total, mut files) = (Vec::new(), 0, 0_u64, 0_u32);
    let exact = !dice.once_in(4);
    for frame in frames(input) {
        let mut frame = frame.to_vec();
        match frame[0] {
            SNAPSHOT_FILE if frame.len() > 9 => {
                (offset, files) = (0, files + 1);
            }
            SNAPSHOT_CHUNK if frame.len() > 13 => {
                let crc = crc32c::crc32c(&frame[13..]);
                frame[9..13].copy_from_slice(&crc.to_be_bytes());
                if exact {
                    frame[1..9].copy_from_slice(&u64::to_be_bytes(offset));
                }
                offset += frame.len() as u64 - 13;
                total += frame.len() as u64 - 13;
            }
            SNAPSHOT_END if exact => frame = end(files, total),
            _ => {}
        }
        repaired.push(frame.into());
    }
    *input = framed(&repaired);
}

fn file(name: &str, size: u64) -> Vec<u8> {
    [&[SNAPSHOT_FILE], &size.to_be_bytes()[..], name.as_bytes()].concat()
}

fn chunk(offset: u64, data: &[u8]) -> Vec<u8> {
    let crc = crc32c::crc32c(data).to_be_bytes();
    [&[SNAPSHOT_CHUNK], &offset.to_be_bytes()[..], &crc, data].concat()
}

fn end(files: u32, bytes: u64) -> Vec<u8> {
    [
        &[SNAPSHOT_END],
        &files.to_be_bytes()[..],
        &bytes.to_be_bytes(),
    ]
    .concat()
}

fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let made = |frames: &[Vec<u8>]| {
        let frames: Vec<Bytes> = frames.iter().cloned().map(Bytes::from).collect();
        framed(&frames)
    };
    vec![
        (
            "two-files",
            made(&[
                file("state.bin", 12),
                chunk(0, b"some "),
                chunk(5, b"state.."),
                file("store.db", 3),
                chunk(0, b"abc"),
                end(2, 15),
            ]),
        ),
        ("empty-file", made(&[file("a", 0), end(1, 0)])),
        ("nothing", made(&[end(0, 0)])),
        (
            "out-of-order",
            made(&[file("a", 6), chunk(3, b"def"), chunk(0, b"abc"), end(1, 6)]),
        ),
        ("path", made(&[file("../a", 1), chunk(0, b"a"), end(1, 1)])),
    ]
}

#[test]
fn any_bytes_as_a_snapshot_stream() {
    let campaign = Campaign {
        corpus: corpus(env!("CARGO_MANIFEST_DIR"), "snapshot_stream"),
        iterations: 1_000,
        repair,
        memory: |input| (1 << 20) + 8 * input.len() as u64,
        target,
    };
    campaign.run(seeds());
}
