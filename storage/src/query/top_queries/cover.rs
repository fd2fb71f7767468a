//! Which sealed spans and which rows make up a window.

use crate::store::query_rollup::{LEVELS, Span};

/// How a window is read, where the spans before `sealed` are sealed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::query) struct Cover {
    /// Windows of which rows are read.
    pub(in crate::query) rows: Vec<Span>,
    /// Seconds of the spans, begin of the first one, begin of the first that is not read: in Unix
    /// seconds.
    pub(in crate::query) spans: Vec<(i64, i64, i64)>,
}

impl Cover {
    /// The cover of `window`; `sealed` in Unix seconds.
    pub(in crate::query) fn new(window: Span, sealed: Option<i64>) -> Self {
        let [least, ..] = LEVELS;
        let least_micros = least * 1_000_000;
        let begin = -(-window.begin.micros()).div_euclid(least_micros) * least;
        let end = window.end.micros().div_euclid(least_micros) * least;
        let end = sealed.map_or(i64::MIN, |sealed| end.min(sealed));
        if begin >= end {
            return Self {
                rows: vec![window],
                spans: Vec::new(),
            };
        }
        let (mut cover, mut at) = (Self::default(), begin);
        while at < end {
            let fits = |level: &&i64| at % **level == 0 && at + **level <= end;
            let level = LEVELS.iter().rev().find(fits).copied().unwrap_or(least);
            match cover.spans.last_mut() {
                Some((last, _, upto)) if *last == level => *upto += level,
                _ => cover.spans.push((level, at, at + level)),
            }
            at += level;
        }
        let whole = Span::of_seconds(begin, end - begin);
        for (from, to) in [(window.begin, whole.begin), (whole.end, window.end)] {
            if from < to {
                cover.rows.push(Span {
                    begin: from,
                    end: to,
                });
            }
        }
        cover
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_covered_once() {
        let day = 86_400;
        for (name, from, to, sealed, want) in [
            ("nothing sealed", 10, 5_000, None, vec![]),
            ("sealed too early", 1_000, 5_000, Some(900), vec![]),
            ("five minutes", 10, 1_000, Some(900), vec![(300, 300, 900)]),
            (
                "all levels",
                day - 3_700,
                2 * day + 4_000,
                Some(9 * day),
                vec![
                    (3_600, day - 3_600, day),
                    (86_400, day, 2 * day),
                    (3_600, 2 * day, 2 * day + 3_600),
                    (300, 2 * day + 3_600, 2 * day + 3_900),
                ],
            ),
        ] {
            let cover = Cover::new(Span::of_seconds(from, to - from), sealed);
            assert_eq!(cover.spans, want, "{name}");
            let of_spans: i64 = cover.spans.iter().map(|(_, from, to)| to - from).sum();
            let of_rows = cover
                .rows
                .iter()
                .map(|span| span.end.micros() - span.begin.micros());
            assert_eq!(
                of_rows.sum::<i64>() / 1_000_000 + of_spans,
                to - from,
                "{name}"
            );
        }
    }
}
