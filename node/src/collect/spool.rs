//! What is collected and not yet delivered, on disk: it outlasts the collector and its machine.
//!
//! Each body is a file of its own, a zstd frame named by a number that only grows, and synced with
//! its directory before [`Spool::add`] returns. Earlier versions wrote bodies as they are, under
//! names that end in `.json`: they are delivered like the others. A file that a crash left half
//! written has another name and is removed at the next start. At the cap the oldest bodies go,
//! which is counted and said.
//!
//! # The note
//! With a body a note is kept that says how far its content goes: positions in logs. `note` holds
//! that of the last body. A new one is written beside it first, with the number of its body
//! (`note.next`); then the body gets its name, which settles both; then the note gets its own. The
//! lock of the spool is held meanwhile, so that no body is delivered before its note is settled. A
//! crash in between leaves `note.next`: at the next start it counts if its body is there.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

const PACKED: &str = ".json.zst";
const PLAIN: &str = ".json";
/// The fastest level; a body of JSON takes a tenth of its size with it.
const LEVEL: i32 = 1;
/// Largest body that is unpacked, in bytes: more than a cycle can have.
const MAX_BODY: usize = 256 << 20;
const UNFINISHED: &str = "unfinished";
const NOTE: &str = "note";
const NEXT_NOTE: &str = "note.next";

/// Bodies that wait, in memory or on disk.
#[derive(Debug)]
pub(super) struct Spool {
    dir: Option<PathBuf>,
    waiting: VecDeque<Waiting>,
    bytes: u64,
    max_bytes: u64,
    next: u64,
    dropped: u64,
    takes_oldest: bool,
}

/// A body that waits.
#[derive(Debug)]
struct Waiting {
    number: u64,
    /// What it takes in its file, or in memory.
    bytes: u64,
    /// How its file's name ends.
    suffix: &'static str,
    /// The body, where there is no directory.
    body: Option<Bytes>,
}

/// What stands beside the bodies.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    /// The body that it was written for.
    number: u64,
    content: Value,
}

impl Spool {
    /// A spool in memory.
    pub(super) fn in_memory(max_bytes: u64) -> Self {
        Self {
            dir: None,
            waiting: VecDeque::new(),
            bytes: 0,
            max_bytes,
            next: 0,
            dropped: 0,
            takes_oldest: false,
        }
    }

