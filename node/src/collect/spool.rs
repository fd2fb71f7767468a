//! What is collected and not yet delivered, on disk: it outlasts the collector and its machine.
//!
//! Each body is a file of its own, named by a number that only grows, and synced with its directory
//! before [`Spool::add`] returns. A file that a crash left half written has another name and is
//! removed at the next start. At the cap the oldest bodies go, which is counted and said.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;

const SUFFIX: &str = ".json";
const UNFINISHED: &str = "unfinished";

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
    bytes: u64,
    /// The body, where there is no directory.
    body: Option<Bytes>,
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
            let number = name
                .strip_suffix(SUFFIX)
                .and_then(|number| number.parse().ok());
            if let Some(number) = number {
                spool.waiting.push_back(Waiting {
                    number,
                    bytes: entry.metadata()?.len(),
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
        Ok(spool)
    }

    /// How many bodies wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// How many bodies were dropped at the cap since the start.
    pub(super) const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Keeps a body; on return it is durable, where there is a directory. The oldest make room.
    ///
    /// # Errors
    /// If it cannot be written: then it is kept in memory, and nothing else is lost.
    pub(super) fn add(&mut self, body: Bytes) -> io::Result<()> {
        let number = self.next;
        self.next += 1;
        let bytes = body.len() as u64;
        let written = match &self.dir {
            Some(dir) => write(dir, number, &body).map(|()| None),
            None => Ok(Some(body.clone())),
        };
        let (body, outcome) = match written {
            Ok(body) => (body, Ok(())),
            Err(error) => (Some(body), Err(error)),
        };
        self.waiting.push_back(Waiting {
            number,
            bytes,
            body,
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
            match self.dir.as_ref().map(|dir| fs::read(path(dir, number))) {
                Some(Ok(body)) => return Some((number, body.into())),
                // Somebody took it away: it cannot be delivered.
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
            && let Err(error) = fs::remove_file(path(dir, number))
        {
            tracing::warn!(%error, number, "a delivered body stays in the spool");
        }
    }
}

fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:020}{SUFFIX}"))
}

fn write(dir: &Path, number: u64, body: &[u8]) -> io::Result<()> {
    let unfinished = dir.join(UNFINISHED);
    let mut file = File::create(&unfinished)?;
    file.write_all(body)?;
    file.sync_all()?;
    fs::rename(&unfinished, path(dir, number))?;
    File::open(dir)?.sync_all()
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
            spool.add(body(text)).unwrap();
        }
        let (first, _) = spool.next().unwrap();
        spool.remove(first);
        drop(spool);
        fs::write(dir.path().join(UNFINISHED), "half").unwrap();
        let mut again = Spool::open(dir.path(), 1_000).unwrap();
        again.add(body("four")).unwrap();
        assert_eq!(drain(&mut again), ["four", "one", "two"]);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_backlog_and_what_is_new_take_turns() {
        let mut spool = Spool::in_memory(1_000);
        for text in ["1", "2", "3", "4", "5"] {
            spool.add(body(text)).unwrap();
        }
        assert_eq!(drain(&mut spool), ["5", "1", "4", "2", "3"]);
    }

    #[test]
    fn at_the_cap_the_oldest_go() {
        let dir = tempfile::tempdir().unwrap();
        for mut spool in [Spool::in_memory(10), Spool::open(dir.path(), 10).unwrap()] {
            for text in ["aaaa", "bbbb", "cccc"] {
                spool.add(body(text)).unwrap();
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
        spool.add(body("kept")).unwrap_err();
        assert_eq!(drain(&mut spool), ["kept"]);
    }
}
