//! Cumulative counters become differences (design D6): pure, shared by both stores.
//!
//! For every table with computed columns, the rows of one key (collector and [`RateKey`] columns) form a
//! counter series in time order. All rows of one table, collector and database form a *history*. A row's
//! differences are those to the sample before it:
//! - rows of one log entry with one key and one time are added first; the first of them has the difference;
//! - counting began anew if a marker moved forward or the first counter of the table fell (for statements:
//!   `calls`). The difference is then the new value;
//! - a marker that moved backward is another server's: no difference, the key begins anew from there;
//! - another counter that fell has the difference 0;
//! - a missing value has no difference, and the next one is compared with the last value there was;
//! - the first sample of a history has no difference. The first sample of a key in a history that had an
//!   earlier sample counts whole, over the time since that sample, unless `stats_since` says that counting
//!   began earlier, or the earlier sample may have been cut off (`CUT_OFF_ROWS`);
//! - a row whose counters are all zero after one that had counts, without a moved marker, is what collectors
//!   send when they cannot reach the database: it has no differences, and the sample before it stays the one
//!   to compare with;
//! - a row that arrives after a newer one of its key was stored has none.
//!
//! A store loads the states of [`keys`], calls [`fill`], and keeps [`States::changed`] in the transaction
//! that stores the rows.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use super::catalogue::{Column, ColumnType, Source, Table, TableId, tables};
use super::mapper::{Rows, Value, zero};
use crate::Timestamp;

/// First byte of an encoded state.
const FORMAT: u8 = 1;
/// Columns that tell when counting began. Encoded states hold them in this order.
const MARKERS: [&str; 3] = ["stats_reset", "postmaster_start_time", STATS_SINCE];
/// The marker that each statement has for itself (PostgreSQL 17 on).
const STATS_SINCE: &str = "stats_since";
/// A sample with so many rows may be the top of a longer list: original collectors send the top 100.
const CUT_OFF_ROWS: i64 = 100;

/// 128-bit hash of a table, a collector and the values of the key columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RateKey(u128);

impl RateKey {
    /// As stored: 16 bytes.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// From the stored bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }
}

/// The last sample of one key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RateState {
    /// When it was taken.
    pub time: Timestamp,
    markers: Vec<Option<Timestamp>>,
    counters: Vec<Option<Counter>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Counter {
    Int(i64),
    Float(f64),
}

impl Counter {
    fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Int(n) => Some(Self::Int(*n)),
            Value::Float(n) => Some(Self::Float(*n)),
            _ => None,
        }
    }

    fn is_zero(self) -> bool {
        matches!(self, Self::Int(0)) || matches!(self, Self::Float(n) if n == 0.0)
    }

    fn is_below(self, before: Self) -> bool {
        match (self, before) {
            (Self::Int(now), Self::Int(before)) => now < before,
            (now, before) => now.as_f64() < before.as_f64(),
        }
    }

    fn as_f64(self) -> f64 {
        match self {
            Self::Int(n) => n as f64,
            Self::Float(n) => n,
        }
    }

    /// What was counted since `before`; nothing if the counter fell.
    fn since(self, before: Self) -> Self {
        match (self, before) {
            (Self::Int(now), Self::Int(before)) => Self::Int(now.saturating_sub(before).max(0)),
            (now, before) => Self::Float((now.as_f64() - before.as_f64()).max(0.0)),
        }
    }

    fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Int(one), Self::Int(other)) => Self::Int(one.saturating_add(other)),
            (one, other) => Self::Float(one.as_f64() + other.as_f64()),
        }
    }

    const fn zero(self) -> Self {
        match self {
            Self::Int(_) => Self::Int(0),
            Self::Float(_) => Self::Float(0.0),
        }
    }
}

impl RateState {
    /// The state as bytes: a format byte and MessagePack.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![FORMAT];
        // INVARIANT: plain data always encodes into a vector.
        bytes.extend(rmp_serde::to_vec(self).unwrap_or_default());
        bytes
    }

    /// The state in `bytes`; `None` if they are none of ours, then the key begins anew.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(&[FORMAT])?;
        crate::from_msgpack(rest).ok()
    }
}

/// The last samples of the keys of a batch.
#[derive(Clone, Debug, Default)]
pub struct States {
    known: HashMap<RateKey, RateState>,
    changed: HashSet<RateKey>,
}

