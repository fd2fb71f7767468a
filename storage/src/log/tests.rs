//! The log on a real file system.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;

use bytes::Bytes;

use super::*;
use crate::{Error, GroupId};

fn entry(index: u64, term: u64, payload: impl Into<Bytes>) -> LogEntry {
    let payload = payload.into();
    LogEntry {
        index,
        term,
        payload,
    }
}

fn entries(range: std::ops::Range<u64>) -> Vec<LogEntry> {
    range
        .map(|index| entry(index, 1, format!("entry {index}")))
        .collect()
}

/// Appends and waits until it is durable.
fn append(log: &Log, entries: Vec<LogEntry>) {
    let (tell, told) = channel();
    log.append(
        entries,
        Box::new(move |outcome| tell.send(outcome).unwrap()),
    )
    .unwrap();
    told.recv().unwrap().unwrap();
}

fn small() -> LogOptions {
    LogOptions {
        segment_bytes: 400,
        cache_bytes: 300,
        ..LogOptions::default()
    }
}

fn open(dir: &Path) -> (Log, Recovered) {
    Log::open(dir, small()).unwrap()
}

fn segment_files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "log"))
        .collect();
    files.sort();
    files
}

fn damage(path: &Path, offset: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[offset] ^= 4;
    fs::write(path, bytes).unwrap();
}

fn what(outcome: crate::Result<(Log, Recovered)>) -> String {
    match outcome {
        Err(Error::Damaged { what, .. }) => what,
        other => panic!("expected damage, got {other:?}"),
    }
}

#[test]
fn what_was_appended_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let (log, recovered) = open(dir.path());
    assert_eq!(recovered, Recovered::default());
    append(&log, entries(0..50));
    log.save_vote(Bytes::from("vote")).unwrap();
    log.save_committed(Bytes::from("committed")).unwrap();
    assert_eq!(log.read(0..50, usize::MAX).unwrap(), entries(0..50));
    drop(log);
    let (log, recovered) = open(dir.path());
    let want = Recovered {
        vote: Some("vote".into()),
        committed: Some("committed".into()),
        first: Some(0),
        last: Some(49),
        ..Recovered::default()
    };
    assert_eq!(recovered, want);
    assert_eq!(log.read(7..1000, usize::MAX).unwrap(), entries(7..50));
    assert!(segment_files(dir.path()).len() > 3);
}

#[test]
fn a_read_is_bounded_and_answers_at_least_one_entry() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path());
    append(&log, entries(0..50));
    for from in [0, 20, 49] {
        assert_eq!(
            log.read(from..50, 1).unwrap(),
            entries(from..from + 1),
            "{from}"
        );
    }
    assert_eq!(log.read(0..50, 14).unwrap(), entries(0..2));
    assert_eq!(log.read(50..60, 1).unwrap(), vec![]);
}

#[test]
fn a_truncated_end_is_replaced_by_what_follows() {
    for end in [0u64, 1, 7, 20, 49] {
        let dir = tempfile::tempdir().unwrap();
        let (log, _) = open(dir.path());
        append(&log, entries(0..50));
        log.truncate_after(end.checked_sub(1)).unwrap();
        assert_eq!(log.last(), end.checked_sub(1), "{end}");
        append(&log, vec![entry(end, 2, "new")]);
        let mut want = entries(0..end);
        want.push(entry(end, 2, "new"));
        assert_eq!(log.read(0..99, usize::MAX).unwrap(), want, "{end}");
        drop(log);
        let (log, recovered) = open(dir.path());
        assert_eq!(recovered.last, Some(end));
        assert_eq!(log.read(0..99, usize::MAX).unwrap(), want, "{end}");
    }
}

#[test]
fn a_purge_deletes_segments_and_is_remembered() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path());
    append(&log, entries(0..50));
    let (files, bytes) = (segment_files(dir.path()).len(), log.size_bytes());
    let purged = Purged {
        index: 30,
        id: "id of 30".into(),
    };
    log.purge(purged.clone()).unwrap();
    assert!(segment_files(dir.path()).len() < files);
    assert!(log.size_bytes() < bytes);
    assert_eq!(log.read(0..99, usize::MAX).unwrap(), entries(31..50));
    drop(log);
    let (log, recovered) = open(dir.path());
    assert_eq!(
        (recovered.purged, recovered.first),
        (Some(purged), Some(31))
    );
    assert_eq!(log.read(0..99, usize::MAX).unwrap(), entries(31..50));
}

#[test]
fn a_purge_past_the_end_empties_the_log_which_continues_behind_it() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path());
    append(&log, entries(0..50));
    log.purge(Purged {
        index: 99,
        id: Bytes::new(),
    })
    .unwrap();
    assert_eq!((log.first(), log.last()), (None, None));
    assert_eq!(segment_files(dir.path()).len(), 0);
    assert!(log.append(entries(50..51), Box::new(drop)).is_err());
    append(&log, entries(100..105));
    drop(log);
    let (log, recovered) = open(dir.path());
    assert_eq!((recovered.first, recovered.last), (Some(100), Some(104)));
    assert_eq!(log.read(0..200, usize::MAX).unwrap(), entries(100..105));
}

