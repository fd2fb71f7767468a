//! Sums of squares of execution times, from which the deviation of a window follows.

use super::state::{Counter, CounterState};
use crate::store::catalogue::Table;
use crate::store::mapper::Value;

/// The counter that is no column: what calls, total time and standard deviation imply.
#[derive(Debug)]
pub(super) struct Squares {
    /// Place in `counters`.
    pub(super) counter: usize,
    calls: usize,
    total_time: usize,
    stddev_time: usize,
}

impl Squares {
    /// Those of `table`, whose deviation is the column `of`.
    pub(super) fn new(table: &Table, of: &str, counter: usize) -> Option<Self> {
        Some(Self {
            counter,
            calls: table.position("calls")?,
            total_time: table.position("total_time")?,
            stddev_time: table.position(of)?,
        })
    }

    /// Leaves in `next` the squares of the sample itself only: those of two samples have a meaning
    /// together with the calls between the same two.
    pub(super) fn forget(&self, next: &mut CounterState, sample: &CounterState) {
        let here = sample.counters.get(self.counter).copied().flatten();
        if let Some(cell) = next.counters.get_mut(self.counter) {
            *cell = here;
        }
    }

    /// n (σ² + μ²), if the row has what it takes.
    pub(super) fn of(&self, row: &[Value]) -> Option<Counter> {
        let (Some(Value::Int(calls)), Some(Value::Float(total)), Some(Value::Float(deviation))) = (
            row.get(self.calls),
            row.get(self.total_time),
            row.get(self.stddev_time),
        ) else {
            return None;
        };
        let calls = *calls as f64;
        let of_means = if calls > 0.0 {
            total * total / calls
        } else {
            0.0
        };
        Some(Counter::Float(calls * deviation * deviation + of_means))
    }
}
