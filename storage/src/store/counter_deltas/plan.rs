//! What to compute in one table, by place in its rows.

use std::collections::{HashMap, HashSet};
use std::ops::Deref;

use xxhash_rust::xxh3::Xxh3;

use super::CounterKey;
use super::history::{Earlier, Listed, Past};
use super::server::{self, Server};
use super::squares::Squares;
use super::state::{Counter, CounterState};
use crate::Timestamp;
use crate::store::catalogue::{Column, ColumnType, Items, Source, Table, TableId, tables};
use crate::store::mapper::{Value, zero};

/// Columns that tell when counting began. Encoded states hold them in this order.
const MARKERS: [&str; 3] = ["stats_reset", "postmaster_start_time", STATS_SINCE];
/// The marker that each statement has for itself (PostgreSQL 17 on).
const STATS_SINCE: &str = "stats_since";
/// Column that tells at which level a statement ran.
const LEVEL: &str = "toplevel";

/// The rows of one key, time and element, added.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) key: CounterKey,
    pub(super) history: CounterKey,
    /// What the same rows tell of the history at this time.
    pub(super) listed: Listed,
    /// Place of the first row.
    pub(super) at: usize,
    pub(super) state: CounterState,
}

/// What to compute in one table, by place in its rows.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) id: TableId,
    pub(super) table: &'static Table,
    pub(super) key: Vec<usize>,
    /// The key's columns that name the history.
    pub(super) history: Vec<usize>,
    /// Places in the row, as [`MARKERS`]; `None` where the table has no such column.
    markers: Vec<Option<usize>>,
    /// Place of `stats_since` in `markers`.
    since: Option<usize>,
    server: [Option<usize>; server::COLUMNS.len()],
    level: Option<usize>,
    counters: Vec<usize>,
    squares: Option<Squares>,
    /// Place of the column that tells which counters the client left out.
    missing: Option<usize>,
    computed: Vec<Computed>,
}

#[derive(Debug)]
struct Computed {
    at: usize,
    column: Column,
    /// Place in `counters`.
    counter: Option<usize>,
}

/// The element that a row is of: its log entry, and its place there.
pub(super) fn element(row: &[Value]) -> Option<(i64, i64)> {
    match (row.get(2), row.get(3)) {
        (Some(Value::Int(entry)), Some(Value::Int(ordinal))) => Some((*entry, *ordinal)),
        _ => None,
    }
}

/// The plans of all tables that have computed columns.
pub(super) fn plans() -> impl Iterator<Item = Plan> {
    tables().filter_map(Plan::new)
}