impl States {
    /// Adds a loaded state.
    pub fn insert(&mut self, key: RateKey, state: RateState) {
        self.known.insert(key, state);
    }

    /// Whether the state of `key` is there.
    pub fn has(&self, key: RateKey) -> bool {
        self.known.contains_key(&key)
    }

    /// The states that [`fill`] moved, to be stored.
    pub fn changed(&self) -> impl Iterator<Item = (RateKey, &RateState)> {
        self.changed
            .iter()
            .filter_map(|key| Some((*key, self.known.get(key)?)))
    }
}

/// The distinct keys of `rows` and of their histories, in the order of their first row.
pub fn keys(rows: &Rows) -> Vec<RateKey> {
    let mut seen = HashSet::new();
    let mut keys = Vec::new();
    for plan in plans() {
        let Some(rows) = rows.table(plan.id) else {
            continue;
        };
        for row in rows.iter() {
            for key in [plan.history(row), plan.key(row)] {
                if seen.insert(key) {
                    keys.push(key);
                }
            }
        }
    }
    keys
}

/// Fills the computed columns of `rows` from `states`, and moves `states` on.
pub fn fill(rows: &mut Rows, states: &mut States) {
    for plan in plans() {
        let Some(rows) = rows.table_mut(plan.id) else {
            continue;
        };
        let mut rows: Vec<&mut [Value]> = rows.iter_mut().collect();
        for sample in plan.samples(&rows) {
            let earlier = states.move_history(&sample);
            let (key, now) = (sample.key, sample.state);
            let next = match states.known.get(&key) {
                Some(before) if now.time <= before.time || now.is_silent_after(before) => continue,
                Some(before) if now.marker_moves(before).any(|moves| moves.is_lt()) => now,
                Some(before) => {
                    if let Some(row) = rows.get_mut(sample.at) {
                        plan.fill(row, &now, before);
                    }
                    now.after(before)
                }
                None => {
                    let begin = earlier.filter(|earlier| !plan.began_before(&now, *earlier));
                    if let (Some(begin), Some(row)) = (begin, rows.get_mut(sample.at)) {
                        plan.fill(row, &now, &now.begun_at(begin));
                    }
                    now
                }
            };
            states.known.insert(key, next);
            states.changed.insert(key);
        }
        rows.iter_mut().for_each(|row| plan.complete(row));
    }
}

/// The rows of one key, time and log entry, added.
struct Sample {
    key: RateKey,
    history: RateKey,
    /// How many rows the history has at this time in this batch.
    listed: i64,
    /// Place of the first row.
    at: usize,
    state: RateState,
}

/// The sample of a history before another one.
#[derive(Clone, Copy)]
struct Earlier {
    time: Timestamp,
    is_cut_off: bool,
}

impl States {
    /// Notes that the history of `sample` has one at its time; the one before it, if it is known.
    ///
    /// The state of a history is the time of its newest sample and of the one before, and the rows in each.
    fn move_history(&mut self, sample: &Sample) -> Option<Earlier> {
        let time = sample.state.time;
        let listed = Some(Counter::Int(sample.listed));
        let known = self.known.get(&sample.history);
        let next = match known {
            Some(known) if time < known.time => return None,
            Some(known) if time == known.time => known.clone(),
            Some(known) => RateState {
                time,
                markers: vec![Some(known.time)],
                counters: vec![listed, known.counters.first().copied().flatten()],
            },
            None => RateState {
                time,
                markers: vec![None],
                counters: vec![listed, None],
            },
        };
        let earlier = next.markers.first().copied().flatten().map(|time| {
            let rows = next.counters.get(1).copied().flatten();
            let is_cut_off = matches!(rows, Some(Counter::Int(rows)) if rows >= CUT_OFF_ROWS);
            Earlier { time, is_cut_off }
        });
        self.known.insert(sample.history, next);
        self.changed.insert(sample.history);
        earlier
    }
}

impl RateState {
    /// Adds what a row of the same key and time counts.
    fn add(&mut self, other: &Self) {
        for (sum, counter) in self.counters.iter_mut().zip(&other.counters) {
            *sum = match (*sum, *counter) {
                (Some(one), Some(other)) => Some(one.plus(other)),
                (one, other) => one.or(other),
            };
        }
    }

