//! The node's own log in files, with bounds on their size and number.
//!
//! # Files
//! `pganalytics.log` is the one that is written. It is put aside when the next line would make it
//! larger than it may be, or belongs to another hour or day, as
//! `pganalytics.<UTC time>-<n>.log`; names sort by age. Of all files, the newest are kept.
//! # Guarantees
//! A line is in one file, whole, in the order in which lines came. What cannot be put aside is
//! written on: a line is never lost for a rotation. [`Reopen`] lets the next line go into a new
//! file of that name, as external rotation wants it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pga_config::LogRotation;
use pga_storage::Timestamp;

const CURRENT: &str = "pganalytics.log";
const PREFIX: &str = "pganalytics.";
const SUFFIX: &str = ".log";
const HOUR_MICROS: i64 = 3_600_000_000;

/// Bounds of the files.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogBounds {
    /// Bytes of one file at most; a longer line has a file of its own.
    pub(crate) max_bytes: u64,
    /// Files kept, the current one among them.
    pub(crate) max_files: u64,
    /// When another file is begun, however small this one is.
    pub(crate) rotation: LogRotation,
}

/// Asks for the file to be opened anew.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reopen(Arc<AtomicBool>);

impl Reopen {
    /// Before the next line.
    pub(crate) fn ask(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_asked(&self) -> bool {
        self.0.swap(false, Ordering::AcqRel)
    }
}

/// The files; each write is one line or more, whole.
#[derive(Debug)]
pub(crate) struct LogFiles {
    dir: PathBuf,
    bounds: LogBounds,
    reopen: Reopen,
    file: File,
    bytes: u64,
    /// Which hour or day the lines of the current file are of.
    period: i64,
}

impl LogFiles {
    /// Goes on with the current file of `dir`.
    pub(crate) fn open(dir: &Path, bounds: LogBounds, reopen: Reopen) -> io::Result<Self> {
        let (file, bytes, modified) = open_current(dir)?;
        let files = Self {
            dir: dir.to_owned(),
            bounds,
            reopen,
            file,
            bytes,
            period: period(bounds.rotation, modified),
        };
        files.drop_oldest();
        Ok(files)
    }

    /// Writes lines that are of this time.
    fn write_at(&mut self, lines: &[u8], now: Timestamp) -> io::Result<()> {
        if self.reopen.is_asked() {
            // What stands at the name may be another file by now, or none.
            self.open_anew()?;
        }
        let is_full = self.bytes + lines.len() as u64 > self.bounds.max_bytes;
        let is_over = self.period != period(self.bounds.rotation, now);
        if self.bytes > 0 && (is_full || is_over) {
            self.rotate(now);
        }
        self.period = period(self.bounds.rotation, now);
        self.file.write_all(lines)?;
        self.bytes += lines.len() as u64;
        Ok(())
    }

    /// Puts the current file aside, and begins another. If either fails the current one goes on.
    fn rotate(&mut self, now: Timestamp) {
        let rotated = self.aside(now).and_then(|aside| {
            fs::rename(self.dir.join(CURRENT), aside)?;
            self.open_anew()
        });
        match rotated {
            Ok(()) => self.drop_oldest(),
            Err(error) => tell("put aside", &self.dir, &error),
        }
    }

    fn open_anew(&mut self) -> io::Result<()> {
        (self.file, self.bytes, _) = open_current(&self.dir)?;
        Ok(())
    }

    /// A name after those of all files that were put aside.
    fn aside(&self, now: Timestamp) -> io::Result<PathBuf> {
        let time = now.to_string();
        // 2026-11-30T08:15:00.5Z: without what file systems and shells dislike.
        let time: String = time.get(..19).unwrap_or(&time).replace(':', "");
        let stem = format!("{PREFIX}{time}Z-");
        let number = |path: &PathBuf| {
            let name = path.file_name()?.to_str()?;
            let number = name.strip_prefix(&stem)?.strip_suffix(SUFFIX)?;
            number.parse::<u32>().ok()
        };
        let newest = older(&self.dir)?.iter().filter_map(number).max();
        let number = newest.map_or(0, |newest| newest.saturating_add(1));
        Ok(self.dir.join(format!("{stem}{number:06}{SUFFIX}")))
    }

