//! The log against a model, with a power cut at any operation and any part of what was not synced
//! lost.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;

use super::mem_disk::{Dice, MemDisk};
use super::*;
use crate::Error;

#[derive(Clone, Debug)]
enum Step {
    Append {
        entries: u64,
        size: usize,
    },
    Vote,
    Truncate {
        back: u64,
    },
    Purge {
        ahead: u64,
    },
    /// Waits for everything before it.
    Settle,
}

#[derive(Clone, Debug)]
struct Round {
    steps: Vec<Step>,
    fuse: u64,
    dice: u64,
    flip: bool,
}

fn step() -> impl Strategy<Value = Step> {
    let size = prop_oneof![3 => 0usize..90, 1 => 400usize..2_000];
    prop_oneof![
        6 => (1u64..5, size).prop_map(|(entries, size)| Step::Append { entries, size }),
        1 => Just(Step::Vote),
        1 => (0u64..9).prop_map(|back| Step::Truncate { back }),
        1 => (0u64..12).prop_map(|ahead| Step::Purge { ahead }),
        2 => Just(Step::Settle),
    ]
}

fn round() -> impl Strategy<Value = Round> {
    let steps = prop::collection::vec(step(), 1..25);
    (steps, 0u64..120, any::<u64>(), prop::bool::weighted(0.3)).prop_map(
        |(steps, fuse, dice, flip)| Round {
            steps,
            fuse,
            dice,
            flip,
        },
    )
}

/// What a log holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Model {
    vote: Option<Bytes>,
    purged: Option<Purged>,
    entries: Vec<LogEntry>,
}

/// A change of the log, which is done wholly or not at all; an append may also be done in part.
#[derive(Clone, Debug)]
enum Change {
    Append(Vec<LogEntry>),
    Vote(Bytes),
    Truncate(u64),
    Purge(Purged),
}

impl Model {
    fn first(&self) -> u64 {
        self.purged.as_ref().map_or(0, |purged| purged.index + 1)
    }

    fn end(&self) -> u64 {
        self.first() + self.entries.len() as u64
    }

    /// The change that `step` makes; `serial` makes it unlike any other.
    fn change(&self, step: &Step, serial: u64) -> Option<Change> {
        let id = Bytes::from(format!("id {serial}"));
        Some(match step {
            Step::Append { entries, size } => {
                let entry = |index| LogEntry {
                    index,
                    term: serial,
                    payload: vec![serial as u8 | 1; *size].into(),
                };
                Change::Append((self.end()..self.end() + entries).map(entry).collect())
            }
            Step::Vote => Change::Vote(id),
            Step::Truncate { back } => {
                Change::Truncate(self.end().saturating_sub(*back).max(self.first()))
            }
            Step::Purge { ahead } => {
                let index = self.first() + ahead;
                Change::Purge(Purged { index, id })
            }
            Step::Settle => return None,
        })
    }

    fn apply(&mut self, change: &Change) {
        match change {
            Change::Append(entries) => self.entries.extend(entries.iter().cloned()),
            Change::Vote(vote) => self.vote = Some(vote.clone()),
            Change::Truncate(end) => self.entries.retain(|entry| entry.index < *end),
            Change::Purge(purged) => {
                self.entries.retain(|entry| entry.index > purged.index);
                self.purged = Some(purged.clone());
            }
        }
    }

    /// Everything the log may hold when `change` may have been done in part.
    fn during(&self, change: &Change) -> Vec<Self> {
        let Change::Append(entries) = change else {
            return vec![self.clone()];
        };
        let part = |n| {
            let mut part = self.clone();
            part.apply(&Change::Append(entries[..n].to_vec()));
            part
        };
        (0..entries.len()).map(part).collect()
    }
}

fn options() -> LogOptions {
    LogOptions {
        segment_bytes: 900,
        room_bytes: 300,
        cache_bytes: 500,
        marker_idle: Duration::from_micros(300),
        ..LogOptions::default()
    }
}

fn start(log: &Log, change: &Change, done: Done) -> std::io::Result<()> {
    match change.clone() {
        Change::Append(entries) => log.append(entries, done),
        Change::Vote(vote) => log.save_vote_then(vote, done),
        Change::Truncate(end) => log.truncate_after_then(end.checked_sub(1), done),
        Change::Purge(purged) => log.purge_then(purged, done),
    }
}