    /// All zero, after counts, and no marker tells of a reset.
    fn is_silent_after(&self, before: &Self) -> bool {
        let is_zero = |state: &Self| state.counters.iter().flatten().all(|c| c.is_zero());
        is_zero(self) && !is_zero(before) && self.marker_moves(before).all(|moves| moves.is_eq())
    }

    /// How the markers that both have moved.
    fn marker_moves(&self, before: &Self) -> impl Iterator<Item = std::cmp::Ordering> {
        let markers = self.markers.iter().zip(&before.markers);
        markers.filter_map(|(now, before)| Some((*now)?.cmp(&(*before)?)))
    }

    /// Whether counting began anew: a marker moved forward, or the first counter fell.
    fn is_reset_since(&self, before: &Self) -> bool {
        let first = |state: &Self| state.counters.first().copied().flatten();
        let fell = matches!((first(self), first(before)), (Some(now), Some(before)) if now.is_below(before));
        fell || self.marker_moves(before).any(|moves| moves.is_gt())
    }

    /// What the next sample is compared with: a value that is missing here is the last one there was, or 0 after a reset.
    fn after(self, before: &Self) -> Self {
        let is_reset = self.is_reset_since(before);
        let known = before
            .counters
            .iter()
            .copied()
            .chain(std::iter::repeat(None));
        let kept = |(now, before): (Option<Counter>, Option<Counter>)| {
            now.or(before.map(|before| if is_reset { before.zero() } else { before }))
        };
        let counters = self.counters.iter().copied().zip(known).map(kept).collect();
        let known = before
            .markers
            .iter()
            .copied()
            .chain(std::iter::repeat(None));
        let markers = self.markers.iter().copied().zip(known);
        let markers = markers.map(|(now, before)| now.or(before)).collect();
        Self {
            time: self.time,
            markers,
            counters,
        }
    }

    /// The beginning of all that this sample counts, at `time`.
    fn begun_at(&self, earlier: Earlier) -> Self {
        let zero = |counter: &Option<Counter>| counter.map(Counter::zero);
        Self {
            time: earlier.time,
            markers: Vec::new(),
            counters: self.counters.iter().map(zero).collect(),
        }
    }
}

/// What to compute in one table, by place in its rows.
struct Plan {
    id: TableId,
    table: &'static Table,
    key: Vec<usize>,
    /// The key's columns that name the history.
    history: Vec<usize>,
    /// Places in the row, as [`MARKERS`]; `None` where the table has no such column.
    markers: Vec<Option<usize>>,
    /// Place of `stats_since` in `markers`.
    since: Option<usize>,
    counters: Vec<usize>,
    computed: Vec<Computed>,
}

struct Computed {
    at: usize,
    column: Column,
    /// Place in `counters`.
    counter: Option<usize>,
}

fn plans() -> impl Iterator<Item = Plan> {
    tables().filter_map(Plan::new)
}

impl Plan {
    fn new(id: TableId) -> Option<Self> {
        let table = id.table();
        let mut counters = Vec::new();
        let mut computed = Vec::new();
        for (at, column) in table.columns().enumerate() {
            let counter = match column.source {
                Source::Interval => None,
                Source::Delta(of) | Source::PerSecond(of) => {
                    counters.push(table.position(of)?);
                    Some(counters.len() - 1)
                }
                _ => continue,
            };
            computed.push(Computed {
                at,
                column,
                counter,
            });
        }
        let markers = MARKERS.iter().map(|name| table.position(name)).collect();
        let since = MARKERS.iter().position(|name| *name == STATS_SINCE);
        let key = table.rate_key.iter();
        let key: Vec<_> = key.filter_map(|name| table.position(name)).collect();
        let database = table.position("database_name");
        let history = key.iter().copied().filter(|at| Some(*at) == database);
        let history = history.collect();
        (!computed.is_empty()).then_some(Self {
            id,
            table,
            key,
            history,
            markers,
            since,
            counters,
            computed,
        })
    }

