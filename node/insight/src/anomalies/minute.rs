//! A minute of the calendar.

use serde::{Deserialize, Serialize};

/// Minutes of an hour.
pub(crate) const HOUR: i64 = 60;
/// Minutes of a day.
pub(crate) const DAY: i64 = 24 * HOUR;
/// Minutes of a week.
pub(crate) const WEEK: i64 = 7 * DAY;
/// 1 January 1970 was a Thursday: minutes from the Monday before it.
const EPOCH_IN_WEEK: i64 = 3 * DAY;

/// One minute: whole minutes since 1970-01-01 00:00 UTC. Weeks begin on Monday.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Minute(i64);

impl Minute {
    /// The minute that begins so many minutes after the epoch.
    #[must_use]
    pub fn new(minutes: i64) -> Self {
        Self(minutes)
    }

    /// The minute that holds a time in microseconds since the epoch.
    #[must_use]
    pub fn of_micros(micros: i64) -> Self {
        Self(micros.div_euclid(60_000_000))
    }

    /// Minutes since the epoch.
    #[must_use]
    pub fn get(self) -> i64 {
        self.0
    }

    /// Its first microsecond since the epoch.
    #[must_use]
    pub fn micros(self) -> i64 {
        self.0.saturating_mul(60_000_000)
    }

    /// The minute so many minutes later; earlier if negative.
    #[must_use]
    pub fn plus(self, minutes: i64) -> Self {
        Self(self.0.saturating_add(minutes))
    }

    /// Minutes from `earlier` to this one.
    #[must_use]
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The first minute of its hour.
    #[must_use]
    pub fn hour(self) -> Self {
        Self(self.0.saturating_sub(self.0.rem_euclid(HOUR)))
    }

    /// Hours since Monday 00:00 UTC, 0 to 167.
    #[must_use]
    pub fn hour_of_week(self) -> usize {
        place(self.in_week() / HOUR)
    }

    /// The five minutes of the day that hold it, 0 to 287.
    #[must_use]
    pub fn slot_of_day(self) -> usize {
        place(self.0.rem_euclid(DAY) / 5)
    }

    /// Minutes since Monday 00:00 UTC.
    pub(crate) fn in_week(self) -> i64 {
        self.0.saturating_add(EPOCH_IN_WEEK).rem_euclid(WEEK)
    }
}

/// A place in a table from a number that is not negative.
pub(crate) fn place(number: i64) -> usize {
    usize::try_from(number).unwrap_or(0)
}
