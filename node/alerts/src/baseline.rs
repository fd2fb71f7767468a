//! What is usual: the levels of a number at this hour of earlier days.
//!
//! Each hour is kept as one number: the mean of a gauge, or the growth a second of a counter. Usual
//! is the median of the same hour, the one before it and the one after it, of the last two weeks'
//! same day. Until a week was seen it is those of the last days, at most six. Hours are those of
//! UTC.

use std::collections::VecDeque;

use pga_storage::Timestamp;
use serde::{Deserialize, Serialize};

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24;
/// Hours kept: two weeks and what lies around the hour.
const KEPT: usize = 15 * 24;
/// A counter's samples that are further apart are a gap.
const GAP: i64 = 900_000_000;
/// An hour of which less was seen is not kept.
const SEEN: i64 = HOUR / 2;

/// What of a number is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Of {
    /// The number itself.
    Value,
    /// Its growth a second.
    Growth,
}

/// What is usual now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usual {
    /// The median of the hours.
    pub level: f64,
    /// 1.4826 times the median of their distances from it: the standard deviation, if they are
    /// normally distributed (Rousseeuw and Croux 1993).
    pub spread: f64,
}

/// The hours of one number.
#[derive(Clone, Debug, Default)]
pub struct Baseline {
    hour: i64,
    last: Option<(Timestamp, f64)>,
    /// Of the hour under way: time seen in microseconds, and the number times that.
    seen: i64,
    sum: f64,
    hours: VecDeque<(i64, f64)>,
}

impl Baseline {
    /// With hours that were kept elsewhere, oldest first.
    pub fn with_hours(hours: impl IntoIterator<Item = (i64, f64)>) -> Self {
        Self {
            hours: hours.into_iter().collect(),
            ..Self::default()
        }
    }

    /// The hours that have ended, since 1970, and what is kept of each; oldest first.
    pub fn hours(&self) -> impl Iterator<Item = (i64, f64)> {
        self.hours.iter().copied()
    }

    /// Takes a sample in; one that is not newer than the last is passed over.
    pub fn push(&mut self, of: Of, at: Timestamp, value: f64) {
        let before = self.last.replace((at, value));
        let hour = at.micros().div_euclid(HOUR);
        if hour != self.hour {
            self.end_hour();
            self.hour = hour;
        }
        let Some((since, earlier)) = before else {
            return;
        };
        let span = at.micros() - since.micros();
        if span <= 0 || span > GAP {
            return;
        }
        self.seen += span;
        self.sum += match of {
            Of::Value => value * span as f64,
            // A counter that fell was reset, and grew from 0.
            Of::Growth if value >= earlier => (value - earlier) * 1e6,
            Of::Growth => value * 1e6,
        };
    }

    fn end_hour(&mut self) {
        if self.seen >= SEEN && self.hours.back().is_none_or(|(last, _)| *last < self.hour) {
            self.hours
                .push_back((self.hour, self.sum / self.seen as f64));
            while self.hours.len() > KEPT {
                self.hours.pop_front();
            }
        }
        (self.seen, self.sum) = (0, 0.0);
    }

    /// What is usual at this hour; `None` until the same hour of an earlier day was seen.
    pub fn usual(&self, at: Timestamp) -> Option<Usual> {
        let hour = at.micros().div_euclid(HOUR);
        let weeks = self.around([7, 14].map(|days| hour - days * DAY));
        let levels =
            weeks.or_else(|| self.around([1, 2, 3, 4, 5, 6].map(|days| hour - days * DAY)))?;
        let level = median(levels.clone())?;
        let spread = median(levels.iter().map(|one| (one - level).abs()).collect())?;
        Some(Usual {
            level,
            spread: 1.4826 * spread,
        })
    }

    /// The levels of these hours and their neighbours, if one of them was seen itself.
    fn around<const N: usize>(&self, hours: [i64; N]) -> Option<Vec<f64>> {
        let is_near = |hour: &i64| hours.iter().any(|wanted| (hour - wanted).abs() <= 1);
        let near = self.hours.iter().filter(|(hour, _)| is_near(hour));
        let was_seen = self.hours.iter().any(|(hour, _)| hours.contains(hour));
        was_seen.then(|| near.map(|(_, level)| *level).collect())
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = values.get(values.len() / 2)?;
    let lower = values.get(values.len().saturating_sub(1) / 2)?;
    Some((upper + lower) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A counter that grows by `rate(hour)` a second for so many hours.
    fn counter(hours: i64, rate: impl Fn(i64) -> f64) -> Baseline {
        let (mut baseline, mut value) = (Baseline::default(), 0.0);
        for minute in 0..hours * 60 {
            baseline.push(
                Of::Growth,
                Timestamp::from_micros(minute * 60_000_000),
                value,
            );
            value += rate(minute / 60) * 60.0;
        }
        baseline
    }

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_micros(hour * HOUR + 1)
    }

    #[test]
    fn nothing_is_usual_before_the_same_hour_was_seen() {
        let baseline = counter(23, |_| 5.0);
        assert_eq!(baseline.usual(at(23)), None);
        assert_eq!(Baseline::default().usual(at(0)), None);
    }

    #[test]
    fn yesterday_counts_until_a_week_was_seen() {
        let daily = |hour: i64| if hour % 24 == 3 { 50.0 } else { 5.0 };
        let usual = counter(30, daily).usual(at(30)).unwrap();
        assert!((usual.level - 5.0).abs() < 0.1, "{usual:?}");
        // Mondays are busy: the last days are not, the day a week ago was.
        let weekly = |hour: i64| if hour % 168 < 24 { 100.0 } else { 1.0 };
        let usual = counter(178, weekly).usual(at(178)).unwrap();
        assert!(
            (usual.level - 100.0).abs() < 1.0 && usual.spread < 1.0,
            "{usual:?}"
        );
    }

    #[test]
    fn a_reset_and_a_gap_are_no_growth() {
        let mut baseline = Baseline::default();
        for minute in 0..60 {
            let value = if minute < 30 {
                minute * 600
            } else {
                (minute - 30) * 600
            };
            baseline.push(
                Of::Growth,
                Timestamp::from_micros(minute * 60_000_000),
                value as f64,
            );
        }
        baseline.push(Of::Growth, at(5), 1e12);
        let (hour, level) = baseline.hours().next().unwrap();
        assert!(hour == 0 && (level - 10.0).abs() < 0.5, "{level}");
        assert_eq!(baseline.hours().count(), 1, "the gap");
    }

    #[test]
    fn what_was_kept_is_known_again() {
        let kept = counter(60, |_| 7.0);
        let again = Baseline::with_hours(kept.hours());
        assert_eq!(again.usual(at(50)), kept.usual(at(50)));
    }
}
