//! What is added up of one statement.

use super::difference::Difference;
use super::spans::Span;
use super::{COUNTERS, deviation, is_gap};
use crate::Timestamp;
use crate::query::QueryStats;

/// Words of the sums of a statement in the first format.
pub(super) const WORDS_1: usize = 7 + COUNTERS.len();
/// Words in the second one, which has more at the end.
pub(super) const WORDS_2: usize = WORDS_1 + 4;
/// Calls of which the squares are known may be so much fewer, by rounding.
const ROUNDING: f64 = 1e-6;

/// Sums of one statement at one level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sums {
    /// Of the newest difference, in microseconds.
    pub(super) time: i64,
    /// `min_time`, `stddev_time` and `max_time` as the server said at that time.
    lifetime: [f64; 3],
    /// Since when the server counts the first and the last of them, in microseconds; `i64::MIN`
    /// where it does not say.
    since: i64,
    /// Least and greatest mean of one interval; infinite and 0 if none is known.
    means: [f64; 2],
    /// Seconds without gaps.
    pub(super) covered: f64,
    /// Sum of squares, and of how many calls that is.
    squares: [f64; 2],
    /// Bit n: some difference had counter n.
    present: u64,
    pub(super) counters: [f64; COUNTERS.len()],
}

impl Sums {
    /// The share of `difference` that lies in `span`; `None` if nothing of it does.
    pub(super) fn of(difference: &Difference, span: Span) -> Option<Self> {
        let end = difference.time.micros();
        let length = difference.interval * 1e6;
        let inside = (end.min(span.end.micros()) as f64)
            - (end as f64 - length).max(span.begin.micros() as f64);
        if inside <= 0.0 || length <= 0.0 {
            return None;
        }
        let share = inside / length;
        let is_gap = is_gap(difference.interval, difference.usual);
        let [calls, total_time, ..] = difference.counters;
        let mean = total_time.unwrap_or(0.0) / calls.unwrap_or(0.0);
        let since = difference.minmax_since.map(Timestamp::micros);
        let squares = difference.squares.zip(calls);
        let mut sums = Self {
            time: end,
            lifetime: difference.lifetime,
            since: since.unwrap_or(i64::MIN),
            means: if mean.is_finite() {
                [mean, mean]
            } else {
                [f64::INFINITY, 0.0]
            },
            covered: if is_gap { 0.0 } else { inside / 1e6 },
            squares: squares.map_or([0.0; 2], |(squares, calls)| {
                [squares * share, calls * share]
            }),
            present: 0,
            counters: [0.0; COUNTERS.len()],
        };
        let cells = sums.counters.iter_mut().zip(difference.counters);
        for (n, (sum, counter)) in cells.enumerate() {
            if let Some(counter) = counter {
                sums.present |= 1 << n;
                *sum = counter * share;
            }
        }
        Some(sums)
    }

    /// With what happened at other times.
    pub(super) fn merge(&mut self, other: &Self) {
        let covered = self.covered + other.covered;
        self.add(other);
        self.covered = covered;
    }

    /// With what happened at another level in the same time.
    pub(super) fn beside(&mut self, other: &Self) {
        let covered = self.covered.max(other.covered);
        self.add(other);
        self.covered = covered;
    }

    fn add(&mut self, other: &Self) {
        let ([least, deviation, most], theirs) = (self.lifetime, other.lifetime);
        if other.time > self.time {
            (self.lifetime, self.since) = (theirs, other.since);
        } else if other.time == self.time {
            let both = [
                least.min(theirs[0]),
                deviation.max(theirs[1]),
                most.max(theirs[2]),
            ];
            (self.lifetime, self.since) = (both, self.since.min(other.since));
        }
        self.time = self.time.max(other.time);
        let ([least, most], theirs) = (self.means, other.means);
        self.means = [least.min(theirs[0]), most.max(theirs[1])];
        let ([squares, calls], theirs) = (self.squares, other.squares);
        self.squares = [squares + theirs[0], calls + theirs[1]];
        self.present |= other.present;
        for (sum, counter) in self.counters.iter_mut().zip(other.counters) {
            *sum += counter;
        }
    }

    pub(super) fn words(&self) -> impl Iterator<Item = [u8; 8]> {
        let [min_time, stddev_time, max_time] = self.lifetime;
        let [least_mean, most_mean] = self.means;
        let values = [min_time, most_mean, stddev_time, max_time, self.covered];
        let head = [self.time.to_le_bytes()].into_iter();
        let counters = self.counters.into_iter().map(f64::to_le_bytes);
        let [squares, calls] = self.squares;
        let tail = [least_mean, squares, calls].map(f64::to_le_bytes);
        head.chain(values.map(f64::to_le_bytes))
            .chain([self.present.to_le_bytes()])
            .chain(counters)
            .chain(tail)
            .chain([self.since.to_le_bytes()])
    }

    /// What the first format did not have is unknown.
    pub(super) fn from_words(words: &[[u8; 8]; WORDS_1], more: Option<&[[u8; 8]; 4]>) -> Self {
        let [
            time,
            min_time,
            most_mean,
            stddev_time,
            max_time,
            covered,
            present,
            counters @ ..,
        ] = *words;
        let number = f64::from_le_bytes;
        let unknown = [f64::INFINITY, 0.0, 0.0].map(f64::to_le_bytes);
        let [least_mean, squares, calls, since] =
            more.copied()
                .unwrap_or([unknown[0], unknown[1], unknown[2], i64::MIN.to_le_bytes()]);
        Self {
            time: i64::from_le_bytes(time),
            lifetime: [min_time, stddev_time, max_time].map(number),
            since: i64::from_le_bytes(since),
            means: [number(least_mean), number(most_mean)],
            covered: number(covered),
            squares: [number(squares), number(calls)],
            present: u64::from_le_bytes(present),
            counters: counters.map(number),
        }
    }

    /// The standard deviation of the calls, if the squares of all of them are known.
    pub(super) fn deviation(&self) -> Option<f64> {
        let [calls, total_time, ..] = self.counters;
        Self::deviation_of([calls, total_time], self.squares)
    }

    /// The same of calls and their time, of a sum of squares and of how many calls it is.
    pub(super) fn deviation_of(
        [calls, total_time]: [f64; 2],
        [squares, known]: [f64; 2],
    ) -> Option<f64> {
        let is_known = calls > 0.0 && known >= calls * (1.0 - ROUNDING);
        is_known
            .then(|| deviation(calls, total_time, squares))
            .flatten()
    }

    /// The row of an answer over a window that begins at `begin`, without names.
    pub(super) fn stats(&self, begin: Timestamp) -> QueryStats {
        let float = |n: usize| self.counters.get(n).copied().unwrap_or_default();
        let int = |n: usize| float(n).round() as i64;
        let sent = |n: usize| (self.present >> n & 1 == 1).then(|| int(n));
        let [least, _, most] = self.lifetime;
        let [calls, total_time, ..] = self.counters;
        let (min_time, max_time) = match self.means {
            _ if self.since >= begin.micros() => (least, most),
            [least, most] if least.is_finite() => (least, most),
            [_, most] => (total_time / calls, most),
        };
        QueryStats {
            time: Timestamp::from_micros(self.time),
            min_time,
            max_time,
            stddev_time: self.deviation(),
            max_time_lifetime: most,
            ..QueryStats::default()
        }
        .with_counters(int, float, sent)
    }
}
