//! Samples that arrive after a newer one of their history.
//!
//! A difference belongs to two samples that are neighbours in time. A late sample therefore gets
//! the difference to the one before it, and what follows it is derived anew: the next sample of
//! each of its keys, further ones where a value was missing, and the first sample of each key that
//! the history had right after it.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use uuid::Uuid;

use super::history::{History, LOOKED_BACK, Listed, Past};
use super::plan::{Plan, Sample, element, plans};
use super::state::CounterState;
use super::{CounterKey, States};
use crate::Timestamp;
use crate::store::catalogue::TableId;
use crate::store::mapper::{Rows, Value};

/// How many rows of a key a store reads before the first late sample, and after the last one.
///
/// A counter that was missing in more samples in a row than these is compared with nothing.
pub const CHAIN_ROWS: usize = 16;

/// Late samples of one history.
#[derive(Debug)]
pub struct Late {
    /// Their table.
    pub table: TableId,
    /// Their collector.
    pub collector: Uuid,
    /// The values of the columns that name the history beside the collector.
    pub history: Vec<(&'static str, Value)>,
    key: CounterKey,
    times: BTreeSet<Timestamp>,
}

/// The stored rows of one key around late samples.
#[derive(Debug, Default)]
pub struct Chain {
    /// The last [`CHAIN_ROWS`] before [`Late::from`], the newest first.
    pub before: Vec<Vec<Value>>,
    /// All from [`Late::from`] to [`Late::to`], in the order of time and element.
    pub within: Vec<Vec<Value>>,
    /// The first [`CHAIN_ROWS`] after [`Late::to`], in the order of time and element.
    pub after: Vec<Vec<Value>>,
}

/// The late samples in `rows`, by history. The states of all [`super::keys`] have to be in
/// `states`.
pub fn late(rows: &Rows, states: &States) -> Vec<Late> {
    let mut found: BTreeMap<CounterKey, Late> = BTreeMap::new();
    for plan in plans() {
        let Some(rows) = rows.table(plan.id) else {
            continue;
        };
        let rows: Vec<&[Value]> = rows.iter().collect();
        for sample in plan.samples(&rows) {
            let Some(row) = rows.get(sample.at).filter(|_| states.is_late(&sample)) else {
                continue;
            };
            let Some(Value::Uuid(collector)) = row.get(1) else {
                continue;
            };
            let late = found.entry(sample.history).or_insert_with(|| Late {
                table: plan.id,
                collector: *collector,
                history: plan.values(row, &plan.history),
                key: sample.history,
                times: BTreeSet::new(),
            });
            late.times.insert(sample.state.time);
        }
    }
    found.into_values().collect()
}

impl Late {
    /// Time of the first of them.
    pub fn from(&self) -> Timestamp {
        self.times.first().copied().unwrap_or_default()
    }

    /// Time of the last of them.
    pub fn to(&self) -> Timestamp {
        self.times.last().copied().unwrap_or_default()
    }

