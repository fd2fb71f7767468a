//! Calls and time by five minutes.

use crate::anomalies::Minute;

/// Buckets of an hour, of a day.
pub(super) const HOUR: usize = 12;
/// Buckets of a day.
pub(super) const DAY: usize = 288;
/// Empty buckets in a row that are filled in.
const SHORT_GAP: usize = 3;
/// Buckets that an hour needs.
const MIN_OF_HOUR: usize = 9;
/// Buckets that a day needs: 80 %.
const MIN_OF_DAY: usize = 231;

/// Calls and milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bucket {
    /// Calls.
    pub calls: f64,
    /// Milliseconds of all calls.
    pub time_ms: f64,
}

/// Loads of consecutive five minutes; none where nothing was measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Load {
    /// The first minute: a multiple of five.
    pub first: Minute,
    /// The buckets.
    pub buckets: Vec<Option<Bucket>>,
}

/// Which figure of a bucket.
pub(super) type Measure = fn(&Bucket) -> f64;

/// Both figures.
pub(super) const MEASURES: [Measure; 2] = [|bucket| bucket.calls, |bucket| bucket.time_ms];

impl Load {
    /// The first minute of a bucket.
    pub(super) fn minute(&self, place: usize) -> Minute {
        let minutes = i64::try_from(place).unwrap_or(i64::MAX).saturating_mul(5);
        self.first.plus(minutes)
    }

    /// Fills in what is missing for at most three buckets between two that are there.
    pub(super) fn fill_short_gaps(&mut self) {
        let known: Vec<(usize, Bucket)> = self
            .buckets
            .iter()
            .enumerate()
            .filter_map(|(place, bucket)| bucket.map(|bucket| (place, bucket)))
            .collect();
        for ((from, before), (to, after)) in known.iter().zip(known.iter().skip(1)) {
            let gap = to - from - 1;
            if gap == 0 || gap > SHORT_GAP {
                continue;
            }
            for place in from + 1..*to {
                let weight = (place - from) as f64 / (to - from) as f64;
                let between = |measure: Measure| {
                    measure(before) + (measure(after) - measure(before)) * weight
                };
                if let Some(bucket) = self.buckets.get_mut(place) {
                    let [calls, time_ms] = MEASURES.map(between);
                    *bucket = Some(Bucket { calls, time_ms });
                }
            }
        }
    }

    /// Hours from the first whole one on: sums, none where fewer than 9 of 12 buckets are there.
    pub(super) fn hours(&self) -> Hours {
        let past = self.first.since(self.first.hour()) / 5;
        let skipped = if past == 0 { 0 } else { HOUR - place(past) };
        let whole = self.buckets.get(skipped..).unwrap_or_default();
        let sums = whole.chunks_exact(HOUR).map(|hour| sum(hour, MIN_OF_HOUR));
        Hours {
            first: self.minute(skipped),
            sums: sums.collect(),
        }
    }

    /// Days of which at least 80 % are there.
    pub(super) fn days_observed(&self) -> usize {
        let past = self.first.get().rem_euclid(1_440) / 5;
        let head = if past == 0 { 0 } else { DAY - place(past) };
        let (head, whole) = self.buckets.split_at(head.min(self.buckets.len()));
        let is_seen = |day: &&[Option<Bucket>]| day.iter().flatten().count() >= MIN_OF_DAY;
        std::iter::once(head)
            .chain(whole.chunks(DAY))
            .filter(is_seen)
            .count()
    }

    /// Sum of a figure.
    pub(super) fn total(&self, measure: Measure) -> f64 {
        self.buckets.iter().flatten().map(measure).sum()
    }
}

/// Loads of consecutive hours.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Hours {
    pub(super) first: Minute,
    pub(super) sums: Vec<Option<Bucket>>,
}

impl Hours {
    /// Each hour that is there, with its first minute.
    pub(super) fn known(&self) -> impl Iterator<Item = (Minute, Bucket)> + '_ {
        (0..).zip(&self.sums).filter_map(|(place, sum)| {
            let at = self.first.plus(60 * place);
            sum.map(|sum| (at, sum))
        })
    }
}

/// The sum of an hour, as if all of its buckets were there.
fn sum(buckets: &[Option<Bucket>], least: usize) -> Option<Bucket> {
    let known = buckets.iter().flatten().count();
    if known < least {
        return None;
    }
    let whole = buckets.len() as f64 / known as f64;
    let [calls, time_ms] =
        MEASURES.map(|measure| buckets.iter().flatten().map(measure).sum::<f64>() * whole);
    Some(Bucket { calls, time_ms })
}

pub(super) fn place(number: i64) -> usize {
    usize::try_from(number).unwrap_or(0)
}