    /// The spool in `dir`, with what an earlier run left there.
    ///
    /// # Errors
    /// If the directory cannot be made or read.
    pub(super) fn open(dir: &Path, max_bytes: u64) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let mut spool = Self::in_memory(max_bytes);
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name == UNFINISHED {
                fs::remove_file(entry.path())?;
            }
            if let Some((number, suffix)) = number_of(&name) {
                spool.waiting.push_back(Waiting {
                    number,
                    bytes: entry.metadata()?.len(),
                    suffix,
                    body: None,
                });
            }
        }
        spool
            .waiting
            .make_contiguous()
            .sort_by_key(|waiting| waiting.number);
        spool.bytes = spool.waiting.iter().map(|waiting| waiting.bytes).sum();
        spool.next = spool.waiting.back().map_or(0, |last| last.number + 1);
        spool.dir = Some(dir.to_owned());
        spool.settle_note(dir)?;
        Ok(spool)
    }

    /// Takes the next note if the body that it was written for is there, else removes it.
    fn settle_note(&self, dir: &Path) -> io::Result<()> {
        let next = match fs::read(dir.join(NEXT_NOTE)) {
            Ok(next) => next,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let number = serde_json::from_slice::<Note>(&next).map(|note| note.number);
        let is_there = |number| self.waiting.iter().any(|waiting| waiting.number == number);
        if number.is_ok_and(is_there) {
            fs::rename(dir.join(NEXT_NOTE), dir.join(NOTE))?;
        } else {
            fs::remove_file(dir.join(NEXT_NOTE))?;
        }
        pga_runtime::sync_dir(dir)
    }

    /// The note of the last body that was kept on disk; `None` if there is none that can be read.
    pub(super) fn note(&self) -> Option<Value> {
        let bytes = fs::read(self.dir.as_ref()?.join(NOTE)).ok()?;
        let note: Note = serde_json::from_slice(&bytes).ok()?;
        Some(note.content)
    }

    /// How many bodies wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Bytes of the bodies that wait.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Most that the bodies may take.
    pub(super) const fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    /// How many bodies were dropped at the cap since the start.
    pub(super) const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Keeps a body with its note; on return both are durable, where there is a directory. The
    /// oldest bodies make room.
    ///
    /// # Errors
    /// If it cannot be written: then the body is kept in memory, and nothing else is lost. Its note
    /// is not kept, nor that of a later body, until it is delivered: a crash would lose it.
    pub(super) fn add(&mut self, body: Bytes, note: Option<Value>) -> io::Result<()> {
        let number = self.next;
        self.next += 1;
        let is_at_risk = self.waiting.iter().any(|waiting| waiting.body.is_some());
        let note = note.filter(|_| !is_at_risk);
        let note = note.map(|content| Note { number, content });
        let written = match &self.dir {
            Some(dir) => write(dir, number, &body, note.as_ref()).map(Some),
            None => Ok(None),
        };
        let (on_disk, outcome) = match written {
            Ok(on_disk) => (on_disk, Ok(())),
            Err(error) => (None, Err(error)),
        };
        let bytes = on_disk.unwrap_or(body.len() as u64);
        self.waiting.push_back(Waiting {
            number,
            bytes,
            suffix: PACKED,
            body: on_disk.is_none().then_some(body),
        });
        self.bytes += bytes;
        while self.bytes > self.max_bytes && self.waiting.len() > 1 {
            if let Some(oldest) = self.waiting.front().map(|oldest| oldest.number) {
                self.dropped += 1;
                self.remove(oldest);
            }
        }
        outcome
    }

    /// The next body to deliver: the newest and the oldest in turn, so that a backlog neither holds
    /// up what is new nor is held up by it. It stays until [`Spool::remove`].
    pub(super) fn next(&mut self) -> Option<(u64, Bytes)> {
        loop {
            let chosen = match self.takes_oldest {
                true => self.waiting.front(),
                false => self.waiting.back(),
            };
            let chosen = chosen?;
            let number = chosen.number;
            self.takes_oldest = !self.takes_oldest;
            if let Some(body) = &chosen.body {
                return Some((number, body.clone()));
            }
            let suffix = chosen.suffix;
            match self.dir.as_ref().map(|dir| read(dir, number, suffix)) {
                Some(Ok(body)) => return Some((number, body.into())),
                // Somebody took it away, or damaged it: it cannot be delivered.
                Some(Err(error)) => {
                    tracing::error!(%error, number, "a body of the spool cannot be read");
                    self.dropped += 1;
                    self.remove(number);
                }
                None => self.remove(number),
            }
        }
    }

    /// Forgets a body that is done with.
    pub(super) fn remove(&mut self, number: u64) {
        let Some(at) = self
            .waiting
            .iter()
            .position(|waiting| waiting.number == number)
        else {
            return;
        };
        let Some(gone) = self.waiting.remove(at) else {
            return;
        };
        self.bytes -= gone.bytes;
        // If the file stays it is delivered once more, and the cluster finds the repeat.
        if let Some(dir) = self.dir.as_ref().filter(|_| gone.body.is_none())
            && let Err(error) = fs::remove_file(path(dir, number, gone.suffix))
        {
            tracing::warn!(%error, number, "a delivered body stays in the spool");
        }
    }
}

/// The number of a body and how its file is written, by the file's name.
fn number_of(name: &str) -> Option<(u64, &'static str)> {
    [PACKED, PLAIN].into_iter().find_map(|suffix| {
        let number = name.strip_suffix(suffix)?;
        Some((number.parse().ok()?, suffix))
    })
}

fn path(dir: &Path, number: u64, suffix: &str) -> PathBuf {
    dir.join(format!("{number:020}{suffix}"))
}

fn read(dir: &Path, number: u64, suffix: &str) -> io::Result<Vec<u8>> {
    let stored = fs::read(path(dir, number, suffix))?;
    if suffix == PLAIN {
        return Ok(stored);
    }
    // The frame tells the size of what is in it: no more is taken than that.
    let size = zstd::zstd_safe::get_frame_content_size(&stored)
        .ok()
        .flatten();
    let size = size.and_then(|size| usize::try_from(size).ok());
    match size.filter(|size| *size <= MAX_BODY) {
        Some(size) => zstd::bulk::decompress(&stored, size),
        None => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "no frame of zstd",
        )),
    }
}

/// Writes a body with its note; how many bytes the body takes.
fn write(dir: &Path, number: u64, body: &[u8], note: Option<&Note>) -> io::Result<u64> {
    if let Some(note) = note {
        write_whole(&dir.join(NEXT_NOTE), &serde_json::to_vec(note)?)?;
        pga_runtime::sync_dir(dir)?;
    }
    let unfinished = dir.join(UNFINISHED);
    let packed = zstd::bulk::compress(body, LEVEL)?;
    write_whole(&unfinished, &packed)?;
    fs::rename(&unfinished, path(dir, number, PACKED))?;
    pga_runtime::sync_dir(dir)?;
    if note.is_some() {
        // The body is there: whatever comes of this, the next start takes the note.
        fs::rename(dir.join(NEXT_NOTE), dir.join(NOTE))?;
    }
    Ok(packed.len() as u64)
}

fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(content)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> Bytes {
        Bytes::copy_from_slice(text.as_bytes())
    }

    fn drain(spool: &mut Spool) -> Vec<String> {
        let mut texts = Vec::new();
        while let Some((number, body)) = spool.next() {
            texts.push(String::from_utf8(body.to_vec()).unwrap());
            spool.remove(number);
        }
        texts
    }

    #[test]
    fn what_waits_outlasts_the_collector() {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(dir.path(), 1_000).unwrap();
        for text in ["one", "two", "three"] {
            spool.add(body(text), None).unwrap();
        }
        let (first, _) = spool.next().unwrap();
        spool.remove(first);
        drop(spool);
        fs::write(dir.path().join(UNFINISHED), "half").unwrap();
        let mut again = Spool::open(dir.path(), 1_000).unwrap();
        again.add(body("four"), None).unwrap();
        assert_eq!(drain(&mut again), ["four", "one", "two"]);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn bodies_are_packed_and_those_of_earlier_versions_are_delivered() {
        let dir = tempfile::tempdir().unwrap();
        let large = "a row of a list, ".repeat(1_000);
        fs::write(dir.path().join(format!("{:020}.json", 3)), "plain").unwrap();
        fs::write(dir.path().join(format!("{:020}.json.zst", 4)), "torn").unwrap();
        let mut spool = Spool::open(dir.path(), 100_000).unwrap();
        assert_eq!(spool.bytes(), 9);
        spool.add(body(&large), None).unwrap();
        assert!(spool.bytes() < 300, "{}", spool.bytes());
        assert_eq!(drain(&mut spool), [&large, "plain"]);
        assert_eq!(spool.dropped(), 1, "what is damaged is counted");
        assert_eq!((spool.len(), spool.bytes()), (0, 0));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_note_is_that_of_the_last_body_that_is_safe() {
        let dir = tempfile::tempdir().unwrap();
        let open = || Spool::open(dir.path(), 1_000).unwrap();
        let note = |n: i32| Some(serde_json::json!({ "at": n }));
        let mut spool = open();
        assert_eq!(spool.note(), None);
        spool.add(body("one"), note(1)).unwrap();
        drain(&mut spool);
        assert_eq!(open().note(), note(1), "the body is gone, its note stays");
        // Killed before the body had its name, and after.
        let next = |number: u64| serde_json::json!({ "number": number, "content": note(2) });
        fs::write(dir.path().join(NEXT_NOTE), next(5).to_string()).unwrap();
        assert_eq!(open().note(), note(1), "without its body");
        assert!(!dir.path().join(NEXT_NOTE).exists());
        fs::write(path(dir.path(), 5, PLAIN), "five").unwrap();
        fs::write(dir.path().join(NEXT_NOTE), next(5).to_string()).unwrap();
        assert_eq!(open().note(), note(2), "with its body");
        fs::write(dir.path().join(NEXT_NOTE), "{").unwrap();
        assert_eq!(open().note(), note(2), "torn");
    }

    #[test]
    fn no_note_passes_a_body_that_is_in_memory_only() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("spool");
        let note = |n: i32| Some(serde_json::json!(n));
        let mut spool = Spool::open(&at, 1_000).unwrap();
        spool.add(body("one"), note(1)).unwrap();
        fs::rename(&at, dir.path().join("away")).unwrap();
        spool.add(body("two"), note(2)).unwrap_err();
        fs::rename(dir.path().join("away"), &at).unwrap();
        spool.add(body("three"), note(3)).unwrap();
        assert_eq!(spool.note(), note(1), "two would be lost");
        drain(&mut spool);
        spool.add(body("four"), note(4)).unwrap();
        assert_eq!(spool.note(), note(4));
    }

    #[test]
    fn a_backlog_and_what_is_new_take_turns() {
        let mut spool = Spool::in_memory(1_000);
        for text in ["1", "2", "3", "4", "5"] {
            spool.add(body(text), None).unwrap();
        }
        assert_eq!(drain(&mut spool), ["5", "1", "4", "2", "3"]);
    }

    #[test]
    fn at_the_cap_the_oldest_go() {
        let dir = tempfile::tempdir().unwrap();
        let packed = zstd::bulk::compress(b"aaaa", LEVEL).unwrap().len() as u64;
        let on_disk = Spool::open(dir.path(), 2 * packed).unwrap();
        for mut spool in [Spool::in_memory(10), on_disk] {
            for text in ["aaaa", "bbbb", "cccc"] {
                spool.add(body(text), None).unwrap();
            }
            assert_eq!((spool.len(), spool.dropped()), (2, 1));
            assert_eq!(drain(&mut spool), ["cccc", "bbbb"]);
        }
    }

    #[test]
    fn a_full_disk_loses_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(&dir.path().join("spool"), 1_000).unwrap();
        fs::remove_dir(dir.path().join("spool")).unwrap();
        spool.add(body("kept"), None).unwrap_err();
        assert_eq!(drain(&mut spool), ["kept"]);
    }
}
