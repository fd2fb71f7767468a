//! The recent history of one number: an hour of all its samples, a day of one in five minutes.

use std::collections::VecDeque;

use pga_storage::Timestamp;

/// How long a number's samples are kept one by one.
const RECENT: i64 = 65 * MINUTE;
/// How long one sample in five minutes is kept.
const LONG: i64 = 25 * 60 * MINUTE;
/// Distance of the samples that are kept long.
const LONG_STEP: i64 = 5 * MINUTE;
const MINUTE: i64 = 60_000_000;

/// Samples of one number, oldest first.
#[derive(Clone, Debug, Default)]
pub struct History {
    recent: VecDeque<(Timestamp, f64)>,
    long: VecDeque<(Timestamp, f64)>,
}

impl History {
    pub(crate) fn push(&mut self, at: Timestamp, value: f64) {
        if self.recent.back().is_some_and(|(last, _)| *last >= at) {
            return;
        }
        self.recent.push_back((at, value));
        if self
            .long
            .back()
            .is_none_or(|(last, _)| at.micros() - last.micros() >= LONG_STEP)
        {
            self.long.push_back((at, value));
        }
        for (samples, keep) in [(&mut self.recent, RECENT), (&mut self.long, LONG)] {
            while samples
                .front()
                .is_some_and(|(first, _)| at.micros() - first.micros() > keep)
            {
                samples.pop_front();
            }
        }
    }

    /// How much a counter grew in the last `seconds`, and over how many seconds that was seen; a
    /// counter that fell was reset, and what it shows then grew since. `None` before two samples.
    pub fn growth(&self, seconds: f64) -> Option<(f64, f64)> {
        let (last, _) = self.recent.back()?;
        let from = last.micros() - (seconds * 1e6) as i64;
        let window: Vec<_> = self
            .recent
            .iter()
            .filter(|(at, _)| at.micros() >= from)
            .collect();
        let (first, _) = window.first()?;
        let span = (last.micros() - first.micros()) as f64 / 1e6;
        if span <= 0.0 {
            return None;
        }
        let steps = window.iter().zip(window.iter().skip(1));
        let grown = steps.map(|((_, a), (_, b))| if b >= a { b - a } else { *b });
        Some((grown.sum(), span))
    }

    /// The least and the greatest value in the last `seconds`.
    pub fn range(&self, seconds: f64) -> Option<(f64, f64)> {
        let (last, _) = self.recent.back()?;
        let from = last.micros() - (seconds * 1e6) as i64;
        let all = self.recent.iter().chain(&self.long);
        let values = all
            .filter(|(at, _)| at.micros() >= from)
            .map(|(_, value)| *value);
        values.fold(None, |range, value| {
            let (least, most) = range.unwrap_or((value, value));
            Some((value.min(least), value.max(most)))
        })
    }

    /// Seconds over which there are samples, at most a day.
    pub fn span(&self) -> f64 {
        let first = self.long.front().map_or(0, |(at, _)| at.micros());
        let last = self.recent.back().map_or(0, |(at, _)| at.micros());
        (last - first) as f64 / 1e6
    }

    /// Change a second over the last `seconds`: the median of the slopes of all pairs (Theil 1950,
    /// Sen 1968). `None` unless half of that time was seen.
    pub fn slope(&self, seconds: f64) -> Option<f64> {
        let (last, _) = self.long.back()?;
        let from = last.micros() - (seconds * 1e6) as i64;
        let samples: Vec<_> = self
            .long
            .iter()
            .filter(|(at, _)| at.micros() >= from)
            .collect();
        let (first, _) = samples.first()?;
        if ((last.micros() - first.micros()) as f64) < seconds * 0.5e6 || samples.len() < 3 {
            return None;
        }
        let mut slopes = Vec::new();
        for (n, (at, value)) in samples.iter().enumerate() {
            for (later, other) in samples.iter().skip(n + 1) {
                let span = (later.micros() - at.micros()) as f64 / 1e6;
                slopes.push((other - value) / span);
            }
        }
        slopes.sort_by(f64::total_cmp);
        slopes.get(slopes.len() / 2).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn a_counter_that_falls_was_reset() {
        let mut history = History::default();
        for (seconds, value) in [(0, 100.0), (60, 160.0), (120, 20.0), (180, 30.0)] {
            history.push(at(seconds), value);
        }
        assert_eq!(history.growth(600.0), Some((90.0, 180.0)));
        assert_eq!(history.growth(60.0), Some((10.0, 60.0)));
        assert_eq!(History::default().growth(60.0), None);
    }

    #[test]
    fn a_slope_is_not_moved_by_one_outlier() {
        let mut history = History::default();
        for n in 0..=72 {
            let value = if n == 40 { 9e9 } else { f64::from(n) * 300.0 };
            history.push(at(i64::from(n) * 300), value);
        }
        let slope = history.slope(21_600.0).unwrap();
        assert!((slope - 1.0).abs() < 0.01, "{slope}");
        assert_eq!(history.slope(86_400.0), None, "not enough of it was seen");
    }
}
