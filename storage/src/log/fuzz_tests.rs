//! Any bytes as a log directory: what opens holds only whole, chained entries, and everything that
//! was durable.
//!
//! An input is a list of files: kind (0 marker, 1 segment), first index (8 bytes, little-endian),
//! length (4), bytes.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;

use bytes::{Buf, BufMut};

use self::engine::{Campaign, Dice, corpus, hash};
use super::disk::Disk;
use super::frame::{FRAME_HEAD, MAX_INDEX, SEGMENT_HEAD};
use super::marker::{Marker, SLOT};
use super::mem_disk::MemDisk;
use super::*;
use crate::Error;

#[path = "../../tests/fuzz/engine.rs"]
mod engine;

const DIR: &str = "/log";

/// Files by name.
type Files = BTreeMap<String, Vec<u8>>;

fn unpack(mut input: &[u8]) -> Files {
    let mut files = Files::new();
    while input.len() >= 13 && files.len() < 8 {
        let (kind, first) = (input.get_u8(), input.get_u64_le());
        let length = (input.get_u32_le() as usize).min(input.len());
        let name = match kind {
            0 => "marker".to_owned(),
            _ => format!("{first:020}.log"),
        };
        files.insert(name, input[..length].to_vec());
        input.advance(length);
    }
    files
}

fn pack(files: &Files) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, bytes) in files {
        let first = name.strip_suffix(".log");
        out.put_u8(first.is_some().into());
        out.put_u64_le(first.map_or(0, |first| first.parse().unwrap()));
        out.put_u32_le(bytes.len() as u32);
        out.put_slice(bytes);
    }
    out
}

