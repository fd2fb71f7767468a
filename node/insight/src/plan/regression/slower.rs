//! Whether a statement takes so much longer that it matters.

use serde::{Deserialize, Serialize};

use crate::comparison::{Row, Status};

/// Least factor of the mean.
const MIN_FACTOR: f64 = 1.5;
/// Least time at stake, in seconds an hour.
const MIN_STAKE: f64 = 10.0;
/// Below this factor it is as fast as before.
const RECOVERED: f64 = 1.2;

/// How much longer a statement takes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slower {
    /// Milliseconds a call before.
    pub before_ms: f64,
    /// Milliseconds a call now.
    pub after_ms: f64,
    /// The latter by the former.
    pub factor: f64,
    /// Seconds an hour that it takes more than it would as before.
    pub seconds_per_hour: f64,
    /// Probability of such a difference, or a larger one, if there was none.
    pub p_value: f64,
}

impl Slower {
    /// Judges a comparison; nothing if it is not slower by half, not significant, or less than 10
    /// seconds an hour are at stake. `usual` are means of the same time of day before, in
    /// milliseconds: it has to be slower by half than each of these, too.
    #[must_use]
    pub fn of(row: &Row, usual: &[f64]) -> Option<Self> {
        let (before, after) = (row.before_mean_time, row.after_mean_time);
        let test = row.mean?;
        let is_real = row.improvement_status == Status::Degraded;
        let calls_per_hour = row.after_calls / row.after_seconds.max(1.0) * 3_600.0;
        let more = usual.iter().copied().fold(before, f64::max);
        let stake = (after - more) / 1_000.0 * calls_per_hour;
        let is_much =
            may_be_slower(before, after) && usual.iter().all(|u| may_be_slower(*u, after));
        (is_real && is_much && stake >= MIN_STAKE).then_some(Self {
            before_ms: before,
            after_ms: after,
            factor: after / before,
            seconds_per_hour: stake,
            p_value: test.p_value,
        })
    }

    /// Whether a mean, in milliseconds, is as it was before.
    #[must_use]
    pub fn is_over(&self, mean_ms: f64) -> bool {
        mean_ms < self.before_ms * RECOVERED
    }
}

/// Whether means, in milliseconds, differ so much that it is worth to compare them by a test.
#[must_use]
pub fn may_be_slower(before_ms: f64, after_ms: f64) -> bool {
    before_ms > 0.0 && after_ms > before_ms * MIN_FACTOR
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::comparison::{FiveMinutes, Key, Tolerance, Window, compare};

    fn window(calls: f64, mean: f64) -> Window {
        Window {
            calls,
            total_ms: calls * mean,
            sd_ms: Some(mean * 0.2),
            exposure_seconds: 600.0,
            coverage: 1.0,
            five_minutes: vec![
                FiveMinutes {
                    calls: calls / 2.0,
                    total_ms: calls / 2.0 * mean,
                    ..FiveMinutes::default()
                };
                2
            ],
            ..Window::default()
        }
    }

    fn judged(before: f64, after: f64, calls: f64, usual: &[f64]) -> Option<Slower> {
        let key = || Key {
            database: "d".to_owned(),
            query_hash: 1,
        };
        let side = |mean| BTreeMap::from([(key(), window(calls, mean))]);
        let all = compare(&side(before), &side(after), &Tolerance::default());
        Slower::of(&all.comparisons[0], usual)
    }

    #[test]
    fn it_matters_only_if_it_is_much_and_real() {
        for (name, before, after, calls, usual, want) in [
            ("slower", 10.0, 20.0, 1_000.0, vec![], true),
            ("as each night", 10.0, 20.0, 1_000.0, vec![19.0], false),
            (
                "more than each night",
                10.0,
                40.0,
                1_000.0,
                vec![19.0],
                true,
            ),
            ("by a third", 10.0, 14.0, 1_000.0, vec![], false),
            ("too few calls to know", 10.0, 20.0, 20.0, vec![], false),
            ("nothing at stake", 0.01, 0.02, 1_000.0, vec![], false),
            ("faster", 20.0, 10.0, 1_000.0, vec![], false),
        ] {
            let slower = judged(before, after, calls, &usual);
            assert_eq!(slower.is_some(), want, "{name}: {slower:?}");
        }
        let slower = judged(10.0, 20.0, 1_000.0, &[]).unwrap();
        assert!((slower.seconds_per_hour - 60.0).abs() < 1e-9, "{slower:?}");
        assert!(slower.is_over(11.0) && !slower.is_over(13.0));
    }
}
