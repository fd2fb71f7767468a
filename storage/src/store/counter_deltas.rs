//! Cumulative counters become differences (design D6): pure, shared by both stores.
//!
//! For every table with computed columns, the rows of one key (collector and [`CounterKey`]
//! columns) form a counter series in time order. All rows of one table, collector and database form
//! a *history*. A row's differences are those to the sample before it:
//! - rows of one element with one key and one time are added first (one statement of several
//!   users); the first of them has the difference. Of several elements of one time, which original
//!   collectors send since they read three times a second, the first counts;
//! - counting began anew if a marker moved forward or the first counter of the table fell (for
//!   statements: `calls`). The difference is then the new value;
//! - a marker that moved backward is another server's, and so is a sample that names another system
//!   identifier, timeline or address than the last one that named any: no difference, the key begins
//!   anew from there. A key that is new in such a sample has none either;
//! - another counter that fell has the difference 0;
//! - a missing value has no difference, and the next one is compared with the last value there was;
//! - the first sample of a history has no difference. The first sample of a key in a history that
//!   had an earlier sample counts whole, over the time since that sample, unless `stats_since` says
//!   that counting began earlier, or the earlier sample may have been cut off (`CUT_OFF_ROWS`) or
//!   had other keys (it did not tell which statements were top level, and this one does), or the
//!   list may leave keys out (`Items::Rows`);
//! - a sum of squares, n (σ² + μ²), is a counter too, from which follows the deviation of a window:
//!   it has no difference where it fell, or where the sample before has none;
//! - each difference is kept with the usual interval of its history before it: the median of those
//!   between the eight samples before. Three times as long is a gap;
//! - a row whose counters are all zero after one that had counts, without a moved marker, is what
//!   collectors send when they cannot reach the database: it has no differences, and the sample
//!   before it stays the one to compare with;
//! - a row that arrives after a newer one of its history gets its difference, and the rows that
//!   come after it are derived anew ([`late()`]).
//!
//! A store loads the states of [`keys`], derives what is [`late()`], calls [`fill`], and keeps
//! [`States::changed`] in the transaction that stores the rows.

mod history;
mod late;
mod plan;
mod server;
pub(crate) mod sql;
mod squares;
mod state;

use std::collections::{HashMap, HashSet};

pub use self::history::Listed;
pub use self::late::{CHAIN_ROWS, Chain, Late, derive, late};
pub use self::state::CounterState;

use self::history::{History, Past};
use self::plan::{Sample, plans};
use super::catalogue::TableId;
use super::mapper::{Rows, Value};

/// 128-bit hash of a table, a collector and the values of the key columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CounterKey(u128);

impl CounterKey {
    /// As stored: 16 bytes.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// From the stored bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }
}

/// The last samples of the keys of a batch.
#[derive(Clone, Debug, Default)]
pub struct States {
    known: HashMap<CounterKey, CounterState>,
    changed: HashSet<CounterKey>,
}

impl States {
    /// Adds a loaded state.
    pub fn insert(&mut self, key: CounterKey, state: CounterState) {
        self.known.insert(key, state);
    }

    /// Whether the state of `key` is there.
    pub fn has(&self, key: CounterKey) -> bool {
        self.known.contains_key(&key)
    }

    fn set(&mut self, key: CounterKey, state: CounterState) {
        self.known.insert(key, state);
        self.changed.insert(key);
    }

    /// Whether the history of `sample` has a newer one.
    fn is_late(&self, sample: &Sample) -> bool {
        let history = self.known.get(&sample.history);
        history.is_some_and(|history| sample.state.time < history.time)
    }

    /// Notes that the history of `sample` has one at its time; what came before it.
    fn move_history(&mut self, sample: &Sample) -> Past {
        let time = sample.state.time;
        let mut history = match self.known.get(&sample.history) {
            Some(known) => History::from_state(known),
            None => History::first(time, sample.listed),
        };
        history.add(time, sample.listed);
        let past = history.past(time, &sample.listed);
        self.set(sample.history, history.into_state());
        past
    }

    /// The states that moved, to be stored.
    pub fn changed(&self) -> impl Iterator<Item = (CounterKey, &CounterState)> {
        self.changed
            .iter()
            .filter_map(|key| Some((*key, self.known.get(key)?)))
    }
}

/// The names of the tables that have computed columns.
pub fn counter_tables() -> impl Iterator<Item = &'static str> {
    plans().map(|plan| plan.table.name)
}

/// The distinct keys of `rows` and of their histories, in the order of their first row.
pub fn keys(rows: &Rows) -> Vec<CounterKey> {
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

/// Fills the computed columns of `rows` from `states`, and moves `states` on. Returns how many
/// counters fell although counting had not begun anew, by table.
///
/// Rows that are [`late()`] have to be derived before.
pub fn fill(rows: &mut Rows, states: &mut States) -> Vec<(TableId, u64)> {
    let mut fell = Vec::new();
    for plan in plans() {
        let Some(rows) = rows.table_mut(plan.id) else {
            continue;
        };
        let mut rows: Vec<&mut [Value]> = rows.iter_mut().collect();
        let mut anomalies = 0;
        for sample in plan.samples(&rows) {
            if states.is_late(&sample) {
                continue;
            }
            let past = states.move_history(&sample);
            let (key, row) = (sample.key, rows.get_mut(sample.at));
            let known = states.known.get(&key);
            if let Some(next) = plan.step(row, sample.state, known, past, &mut anomalies) {
                states.set(key, next);
            }
        }
        rows.iter_mut().for_each(|row| plan.complete(row));
        if anomalies > 0 {
            fell.push((plan.id, anomalies));
        }
    }
    fell
}

#[cfg(test)]
mod tests;