fn options() -> LogOptions {
    LogOptions {
        segment_bytes: 600,
        cache_bytes: 300,
        ..LogOptions::default()
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    (&bytes[at..]).get_u32_le()
}

fn long(bytes: &[u8], at: usize) -> u64 {
    (&bytes[at..]).get_u64_le()
}

/// One frame, read by other code than the log's.
struct Seen {
    term: u64,
    payload: Vec<u8>,
    prev: u32,
    crc: u32,
}

/// The whole frames of each segment, up to the first that is not.
fn frames(files: &Files) -> BTreeMap<u64, Seen> {
    let mut seen = BTreeMap::new();
    for (_, bytes) in files.iter().filter(|(name, _)| *name != "marker") {
        if bytes.len() < SEGMENT_HEAD || crc32c::crc32c(&bytes[..36]) != word(bytes, 36) {
            continue;
        }
        let mut at = SEGMENT_HEAD;
        while bytes.len() - at >= FRAME_HEAD {
            let (head, rest) = bytes[at..].split_at(FRAME_HEAD);
            let length = word(head, 0) as usize;
            let is_whole = crc32c::crc32c(&head[..36]) == word(head, 36) && length <= rest.len();
            if !is_whole || crc32c::crc32c(&rest[..length]) != word(head, 4) {
                break;
            }
            let frame = Seen {
                term: long(head, 16),
                payload: rest[..length].to_vec(),
                prev: word(head, 32),
                crc: word(head, 36),
            };
            seen.insert(long(head, 8), frame);
            at += FRAME_HEAD + length;
        }
    }
    seen
}

/// The readable slot that was written last.
fn marker(files: &Files) -> Option<Marker> {
    let bytes = files.get("marker")?;
    let slots = bytes.chunks(SLOT).take(2);
    slots
        .filter_map(|slot| Marker::decode(slot).ok())
        .reduce(|old, new| {
            if old.sequence >= new.sequence {
                old
            } else {
                new
            }
        })
}

fn target(input: &[u8]) -> u64 {
    let files = unpack(input);
    if marker(&files).is_some_and(|marker| marker.sequence + 16 > MAX_INDEX) {
        // It cannot be counted on.
        return 2;
    }
    let disk = MemDisk::default();
    disk.set_fuse(u64::MAX);
    for (name, bytes) in &files {
        let file = disk.create(&Path::new(DIR).join(name)).unwrap();
        file.write_at(bytes, 0).unwrap();
        file.sync().unwrap();
    }
    let open = || Log::open_on(Arc::new(disk.clone()), Path::new(DIR), options());
    let (log, found) = match open() {
        Ok(opened) => opened,
        Err(Error::Damaged { what, .. }) => {
            return hash(&what.split(char::is_numeric).collect::<Vec<_>>());
        }
        Err(Error::NewerFormat { .. }) => return 1,
        Err(error) => panic!("{error}"),
    };
    let entries = log.read(0..u64::MAX, usize::MAX).unwrap();
    check(&files, &found, &entries);

    // Opening it settled it: the same again, and it goes on.
    drop(log);
    let (log, again) = open().unwrap();
    assert_eq!(again.torn_bytes, 0);
    assert_eq!((again.first, again.last), (found.first, found.last));
    assert_eq!((&again.vote, &again.purged), (&found.vote, &found.purged));
    assert_eq!(log.read(0..u64::MAX, usize::MAX).unwrap(), entries);
    // Unless it is at the end of all numbers.
    if next(&found) < MAX_INDEX {
        append(&log, &found);
        drop(log);
        let last = open().unwrap().1.last;
        assert_eq!(last, Some(next(&found)));
    }
    hash(&(
        entries.len().min(8),
        found.torn_bytes.min(1),
        found.vote.is_some(),
        found.purged.is_some(),
        files.len(),
    ))
}

fn next(found: &Recovered) -> u64 {
    let after_purge = found.purged.as_ref().map_or(0, |purged| purged.index + 1);
    found.last.map_or(after_purge, |last| last + 1)
}

fn append(log: &Log, found: &Recovered) {
    let (tell, told) = channel();
    let entry = LogEntry {
        index: next(found),
        term: 9,
        payload: "next".into(),
    };
    log.append(
        vec![entry],
        Box::new(move |outcome| tell.send(outcome).unwrap()),
    )
    .unwrap();
    told.recv().unwrap().unwrap();
}

/// What was recovered was written like that, without a gap, and nothing durable is missing.
fn check(files: &Files, found: &Recovered, entries: &[LogEntry]) {
    let written = frames(files);
    let first = found.first.unwrap_or_default();
    let indexes: Vec<u64> = entries.iter().map(|entry| entry.index).collect();
    let expected: Vec<u64> = match found.last {
        Some(last) => (first..=last).collect(),
        None => vec![],
    };
    assert_eq!(indexes, expected, "gap");
    let mut tail = None;
    for entry in entries {
        let frame = &written[&entry.index];
        assert_eq!(
            (entry.term, &entry.payload[..]),
            (frame.term, &frame.payload[..])
        );
        assert!(
            tail.is_none_or(|tail| tail == frame.prev),
            "chain at {}",
            entry.index
        );
        tail = Some(frame.crc);
    }
    let Some(marker) = marker(files) else {
        assert!(
            entries.is_empty() && found.vote.is_none(),
            "a log without a marker"
        );
        return;
    };
    assert_eq!((&found.vote, &found.purged), (&marker.vote, &marker.purged));
    let durable = marker.durable.min(marker.cut.unwrap_or(u64::MAX));
    assert!(
        next(found) >= durable,
        "entries below {durable} were durable"
    );
}

/// Makes checksums right, and sometimes the chain too.
fn repair(input: &mut Vec<u8>, dice: &mut Dice) {
    let mut files = unpack(input);
    let chain = !dice.once_in(3);
    let mut tail = None;
    for (name, bytes) in &mut files {
        if name == "marker" {
            for slot in bytes.chunks_mut(SLOT).filter(|slot| slot.len() >= 24) {
                let length = word(slot, 16);
                let body = slot.get(24..).and_then(|rest| rest.get(..length as usize));
                if let Some(body) = body {
                    let crc = crc32c::crc32c_append(crc32c::crc32c(&length.to_le_bytes()), body);
                    slot[20..24].copy_from_slice(&crc.to_le_bytes());
                }
            }
        } else if bytes.len() >= SEGMENT_HEAD {
            tail = repair_segment(bytes, tail.filter(|_| chain), dice);
        }
    }
    *input = pack(&files);
}

fn repair_segment(bytes: &mut [u8], tail: Option<u32>, dice: &mut Dice) -> Option<u32> {
    if let Some(tail) = tail {
        bytes[20..24].copy_from_slice(&tail.to_le_bytes());
    }
    let crc = crc32c::crc32c(&bytes[..36]);
    bytes[36..40].copy_from_slice(&crc.to_le_bytes());
    let (mut at, mut tail) = (SEGMENT_HEAD, tail);
    while bytes.len() - at >= FRAME_HEAD {
        let (head, rest) = bytes[at..].split_at_mut(FRAME_HEAD);
        let length = word(head, 0) as usize;
        let Some(payload) = rest.get(..length) else {
            break;
        };
        head[4..8].copy_from_slice(&crc32c::crc32c(payload).to_le_bytes());
        if let Some(tail) = tail {
            head[32..36].copy_from_slice(&tail.to_le_bytes());
        }
        let crc = crc32c::crc32c(&head[..36]);
        // A frame left with a wrong checksum is a torn end, or damage.
        if !dice.once_in(12) {
            head[36..40].copy_from_slice(&crc.to_le_bytes());
        }
        tail = Some(crc);
        at += FRAME_HEAD + length;
    }
    tail
}

/// Logs as the code writes them.
fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let made = |change: fn(&Log)| {
        let dir = tempfile::tempdir().unwrap();
        let (log, _) = Log::open(dir.path(), options()).unwrap();
        change(&log);
        drop(log);
        pack(&files_in(dir.path()))
    };
    vec![
        (
            "golden-v1",
            pack(&files_in(
                &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/log-v1"),
            )),
        ),
        ("empty", made(|_| {})),
        ("several-segments", made(fill_log)),
        (
            "voted-and-purged",
            made(|log| {
                fill_log(log);
                log.save_vote("a vote".into()).unwrap();
                log.purge(Purged {
                    index: 6,
                    id: "id of 6".into(),
                })
                .unwrap();
            }),
        ),
        (
            "truncated",
            made(|log| {
                fill_log(log);
                log.truncate_after(Some(9)).unwrap();
                log.save_committed("committed".into()).unwrap();
            }),
        ),
    ]
}

fn fill_log(log: &Log) {
    let (tell, told) = channel();
    let entry = |index| LogEntry {
        index,
        term: 1 + index / 7,
        payload: vec![index as u8; index as usize * 3].into(),
    };
    let done = Box::new(move |outcome| tell.send(outcome).unwrap());
    log.append((0..16).map(entry).collect(), done).unwrap();
    told.recv().unwrap().unwrap();
}

fn files_in(dir: &Path) -> Files {
    let files = std::fs::read_dir(dir).unwrap().map(|entry| {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        (name, std::fs::read(entry.path()).unwrap())
    });
    files.filter(|(name, _)| name != "lock").collect()
}

#[test]
fn any_bytes_as_a_log() {
    let campaign = Campaign {
        corpus: corpus(env!("CARGO_MANIFEST_DIR"), "log"),
        iterations: 4_000,
        repair,
        // The files, and what the disk in memory and the test keep of them.
        memory: |input| (4 << 20) + 64 * input.len() as u64,
        target,
    };
    campaign.run(seeds());
}
