//! The buffer on a real file system, against a model.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Bound::{Excluded, Included};
use std::path::Path;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::metrics::BufferMetrics;
use crate::{Error, Position};

fn options(range_entries: u64, tail_bytes: usize) -> BufferOptions {
    BufferOptions {
        cap_bytes: 1 << 30,
        range_entries,
        tail_bytes,
        metrics: None,
    }
}

fn push(size: usize, seed: u64) -> BufferedPush {
    let record = (0..size)
        .map(|at| (at as u64 * 31 + seed * 7) as u8)
        .collect();
    BufferedPush {
        record,
        accepted: [true, seed.is_multiple_of(2)].into_iter().collect(),
    }
}

fn pushes(seed: u64) -> BufferedEntry {
    BufferedEntry::Pushes(vec![push(100, seed), push(20, seed + 1)])
}

fn staged(seed: u64) -> BufferedEntry {
    BufferedEntry::Staged {
        record: push(50, seed).record,
    }
}

fn commit(parts: &[u64]) -> BufferedEntry {
    let parts = parts.iter().map(|index| (*index, Accepted::all(3)));
    BufferedEntry::Commit {
        parts: parts.collect(),
    }
}

fn disk_bytes(dir: &Path) -> u64 {
    let mut bytes = 0;
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        bytes += match path.is_dir() {
            true => disk_bytes(&path),
            false => fs::metadata(path).unwrap().len(),
        };
    }
    bytes
}

#[test]
fn entries_of_every_size_come_back_in_order_from_sled() {
    let dir = tempfile::tempdir().unwrap();
    let buffer = Buffer::open(dir.path(), options(4, 0)).unwrap();
    let sizes = [0, 1, 5_000, 98_303, 98_304, 98_305, 400_000, 2_000_000, 7];
    for (at, size) in sizes.into_iter().enumerate() {
        let entry = BufferedEntry::Pushes(vec![push(size, at as u64)]);
        buffer
            .put(Position::new(3, at as u64 * 2 + 1), &entry)
            .unwrap();
    }
    let batch = buffer.read_batch(0, 100, usize::MAX).unwrap();
    assert_eq!(batch.upto, 100);
    assert_eq!(batch.last, Some(Position::new(3, 17)));
    for (at, (size, (position, found))) in sizes.into_iter().zip(&batch.pushes).enumerate() {
        let want = push(size, at as u64);
        assert_eq!(*position, Position::new(3, at as u64 * 2 + 1));
        assert!(*found == vec![(want.record, want.accepted)], "{size}");
    }
    assert_eq!(batch.pushes.len(), sizes.len());
}

#[test]
fn an_upload_takes_effect_at_its_commit_and_no_batch_ends_inside_it() {
    let dir = tempfile::tempdir().unwrap();
    let buffer = Buffer::open(dir.path(), options(2, 0)).unwrap();
    let entries = [
        (1, pushes(1)),
        (2, staged(2)),
        (3, pushes(3)),
        (4, staged(4)),
        (5, staged(5)),
        (6, commit(&[4, 2])),
        (7, BufferedEntry::Abort { parts: vec![5] }),
        (8, pushes(8)),
        (9, staged(9)),
        (10, pushes(10)),
    ];
    for (index, entry) in &entries {
        buffer.put(Position::new(1, *index), entry).unwrap();
    }
    let upto = |after, upto, max| {
        let batch = buffer.read_batch(after, upto, max).unwrap();
        let indexes: Vec<u64> = batch.pushes.iter().map(|(at, _)| at.index).collect();
        (batch.upto, indexes)
    };
    assert_eq!(upto(0, 10, 1), (1, vec![1]));
    assert_eq!(upto(1, 10, 1), (7, vec![3, 6]), "the whole upload");
    assert_eq!(
        upto(1, 5, 1 << 20),
        (1, vec![]),
        "the upload is open at the end"
    );
    assert_eq!(upto(7, 10, 1 << 20), (8, vec![8]), "9 has no end");
    let batch = buffer.read_batch(1, 10, 1 << 20).unwrap();
    let want: Vec<(Bytes, Accepted)> = [4, 2]
        .map(|seed| (push(50, seed).record, Accepted::all(3)))
        .to_vec();
    assert_eq!(batch.pushes[1], (Position::new(1, 6), want));
    assert_eq!(batch.upto, 8);
}

