//! Compares what statements cost in two windows of time: which became slower, and is that real?
//!
//! A difference is told as one only if it is significant among all that are compared **and** larger
//! than a tolerance. Means are compared by Welch's test on their logarithms, rates as Poisson
//! counts. Calls are not independent of each other: both tests widen their errors by what the
//! five-minute parts of the windows scatter, so that a large number of calls alone proves nothing.
//!
//! The caller makes both [`Window`]s of differences of counters; nothing here knows snapshots.

mod discovery;
pub(crate) mod distributions;
mod mean_test;
mod rate_test;
mod row;
#[cfg(test)]
mod tests;
mod window;

use std::collections::BTreeMap;

use serde::Serialize;

pub use self::mean_test::MeanChange;
pub use self::rate_test::{Rate, RateChange, RateStatus};
pub use self::row::{Row, Status};
pub use self::window::{FiveMinutes, Window};

/// Calls on each side without which a mean is not compared.
pub const MIN_CALLS: f64 = 30.0;
/// Least share of a window that was seen.
pub const MIN_COVERAGE: f64 = 0.8;

/// Changes that do not matter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// Of means, as a share of the value before.
    pub mean_share: f64,
    /// Of means in milliseconds; a change has to exceed both.
    pub mean_ms: f64,
    /// Of rates, as a share of the value before.
    pub rate_share: f64,
}

impl Default for Tolerance {
    fn default() -> Self {
        Self {
            mean_share: 0.1,
            mean_ms: 0.1,
            rate_share: 0.2,
        }
    }
}

/// Which statement: its fingerprint and its database.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The database.
    pub database: String,
    /// The fingerprint.
    pub query_hash: i64,
}

/// All statements of two windows, compared.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Comparison {
    /// The largest change in seconds an hour first.
    pub comparisons: Vec<Row>,
    /// How many there are.
    pub count: usize,
    /// How many improved.
    pub improved_count: usize,
    /// How many degraded.
    pub degraded_count: usize,
    /// How many are certainly within the tolerance.
    pub unchanged_count: usize,
    /// How many may have changed or not.
    pub inconclusive_count: usize,
    /// How many cannot be compared.
    pub not_comparable_count: usize,
    /// How many are only in the later window.
    pub new_count: usize,
    /// How many are only in the earlier window.
    pub gone_count: usize,
}

/// Compares each statement of two windows. A statement without calls is not there.
#[must_use]
pub fn compare(
    before: &BTreeMap<Key, Window>,
    after: &BTreeMap<Key, Window>,
    tolerance: &Tolerance,
) -> Comparison {
    let called = |windows: &BTreeMap<Key, Window>, key: &Key| {
        windows
            .get(key)
            .filter(|window| window.calls > 0.0)
            .cloned()
    };
    let mut keys: Vec<&Key> = before.keys().chain(after.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let mut rows: Vec<Row> = keys
        .into_iter()
        .filter_map(|key| Row::of(key, called(before, key), called(after, key)))
        .collect();
    row::decide(&mut rows, tolerance);
    rows.sort_by(|one, other| {
        let by_change = |row: &Row| row.seconds_per_hour_change.abs();
        by_change(other).total_cmp(&by_change(one))
    });
    let count = |status| {
        rows.iter()
            .filter(|row| row.improvement_status == status)
            .count()
    };
    Comparison {
        count: rows.len(),
        improved_count: count(Status::Improved),
        degraded_count: count(Status::Degraded),
        unchanged_count: count(Status::Unchanged),
        inconclusive_count: count(Status::Inconclusive),
        not_comparable_count: count(Status::NotComparable),
        new_count: count(Status::New),
        gone_count: count(Status::Gone),
        comparisons: rows,
    }
}
