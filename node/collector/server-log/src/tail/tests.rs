use std::fs::{self, OpenOptions};
use std::io::Write;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use super::*;

/// A directory of log files whose times of change are set, not waited for.
struct Log {
    directory: TempDir,
    clock: SystemTime,
}

impl Log {
    fn new() -> Self {
        let clock = SystemTime::UNIX_EPOCH + Duration::from_secs(1_772_000_000);
        Self {
            directory: tempfile::tempdir().unwrap(),
            clock,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn append(&mut self, name: &str, text: &str) {
        let options = OpenOptions::new().append(true).create(true).clone();
        let mut file = options.open(self.path(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        self.clock += Duration::from_secs(1);
        file.set_modified(self.clock).unwrap();
    }

    fn truncate(&mut self, name: &str) {
        let file = OpenOptions::new()
            .write(true)
            .truncate(true)
            .open(self.path(name))
            .unwrap();
        self.clock += Duration::from_secs(1);
        file.set_modified(self.clock).unwrap();
    }

    fn files(&self) -> LogFiles {
        LogFiles {
            directory: self.directory.path().to_owned(),
            kind: FileKind::Stderr,
        }
    }

    fn open(&self, position: Option<Position>) -> Tail {
        Tail::open(self.files(), position).unwrap()
    }
}

/// Reads until nothing comes; `|` marks the end of a file.
fn drain(tail: &mut Tail) -> (String, Vec<Gap>) {
    let (mut text, mut gaps) = (String::new(), Vec::new());
    loop {
        let chunk = tail.read(7).unwrap();
        if chunk == Chunk::default() {
            return (text, gaps);
        }
        text.push_str(std::str::from_utf8(&chunk.bytes).unwrap());
        if chunk.is_file_end {
            text.push('|');
        }
        gaps.extend(chunk.gap);
    }
}

#[test]
fn the_newest_file_is_followed_through_a_rotation() {
    let mut log = Log::new();
    log.append("b.log", "old\n");
    log.append("a.log", "one\n");
    log.append("a.csv", "other kind\n");
    log.append("a.log.gz", "compressed\n");
    let mut tail = log.open(None);
    assert_eq!(drain(&mut tail).0, "one\n");
    log.append("a.log", "two\n");
    assert_eq!(drain(&mut tail).0, "two\n");
    log.append("a.log", "last\n");
    log.append("c.log", "three\n");
    log.append("d.log", "four\n");
    assert_eq!(
        drain(&mut tail),
        ("last\n|three\n|four\n".to_owned(), vec![])
    );
    assert_eq!(tail.path(), Some(log.path("d.log").as_path()));
}

#[test]
fn a_position_neither_repeats_nor_skips() {
    let mut log = Log::new();
    log.append("a.log", "one\ntwo\nthree\n");
    let mut tail = log.open(None);
    drain(&mut tail);
    let position = tail.position(6).unwrap();
    let stored = serde_json::to_string(&position).unwrap();
    let position: Position = serde_json::from_str(&stored).unwrap();
    assert_eq!(drain(&mut log.open(Some(position))).0, "three\n");
    // Rotated twice and renamed while nobody read.
    log.append("a.log", "four\n");
    fs::rename(log.path("a.log"), log.path("a.log.1")).unwrap();
    log.append("a.log", "five\n");
    log.append("b.log", "six\n");
    let (text, gaps) = drain(&mut log.open(Some(position)));
    assert_eq!(
        (text.as_str(), gaps.len()),
        ("three\nfour\n|five\n|six\n", 0)
    );
}

#[test]
fn a_start_without_a_position_takes_the_last_mebibyte_from_a_whole_line() {
    let mut log = Log::new();
    let line = format!("{}\n", "x".repeat(99));
    log.append("a.log", &line.repeat(20_000));
    let text = drain(&mut log.open(None)).0;
    assert_eq!(
        text,
        line.repeat(10_485),
        "1 MiB is 10,485 lines and a part"
    );
}

#[test]
fn a_truncated_file_is_a_gap_and_read_from_its_start() {
    let mut log = Log::new();
    log.append("a.log", "one\ntwo\n");
    let mut tail = log.open(None);
    drain(&mut tail);
    let position = tail.position(4).unwrap();
    log.truncate("a.log");
    log.append("a.log", "new\n");
    let gap = |lost_bytes| Gap {
        reason: GapReason::Truncated,
        lost_bytes,
    };
    assert_eq!(drain(&mut tail), ("|new\n".to_owned(), vec![gap(None)]));
    let mut tail = log.open(Some(position));
    // As long as what was read before: only the start tells that it is another one.
    assert_eq!(position.offset, 4);
    let reused = Gap {
        reason: GapReason::Reused,
        lost_bytes: Some(4),
    };
    assert_eq!(drain(&mut tail), ("new\n".to_owned(), vec![reused]));
    let longer = Position {
        offset: 6,
        ..position
    };
    assert_eq!(
        drain(&mut log.open(Some(longer))),
        ("new\n".to_owned(), vec![gap(Some(2))])
    );
}

#[test]
fn a_file_that_was_written_anew_while_followed_is_a_gap() {
    let mut log = Log::new();
    log.append("a.log", "one\n");
    let mut tail = log.open(None);
    drain(&mut tail);
    log.truncate("a.log");
    log.append("a.log", "another, longer\n");
    let reused = Gap {
        reason: GapReason::Reused,
        lost_bytes: None,
    };
    assert_eq!(
        drain(&mut tail),
        ("|another, longer\n".to_owned(), vec![reused])
    );
}

#[test]
fn a_file_that_vanished_is_a_gap_and_the_next_ones_are_read() {
    let mut log = Log::new();
    log.append("old.log", "old\n");
    log.append("a.log", "one\ntwo\n");
    let mut tail = log.open(None);
    drain(&mut tail);
    let position = tail.position(4).unwrap();
    log.append("a.log", "never read\n");
    // Kept open here, so that no other file gets its inode.
    let _kept = File::open(log.path("a.log")).unwrap();
    fs::remove_file(log.path("a.log")).unwrap();
    let vanished = Gap {
        reason: GapReason::Vanished,
        lost_bytes: Some(4),
    };
    let mut waiting = log.open(Some(position));
    assert_eq!(drain(&mut waiting), (String::new(), vec![vanished]));
    log.append("b.log", "three\n");
    log.append("c.log", "four\n");
    assert_eq!(drain(&mut waiting).0, "three\n|four\n");
    let (text, gaps) = drain(&mut log.open(Some(position)));
    assert_eq!((text.as_str(), gaps), ("three\n|four\n", vec![vanished]));
    // Whoever has it open reads it to its end.
    assert_eq!(
        drain(&mut tail),
        ("never read\n|three\n|four\n".to_owned(), vec![])
    );
}

#[test]
fn an_empty_directory_waits_for_its_first_file() {
    let mut log = Log::new();
    let mut tail = log.open(None);
    assert_eq!(
        (drain(&mut tail).0, tail.position(0)),
        (String::new(), None)
    );
    log.append("a.log", "one\n");
    assert_eq!(drain(&mut tail).0, "one\n");
    let nowhere = LogFiles {
        directory: log.path("nowhere"),
        kind: FileKind::Csv,
    };
    assert!(Tail::open(nowhere, None).is_ok());
    let no_directory = LogFiles {
        directory: log.path("a.log"),
        kind: FileKind::Csv,
    };
    assert!(Tail::open(no_directory, None).is_err());
}

#[test]
fn the_start_of_a_file_is_known_once_it_is_long_enough() {
    let mut log = Log::new();
    log.append("a.log", "one\n");
    let mut tail = log.open(None);
    drain(&mut tail);
    assert_eq!(tail.position(0).unwrap().head.length, 4);
    log.append("a.log", &"y".repeat(5_000));
    drain(&mut tail);
    assert_eq!(tail.position(0).unwrap().head.length, 1_024);
}
