//! W15: one query for a list, then one for each of its rows.

use serde::{Deserialize, Serialize};

use super::about::About;

pub(super) const ABOUT: About = About {
    id: "w15",
    name: "n_plus_one_detected",
    title: "one query for each row of another",
};

/// Minutes of a day: the least that both families were watched.
const DAY_MINUTES: f64 = 1_440.0;
/// Least correlation of the changes of calls from step to step.
const MIN_CORRELATION: f64 = 0.9;
/// Least calls of the child for each of the parent.
pub(super) const MIN_RATIO: f64 = 10.0;
/// Most spread of that ratio: median absolute deviation by median.
const MAX_SPREAD: f64 = 0.25;
/// Most rows that a call of the child gives.
pub(super) const MAX_ROWS: f64 = 5.0;
/// Time on the way between application and server, if it was not measured, in milliseconds.
pub(super) const ROUND_TRIP_MS: f64 = 0.3;
/// Least repetitions within a second in one process.
const MIN_REPEATS: u32 = 5;
/// What to do.
pub(super) const ADVICE: &str = "join the child into the parent, ask for all keys at once with \
                                 = ANY ($1), or let the mapper preload the relation";

/// How a family of statements was called.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CallSeries {
    /// Its fingerprint.
    pub fingerprint: i64,
    /// Role that called it.
    pub role: String,
    /// Application that called it.
    pub application: String,
    /// Calls in each step, oldest first, nothing where the step is not known. Series of one call of
    /// [`n_plus_one`] start at the same step.
    pub calls: Vec<Option<f64>>,
    /// Mean time of a call in milliseconds.
    pub mean_ms: f64,
    /// Rows that a call gives.
    pub rows_per_call: f64,
    /// Whether its condition is one equality on a column that is unique or refers to another
    /// table.
    pub is_key_lookup: bool,
    /// Measured time on the way between application and server in milliseconds.
    pub round_trip_ms: Option<f64>,
    /// What logs or activity samples saw of it.
    pub same_process: Option<SameProcess>,
}

/// Repetitions of a statement in one process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SameProcess {
    /// Most repetitions within a second.
    pub repeats: u32,
}

/// A pair of families of which one runs for each row of the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NPlusOne {
    /// The rule, `w15`.
    pub rule: String,
    /// The contract's `suggestion_type`.
    pub suggestion_type: String,
    /// Fingerprint of the family that gives the list.
    pub parent: i64,
    /// Fingerprint of the family that runs for each row.
    pub child: i64,
    /// The child's calls for each of the parent: their median over a day or more, else their mean.
    pub ratio: f64,
    /// Correlation of the changes from step to step, over a day or more.
    pub correlation: Option<f64>,
    /// Time a day that one query instead would save, in milliseconds.
    pub saved_ms_per_day: f64,
    /// What shows it.
    pub evidence: String,
    /// What to do.
    pub advice: String,
    /// 0.5 by the calls alone, 0.9 if one process was seen to repeat the child.
    pub confidence: f64,
}

/// Answers which families run once for each row of another, the most saved time first. A child has
/// one parent, that of the best correlation.
///
/// Every look-up is compared with every family of its role and application, step by step, each of
/// so many minutes; the caller keeps to those that are called often.
///
/// Saved time = (child calls − parent calls) × (mean + round trip).
#[must_use]
pub fn n_plus_one(families: &[CallSeries], step_minutes: f64) -> Vec<NPlusOne> {
    let mut found = Vec::new();
    for child in families {
        let is_lookup = child.is_key_lookup && child.rows_per_call <= MAX_ROWS;
        if !is_lookup {
            continue;
        }
        let best = families
            .iter()
            .filter(|parent| may_be_parent(parent, child))
            .filter_map(|parent| pair(parent, child, step_minutes))
            .max_by(|one, other| {
                let of = |pair: &NPlusOne| pair.correlation.unwrap_or_default();
                let by_correlation = of(one).total_cmp(&of(other));
                by_correlation.then(other.parent.cmp(&one.parent))
            });
        found.extend(best);
    }
    found.sort_by(|one, other| other.saved_ms_per_day.total_cmp(&one.saved_ms_per_day));
    found
}

