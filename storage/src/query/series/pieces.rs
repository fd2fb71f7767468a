//! What a window is read from.

use super::Series;
use crate::Timestamp;
use crate::store::series_rollup::{DAY, HOUR};

/// From the first, inclusive, to the second.
pub(in crate::query) type Range = (Timestamp, Timestamp);

/// A window in pieces that do not overlap.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::query) struct Pieces {
    /// Of rows.
    pub(in crate::query) raw: Vec<Range>,
    /// Of sums over so many seconds each.
    pub(in crate::query) spans: Vec<(i64, Range)>,
}

impl Pieces {
    /// `sealed` are the hours that there are sums of: the first, and the first that is not, in Unix
    /// seconds.
    pub(super) fn new(series: &Series, sealed: Option<(i64, i64)>) -> Self {
        Self::of(series.from, series.to, series.step_micros, sealed)
    }

    pub(in crate::query) fn of(
        from: Timestamp,
        to: Timestamp,
        step_micros: i64,
        sealed: Option<(i64, i64)>,
    ) -> Self {
        let mut pieces = Self {
            raw: Vec::new(),
            spans: Vec::new(),
        };
        let Some((since, sealed)) = sealed else {
            pieces.raw.push((from, to));
            return pieces;
        };
        let begin = up(from.micros(), HOUR).max(seconds(since));
        let end = down(to.micros(), HOUR).min(seconds(sealed));
        if begin >= end {
            pieces.raw.push((from, to));
            return pieces;
        }
        let (first, last) = (up(begin, DAY), down(end, DAY));
        let hours = match step_micros % seconds(DAY) == 0 && first < last {
            true => {
                pieces.spans.push((DAY, range(first, last)));
                vec![(begin, first), (last, end)]
            }
            false => vec![(begin, end)],
        };
        for (begin, end) in hours.into_iter().filter(|(begin, end)| begin < end) {
            pieces.spans.push((HOUR, range(begin, end)));
        }
        for (begin, end) in [(from.micros(), begin), (end, to.micros())] {
            if begin < end {
                pieces.raw.push(range(begin, end));
            }
        }
        pieces
    }
}

const fn seconds(seconds: i64) -> i64 {
    seconds.saturating_mul(1_000_000)
}

/// The begin of the span of `of` seconds that a time lies in.
const fn down(micros: i64, of: i64) -> i64 {
    micros.div_euclid(seconds(of)) * seconds(of)
}

/// The first begin that is not before a time.
const fn up(micros: i64, of: i64) -> i64 {
    let down = down(micros, of);
    match down == micros {
        true => down,
        false => down + seconds(of),
    }
}

const fn range(from: i64, to: i64) -> Range {
    (Timestamp::from_micros(from), Timestamp::from_micros(to))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In minutes.
    fn minutes(from: i64, to: i64) -> Range {
        range(seconds(60 * from), seconds(60 * to))
    }

    #[test]
    fn a_window_is_cut_where_sums_begin_and_end() {
        let hour = 60;
        let day = 24 * hour;
        for (name, (from, to), step, sealed, raw, spans) in [
            ("nothing sealed", (0, 90), hour, None, vec![(0, 90)], vec![]),
            (
                "both ends",
                (30, 5 * hour + 10),
                hour,
                Some((0, 4)),
                vec![(30, 60), (4 * hour, 5 * hour + 10)],
                vec![(HOUR, (60, 4 * hour))],
            ),
            (
                "all sealed",
                (60, 180),
                hour,
                Some((0, 9)),
                vec![],
                vec![(HOUR, (60, 180))],
            ),
            (
                "less than an hour",
                (10, 50),
                hour,
                Some((0, 9)),
                vec![(10, 50)],
                vec![],
            ),
            (
                "days, and hours beside them",
                (hour, 3 * day + hour),
                day,
                Some((0, 73)),
                vec![],
                vec![
                    (DAY, (day, 3 * day)),
                    (HOUR, (hour, day)),
                    (HOUR, (3 * day, 3 * day + hour)),
                ],
            ),
        ] {
            let sealed = sealed.map(|(since, sealed): (i64, i64)| (since * HOUR, sealed * HOUR));
            let (from, to) = minutes(from, to);
            let found = Pieces::of(from, to, seconds(60 * step), sealed);
            let want = Pieces {
                raw: raw.iter().map(|(from, to)| minutes(*from, *to)).collect(),
                spans: spans
                    .iter()
                    .map(|(of, (from, to))| (*of, minutes(*from, *to)))
                    .collect(),
            };
            assert_eq!(found, want, "{name}");
        }
    }
}
