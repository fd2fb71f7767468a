//! The samples of a history: when they were taken, what is known of each, and how long it usually
//! is from one to the next.

use super::server::{self, Server};
use super::state::{Counter, CounterState};
use crate::Timestamp;
use crate::store::mapper::Value;

/// A sample with so many rows may be the top of a longer list: original collectors send the top
/// 100.
const CUT_OFF_ROWS: i64 = 100;
/// Samples before one from which its usual interval is taken.
pub(super) const LOOKED_BACK: usize = 8;
/// Fewer intervals than these tell nothing usual.
const FEWEST_INTERVALS: usize = 3;

/// What all rows of a history at one time tell together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Listed {
    /// How many rows there are.
    pub(super) rows: i64,
    /// How many of them tell whether their statement was top level.
    pub(super) levels: i64,
    /// The marker that all have in common.
    pub(super) reset: Option<Timestamp>,
    /// Where they were counted.
    pub(super) server: Server,
}

impl Listed {
    /// The time and what is listed then, from a row of the statement that lists times.
    pub fn read(row: &[Value]) -> Option<(Timestamp, Self)> {
        let [
            Value::Time(time),
            Value::Int(rows),
            Value::Int(levels),
            reset,
            ..,
        ] = row
        else {
            return None;
        };
        let reset = match reset {
            Value::Time(reset) => Some(*reset),
            _ => None,
        };
        let places = std::array::from_fn::<_, { server::COLUMNS.len() }, _>(|n| Some(4 + n));
        let listed = Self {
            rows: *rows,
            levels: *levels,
            reset,
            server: Server::of(row, &places),
        };
        Some((*time, listed))
    }

    /// With another row.
    pub(super) fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.levels += other.levels;
        self.reset = self.reset.max(other.reset);
        self.server = self.server.max(other.server);
    }
}

/// The sample of a history before another one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Earlier {
    pub(super) time: Timestamp,
    /// What was counted then may have been left out of it, or have had another key.
    pub(super) is_cut_off: bool,
    /// It was taken from another server.
    pub(super) is_elsewhere: bool,
}

/// What came before a sample of a history.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Past {
    pub(super) earlier: Option<Earlier>,
    /// The median of the intervals before, in seconds.
    pub(super) usual: Option<f64>,
}

impl Past {
    /// Of a sample that lists `now`, given the samples before it, the newest first.
    pub(super) fn new(before: impl Iterator<Item = (Timestamp, Listed)>, now: &Listed) -> Self {
        let before: Vec<_> = before.take(LOOKED_BACK).collect();
        let earlier = before.first().map(|(time, then)| Earlier {
            time: *time,
            is_cut_off: then.rows >= CUT_OFF_ROWS || (then.levels > 0) != (now.levels > 0),
            is_elsewhere: then.server.differs(&now.server)
                || matches!((then.reset, now.reset), (Some(then), Some(now)) if now < then),
        });
        let mut intervals: Vec<i64> = before
            .array_windows()
            .map(|[(newer, _), (older, _)]| newer.micros().saturating_sub(older.micros()))
            .collect();
        intervals.sort_unstable();
        let middle = intervals.len().saturating_sub(1) / 2;
        let is_enough = intervals.len() >= FEWEST_INTERVALS;
        let usual = intervals.get(middle).filter(|_| is_enough);
        Self {
            earlier,
            usual: usual.map(|micros| *micros as f64 / 1e6),
        }
    }
}

/// The newest samples of a history, the newest first.
///
/// It is stored as a [`CounterState`]. Markers: the time of the second sample, the marker of the
/// first, that of the second, the times of the others. Counters: rows of the first and of the
/// second, rows that tell their level, and the two servers.
#[derive(Clone, Debug)]
pub(super) struct History {
    samples: Vec<(Timestamp, Listed)>,
}

impl History {
    pub(super) fn first(time: Timestamp, listed: Listed) -> Self {
        Self {
            samples: vec![(time, listed)],
        }
    }

    pub(super) fn from_state(state: &CounterState) -> Self {
        let number = |at: usize| match state.counters.get(at) {
            Some(Some(Counter::Int(number))) => Some(*number),
            _ => None,
        };
        let marker = |at: usize| state.markers.get(at).copied().flatten();
        let listed = |n: usize| Listed {
            rows: number(n).unwrap_or_default(),
            levels: number(2 + n).unwrap_or_default(),
            reset: marker(1 + n),
            server: Server(std::array::from_fn(|part| {
                number(4 + n * server::COLUMNS.len() + part)
            })),
        };
        let others = state.markers.iter().skip(3).copied().flatten();
        let others = others.map(|time| (time, Listed::default()));
        let mut samples = vec![(state.time, listed(0))];
        samples.extend(marker(0).map(|time| (time, listed(1))));
        samples.extend(others);
        Self { samples }
    }

    pub(super) fn into_state(self) -> CounterState {
        let mut samples = self.samples.into_iter();
        let (time, newest) = samples.next().unwrap_or_default();
        let second = samples.next();
        let before = second.map(|(_, listed)| listed);
        let int = |number: Option<i64>| number.map(Counter::Int);
        let mut markers = vec![
            second.map(|(time, _)| time),
            newest.reset,
            before.and_then(|listed| listed.reset),
        ];
        markers.extend(samples.map(|(time, _)| Some(time)));
        let mut counters = vec![
            int(Some(newest.rows)),
            int(before.map(|listed| listed.rows)),
            int(Some(newest.levels)),
            int(before.map(|listed| listed.levels)),
        ];
        let servers = [newest.server, before.unwrap_or_default().server];
        counters.extend(servers.into_iter().flat_map(|server| server.0).map(int));
        CounterState {
            time,
            markers,
            counters,
            server: Server::default(),
        }
    }

    /// Adds a sample, if none of its time is there.
    pub(super) fn add(&mut self, time: Timestamp, listed: Listed) {
        let at = self.samples.partition_point(|(other, _)| *other > time);
        if self.samples.get(at).is_none_or(|(other, _)| *other != time) {
            self.samples.insert(at, (time, listed));
            self.samples.truncate(LOOKED_BACK + 1);
        }
    }

    /// What came before the sample at `time`, one of the newest, that lists `now`.
    pub(super) fn past(&self, time: Timestamp, now: &Listed) -> Past {
        let before = self.samples.iter().copied();
        Past::new(before.filter(|(other, _)| *other < time), now)
    }
}