    /// The arguments of a statement: the collector, then `times`, then `columns`.
    pub fn arguments(&self, times: &[Timestamp], columns: &[(&'static str, Value)]) -> Vec<Value> {
        let times = times.iter().copied().map(Value::Time);
        let columns = columns.iter().map(|(_, value)| value.clone());
        let collector = std::iter::once(Value::Uuid(self.collector));
        collector.chain(times).chain(columns).collect()
    }

    /// The columns of the key of `row`.
    pub fn key_of(&self, row: &[Value]) -> Vec<(&'static str, Value)> {
        let plan = Plan::new(self.table);
        plan.map_or_else(Vec::new, |plan| plan.values(row, &plan.key))
    }

    /// The same for the statement that deletes the rows of a key and an element, those of `row`.
    pub fn place_of(&self, row: &[Value]) -> Vec<Value> {
        let places = [1, 0, 2, 3].into_iter();
        let places = places.filter_map(|at| row.get(at).cloned());
        let key = self.key_of(row).into_iter().map(|(_, value)| value);
        places.chain(key).collect()
    }

    /// The stored times of the history of which a late one is among those looked back at, given
    /// those around.
    pub fn followers(&self, stored: &[(Timestamp, Listed)]) -> Vec<Timestamp> {
        let stored: BTreeSet<Timestamp> = stored.iter().map(|(time, _)| *time).collect();
        let after = |time: &Timestamp| stored.range(next(*time)..).take(LOOKED_BACK).copied();
        let followers: BTreeSet<_> = self.times.iter().flat_map(after).collect();
        followers.into_iter().collect()
    }

    /// The keys whose differences may change: those of the late samples in `rows`, and of `listed`,
    /// the stored rows at the [`followers`](Self::followers).
    pub fn keys(&self, rows: &Rows, listed: &[Vec<Value>]) -> Vec<Vec<(&'static str, Value)>> {
        let Some(plan) = Plan::new(self.table) else {
            return Vec::new();
        };
        let ours = rows
            .table(self.table)
            .into_iter()
            .flat_map(|rows| rows.iter());
        let ours = ours.filter(|row| self.takes(&plan, row));
        let mut seen = HashSet::new();
        let all = ours.chain(listed.iter().map(Vec::as_slice));
        all.filter(|row| seen.insert(plan.key(row)))
            .map(|row| plan.values(row, &plan.key))
            .collect()
    }

    /// Whether `row` is one of the late ones.
    fn takes(&self, plan: &Plan, row: &[Value]) -> bool {
        let is_then = matches!(row.first(), Some(Value::Time(time)) if self.times.contains(time));
        is_then && plan.history(row) == self.key
    }
}

/// What came before the sample at `time`, one of `times`.
fn past(time: Timestamp, times: &BTreeMap<Timestamp, Listed>) -> Past {
    let now = times.get(&time).copied().unwrap_or_default();
    let before = times.range(..time).rev();
    Past::new(before.map(|(time, listed)| (*time, *listed)), &now)
}

/// Fills the computed columns of the late samples in `rows`, and moves `states` on where they reach
/// the end of a key. Returns the stored rows, whole, whose differences are others now: they replace
/// those of the same key and element.
///
/// `stored` are the times of the history from the last eight before [`Late::from`] to the first
/// eight after [`Late::to`], with what is listed at each; `chains` are those of [`Late::keys`].
pub fn derive(
    late: &Late,
    rows: &mut Rows,
    states: &mut States,
    stored: &[(Timestamp, Listed)],
    chains: Vec<Chain>,
) -> Vec<Vec<Value>> {
    let (Some(plan), Some(rows)) = (Plan::new(late.table), rows.table_mut(late.table)) else {
        return Vec::new();
    };
    let mut ours: BTreeMap<CounterKey, Vec<&mut [Value]>> = BTreeMap::new();
    let mut times: BTreeMap<Timestamp, Listed> = stored.iter().copied().collect();
    let mut seen = HashSet::new();
    for row in rows.iter_mut().filter(|row| late.takes(&plan, row)) {
        if let (Some(state), Some(Value::Time(time))) = (plan.state(row), row.first()) {
            if seen.insert((plan.key(row), *time)) {
                let here = times.entry(*time).or_default();
                here.add(&plan.listed(row, &state));
            }
            ours.entry(plan.key(row)).or_default().push(row);
        }
    }
    let mut changed = Vec::new();
    for chain in chains {
        let key = chain.key(&plan);
        let rows = key.and_then(|key| ours.remove(&key)).unwrap_or_default();
        changed.extend(chain.derive(&plan, late, &times, rows, states));
    }
    for (_, rows) in ours {
        // A key without stored rows.
        changed.extend(Chain::default().derive(&plan, late, &times, rows, states));
    }
    if let Some(mut history) = states.known.get(&late.key).map(History::from_state) {
        for (time, listed) in &times {
            if late.times.contains(time) {
                history.add(*time, *listed);
            }
        }
        states.set(late.key, history.into_state());
    }
    changed
}

impl Chain {
    fn key(&self, plan: &Plan) -> Option<CounterKey> {
        let mut rows = self.before.iter().chain(&self.within).chain(&self.after);
        rows.next().map(|row| plan.key(row))
    }

    /// Derives the key's late `rows` and what follows them; the stored rows that changed.
    fn derive(
        mut self,
        plan: &Plan,
        late: &Late,
        times: &BTreeMap<Timestamp, Listed>,
        rows: Vec<&mut [Value]>,
        states: &mut States,
    ) -> Vec<Vec<Value>> {
        let is_end = self.after.len() < CHAIN_ROWS;
        cut(&mut self.before);
        cut(&mut self.after);
        self.before.reverse();
        let mut stored: Vec<_> = self
            .before
            .into_iter()
            .chain(self.within)
            .chain(self.after)
            .collect();
        let was = stored.clone();
        for row in stored.iter_mut().filter(|row| plan.state(row).is_some()) {
            plan.strip(row);
        }
        let mut all: Vec<&mut [Value]> = Vec::with_capacity(rows.len() + stored.len());
        all.extend(rows);
        all.extend(stored.iter_mut().map(Vec::as_mut_slice));
        let mut state: Option<CounterState> = None;
        for sample in in_order(plan.samples(&all), &all) {
            let time = sample.state.time;
            let known = state.as_ref();
            let past = past(time, times);
            let row = all.get_mut(sample.at).filter(|_| time >= late.from());
            state = plan.step(row, sample.state, known, past, &mut 0).or(state);
            if is_end && let Some(state) = &state {
                states.set(sample.key, state.clone());
            }
        }
        stored.iter_mut().for_each(|row| plan.complete(row));
        let last = times.last_key_value().map(|(time, _)| *time);
        keep_usual(plan, &mut stored, &was, last);
        let is_from =
            |row: &[Value]| matches!(row.first(), Some(Value::Time(time)) if *time >= late.from());
        replaced(plan, stored, &was)
            .filter(|row| is_from(row))
            .collect()
    }
}

/// Leaves the usual interval as it was after `last`: that is too far from any late sample to
/// change, and what came before is not known there.
fn keep_usual(plan: &Plan, now: &mut [Vec<Value>], was: &[Vec<Value>], last: Option<Timestamp>) {
    let Some(at) = plan.usual() else {
        return;
    };
    // All rows of one time have the same; which of several rows of a key has the difference may
    // change with the order in which they are read.
    let time = |row: &[Value]| match row.first() {
        Some(Value::Time(time)) => Some(*time),
        _ => None,
    };
    let known: BTreeMap<_, _> = was
        .iter()
        .filter_map(|row| {
            Some((
                time(row)?,
                row.get(at).filter(|usual| **usual != Value::Null)?,
            ))
        })
        .collect();
    for row in now {
        let Some(then) = time(row).filter(|time| Some(*time) > last) else {
            continue;
        };
        let has_difference = plan.has_difference(row);
        if let Some(cell) = row.get_mut(at) {
            let usual = known.get(&then).filter(|_| has_difference);
            *cell = usual.map_or(Value::Null, |usual| (*usual).clone());
        }
    }
}

/// The rows of each element in `now` of which one has other differences than before.
fn replaced(
    plan: &Plan,
    now: Vec<Vec<Value>>,
    was: &[Vec<Value>],
) -> impl Iterator<Item = Vec<Value>> {
    let place = |row: &[Value]| row.get(..4).map(<[_]>::to_vec);
    let pairs = now.iter().zip(was);
    let others = pairs.filter(|(now, was)| !plan.is_equal(now, was));
    let places: Vec<_> = others.map(|(now, _)| place(now)).collect();
    now.into_iter()
        .filter(move |row| places.contains(&place(row)))
}

/// Of two elements with a sample of one time the first counts.
fn in_order(mut samples: Vec<Sample>, rows: &[&mut [Value]]) -> Vec<Sample> {
    let place = |sample: &Sample| rows.get(sample.at).and_then(|row| element(row));
    samples.sort_by_key(|sample| (sample.state.time, place(sample)));
    samples
}

/// Drops the rows of the last time, where a limit may have left out others of it.
fn cut(rows: &mut Vec<Vec<Value>>) {
    if rows.len() < CHAIN_ROWS {
        return;
    }
    let time = |row: &Vec<Value>| row.first().cloned();
    let last = rows.last().map(time);
    if rows.first().map(time) != last {
        rows.retain(|row| Some(time(row)) != last);
    }
}

/// The first moment after `time`.
const fn next(time: Timestamp) -> Timestamp {
    Timestamp::from_micros(time.micros().saturating_add(1))
}