impl Plan {
    pub(super) fn new(id: TableId) -> Option<Self> {
        let table = id.table();
        let mut counters = Vec::new();
        let mut computed = Vec::new();
        let mut squares = None;
        for (at, column) in table.columns().enumerate() {
            let counter = match column.source {
                Source::Interval | Source::Usual => None,
                Source::Squares(of) => {
                    counters.push(table.position(of)?);
                    squares = Some(Squares::new(table, of, counters.len() - 1)?);
                    Some(counters.len() - 1)
                }
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
        let missing = table
            .columns()
            .position(|column| column.source == Source::MissingCounters);
        (!computed.is_empty()).then_some(Self {
            id,
            table,
            key,
            history,
            markers,
            since,
            server: Server::places(table),
            level: table.position(LEVEL),
            counters,
            squares,
            missing,
            computed,
        })
    }

    /// Samples in the order of their time, those of one time in the order of their rows. A key that
    /// several elements of one time have is listed once.
    pub(super) fn samples<R: Deref<Target = [Value]>>(&self, rows: &[R]) -> Vec<Sample> {
        let mut samples: Vec<Sample> = Vec::new();
        let mut places = HashMap::new();
        let mut listed: HashMap<(CounterKey, Timestamp), Listed> = HashMap::new();
        let mut seen = HashSet::new();
        for (at, row) in rows.iter().enumerate() {
            let Some(state) = self.state(row) else {
                continue;
            };
            let (key, history) = (self.key(row), self.history(row));
            if seen.insert((key, state.time)) {
                let here = listed.entry((history, state.time)).or_default();
                here.add(&self.listed(row, &state));
            }
            let Some(element) = element(row) else {
                continue;
            };
            let place = *places
                .entry((key, state.time, element))
                .or_insert(samples.len());
            match samples.get_mut(place) {
                Some(sample) => sample.state.add(&state),
                None => samples.push(Sample {
                    key,
                    history,
                    listed: Listed::default(),
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

    /// Fills the differences of a sample into its `row`; what the next sample of the key is
    /// compared with, if that changes. Counters that fell are added to `anomalies`.
    pub(super) fn step(
        &self,
        row: Option<&mut &mut [Value]>,
        now: CounterState,
        known: Option<&CounterState>,
        past: Past,
        anomalies: &mut u64,
    ) -> Option<CounterState> {
        let begun;
        let before = match known {
            Some(before) if now.time <= before.time || now.is_silent_after(before) => return None,
            Some(before) if now.is_elsewhere_after(before) => return Some(now),
            Some(before) => before,
            None => {
                let is_new = |earlier: &Earlier| !self.began_before(&now, *earlier);
                let Some(earlier) = past.earlier.filter(is_new) else {
                    return Some(now);
                };
                begun = now.begun_at(earlier.time);
                &begun
            }
        };
        if let Some(row) = row {
            self.fill(row, &now, before, anomalies);
            self.set_usual(row, past.usual);
        }
        let Some(before) = known else {
            return Some(now);
        };
        let here = now.clone();
        let mut next = now.after(before);
        if let Some(squares) = &self.squares {
            squares.forget(&mut next, &here);
        }
        Some(next)
    }

    /// Whether a key's first sample may count what happened before the history's earlier one.
    fn began_before(&self, now: &CounterState, earlier: Earlier) -> bool {
        if earlier.is_elsewhere {
            return true;
        }
        let since = self
            .since
            .and_then(|at| now.markers.get(at).copied().flatten());
        match since {
            Some(since) => since < earlier.time,
            None => earlier.is_cut_off || self.table.items == Items::Rows,
        }
    }

    /// What one row tells of its history.
    pub(super) fn listed(&self, row: &[Value], state: &CounterState) -> Listed {
        let level = self.level.and_then(|at| row.get(at));
        Listed {
            rows: 1,
            levels: i64::from(matches!(level, Some(Value::Bool(_)))),
            // The first of the markers is the one that a view has for all of its rows.
            reset: state.markers.first().copied().flatten(),
            server: state.server,
        }
    }

    fn is_squares(&self, counter: usize) -> bool {
        let squares = self.squares.as_ref();
        squares.is_some_and(|squares| squares.counter == counter)
    }

    fn set_usual(&self, row: &mut [Value], usual: Option<f64>) {
        if let Some(cell) = self.usual().and_then(|at| row.get_mut(at)) {
            *cell = usual.map_or(Value::Null, Value::Float);
        }
    }

    /// Place of the usual interval.
    pub(super) fn usual(&self) -> Option<usize> {
        let is_usual = |computed: &&Computed| computed.column.source == Source::Usual;
        self.computed
            .iter()
            .find(is_usual)
            .map(|computed| computed.at)
    }

    /// Gives missing counters the value that their column has to have, and notes which they are.
    pub(super) fn complete(&self, row: &mut [Value]) {
        let mut missing = 0i64;
        for (n, at) in self.counters.iter().enumerate() {
            let Some(cell @ Value::Null) = row.get_mut(*at) else {
                continue;
            };
            *cell = self.table.columns().nth(*at).map_or(Value::Null, zero);
            if *cell != Value::Null {
                missing |= 1 << n;
            }
        }
        if let Some(cell) = self.missing.and_then(|at| row.get_mut(at)) {
            *cell = if missing == 0 {
                Value::Null
            } else {
                Value::Int(missing)
            };
        }
    }

    /// Takes back what [`Self::complete`] and [`Self::step`] put into a row.
    pub(super) fn strip(&self, row: &mut [Value]) {
        let missing = self.missing.and_then(|at| row.get(at));
        let missing = match missing {
            Some(Value::Int(missing)) => *missing,
            _ => 0,
        };
        for (n, at) in self.counters.iter().enumerate() {
            if let Some(cell) = row.get_mut(*at)
                && missing >> n & 1 == 1
            {
                *cell = Value::Null;
            }
        }
        for computed in &self.computed {
            if let Some(cell) = row.get_mut(computed.at) {
                *cell = Value::Null;
            }
        }
    }

    /// Whether a row has a difference.
    pub(super) fn has_difference(&self, row: &[Value]) -> bool {
        let is_set = |computed: &Computed| {
            computed.column.source == Source::Interval
                && row
                    .get(computed.at)
                    .is_some_and(|cell| *cell != Value::Null)
        };
        self.computed.iter().any(is_set)
    }

    /// Whether both rows have the same differences.
    pub(super) fn is_equal(&self, one: &[Value], other: &[Value]) -> bool {
        let mut computed = self.computed.iter();
        computed.all(|computed| one.get(computed.at) == other.get(computed.at))
    }

    pub(super) fn key(&self, row: &[Value]) -> CounterKey {
        self.hash(row, b"", &self.key)
    }

    pub(super) fn history(&self, row: &[Value]) -> CounterKey {
        self.hash(row, b"history", &self.history)
    }

    /// The names and values of `columns` in `row`.
    pub(super) fn values(&self, row: &[Value], columns: &[usize]) -> Vec<(&'static str, Value)> {
        let named = |at: &usize| {
            let column = self.table.columns().nth(*at)?;
            Some((column.name, row.get(*at)?.clone()))
        };
        columns.iter().filter_map(named).collect()
    }

    fn hash(&self, row: &[Value], what: &[u8], columns: &[usize]) -> CounterKey {
        let mut hash = Xxh3::new();
        hash.update(self.table.name.as_bytes());
        hash.update(what);
        if let Some(Value::Uuid(collector)) = row.get(1) {
            hash.update(collector.as_bytes());
        }
        for at in columns {
            match row.get(*at) {
                Some(Value::Int(n)) => hash.update(&n.to_le_bytes()),
                Some(Value::Bool(flag)) => hash.update(&[2 + u8::from(*flag)]),
                // What is not sent is no part of the key.
                Some(Value::Null) => {}
                Some(Value::Text(text)) => {
                    hash.update(&(text.len() as u64).to_le_bytes());
                    hash.update(text.as_bytes());
                }
                _ => hash.update(&[0]),
            }
        }
        CounterKey(hash.digest128())
    }

    /// The row as a sample; `None` if it has no counters.
    pub(super) fn state(&self, row: &[Value]) -> Option<CounterState> {
        let Some(Value::Time(time)) = row.first() else {
            return None;
        };
        let marker = |at: &Option<usize>| match at.and_then(|at| row.get(at)) {
            Some(Value::Time(time)) => Some(*time),
            _ => None,
        };
        let mut counters: Vec<_> = self
            .counters
            .iter()
            .map(|at| row.get(*at).and_then(Counter::of))
            .collect();
        if let Some(squares) = &self.squares
            && let Some(cell) = counters.get_mut(squares.counter)
        {
            *cell = squares.of(row);
        }
        counters.iter().any(Option::is_some).then(|| CounterState {
            time: *time,
            markers: self.markers.iter().map(marker).collect(),
            counters,
            server: Server::of(row, &self.server),
        })
    }

    fn fill(
        &self,
        row: &mut [Value],
        now: &CounterState,
        before: &CounterState,
        anomalies: &mut u64,
    ) {
        let seconds = (now.time.micros() - before.time.micros()) as f64 / 1e6;
        let is_reset = now.is_reset_since(before);
        for computed in &self.computed {
            let value = match computed.counter {
                None if computed.column.source == Source::Usual => continue,
                None => Value::Float(seconds),
                Some(at) => {
                    let current = now.counters.get(at).copied().flatten();
                    let previous = before.counters.get(at).copied().flatten();
                    let difference = match (current, previous) {
                        (Some(now), _) if is_reset => now,
                        // Rounding; a deviation of it would be none.
                        (Some(now), Some(before))
                            if self.is_squares(at) && now.is_below(before) =>
                        {
                            continue;
                        }
                        (Some(now), Some(before)) => {
                            *anomalies += u64::from(now.is_below(before));
                            now.since(before)
                        }
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
