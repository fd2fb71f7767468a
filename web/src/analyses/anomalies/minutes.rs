//! What happened in each minute, from differences between samples that lie anywhere in it.

use std::collections::BTreeMap;

use pga_insight::anomalies::Minute;

/// Longest interval between two samples whose difference says something about its minutes: a
/// longer one is a gap.
const LONGEST: f64 = 900.0;
/// Share of a minute that has to be covered by intervals.
const COVERED: f64 = 0.9;

/// Figures of the minutes of one thing.
#[derive(Clone, Debug)]
pub(super) struct Minutes<const N: usize> {
    /// Sums, and seconds that they cover.
    of: BTreeMap<Minute, ([f64; N], f64)>,
    /// Second of the last sample.
    last: i64,
}

impl<const N: usize> Default for Minutes<N> {
    fn default() -> Self {
        Self {
            of: BTreeMap::new(),
            last: 0,
        }
    }
}

impl<const N: usize> Minutes<N> {
    /// Adds what happened in the interval before a sample: to each minute by its share of it.
    pub(super) fn add(&mut self, second: i64, interval: f64, amounts: [f64; N]) {
        self.last = self.last.max(second);
        if !(interval > 0.0 && interval <= LONGEST) {
            return;
        }
        let begin = second as f64 - interval;
        let mut minute = Minute::of_micros((begin.floor() as i64).saturating_mul(1_000_000));
        loop {
            let first = minute.get() as f64 * 60.0;
            if first >= second as f64 {
                return;
            }
            let seconds = (first + 60.0).min(second as f64) - first.max(begin);
            if seconds > 0.0 {
                let (sums, covered) = self.of.entry(minute).or_insert(([0.0; N], 0.0));
                for (sum, amount) in sums.iter_mut().zip(amounts) {
                    *sum += amount * seconds / interval;
                }
                *covered += seconds;
            }
            minute = minute.plus(1);
        }
    }

    /// Whether nothing is known.
    pub(super) fn is_empty(&self) -> bool {
        self.of.is_empty()
    }

    /// The figures of a whole minute; none if too little of it is known.
    pub(super) fn at(&self, minute: Minute) -> Option<[f64; N]> {
        let (sums, covered) = self.of.get(&minute)?;
        let share = (covered / 60.0).min(1.0);
        (share >= COVERED).then(|| sums.map(|sum| sum / share))
    }

    /// The sums of the five minutes that end with this one, and how many are known.
    pub(super) fn five(&self, minute: Minute) -> ([f64; N], u32) {
        let mut all = ([0.0; N], 0);
        for figures in (0..5).filter_map(|back| self.at(minute.plus(-back))) {
            for (sum, figure) in all.0.iter_mut().zip(figures) {
                *sum += figure;
            }
            all.1 += 1;
        }
        all
    }

    /// The last minute that is over by the samples.
    pub(super) fn last(&self) -> Minute {
        Minute::of_micros(self.last.saturating_mul(1_000_000)).plus(-1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_spread_over_the_minutes_of_its_interval() {
        let mut minutes = Minutes::<1>::default();
        // Samples at 90 s and 150 s; then nothing for two minutes.
        minutes.add(90, 60.0, [60.0]);
        minutes.add(150, 60.0, [120.0]);
        minutes.add(270, 120.0, [120.0]);
        assert_eq!(minutes.at(Minute::new(0)), None, "half of it is not known");
        assert_eq!(minutes.at(Minute::new(1)), Some([90.0]));
        assert_eq!(minutes.at(Minute::new(2)), Some([90.0]));
        assert_eq!(minutes.at(Minute::new(3)), Some([60.0]));
        assert_eq!(minutes.at(Minute::new(4)), None, "it is not over");
        assert_eq!(minutes.last(), Minute::new(3));
        assert_eq!(minutes.five(Minute::new(3)), ([240.0], 3));
    }

    #[test]
    fn samples_that_jitter_around_a_minute_make_steady_minutes() {
        let mut minutes = Minutes::<1>::default();
        let seconds = [59, 121, 179, 241, 299, 361];
        for pair in seconds.windows(2) {
            let interval = (pair[1] - pair[0]) as f64;
            minutes.add(pair[1], interval, [interval * 10.0]);
        }
        for minute in 1..6 {
            let [amount] = minutes.at(Minute::new(minute)).unwrap();
            assert!((amount - 600.0).abs() < 1e-6, "{minute}: {amount}");
        }
    }

    #[test]
    fn a_gap_says_nothing() {
        let mut minutes = Minutes::<1>::default();
        minutes.add(3_600, 3_000.0, [1e6]);
        minutes.add(3_660, 0.0, [1e6]);
        assert_eq!(minutes.at(Minute::new(30)), None);
    }
}