#[test]
fn a_second_user_is_refused_until_the_first_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path());
    assert!(matches!(
        Log::open(dir.path(), small()),
        Err(Error::Locked { .. })
    ));
    log.close().unwrap();
    assert!(log.read(0..1, 1).is_err());
    assert!(log.append(entries(0..1), Box::new(drop)).is_err());
    open(dir.path());
}

#[test]
fn a_flipped_bit_anywhere_in_a_segment_is_damage() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path());
    append(&log, entries(0..12));
    drop(log);
    for file in segment_files(dir.path()) {
        for offset in 0..fs::metadata(&file).unwrap().len() as usize {
            damage(&file, offset);
            what(Log::open(dir.path(), small()));
            damage(&file, offset);
        }
    }
    open(dir.path());
}

#[test]
fn a_shortened_missing_or_foreign_file_is_damage() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path());
    append(&log, entries(0..30));
    drop(log);
    let files = segment_files(dir.path());
    for (name, file) in [("first", &files[0]), ("last", &files[files.len() - 1])] {
        let bytes = fs::read(file).unwrap();
        fs::write(file, &bytes[..bytes.len() - 1]).unwrap();
        what(Log::open(dir.path(), small()));
        fs::remove_file(file).unwrap();
        let what = what(Log::open(dir.path(), small()));
        assert!(what.contains("entr"), "{name}: {what}");
        fs::write(file, &bytes).unwrap();
    }
    let options = LogOptions {
        group: GroupId::new(1),
        ..small()
    };
    assert!(what(Log::open(dir.path(), options)).contains("group"));
    open(dir.path());
}

#[test]
fn one_marker_slot_is_enough_and_none_is_damage() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path());
    append(&log, entries(0..3));
    log.save_vote("vote".into()).unwrap();
    drop(log);
    let marker = dir.path().join("marker");
    for slot in 0..2 {
        damage(&marker, slot * marker::SLOT + 30);
        let (log, recovered) = open(dir.path());
        assert_eq!(recovered.vote, Some("vote".into()), "slot {slot}");
        drop(log);
    }
    damage(&marker, 30);
    damage(&marker, marker::SLOT + 30);
    assert!(what(Log::open(dir.path(), small())).contains("slots"));
    fs::remove_file(&marker).unwrap();
    assert!(what(Log::open(dir.path(), small())).contains("missing"));
}

#[test]
fn a_later_format_is_refused_and_not_touched() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path());
    append(&log, entries(0..30));
    drop(log);
    for file in [
        dir.path().join("marker"),
        segment_files(dir.path())[1].clone(),
    ] {
        let old = fs::read(&file).unwrap();
        let mut new = old.clone();
        new[8..12].copy_from_slice(&2u32.to_le_bytes());
        new[12..16].copy_from_slice(&(!2u32).to_le_bytes());
        fs::write(&file, &new).unwrap();
        let outcome = Log::open(dir.path(), small());
        assert!(matches!(outcome, Err(Error::NewerFormat { found: 2, .. })));
        assert_eq!(fs::read(&file).unwrap(), new);
        fs::write(&file, &old).unwrap();
    }
}

#[test]
fn an_index_that_does_not_continue_the_log_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path());
    for bad in [entries(1..2), vec![entry(0, 1, "a"), entry(2, 1, "b")]] {
        let outcome = log.append(bad, Box::new(|_| panic!("must not be called")));
        assert_eq!(
            outcome.unwrap_err().kind(),
            std::io::ErrorKind::InvalidInput
        );
    }
    append(&log, entries(0..2));
}

/// The log that [`format_1_keeps_decoding`] reads, as this program writes it.
fn write_golden(dir: &Path) {
    let options = LogOptions {
        segment_bytes: 150,
        ..LogOptions::default()
    };
    let (log, _) = Log::open(dir, options).unwrap();
    for index in 0..9 {
        append(
            &log,
            vec![entry(index, index / 4, format!("golden {index}"))],
        );
    }
    log.save_vote("golden vote".into()).unwrap();
    log.save_committed("golden committed".into()).unwrap();
    let id = "golden id".into();
    log.purge(Purged { index: 3, id }).unwrap();
    log.close().unwrap();
}

#[test]
fn format_1_keeps_decoding() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/log-v1");
    if std::env::var_os("PGA_WRITE_GOLDEN").is_some() {
        write_golden(&golden);
    }
    let dir = tempfile::tempdir().unwrap();
    for file in fs::read_dir(&golden).unwrap() {
        let path = file.unwrap().path();
        fs::copy(&path, dir.path().join(path.file_name().unwrap())).unwrap();
    }
    let (log, recovered) = open(dir.path());
    let want = Recovered {
        vote: Some("golden vote".into()),
        committed: Some("golden committed".into()),
        purged: Some(Purged {
            index: 3,
            id: "golden id".into(),
        }),
        first: Some(4),
        last: Some(8),
        torn_bytes: 0,
    };
    assert_eq!(recovered, want);
    let want: Vec<LogEntry> = (4..9)
        .map(|index| entry(index, index / 4, format!("golden {index}")))
        .collect();
    assert_eq!(log.read(0..99, usize::MAX).unwrap(), want);
    // What is written today is what was written then.
    let again = tempfile::tempdir().unwrap();
    write_golden(again.path());
    let names = |dir: &Path| -> Vec<_> {
        segment_files(dir)
            .iter()
            .map(|path| path.file_name().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(&golden), names(again.path()));
    for name in names(&golden) {
        assert_eq!(
            fs::read(golden.join(&name)).unwrap(),
            fs::read(again.path().join(&name)).unwrap()
        );
    }
}

