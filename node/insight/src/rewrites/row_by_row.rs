//! W15 seen within minutes: a look-up runs exactly as often as another statement gives rows.

use super::n_plus_one::{self, ADVICE, MAX_ROWS, MIN_RATIO, NPlusOne, ROUND_TRIP_MS};
use crate::words::count;

/// Least samples in which calls and rows agree.
const MIN_SAMPLES: usize = 3;
/// Least calls of the look-up in all of them.
const MIN_CALLS: f64 = 1_000.0;
/// Share by which calls and rows may differ in a sample, or by the rows of one call if the other
/// statement was called in it: what is under way while it is taken.
const MAX_OFF: f64 = 0.05;
/// Most of a sample that one call under way may be: a statement that is called once gives all of
/// its rows at once, and agrees with nothing.
const MAX_UNDER_WAY: f64 = 0.5;
/// How sure it is: who calls is not known, but calls and rows agree again and again.
const CONFIDENCE: f64 = 0.5;
const DAY_SECONDS: f64 = 86_400.0;

/// What a statement did from sample to sample.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SampledCalls {
    /// Its id.
    pub hash: i64,
    /// Calls and rows of each sample, in the same order for all statements.
    pub samples: Vec<(f64, f64)>,
    /// Mean time of a call in milliseconds.
    pub mean_ms: f64,
    /// Whether its condition is one equality on a column that is unique or refers to another
    /// table.
    pub is_key_lookup: bool,
}

impl SampledCalls {
    fn sum(&self) -> (f64, f64) {
        let add = |sum: (f64, f64), of: &(f64, f64)| (sum.0 + of.0, sum.1 + of.1);
        self.samples.iter().fold((0.0, 0.0), add)
    }
}

/// Answers which look-ups of one database run once for each row of another statement, the most
/// saved time first. The samples reach over so many `seconds`.
///
/// In each sample with calls of the parent, and in at least three, the child's calls are its rows.
///
/// Saved time = (child calls − parent calls) × (mean + round trip), at the pace of the samples.
#[must_use]
pub fn row_by_row(statements: &[SampledCalls], seconds: f64) -> Vec<NPlusOne> {
    let mut found: Vec<NPlusOne> = Vec::new();
    for child in statements.iter().filter(|one| one.is_key_lookup) {
        let (calls, rows) = child.sum();
        if calls < MIN_CALLS || rows > calls * MAX_ROWS {
            continue;
        }
        let parents = statements.iter().filter(|one| !one.is_key_lookup);
        let pair = parents.filter_map(|parent| pair(parent, child, seconds));
        // Of several, the one that gives most of the rows at once.
        found.extend(pair.max_by(|one, other| one.ratio.total_cmp(&other.ratio)));
    }
    found.sort_by(|one, other| other.saved_ms_per_day.total_cmp(&one.saved_ms_per_day));
    found
}

fn pair(parent: &SampledCalls, child: &SampledCalls, seconds: f64) -> Option<NPlusOne> {
    let (parents, given) = parent.sum();
    let (calls, _) = child.sum();
    let ratio = given / parents;
    if !ratio.is_finite() || ratio < MIN_RATIO || seconds <= 0.0 {
        return None;
    }
    let samples = parent.samples.iter().zip(&child.samples);
    let with_calls = samples.filter(|((calls, _), (own, _))| *calls > 0.0 || *own > 0.0);
    let agrees = with_calls.map(|((parents, rows), (calls, _))| {
        let of_one_call = if *parents > 0.0 { ratio } else { 0.0 };
        let under_way = of_one_call.min(rows * MAX_UNDER_WAY);
        (calls - rows).abs() <= (rows * MAX_OFF).max(under_way)
    });
    let agrees: Vec<bool> = agrees.collect();
    let is_ours = agrees.len() >= MIN_SAMPLES && agrees.iter().all(|one| *one);
    is_ours.then(|| NPlusOne {
        rule: n_plus_one::ABOUT.id.to_owned(),
        suggestion_type: n_plus_one::ABOUT.name.to_owned(),
        parent: parent.hash,
        child: child.hash,
        ratio,
        correlation: None,
        saved_ms_per_day: (calls - parents).max(0.0) * DAY_SECONDS / seconds
            * (child.mean_ms + ROUND_TRIP_MS),
        evidence: format!(
            "it is called {ratio:.0} times for each call of the other statement, {} a second, and \
             in each of {} samples as often as that one gave rows",
            count(calls / seconds, "time", "times"),
            agrees.len(),
        ),
        advice: ADVICE.to_owned(),
        confidence: CONFIDENCE,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(hash: i64, samples: &[(f64, f64)]) -> SampledCalls {
        SampledCalls {
            hash,
            samples: samples.to_vec(),
            mean_ms: 0.1,
            is_key_lookup: hash == 2,
        }
    }

    fn list() -> SampledCalls {
        statement(
            1,
            &[(20.0, 1_000.0), (8.0, 400.0), (0.0, 0.0), (31.0, 1_550.0)],
        )
    }

    fn lookup(samples: [f64; 4]) -> SampledCalls {
        statement(2, &samples.map(|calls| (calls, calls)))
    }

    #[test]
    fn as_many_calls_as_rows_are_told() {
        let all = [list(), lookup([1_010.0, 395.0, 0.0, 1_550.0])];
        let found = row_by_row(&all, 300.0);
        assert_eq!(found.len(), 1);
        let under_way = [list(), lookup([1_000.0, 445.0, 0.0, 1_505.0])];
        assert_eq!(
            row_by_row(&under_way, 300.0).len(),
            1,
            "a call is under way"
        );
        assert_eq!((found[0].parent, found[0].child), (1, 2));
        assert!((found[0].ratio - 50.0).abs() < 1e-9);
        let saved = (2_955.0 - 59.0) * 288.0 * 0.4;
        assert!(
            (found[0].saved_ms_per_day - saved).abs() < 1e-6,
            "{found:?}"
        );
    }

    #[test]
    fn other_calls_are_left_alone() {
        let other = lookup([1_000.0, 400.0, 500.0, 1_550.0]);
        let once_off = lookup([1_000.0, 500.0, 0.0, 1_550.0]);
        let short = [list(), lookup([1_000.0, 400.0, 0.0, 1_550.0])].map(|mut one| {
            one.samples.truncate(3);
            one
        });
        let few = statement(
            1,
            &[
                (500.0, 1_000.0),
                (200.0, 400.0),
                (0.0, 0.0),
                (775.0, 1_550.0),
            ],
        );
        let right = || lookup([1_000.0, 400.0, 0.0, 1_550.0]);
        let once = statement(1, &[(1.0, 200_000.0), (0.0, 0.0), (0.0, 0.0), (0.0, 0.0)]);
        let rarely = statement(1, &[(1.0, 200_000.0); 4]);
        let busy = || lookup([5_000.0; 4]);
        let wide = |mut one: SampledCalls| {
            one.samples.iter_mut().for_each(|of| of.1 *= 6.0);
            one
        };
        for (name, all) in [
            ("calls without the parent", [list(), other]),
            ("one sample does not agree", [list(), once_off]),
            ("two samples", short),
            ("two rows a call", [few, right()]),
            ("many rows a look-up", [list(), wide(right())]),
            ("many rows once", [once, busy()]),
            ("many rows in each sample", [rarely, busy()]),
        ] {
            assert_eq!(row_by_row(&all, 300.0), [], "{name}");
        }
    }
}