    /// Deletes the oldest files but for as many as are kept.
    fn drop_oldest(&self) {
        let dropped = older(&self.dir).and_then(|mut older| {
            older.sort_unstable();
            let kept = usize::try_from(self.bounds.max_files.saturating_sub(1));
            let excess = older.len().saturating_sub(kept.unwrap_or(usize::MAX));
            older.iter().take(excess).try_for_each(fs::remove_file)
        });
        if let Err(error) = dropped {
            tell("delete old ones", &self.dir, &error);
        }
    }
}

impl Write for LogFiles {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let written = self.write_at(lines, Timestamp::now());
        if let Err(error) = &written {
            tell("write", &self.dir, error);
        }
        written.map(|()| lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// The current file, its size, and when it was written last (now, if it is new).
fn open_current(dir: &Path) -> io::Result<(File, u64, Timestamp)> {
    let path = dir.join(CURRENT);
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    let meta = file.metadata()?;
    let since = meta
        .modified()?
        .duration_since(std::time::SystemTime::UNIX_EPOCH);
    let micros = since.map_or(0, |since| since.as_micros());
    let modified = Timestamp::from_micros(i64::try_from(micros).unwrap_or(i64::MAX));
    Ok((file, meta.len(), modified))
}

/// Files that were put aside.
fn older(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_ours = name.starts_with(PREFIX) && name.ends_with(SUFFIX) && name != CURRENT;
        if is_ours && entry.file_type()?.is_file() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// Which hour or day a time lies in.
const fn period(rotation: LogRotation, at: Timestamp) -> i64 {
    match rotation {
        LogRotation::Hourly => at.micros().div_euclid(HOUR_MICROS),
        LogRotation::Daily => at.micros().div_euclid(24 * HOUR_MICROS),
        LogRotation::Never => 0,
    }
}

/// The log cannot tell what is wrong with itself.
fn tell(what: &str, dir: &Path, error: &io::Error) {
    eprintln!("log files in {}: cannot {what}: {error}", dir.display());
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_780_000_000_000_000;

    fn bounds(max_bytes: u64, max_files: u64, rotation: LogRotation) -> LogBounds {
        LogBounds {
            max_bytes,
            max_files,
            rotation,
        }
    }

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(START + micros)
    }

    /// All lines in the order of their files, and each file's size.
    fn all(dir: &Path) -> (Vec<String>, Vec<u64>) {
        let mut paths = older(dir).unwrap();
        paths.sort();
        paths.push(dir.join(CURRENT));
        let texts: Vec<String> = paths
            .iter()
            .map(|path| fs::read_to_string(path).unwrap())
            .collect();
        let lines = texts.iter().flat_map(|text| text.lines());
        let sizes = texts.iter().map(|text| text.len() as u64);
        (lines.map(str::to_owned).collect(), sizes.collect())
    }

    #[test]
    fn no_line_is_lost_or_cut_at_a_rotation_and_sizes_are_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let bounds = bounds(1_000, 1_000, LogRotation::Never);
        let mut want = Vec::new();
        for round in 0..3 {
            // It goes on where it was.
            let mut files = LogFiles::open(dir.path(), bounds, Reopen::default()).unwrap();
            for n in 0..500 {
                let line = format!("round {round} line {n} {}", "x".repeat(n % 90));
                // Many within one second, and then a later one.
                let now = at(i64::try_from(n / 100).unwrap() * 1_000_000 + round * 10_000_000);
                files.write_at(format!("{line}\n").as_bytes(), now).unwrap();
                want.push(line);
            }
        }
        let (lines, sizes) = all(dir.path());
        assert_eq!(lines, want);
        assert!(sizes.len() > 50, "{sizes:?}");
        assert!(
            sizes.iter().all(|size| (1..=1_000).contains(size)),
            "{sizes:?}"
        );
    }

    #[test]
    fn the_newest_files_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        // As earlier versions named them.
        fs::write(dir.path().join("pganalytics.2026-01-02.log"), "old\n").unwrap();
        fs::write(dir.path().join("other.log"), "not ours\n").unwrap();
        let bounds = bounds(10, 3, LogRotation::Never);
        let mut files = LogFiles::open(dir.path(), bounds, Reopen::default()).unwrap();
        for n in 0..9 {
            files
                .write_at(format!("line {n}\n").as_bytes(), at(n))
                .unwrap();
        }
        let (lines, _) = all(dir.path());
        assert_eq!(lines, ["line 6", "line 7", "line 8"]);
        assert!(dir.path().join("other.log").exists());
    }

    #[test]
    fn another_day_begins_another_file() {
        let dir = tempfile::tempdir().unwrap();
        for (rotation, hours, want) in [
            (LogRotation::Hourly, 2, 3),
            (LogRotation::Daily, 2, 1),
            (LogRotation::Daily, 50, 2),
            (LogRotation::Never, 500, 1),
        ] {
            let dir = tempfile::tempdir_in(dir.path()).unwrap();
            let bounds = bounds(1 << 20, 100, rotation);
            let mut files = LogFiles::open(dir.path(), bounds, Reopen::default()).unwrap();
            let times = match rotation {
                LogRotation::Hourly => vec![0, 1, hours],
                _ => vec![0, 0, hours],
            };
            for hour in times {
                files.write_at(b"a line\n", at(hour * HOUR_MICROS)).unwrap();
            }
            assert_eq!(all(dir.path()).1.len(), want, "{rotation:?} {hours}");
        }
    }

    #[test]
    fn a_file_that_was_moved_away_is_let_go_when_that_is_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let reopen = Reopen::default();
        let bounds = bounds(1 << 20, 3, LogRotation::Never);
        let mut files = LogFiles::open(dir.path(), bounds, reopen.clone()).unwrap();
        let moved = dir.path().join("archive");
        files.write_at(b"one\n", at(0)).unwrap();
        fs::rename(dir.path().join(CURRENT), &moved).unwrap();
        files.write_at(b"two\n", at(1)).unwrap();
        reopen.ask();
        files.write_at(b"three\n", at(2)).unwrap();
        assert_eq!(fs::read_to_string(&moved).unwrap(), "one\ntwo\n");
        let (lines, _) = all(dir.path());
        assert_eq!(lines, ["three"]);
    }

    #[test]
    fn lines_go_on_where_nothing_can_be_put_aside() {
        let dir = tempfile::tempdir().unwrap();
        let bounds = bounds(10, 3, LogRotation::Never);
        let mut files = LogFiles::open(dir.path(), bounds, Reopen::default()).unwrap();
        files.write_at(b"line 1\n", at(0)).unwrap();
        // The file is away: there is nothing to rename, and the open one is written on.
        let kept = dir.path().join("kept");
        fs::rename(dir.path().join(CURRENT), &kept).unwrap();
        files.write_at(b"line 2\n", at(1)).unwrap();
        assert_eq!(fs::read_to_string(kept).unwrap(), "line 1\nline 2\n");
    }
}