#[test]
fn the_cap_counts_what_waits_and_what_is_only_kept_gives_way() {
    let dir = tempfile::tempdir().unwrap();
    let buffer = Buffer::open(
        dir.path(),
        BufferOptions {
            cap_bytes: 10_000,
            ..options(4, 0)
        },
    )
    .unwrap();
    let entry = BufferedEntry::Pushes(vec![push(1_000, 0)]);
    let mut index = 0;
    while buffer.admits(1_040) {
        index += 1;
        buffer.put(Position::new(1, index), &entry).unwrap();
    }
    assert_eq!(index, 9);
    assert!(buffer.usage().oldest_pending.is_some());
    buffer.set_flushed(9);
    assert_eq!(
        (
            buffer.usage().pending_bytes,
            buffer.usage().oldest_pending,
            buffer.usage().total_entries
        ),
        (0, None, 9)
    );
    for more in 10..20 {
        assert!(buffer.admits(1_040));
        buffer.put(Position::new(1, more), &entry).unwrap();
        buffer.set_flushed(more);
        assert!(buffer.usage().total_bytes <= 10_000, "{more}");
    }
    assert!(matches!(
        buffer.read_batch(0, 20, 1),
        Err(Error::Argument { key: "after", .. })
    ));
    buffer.set_flushed(15);
    assert_eq!(
        buffer.usage().pending_entries,
        4,
        "the store's watermark went back"
    );
    assert_eq!(buffer.read_batch(15, 20, 1 << 20).unwrap().pushes.len(), 4);
}

#[test]
fn a_release_gives_disk_space_back() {
    let dir = tempfile::tempdir().unwrap();
    let buffer = Buffer::open(dir.path(), options(64, 1 << 20)).unwrap();
    let entry = BufferedEntry::Pushes(vec![push(60_000, 5)]);
    for index in 1..=640 {
        buffer.put(Position::new(1, index), &entry).unwrap();
    }
    let full = disk_bytes(dir.path());
    buffer.release(575);
    let left = disk_bytes(dir.path());
    assert!(full > 640 * 60_000, "{full}");
    assert!(left < full / 5, "{left} of {full}");
    assert_eq!(
        buffer
            .read_batch(575, 640, usize::MAX)
            .unwrap()
            .pushes
            .len(),
        65
    );
}

#[test]
fn what_was_there_before_is_wiped() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("buffer");
    let buffer = Buffer::open(&path, options(4, 0)).unwrap();
    for index in 1..30 {
        buffer.put(Position::new(1, index), &pushes(index)).unwrap();
    }
    buffer.clear().unwrap();
    assert_eq!(buffer.usage().total_bytes, 0);
    buffer.put(Position::new(1, 3), &pushes(3)).unwrap();
    drop(buffer);
    let buffer = Buffer::open(&path, options(4, 0)).unwrap();
    assert_eq!(
        buffer.read_batch(0, 99, 1 << 20).unwrap(),
        BufferBatch {
            upto: 99,
            ..BufferBatch::default()
        }
    );
    assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
}

#[test]
fn a_failed_database_is_moved_aside_and_a_clear_makes_the_buffer_usable_again() {
    let dir = tempfile::tempdir().unwrap();
    let registry = prometheus::Registry::new();
    let metrics = BufferMetrics::register(&registry).unwrap();
    let with = BufferOptions {
        metrics: Some(metrics.clone()),
        ..options(4, 0)
    };
    let buffer = Buffer::open(dir.path(), with).unwrap();
    // A file where the database's directory belongs.
    let path = dir.path().join(format!("{:020}", 4));
    fs::write(&path, "not sled").unwrap();
    buffer.put(Position::new(1, 3), &pushes(3)).unwrap();
    let failed = buffer.put(Position::new(1, 4), &pushes(4));
    assert!(matches!(failed, Err(Error::Buffer { .. })), "{failed:?}");
    assert!(
        dir.path()
            .join(format!("aside-{:020}", 4))
            .symlink_metadata()
            .is_ok()
    );
    assert!(matches!(
        buffer.put(Position::new(1, 5), &pushes(5)),
        Err(Error::Damaged { .. })
    ));
    assert!(matches!(
        buffer.read_batch(0, 9, 1),
        Err(Error::Damaged { .. })
    ));
    assert_eq!(metrics.failures.get(), 1);
    buffer.clear().unwrap();
    for index in 3..10 {
        buffer.put(Position::new(1, index), &pushes(index)).unwrap();
    }
    assert_eq!(buffer.read_batch(0, 9, usize::MAX).unwrap().pushes.len(), 7);
}

