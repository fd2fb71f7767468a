//! What memory knows of each buffered entry: enough to count bytes and to end batches, without
//! reading sled.

use pga_runtime::Instant;
use std::collections::{BTreeMap, VecDeque};

use super::BufferedEntry;
use super::entry::Placed;

/// One buffered entry.
#[derive(Clone, Copy, Debug)]
struct Note {
    index: u64,
    bytes: u32,
    /// Milliseconds since the index was made.
    put_ms: u32,
}

/// Bytes and entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Amount {
    pub(super) bytes: u64,
    pub(super) entries: u64,
}

impl Amount {
    fn add(&mut self, note: &Note) {
        self.bytes += u64::from(note.bytes);
        self.entries += 1;
    }

    fn sub(&mut self, note: &Note) {
        self.bytes -= u64::from(note.bytes);
        self.entries -= 1;
    }
}

/// Where a batch ends, and the entries in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) upto: u64,
    pub(super) indexes: Vec<u64>,
}

/// All entries in the buffer, in log order.
#[derive(Debug)]
pub(super) struct Index {
    notes: VecDeque<Note>,
    /// Staged entries and where they are settled, if they are.
    spans: BTreeMap<u64, Option<u64>>,
    /// The newest entries themselves.
    tail: VecDeque<Placed>,
    tail_bytes: usize,
    pub(super) flushed: u64,
    pub(super) released: u64,
    pub(super) total: Amount,
    pub(super) pending: Amount,
    started: Instant,
}

impl Index {
    pub(super) fn new() -> Self {
        Self {
            notes: VecDeque::new(),
            spans: BTreeMap::new(),
            tail: VecDeque::new(),
            tail_bytes: 0,
            flushed: 0,
            released: 0,
            total: Amount::default(),
            pending: Amount::default(),
            started: pga_runtime::now(),
        }
    }

    /// Index of the last entry.
    pub(super) fn last(&self) -> Option<u64> {
        self.notes.back().map(|note| note.index)
    }

    /// Adds an entry of `bytes` encoded bytes; at most `tail_bytes` stay in memory.
    pub(super) fn put(&mut self, placed: Placed, bytes: usize, tail_bytes: usize) {
        let index = placed.position.index;
        let note = Note {
            index,
            bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
            put_ms: u32::try_from(self.started.elapsed().as_millis()).unwrap_or(u32::MAX),
        };
        if matches!(placed.entry, BufferedEntry::Staged { .. }) {
            self.spans.insert(index, None);
        }
        for part in placed.entry.settles() {
            self.spans.insert(part, Some(index));
        }
        self.notes.push_back(note);
        self.total.add(&note);
        if index > self.flushed {
            self.pending.add(&note);
        }
        self.tail_bytes += placed.entry.weight();
        self.tail.push_back(placed);
        while self.tail_bytes > tail_bytes {
            let Some(old) = self.tail.pop_front() else {
                break;
            };
            self.tail_bytes -= old.entry.weight();
        }
    }

    /// The entry at `index`, if it is still in memory.
    pub(super) fn recent(&self, index: u64) -> Option<Placed> {
        let at = self
            .tail
            .partition_point(|placed| placed.position.index < index);
        self.tail
            .get(at)
            .filter(|placed| placed.position.index == index)
            .cloned()
    }

    /// Moves the flush watermark, either way.
    pub(super) fn set_flushed(&mut self, flushed: u64) {
        let (low, high) = (self.flushed.min(flushed), self.flushed.max(flushed));
        let from = self.notes.partition_point(|note| note.index <= low);
        let upto = self.notes.partition_point(|note| note.index <= high);
        for note in self.notes.range(from..upto) {
            match flushed > self.flushed {
                true => self.pending.sub(note),
                false => self.pending.add(note),
            }
        }
        self.flushed = flushed;
    }

    /// Forgets the entries up to `upto`.
    pub(super) fn release(&mut self, upto: u64) {
        while let Some(note) = self.notes.pop_front_if(|note| note.index <= upto) {
            self.total.sub(&note);
            if note.index > self.flushed {
                self.pending.sub(&note);
            }
        }
        while let Some(old) = self
            .tail
            .pop_front_if(|placed| placed.position.index <= upto)
        {
            self.tail_bytes -= old.entry.weight();
        }
        self.spans
            .retain(|start, end| *start > upto || end.is_none_or(|end| end > upto));
        self.released = self.released.max(upto);
    }

    /// Index up to which entries were released.
    pub(super) fn released(&self) -> u64 {
        self.released
    }

    /// When the oldest entry that is not flushed was put.
    pub(super) fn oldest_pending(&self) -> Option<Instant> {
        let at = self
            .notes
            .partition_point(|note| note.index <= self.flushed);
        let note = self.notes.get(at)?;
        Some(self.started + std::time::Duration::from_millis(note.put_ms.into()))
    }

    /// The entries after `after`, up to `upto` and about `max_bytes`, that end outside every
    /// upload.
    pub(super) fn plan(&self, after: u64, upto: u64, max_bytes: u64) -> Plan {
        let from = self.notes.partition_point(|note| note.index <= after);
        let mut plan = Plan {
            upto: after,
            indexes: Vec::new(),
        };
        let mut inside: Vec<u64> = Vec::new();
        let mut settled = 0;
        let mut bytes = 0;
        for note in self
            .notes
            .range(from..)
            .take_while(|note| note.index <= upto)
        {
            bytes += u64::from(note.bytes);
            let full = bytes > max_bytes && !plan.indexes.is_empty();
            let open = match self.spans.get(&note.index) {
                Some(end) => end.is_none_or(|end| end > upto),
                None => false,
            };
            if full || open {
                return self.before_open(plan, &inside, note.index);
            }
            settled = settled.max(self.spans.get(&note.index).copied().flatten().unwrap_or(0));
            inside.push(note.index);
            if settled <= note.index {
                plan.upto = note.index;
                plan.indexes.append(&mut inside);
            }
        }
        if inside.is_empty() {
            plan.upto = plan.upto.max(upto);
        }
        plan
    }

    /// Ends `plan` before the first entry that is not in it.
    fn before_open(&self, mut plan: Plan, inside: &[u64], stop: u64) -> Plan {
        let next = inside.first().copied().unwrap_or(stop);
        plan.upto = plan.upto.max(next - 1);
        plan
    }
}
