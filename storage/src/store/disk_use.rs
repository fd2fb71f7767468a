//! What a store takes on disk, by table and day.

use std::collections::BTreeMap;

use crate::Timestamp;

const DAY_MICROS: i64 = 86_400_000_000;

/// What one table takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableUse {
    /// Its name in the store.
    pub table: String,
    /// The type of the elements in it, if it is of one.
    pub kind: Option<String>,
    /// Bytes on disk, with its indexes.
    pub bytes: u64,
    /// The same by day (UTC) of what is stored, for tables of what has a time. In the embedded
    /// store a table's bytes are divided by the size of each day's rows; in TimescaleDB a chunk's
    /// evenly among its days up to today.
    pub days: BTreeMap<Day, u64>,
}

/// A day, UTC, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(i64);

impl Day {
    /// The day that `time` lies in.
    pub const fn of(time: Timestamp) -> Self {
        Self(time.micros().div_euclid(DAY_MICROS))
    }

    /// Its first moment.
    pub const fn start(self) -> Timestamp {
        Timestamp::from_micros(self.0.saturating_mul(DAY_MICROS))
    }

    /// The day so many days later.
    pub(crate) const fn plus(self, days: i64) -> Self {
        Self(self.0.saturating_add(days))
    }

    pub(crate) const fn number(day: i64) -> Self {
        Self(day)
    }
}

/// Divides `bytes` in proportion to `weights`.
pub(crate) fn divide(bytes: u64, weights: &BTreeMap<Day, u64>) -> BTreeMap<Day, u64> {
    let whole: u128 = weights.values().map(|weight| u128::from(*weight)).sum();
    let share = |weight: u64| {
        let share = (u128::from(bytes) * u128::from(weight)).checked_div(whole);
        u64::try_from(share.unwrap_or(0)).unwrap_or(u64::MAX)
    };
    let days = weights.iter();
    days.map(|(day, weight)| (*day, share(*weight))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_divided_by_weight() {
        let weights: BTreeMap<Day, u64> = [(Day(1), 1), (Day(2), 3), (Day(5), 0)].into();
        let want: BTreeMap<Day, u64> = [(Day(1), 250), (Day(2), 750), (Day(5), 0)].into();
        assert_eq!(divide(1_000, &weights), want);
        let nothing: BTreeMap<Day, u64> = [(Day(1), 0)].into();
        assert_eq!(divide(1_000, &nothing), nothing, "no weight, no share");
        assert_eq!(Day::of(Timestamp::from_micros(-1)), Day(-1));
    }
}
