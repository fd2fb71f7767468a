//! Cumulative counters become differences (design D6): pure, shared by both stores.
//!
//! For every table with computed columns, the rows of one key (collector and [`RateKey`] columns) form a
//! counter series in time order. A row's differences are those to the sample before it:
//! - the first sample of a key has none (NULL), nor has one that is not newer than the sample before;
//! - after a reset (a counter fell, or `stats_reset` or `postmaster_start_time` changed) the difference is
//!   the new value, which counts what happened since the reset;
//! - a row whose counters are all zero after one that had counts is what collectors send when they cannot
//!   reach the database: it has no differences, and the sample before it stays the one to compare with.
//!
//! A store loads the states of [`keys`], calls [`fill`], and keeps [`States::changed`] in the transaction
//! that stores the rows.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use super::catalogue::{Column, ColumnType, Source, Table, TableId, tables};
use super::mapper::{Rows, Value};
use crate::Timestamp;

/// First byte of an encoded state.
const FORMAT: u8 = 1;
/// Columns that tell when counting began.
const MARKERS: [&str; 2] = ["stats_reset", "postmaster_start_time"];

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

    fn since(self, before: Self) -> Self {
        match (self, before) {
            (Self::Int(now), Self::Int(before)) => Self::Int(now.saturating_sub(before)),
            (now, before) => Self::Float(now.as_f64() - before.as_f64()),
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

/// The distinct keys of `rows`, in the order of their first row.
pub fn keys(rows: &Rows) -> Vec<RateKey> {
    let mut seen = HashSet::new();
    let mut keys = Vec::new();
    for plan in plans() {
        let Some(rows) = rows.table(plan.id) else {
            continue;
        };
        for row in rows.iter() {
            let key = plan.key(row);
            if seen.insert(key) {
                keys.push(key);
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
        for row in rows.iter_mut() {
            let key = plan.key(row);
            let Some(now) = plan.state(row) else {
                continue;
            };
            match states.known.get(&key) {
                Some(before) if now.time <= before.time || now.is_silent_after(before) => continue,
                Some(before) => plan.fill(row, &now, before),
                None => {}
            }
            states.known.insert(key, now);
            states.changed.insert(key);
        }
    }
}

impl RateState {
    /// All zero, after counts.
    fn is_silent_after(&self, before: &Self) -> bool {
        let is_zero = |state: &Self| state.counters.iter().flatten().all(|c| c.is_zero());
        is_zero(self) && !is_zero(before)
    }

    fn is_reset_since(&self, before: &Self) -> bool {
        let markers = self.markers.iter().zip(&before.markers);
        let mut counters = self.counters.iter().zip(&before.counters);
        let moved = |(now, before): (&Option<Timestamp>, &Option<Timestamp>)| matches!((now, before), (Some(now), Some(before)) if now != before);
        markers.into_iter().any(moved)
            || counters.any(|(now, before)| {
                matches!((now, before), (Some(now), Some(before)) if now.is_below(*before))
            })
    }
}

/// What to compute in one table, by place in its rows.
struct Plan {
    id: TableId,
    table: &'static Table,
    key: Vec<usize>,
    markers: Vec<usize>,
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
        let markers = MARKERS
            .iter()
            .filter_map(|name| table.position(name))
            .collect();
        let key = table
            .rate_key
            .iter()
            .filter_map(|name| table.position(name))
            .collect();
        (!computed.is_empty()).then_some(Self {
            id,
            table,
            key,
            markers,
            counters,
            computed,
        })
    }

    fn key(&self, row: &[Value]) -> RateKey {
        let mut hash = Xxh3::new();
        hash.update(self.table.name.as_bytes());
        if let Some(Value::Uuid(collector)) = row.get(1) {
            hash.update(collector.as_bytes());
        }
        for at in &self.key {
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
        let marker = |at: &usize| match row.get(*at) {
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