#[test]
fn lost_sectors_are_damage_if_a_later_frame_says_they_were_durable() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = Log::open(dir.path(), LogOptions::default()).unwrap();
    append(&log, vec![entry(0, 1, vec![7; 100])]);
    // Written idle, so that it knows of entry 0 only.
    let marker = dir.path().join("marker");
    let before = fs::read(&marker).unwrap();
    append(&log, vec![entry(1, 1, vec![7; 3_000])]);
    append(&log, vec![entry(2, 1, vec![7; 100])]);
    log.close().unwrap();
    fs::write(&marker, before).unwrap();
    let file = &segment_files(dir.path())[0];
    let whole = fs::read(file).unwrap();
    let mut lost = whole;
    lost[1_024..2_048].fill(0);
    fs::write(file, &lost).unwrap();
    assert!(what(Log::open(dir.path(), LogOptions::default())).contains("was durable"));
    // Without the later frame nothing says that entry 1 was answered.
    lost.truncate(2_500);
    fs::write(file, &lost).unwrap();
    let (_, recovered) = Log::open(dir.path(), LogOptions::default()).unwrap();
    assert_eq!(recovered.last, Some(0));
    assert!(recovered.torn_bytes > 2_000);
}

#[test]
fn every_operation_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let registry = prometheus::Registry::new();
    let metrics = crate::metrics::LogMetrics::register(&registry).unwrap();
    let options = LogOptions {
        metrics: Some(metrics.clone()),
        ..small()
    };
    let (log, _) = Log::open(dir.path(), options).unwrap();
    append(&log, entries(0..50));
    assert_eq!(log.read(0..5, usize::MAX).unwrap().len(), 5);
    assert_eq!(metrics.written_entries.get(), 50);
    assert_eq!(metrics.size_bytes.get() as u64, log.size_bytes());
    assert_eq!(
        metrics.segments.get(),
        segment_files(dir.path()).len() as i64
    );
    assert_eq!((metrics.read_entries.get(), metrics.failures.get()), (5, 0));
    assert_eq!(metrics.queued_bytes.get(), 0);
    assert!(metrics.sync_seconds.get_sample_count() > 0);
    assert!(crate::metrics::LogMetrics::register(&registry).is_err());
}

#[test]
fn zeros_are_ahead_of_the_frames_until_the_log_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let options = LogOptions {
        segment_bytes: 1_000,
        room_bytes: 600,
        ..LogOptions::default()
    };
    let (log, _) = Log::open(dir.path(), options.clone()).unwrap();
    append(&log, vec![entry(0, 1, vec![7; 100])]);
    let used = log.size_bytes();
    let length = || fs::metadata(&segment_files(dir.path())[0]).unwrap().len();
    let begun = pga_runtime::now();
    while length() < used + 300 && begun.elapsed().as_secs() < 60 {
        std::thread::yield_now();
    }
    assert_eq!(length(), used + 600);
    let crashed = fs::read(&segment_files(dir.path())[0]).unwrap();
    log.close().unwrap();
    assert_eq!(length(), used);

    // After a crash they are no torn append.
    fs::write(&segment_files(dir.path())[0], crashed).unwrap();
    let (log, recovered) = Log::open(dir.path(), options).unwrap();
    assert_eq!((recovered.last, recovered.torn_bytes), (Some(0), 0));
    append(&log, vec![entry(1, 1, vec![8; 2_000])]);
    append(&log, vec![entry(2, 1, vec![9; 10])]);
    assert_eq!(log.read(0..3, usize::MAX).unwrap().len(), 3);
    assert_eq!(length(), log.size_bytes() - 40 - 50);
}

#[test]
fn zeros_that_were_written_in_part_do_not_stay_in_a_closed_segment() {
    let dir = tempfile::tempdir().unwrap();
    let options = LogOptions {
        room_bytes: 0,
        ..small()
    };
    let (log, _) = Log::open(dir.path(), options.clone()).unwrap();
    append(&log, vec![entry(0, 1, vec![7; 100])]);
    // What is left of an attempt that the disk had no room for.
    let first = fs::File::options()
        .append(true)
        .open(&segment_files(dir.path())[0])
        .unwrap();
    first.set_len(5_000).unwrap();
    append(&log, vec![entry(1, 1, vec![8; 400])]);
    append(&log, vec![entry(2, 1, vec![9; 10])]);
    drop(log);
    assert_eq!(segment_files(dir.path()).len(), 2);
    let (_, recovered) = Log::open(dir.path(), options).unwrap();
    assert_eq!((recovered.last, recovered.torn_bytes), (Some(2), 0));
}
