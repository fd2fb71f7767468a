//! Records from the bytes of a log file, in whatever pieces they come.

mod csv;
mod json;
mod label;
mod lines;
mod moment;
mod prefix;
mod record;
mod severity;
mod stderr;
mod text;

use serde::{Deserialize, Serialize};

pub use self::prefix::{Prefix, PrefixIssue};
pub use self::record::Record;
pub use self::severity::Severity;

use self::csv::Csv;
use self::lines::{Line, Lines};
use self::stderr::Stderr;
use crate::Zones;

/// A record keeps at most this many bytes.
pub const MAX_RECORD_BYTES: usize = 1 << 20;

/// How a log file is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// `jsonlog` (15 and later), files `*.json`.
    Json,
    /// `csvlog`, files `*.csv`.
    Csv,
    /// `stderr` with the prefix of `log_line_prefix`.
    Stderr(Prefix),
}

/// What a reader could not use as it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Records that were given.
    pub records: u64,
    /// Records that were longer than [`MAX_RECORD_BYTES`] and lost their end.
    pub cut_records: u64,
    /// Lines (CSV: records too) that belong to no record.
    pub unparsed_lines: u64,
    /// Byte sequences that are no UTF-8; each became one U+FFFD.
    pub replaced_characters: u64,
}

/// Reads one log file from its bytes.
///
/// # Guarantees
/// Cutting the input into other pieces gives the same records. No input panics. The reader holds at
/// most one open line and one open record of [`MAX_RECORD_BYTES`] each.
///
/// ```
/// use pga_server_log::{Format, Prefix, Reader, Zones};
///
/// let prefix = Prefix::compile("%m [%p] %q%u@%d ");
/// let mut reader = Reader::new(Format::Stderr(prefix), Zones::default());
/// let mut records = reader.feed(b"2026-03-01 07:59:58.101 UTC [81] bob@shop ERROR:  oh\n");
/// assert!(records.is_empty(), "a DETAIL may follow");
/// records.extend(reader.flush());
/// assert_eq!(records[0].message, "oh");
/// assert_eq!(records[0].user.as_deref(), Some("bob"));
/// ```
#[derive(Clone, Debug)]
pub struct Reader {
    lines: Lines,
    assembler: Assembler,
    zones: Zones,
    counts: Counts,
}

#[derive(Clone, Debug)]
enum Assembler {
    Json,
    Csv(Csv),
    Stderr(Box<Stderr>),
}

impl Reader {
    /// A reader at the start of a file, or at the start of any line in it.
    #[must_use]
    pub fn new(format: Format, zones: Zones) -> Self {
        let assembler = match format {
            Format::Json => Assembler::Json,
            Format::Csv => Assembler::Csv(Csv::default()),
            Format::Stderr(prefix) => Assembler::Stderr(Box::new(Stderr::new(prefix))),
        };
        Self {
            lines: Lines::default(),
            assembler,
            zones,
            counts: Counts::default(),
        }
    }

    /// Takes the next bytes of the file; answers the records that ended in them.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Record> {
        let mut records = Vec::new();
        let mut rest = bytes;
        while let Some((line, behind)) = self.lines.take(rest) {
            self.line(&line, &mut records);
            rest = behind;
        }
        self.counted(records)
    }

    /// Ends the open record; the caller says so after 2 seconds without new bytes. A line without
    /// its newline stays open, and so does a quoted field: the server still writes them.
    pub fn flush(&mut self) -> Vec<Record> {
        let record = match &mut self.assembler {
            Assembler::Stderr(stderr) => stderr.finish(&mut self.counts),
            Assembler::Json | Assembler::Csv(_) => None,
        };
        self.counted(record.into_iter().collect())
    }

    /// Ends the file: whatever is open is all there is. The reader may start another file.
    pub fn finish(&mut self) -> Vec<Record> {
        let mut records = Vec::new();
        if let Some(line) = self.lines.finish() {
            self.line(&line, &mut records);
        }
        match &mut self.assembler {
            Assembler::Json => {}
            Assembler::Csv(csv) => records.extend(csv.finish(&self.zones, &mut self.counts)),
            Assembler::Stderr(stderr) => records.extend(stderr.finish(&mut self.counts)),
        }
        self.counted(records)
    }

    /// Bytes that were fed and whose record was not given yet. The position to keep is that of the
    /// next byte to feed, less these.
    #[must_use]
    pub fn pending_bytes(&self) -> u64 {
        let open = match &self.assembler {
            Assembler::Json => 0,
            Assembler::Csv(csv) => csv.pending(),
            Assembler::Stderr(stderr) => stderr.pending(),
        };
        self.lines.pending() + open
    }

    /// What was counted since the reader was made.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    fn line(&mut self, line: &Line, out: &mut Vec<Record>) {
        let (zones, counts) = (&self.zones, &mut self.counts);
        match &mut self.assembler {
            Assembler::Json => out.extend(json::record(line, zones, counts)),
            Assembler::Csv(csv) => csv.line(line, zones, counts, out),
            Assembler::Stderr(stderr) => stderr.line(line, zones, counts, out),
        }
    }

    fn counted(&mut self, records: Vec<Record>) -> Vec<Record> {
        self.counts.records += records.len() as u64;
        records
    }
}

#[cfg(test)]
mod tests;
