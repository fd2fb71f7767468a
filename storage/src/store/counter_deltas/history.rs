//! The times at which a history was sampled.

use super::state::{Counter, CounterState};
use crate::Timestamp;

/// A sample with so many rows may be the top of a longer list: original collectors send the top
/// 100.
const CUT_OFF_ROWS: i64 = 100;

/// The sample of a history before another one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Earlier {
    pub(super) time: Timestamp,
    pub(super) is_cut_off: bool,
}

impl Earlier {
    pub(super) const fn new(time: Timestamp, rows: i64) -> Self {
        Self {
            time,
            is_cut_off: rows >= CUT_OFF_ROWS,
        }
    }
}

/// The time of a history's newest sample and of the one before, and how many rows each had.
///
/// It is stored as a [`CounterState`]: the earlier time as its marker, the rows as its counters.
#[derive(Clone, Copy, Debug)]
pub(super) struct LastTwo {
    newest: (Timestamp, i64),
    before: Option<(Timestamp, i64)>,
}

impl LastTwo {
    pub(super) const fn first(time: Timestamp, rows: i64) -> Self {
        Self {
            newest: (time, rows),
            before: None,
        }
    }

    pub(super) fn from_state(state: &CounterState) -> Self {
        let rows = |at: usize| match state.counters.get(at) {
            Some(Some(Counter::Int(rows))) => *rows,
            _ => 0,
        };
        let before = state.markers.first().copied().flatten();
        Self {
            newest: (state.time, rows(0)),
            before: before.map(|time| (time, rows(1))),
        }
    }

    pub(super) fn into_state(self) -> CounterState {
        let before = self.before.map(|(_, rows)| Counter::Int(rows));
        CounterState {
            time: self.newest.0,
            markers: vec![self.before.map(|(time, _)| time)],
            counters: vec![Some(Counter::Int(self.newest.1)), before],
        }
    }

    /// With a sample of `rows` rows at `time`.
    pub(super) fn with(self, time: Timestamp, rows: i64) -> Self {
        if time > self.newest.0 {
            return Self {
                newest: (time, rows),
                before: Some(self.newest),
            };
        }
        let is_between =
            time < self.newest.0 && self.before.is_none_or(|(before, _)| time > before);
        Self {
            before: if is_between {
                Some((time, rows))
            } else {
                self.before
            },
            ..self
        }
    }

    /// The sample before the one at `time`, if these two tell.
    pub(super) fn earlier_than(self, time: Timestamp) -> Option<Earlier> {
        let (time, rows) = if time > self.newest.0 {
            self.newest
        } else {
            self.before.filter(|_| time == self.newest.0)?
        };
        Some(Earlier::new(time, rows))
    }
}
