//! Spans of time: which are kept, and which are sealed when.

use std::collections::BTreeSet;

use crate::Timestamp;

/// The spans that are kept, in seconds: five minutes, an hour, a day.
pub const LEVELS: [i64; 3] = [300, 3_600, 86_400];
/// A span is sealed when samples reach so many seconds beyond its end.
const SEAL_AFTER_SECONDS: i64 = 60;
/// A longer difference is in no span: a little more than what the slowest usual cadence has.
pub const LONGEST_SECONDS: i64 = 360;
/// Most spans of five minutes that one flush seals for a collector.
const SEALED_AT_ONCE: usize = 16;

/// A span of time (begin, end].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Not in it.
    pub begin: Timestamp,
    /// In it.
    pub end: Timestamp,
}

impl Span {
    /// Its begin, in Unix seconds.
    pub const fn begin_seconds(self) -> i64 {
        self.begin.micros().div_euclid(1_000_000)
    }

    pub(crate) const fn of_seconds(begin: i64, seconds: i64) -> Self {
        Self {
            begin: Timestamp::from_micros(begin * 1_000_000),
            end: Timestamp::from_micros((begin + seconds) * 1_000_000),
        }
    }
}

/// The five minutes that `time` is in or begins.
pub(super) const fn span_start(time: Timestamp) -> i64 {
    let [least, ..] = LEVELS;
    time.micros().div_euclid(least * 1_000_000) * least
}

/// Begins of the spans that a difference at `time` may reach into, in Unix seconds.
pub(super) fn reached(time: Timestamp, interval_seconds: f64) -> impl Iterator<Item = i64> {
    let [least, ..] = LEVELS;
    let interval = interval_seconds.clamp(0.0, LONGEST_SECONDS as f64);
    let begin = Timestamp::from_micros(time.micros() - (interval * 1e6) as i64);
    let (first, last) = (span_start(begin), span_start(time));
    (first..=last).step_by(usize::try_from(least).unwrap_or(1))
}

/// Whether the five minutes from `start` on may be sealed when the newest sample is of `newest`.
const fn is_over(start: i64, newest: Timestamp) -> bool {
    let [least, ..] = LEVELS;
    (start + least + SEAL_AFTER_SECONDS) * 1_000_000 <= newest.micros()
}

/// The span of `level` seconds around `start`.
pub const fn span(start: i64, level: i64) -> Span {
    Span::of_seconds(start.div_euclid(level) * level, level)
}

/// Which spans of a collector a flush seals.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Begins of spans of five minutes to be made of rows, in Unix seconds.
    pub starts: BTreeSet<i64>,
    /// What is sealed after.
    pub sealed: i64,
}

impl From<i64> for Plan {
    /// The plan where what is before `sealed`, in Unix seconds, is sealed.
    fn from(sealed: i64) -> Self {
        Self {
            starts: BTreeSet::new(),
            sealed,
        }
    }
}

impl Plan {
    /// After which moment the time of the first row is to be told to [`Self::go_on`]; `None` when
    /// the plan is made, given the time of the newest row.
    pub fn asks(&self, newest: Timestamp) -> Option<Timestamp> {
        let goes_on = self.starts.len() < SEALED_AT_ONCE && is_over(self.sealed, newest);
        goes_on.then(|| Timestamp::from_micros(self.sealed * 1_000_000))
    }

    /// Seals the next five minutes, or skips silence before `row`.
    pub fn go_on(&mut self, row: Option<Timestamp>) {
        let [least, ..] = LEVELS;
        let reach = row.map(|row| row.micros() - LONGEST_SECONDS * 1_000_000);
        let begin = reach.map(|reach| span_start(Timestamp::from_micros(reach)));
        match begin.filter(|begin| *begin > self.sealed) {
            Some(begin) => self.sealed = begin,
            None => {
                self.starts.insert(self.sealed);
                self.sealed += least;
            }
        }
    }

    /// Begins of the spans of `level` seconds that are to be made of those one level below, where
    /// `before` was sealed before.
    pub fn parents(&self, level: i64, before: i64) -> BTreeSet<i64> {
        let starts = self.starts.iter().copied().chain([before]);
        let parents = starts.map(|start| start.div_euclid(level) * level);
        parents
            .filter(|parent| parent + level <= self.sealed)
            .collect()
    }
}