/// Runs `steps` until the power fails; answers every state the log may be in then.
fn run(disk: &MemDisk, log: Log, mut model: Model, round: &Round) -> Vec<Model> {
    disk.set_fuse(round.fuse);
    let (tell, told) = channel();
    let mut states = vec![vec![model.clone()]];
    let (mut issued, mut answered, mut acknowledged) = (0, 0, 0);
    for (serial, step) in round.steps.iter().enumerate() {
        let Some(change) = model.change(step, round.dice % 1_000 * 100 + serial as u64) else {
            while answered < issued {
                acknowledged += usize::from(told.recv().unwrap());
                answered += 1;
            }
            if acknowledged == issued && issued > 0 {
                let found = log.read(0..u64::MAX, usize::MAX);
                assert!(found.is_err() || found.unwrap() == model.entries);
            }
            continue;
        };
        let tell = tell.clone();
        let done =
            Box::new(move |outcome: std::io::Result<()>| tell.send(outcome.is_ok()).unwrap());
        if start(&log, &change, done).is_err() {
            break;
        }
        issued += 1;
        let during = model.during(&change);
        states.last_mut().unwrap().extend(during);
        model.apply(&change);
        states.push(vec![model.clone()]);
    }
    while answered < issued {
        acknowledged += usize::from(told.recv().unwrap());
        answered += 1;
    }
    disk.set_fuse(0);
    drop(log);
    states.drain(acknowledged..).flatten().collect()
}

fn survives(rounds: &[Round]) {
    let disk = MemDisk::default();
    disk.set_fuse(u64::MAX);
    let mut model = Model::default();
    for (at, round) in rounds.iter().enumerate() {
        let dir = Path::new("/log");
        let (log, _) = Log::open_on(Arc::new(disk.clone()), dir, options()).unwrap();
        let possible = run(&disk, log, model, round);
        let mut dice = Dice(round.dice);
        disk.crash(&mut dice);
        let flipped = round.flip.then(|| disk.flip(&mut dice));
        // The power fails again while the log is being repaired.
        disk.set_fuse(dice.below(14) as u64);
        match Log::open_on(Arc::new(disk.clone()), dir, options()) {
            Ok(_) | Err(Error::File { .. }) => disk.crash(&mut dice),
            Err(Error::Damaged { .. }) if flipped.is_some() => return,
            Err(error) => panic!("round {at}, {flipped:?}: {error}"),
        }
        let (log, found) = match Log::open_on(Arc::new(disk.clone()), dir, options()) {
            Ok(opened) => opened,
            Err(Error::Damaged { .. }) if flipped.is_some() => return,
            Err(error) => panic!("round {at}, {flipped:?}: {error}"),
        };
        let found = Model {
            vote: found.vote,
            purged: found.purged,
            entries: log.read(0..u64::MAX, usize::MAX).unwrap(),
        };
        let ends: Vec<u64> = possible.iter().map(Model::end).collect();
        assert!(
            possible.contains(&found),
            "round {at}, {flipped:?}: found up to {}, possible ends {ends:?}",
            found.end()
        );
        model = found;
        drop(log);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    #[test]
    fn no_crash_loses_what_was_answered(rounds in prop::collection::vec(round(), 1..4)) {
        survives(&rounds);
    }
}

#[test]
fn a_log_that_failed_is_closed_at_once_and_says_why() {
    let disk = MemDisk::default();
    disk.set_fuse(u64::MAX);
    let (log, _) = Log::open_on(Arc::new(disk.clone()), Path::new("/log"), options()).unwrap();
    let append = |index| {
        let (tell, told) = channel();
        let entry = LogEntry {
            index,
            term: 1,
            payload: Bytes::from_static(b"entry"),
        };
        let done = Box::new(move |outcome: std::io::Result<()>| tell.send(outcome).unwrap());
        log.append(vec![entry], done).map(|()| told)
    };
    append(0).unwrap().recv().unwrap().unwrap();
    disk.set_fuse(0);
    append(1).unwrap().recv().unwrap().unwrap_err();
    assert!(append(2).is_err(), "a failed log takes no more");
    // On a thread of its own: one that never returns must not hang the test.
    let (tell, told) = channel();
    let closing = log.clone();
    std::thread::spawn(move || tell.send(closing.close()).unwrap());
    let outcome = told.recv_timeout(Duration::from_secs(60));
    let error = outcome.expect("it does not close").unwrap_err();
    assert!(error.to_string().contains("the power is off"), "{error}");
    assert!(log.close().is_err(), "it is closed");
}