fn may_be_parent(parent: &CallSeries, child: &CallSeries) -> bool {
    parent.fingerprint != child.fingerprint
        && parent.role == child.role
        && parent.application == child.application
}

fn pair(parent: &CallSeries, child: &CallSeries, step_minutes: f64) -> Option<NPlusOne> {
    let steps: Vec<(f64, f64)> = parent
        .calls
        .iter()
        .zip(&child.calls)
        .filter_map(|(parent, child)| Some(((*parent)?, (*child)?)))
        .collect();
    let days = f64::from(u32::try_from(steps.len()).ok()?) * step_minutes / DAY_MINUTES;
    if days < 1.0 {
        return None;
    }
    let mut ratios: Vec<f64> = steps
        .iter()
        .filter(|(parent, _)| *parent > 0.0)
        .map(|(parent, child)| child / parent)
        .collect();
    let ratio = median(&mut ratios)?;
    let mut deviations: Vec<f64> = ratios.iter().map(|of| (of - ratio).abs()).collect();
    let spread = median(&mut deviations)? / ratio;
    let correlation = correlation(&changes(parent, child))?;
    let is_ours = ratio >= MIN_RATIO && spread < MAX_SPREAD && correlation > MIN_CORRELATION;
    let (parents, children) = steps
        .iter()
        .fold((0.0, 0.0), |(parents, children), (parent, child)| {
            (parents + parent, children + child)
        });
    let way = child.round_trip_ms.unwrap_or(ROUND_TRIP_MS);
    let is_repeated = child
        .same_process
        .is_some_and(|seen| seen.repeats >= MIN_REPEATS);
    is_ours.then(|| NPlusOne {
        rule: ABOUT.id.to_owned(),
        suggestion_type: ABOUT.name.to_owned(),
        parent: parent.fingerprint,
        child: child.fingerprint,
        ratio,
        correlation: Some(correlation),
        saved_ms_per_day: (children - parents).max(0.0) / days * (child.mean_ms + way),
        evidence: format!(
            "role {} calls it {ratio:.0} times for each call of the other statement, and both rise \
             and fall together (correlation {correlation:.2})",
            child.role
        ),
        advice: ADVICE.to_owned(),
        confidence: if is_repeated { 0.9 } else { 0.5 },
    })
}

/// Changes of both from one minute to the next, where both minutes are known.
fn changes(parent: &CallSeries, child: &CallSeries) -> Vec<(f64, f64)> {
    let minutes: Vec<Option<(f64, f64)>> = parent
        .calls
        .iter()
        .zip(&child.calls)
        .map(|(parent, child)| Some(((*parent)?, (*child)?)))
        .collect();
    let next = minutes.iter().skip(1);
    minutes
        .iter()
        .zip(next)
        .filter_map(|(before, after)| {
            let (before, after) = ((*before)?, (*after)?);
            Some((after.0 - before.0, after.1 - before.1))
        })
        .collect()
}

/// Pearson's correlation; nothing if one side never changes.
fn correlation(pairs: &[(f64, f64)]) -> Option<f64> {
    let count = f64::from(u32::try_from(pairs.len()).ok()?);
    let (x, y) = pairs
        .iter()
        .fold((0.0, 0.0), |sum, of| (sum.0 + of.0, sum.1 + of.1));
    let (x, y) = (x / count, y / count);
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (one, other) in pairs {
        xx += (one - x) * (one - x);
        yy += (other - y) * (other - y);
        xy += (one - x) * (other - y);
    }
    (xx > 0.0 && yy > 0.0).then(|| xy / (xx * yy).sqrt())
}

fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len().checked_sub(1)? / 2;
    let low = *values.get(middle)?;
    let high = *values.get(values.len() / 2)?;
    Some(f64::midpoint(low, high))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls of a page, some each minute, none at night.
    fn wave(minute: usize) -> f64 {
        if minute % 1_440 < 300 {
            return 0.0;
        }
        [3.0, 9.0, 4.0, 14.0, 2.0, 7.0, 5.0][minute % 7]
    }

    fn series(fingerprint: i64, minutes: usize, calls: impl Fn(usize) -> f64) -> CallSeries {
        CallSeries {
            fingerprint,
            role: "app".to_owned(),
            application: "shop".to_owned(),
            calls: (0..minutes).map(|at| Some(calls(at))).collect(),
            mean_ms: 0.2,
            rows_per_call: 1.0,
            is_key_lookup: fingerprint == 2,
            round_trip_ms: None,
            same_process: None,
        }
    }

    fn families(minutes: usize) -> Vec<CallSeries> {
        vec![
            series(1, minutes, wave),
            series(2, minutes, |at| 40.0 * wave(at)),
        ]
    }

    #[test]
    fn a_lookup_for_each_row_is_found() {
        let found = n_plus_one(&families(1_440), 1.0);
        let calls: f64 = (0..1_440).map(wave).sum();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].parent, found[0].child), (1, 2));
        assert_eq!((found[0].ratio, found[0].confidence), (40.0, 0.5));
        assert!((found[0].saved_ms_per_day - 39.0 * calls * 0.5).abs() < 1e-6);
        let mut seen = families(1_440);
        seen[1].same_process = Some(SameProcess { repeats: 5 });
        assert_eq!(n_plus_one(&seen, 1.0)[0].confidence, 0.9);
        seen[1].round_trip_ms = Some(1.8);
        assert!((n_plus_one(&seen, 1.0)[0].saved_ms_per_day - 39.0 * calls * 2.0).abs() < 1e-6);
    }

    #[test]
    fn other_pairs_are_left_alone() {
        let other = |change: &dyn Fn(&mut Vec<CallSeries>)| {
            let mut families = families(1_440);
            change(&mut families);
            n_plus_one(&families, 1.0)
        };
        let none: Vec<NPlusOne> = Vec::new();
        assert_eq!(n_plus_one(&families(1_439), 1.0), none, "too short");
        for (name, found) in [
            (
                "no parent",
                other(&|of| of[0].calls = vec![Some(5.0); 1_440]),
            ),
            ("alone", other(&|of| drop(of.remove(0)))),
            ("another role", other(&|of| of[0].role = "job".to_owned())),
            (
                "another application",
                other(&|of| of[0].application = String::new()),
            ),
            ("many rows", other(&|of| of[1].rows_per_call = 6.0)),
            ("no key", other(&|of| of[1].is_key_lookup = false)),
            (
                "few",
                other(&|of| of[1] = series(2, 1_440, |at| 9.0 * wave(at))),
            ),
            (
                "a job of its own",
                other(&|of| of[1] = series(2, 1_440, |at| [9_900.0, 10_100.0, 10_000.0][at % 3])),
            ),
        ] {
            assert_eq!(found, none, "{name}");
        }
    }

    #[test]
    fn a_day_of_longer_steps_is_enough() {
        let day = |steps: usize| {
            let calls = |at: usize| wave(300 + 5 * at);
            vec![
                series(1, steps, calls),
                series(2, steps, |at| 40.0 * calls(at)),
            ]
        };
        assert_eq!(n_plus_one(&day(288), 5.0).len(), 1);
        assert_eq!(n_plus_one(&day(287), 5.0), []);
    }

    #[test]
    fn gaps_are_no_zeros() {
        let mut families = families(2_000);
        for at in (0..2_000).step_by(11) {
            families[1].calls[at] = None;
        }
        assert_eq!(n_plus_one(&families, 1.0)[0].ratio, 40.0);
    }
}