    /// Samples in the order of their time, those of one time in the order of their rows.
    fn samples(&self, rows: &[&mut [Value]]) -> Vec<Sample> {
        let mut samples: Vec<Sample> = Vec::new();
        let mut places = HashMap::new();
        let mut listed: HashMap<(RateKey, Timestamp), i64> = HashMap::new();
        for (at, row) in rows.iter().enumerate() {
            let Some(state) = self.state(row) else {
                continue;
            };
            let (key, history) = (self.key(row), self.history(row));
            *listed.entry((history, state.time)).or_default() += 1;
            let Some(Value::Int(entry)) = row.get(2) else {
                continue;
            };
            let place = *places
                .entry((key, state.time, *entry))
                .or_insert(samples.len());
            match samples.get_mut(place) {
                Some(sample) => sample.state.add(&state),
                None => samples.push(Sample {
                    key,
                    history,
                    listed: 0,
                    at,
                    state,
                }),
            }
        }
        for sample in &mut samples {
            let rows = listed.get(&(sample.history, sample.state.time));
            sample.listed = rows.copied().unwrap_or_default();
        }
        samples.sort_by_key(|sample| sample.state.time);
        samples
    }

    /// Whether a key's first sample may count what happened before the history's earlier one.
    fn began_before(&self, now: &RateState, earlier: Earlier) -> bool {
        let since = self
            .since
            .and_then(|at| now.markers.get(at).copied().flatten());
        match since {
            Some(since) => since < earlier.time,
            None => earlier.is_cut_off,
        }
    }

    /// Gives missing counters the value that their column has to have.
    fn complete(&self, row: &mut [Value]) {
        for at in &self.counters {
            let Some(cell @ Value::Null) = row.get_mut(*at) else {
                continue;
            };
            *cell = self.table.columns().nth(*at).map_or(Value::Null, zero);
        }
    }

    fn key(&self, row: &[Value]) -> RateKey {
        self.hash(row, b"", &self.key)
    }

    fn history(&self, row: &[Value]) -> RateKey {
        self.hash(row, b"history", &self.history)
    }

    fn hash(&self, row: &[Value], what: &[u8], columns: &[usize]) -> RateKey {
        let mut hash = Xxh3::new();
        hash.update(self.table.name.as_bytes());
        hash.update(what);
        if let Some(Value::Uuid(collector)) = row.get(1) {
            hash.update(collector.as_bytes());
        }
        for at in columns {
            match row.get(*at) {
                Some(Value::Int(n)) => hash.update(&n.to_le_bytes()),
                Some(Value::Text(text)) => {
                    hash.update(&(text.len() as u64).to_le_bytes());
                    hash.update(text.as_bytes());
                }
                _ => hash.update(&[0]),
            }
        }
        RateKey(hash.digest128())
    }

    /// The row as a sample; `None` if it has no counters.
    fn state(&self, row: &[Value]) -> Option<RateState> {
        let Some(Value::Time(time)) = row.first() else {
            return None;
        };
        let marker = |at: &Option<usize>| match at.and_then(|at| row.get(at)) {
            Some(Value::Time(time)) => Some(*time),
            _ => None,
        };
        let counters: Vec<_> = self
            .counters
            .iter()
            .map(|at| row.get(*at).and_then(Counter::of))
            .collect();
        counters.iter().any(Option::is_some).then(|| RateState {
            time: *time,
            markers: self.markers.iter().map(marker).collect(),
            counters,
        })
    }

    fn fill(&self, row: &mut [Value], now: &RateState, before: &RateState) {
        let seconds = (now.time.micros() - before.time.micros()) as f64 / 1e6;
        let is_reset = now.is_reset_since(before);
        for computed in &self.computed {
            let value = match computed.counter {
                None => Value::Float(seconds),
                Some(at) => {
                    let current = now.counters.get(at).copied().flatten();
                    let previous = before.counters.get(at).copied().flatten();
                    let difference = match (current, previous) {
                        (Some(now), _) if is_reset => now,
                        (Some(now), Some(before)) => now.since(before),
                        _ => continue,
                    };
                    computed.value(difference, seconds)
                }
            };
            if let Some(cell) = row.get_mut(computed.at) {
                *cell = value;
            }
        }
    }
}

impl Computed {
    fn value(&self, difference: Counter, seconds: f64) -> Value {
        match (self.column.source, self.column.ty, difference) {
            (Source::PerSecond(_), _, difference) => {
                Value::Float(difference.as_f64() * self.column.scale / seconds)
            }
            (_, ColumnType::Float8, difference) => Value::Float(difference.as_f64()),
            (_, _, Counter::Int(n)) => Value::Int(n),
            (_, _, Counter::Float(n)) => Value::Int(n as i64),
        }
    }
}

#[cfg(test)]
mod tests;
