//! A log that is written, rotated and read at once, by a reader that starts anew now and then.

use std::fs;
use std::io::Write;
use std::time::{Duration, SystemTime};

use pga_server_log::tail::{FileKind, LogFiles, Position, Tail};
use pga_server_log::{Format, Reader, Record, Zones};
use proptest::prelude::*;

use crate::logs::{bytes, formats, records};

/// What happens next to the log or its reader.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The server writes so many bytes more.
    Write(usize),
    /// The server starts a new file at the end of a record.
    Rotate,
    /// The reader reads once, so many bytes at most.
    Read(usize),
    /// The reader's process ends, and another one goes on from the position that was kept.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..4_000_usize).prop_map(Step::Write),
        1 => Just(Step::Rotate),
        4 => (1..6_000_usize).prop_map(Step::Read),
        1 => Just(Step::Restart),
    ]
}

/// The writing side: a fixture, put into files as it goes on.
struct Writer {
    directory: tempfile::TempDir,
    extension: &'static str,
    log: Vec<u8>,
    written: usize,
    files: u32,
    clock: SystemTime,
}

impl Writer {
    fn new(extension: &'static str) -> Self {
        let clock = SystemTime::UNIX_EPOCH + Duration::from_secs(1_772_000_000);
        let log = bytes("pg", 16, extension);
        let directory = tempfile::tempdir().unwrap();
        let mut writer = Self {
            directory,
            extension,
            log,
            written: 0,
            files: 0,
            clock,
        };
        writer.write(0);
        writer
    }

    fn write(&mut self, length: usize) {
        let name = format!("pg-{:04}.{}", self.files, self.extension);
        let options = fs::OpenOptions::new().append(true).create(true).clone();
        let mut file = options.open(self.directory.path().join(name)).unwrap();
        let end = (self.written + length).min(self.log.len());
        file.write_all(&self.log[self.written..end]).unwrap();
        self.written = end;
        self.clock += Duration::from_millis(10);
        file.set_modified(self.clock).unwrap();
    }

    /// The collector of the server's log rotates between records only.
    fn rotate(&mut self) {
        let starts = b"\n2026-".as_slice();
        let starts = if self.extension == "json" {
            b"\n{".as_slice()
        } else {
            starts
        };
        let rest = &self.log[self.written..];
        let end = rest
            .windows(starts.len())
            .position(|window| window == starts);
        let end = end.map_or(rest.len(), |end| end + 1);
        let first =
            String::from_utf8_lossy(rest.get(end..end + 200).unwrap_or_default()).into_owned();
        // A part of a record on stderr starts with a time as well.
        let is_part = [
            "| DETAIL",
            "| HINT",
            "| QUERY",
            "| CONTEXT",
            "| LOCATION",
            "| STATEMENT",
        ];
        self.write(end);
        if !is_part
            .iter()
            .any(|part| first.lines().next().unwrap_or_default().contains(part))
        {
            self.files += 1;
            self.write(0);
        }
    }
}

/// The reading side: what it got, and the position that it kept with it.
struct Follower {
    files: LogFiles,
    format: Format,
    tail: Tail,
    reader: Reader,
    /// Spooled together with the position.
    records: Vec<Record>,
    kept: Option<Position>,
}

impl Follower {
    fn new(writer: &Writer, format: Format) -> Self {
        let kind = match format {
            Format::Json => FileKind::Json,
            Format::Csv => FileKind::Csv,
            Format::Stderr(_) => FileKind::Stderr,
        };
        let files = LogFiles {
            directory: writer.directory.path().to_owned(),
            kind,
        };
        let tail = Tail::open(files.clone(), None).unwrap();
        let kept = tail.position(0);
        let reader = Reader::new(format.clone(), Zones::default());
        Self {
            files,
            format,
            tail,
            reader,
            records: Vec::new(),
            kept,
        }
    }

    fn read(&mut self, limit: usize) -> bool {
        let chunk = self.tail.read(limit).unwrap();
        assert_eq!(chunk.gap, None);
        self.records.extend(self.reader.feed(&chunk.bytes));
        if chunk.is_file_end {
            self.records.extend(self.reader.finish());
        }
        self.kept = self.tail.position(self.reader.pending_bytes());
        !chunk.bytes.is_empty() || chunk.is_file_end
    }

    fn restart(&mut self) {
        let stored = serde_json::to_string(&self.kept).unwrap();
        let kept: Option<Position> = serde_json::from_str(&stored).unwrap();
        self.tail = Tail::open(self.files.clone(), kept).unwrap();
        self.reader = Reader::new(self.format.clone(), Zones::default());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn each_record_comes_once_through_rotations_and_restarts(
        steps in prop::collection::vec(step(), 20..120),
    ) {
        let want: Vec<String> = records(16).into_iter().map(|record| record.message).collect();
        for (extension, format) in formats(16) {
            let mut writer = Writer::new(extension);
            let mut follower = Follower::new(&writer, format);
            for step in &steps {
                match step {
                    Step::Write(length) => writer.write(*length),
                    Step::Rotate => writer.rotate(),
                    Step::Read(limit) => drop(follower.read(*limit)),
                    Step::Restart => follower.restart(),
                }
            }
            writer.write(usize::MAX / 2);
            while follower.read(10_000) {}
            follower.records.extend(follower.reader.finish());
            let got: Vec<String> = follower.records.into_iter().map(|record| record.message).collect();
            prop_assert_eq!(&got, &want, "{}", extension);
        }
    }
}