#[derive(Clone, Debug)]
enum Step {
    Put { gap: u64, size: usize },
    Stage,
    Settle { commit: bool },
    Read { max: usize },
    Flushed { back: u64 },
    Release { back: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1u64..4, 0usize..3_000).prop_map(|(gap, size)| Step::Put { gap, size }),
        2 => Just(Step::Stage),
        2 => any::<bool>().prop_map(|commit| Step::Settle { commit }),
        2 => (1usize..9_000).prop_map(|max| Step::Read { max }),
        1 => (0u64..9).prop_map(|back| Step::Flushed { back }),
        1 => (0u64..30).prop_map(|back| Step::Release { back }),
    ]
}

/// All entries that were put, and where the uploads are.
#[derive(Default)]
struct Model {
    entries: BTreeMap<u64, BufferedEntry>,
    open: Vec<u64>,
    last: u64,
    flushed: u64,
}

impl Model {
    fn put(&mut self, buffer: &Buffer, index: u64, entry: BufferedEntry) {
        buffer.put(Position::new(index / 7, index), &entry).unwrap();
        self.entries.insert(index, entry);
        self.last = index;
    }

    /// The pushes of the entries after `after` up to `upto`.
    fn pushes(&self, after: u64, upto: u64) -> Vec<(Position, Vec<(Bytes, Accepted)>)> {
        let mut found = vec![];
        for (index, entry) in self.entries.range((Excluded(after), Included(upto))) {
            let pushes = match entry {
                BufferedEntry::Pushes(pushes) => pushes
                    .iter()
                    .map(|push| (push.record.clone(), push.accepted.clone()))
                    .collect(),
                BufferedEntry::Commit { parts } => parts
                    .iter()
                    .map(|(part, accepted)| match &self.entries[part] {
                        BufferedEntry::Staged { record } => (record.clone(), accepted.clone()),
                        other => panic!("{other:?}"),
                    })
                    .collect(),
                _ => continue,
            };
            found.push((Position::new(index / 7, *index), pushes));
        }
        found
    }

    /// Whether an upload spans from at or before `end` to after it.
    fn inside(&self, end: u64) -> bool {
        let mut open: Vec<u64> = vec![];
        for (index, entry) in self.entries.range(..=end) {
            match entry {
                BufferedEntry::Staged { .. } => open.push(*index),
                other => open.retain(|index| !other.settles().contains(index)),
            }
        }
        !open.is_empty()
    }

    /// Reads everything there is from the watermark on, batch by batch.
    fn drain(&self, buffer: &Buffer, max: usize) {
        let mut after = self.flushed;
        loop {
            let batch = buffer.read_batch(after, self.last, max).unwrap();
            assert!(!self.inside(batch.upto), "a batch ends inside an upload");
            assert_eq!(batch.pushes, self.pushes(after, batch.upto));
            if batch.upto == after {
                break;
            }
            after = batch.upto;
        }
        let stuck = self.open.first().map_or(self.last, |open| open - 1);
        let blocked = (stuck..=self.last).any(|end| self.inside(end));
        assert!(after >= self.last || blocked, "{after} of {}", self.last);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_buffer_holds_what_the_model_holds(steps in prop::collection::vec(step(), 1..60), tail in 0usize..6_000) {
        let dir = tempfile::tempdir().unwrap();
        let buffer = Buffer::open(dir.path(), options(8, tail)).unwrap();
        let mut model = Model::default();
        for step in steps {
            match step {
                Step::Put { gap, size } => {
                    let index = model.last + gap;
                    model.put(&buffer, index, BufferedEntry::Pushes(vec![push(size, index)]));
                }
                Step::Stage => {
                    let index = model.last + 1;
                    model.open.push(index);
                    model.put(&buffer, index, staged(index));
                }
                Step::Settle { commit: effective } => {
                    let parts = std::mem::take(&mut model.open);
                    let entry = match effective {
                        true => commit(&parts),
                        false => BufferedEntry::Abort { parts },
                    };
                    let index = model.last + 1;
                    model.put(&buffer, index, entry);
                }
                Step::Read { max } => model.drain(&buffer, max),
                Step::Flushed { back } => {
                    let upto = buffer.read_batch(model.flushed, model.last.saturating_sub(back), usize::MAX).unwrap().upto;
                    model.flushed = upto;
                    buffer.set_flushed(upto);
                    let pending = model.entries.range(upto + 1..).count() as u64;
                    prop_assert_eq!(buffer.usage().pending_entries, pending);
                }
                Step::Release { back } => buffer.release(model.flushed.saturating_sub(back)),
            }
        }
        model.drain(&buffer, usize::MAX);
    }
}
