//! Makes summaries of hours that nobody watched, from the sums that a store has kept of them.

use std::collections::BTreeMap;

use super::baseline::Baseline;
use super::excluded::Excluded;
use super::hour_summary::{HourSummary, Peaks};
use super::kind::Kind;
use super::minute::{HOUR, Minute, place};
use super::robust::{median, median_and_mad, narrow};

/// Values of five minutes without which an hour is known by its mean only.
const MIN_FIVES: usize = 6;
/// By how much single minutes stray more than the mean of five: √5 if they were independent, 1.5
/// with a correlation of 0.5 from one to the next.
const MINUTES_TO_FIVE: f64 = 2.0;

/// What a series was: means in units of its kind, by the first minute of their time.
#[derive(Clone, Debug, Default)]
pub struct Past {
    /// Of hours.
    pub hours: BTreeMap<Minute, f64>,
    /// Of five minutes, of the last days.
    pub fives: BTreeMap<Minute, f64>,
}

impl Past {
    /// Summaries of all hours, oldest first, and the peaks of those that are known by five minutes.
    ///
    /// How far minutes stray is told by five minutes only; hours that have none take what is usual
    /// at that time of day. Their means are corrected by what means and medians differ at that time
    /// of day in hours of which both are known. Without any five minutes there is nothing.
    #[must_use]
    pub fn summaries(&self, kind: Kind, now: Minute) -> Vec<(HourSummary, Option<Peaks>)> {
        let mut levels = BTreeMap::<Minute, Vec<f64>>::new();
        for (at, value) in &self.fives {
            levels
                .entry(at.hour())
                .or_default()
                .push(kind.level(*value));
        }
        levels.retain(|_, levels| levels.len() >= MIN_FIVES);
        let known = levels.iter();
        let medians: BTreeMap<Minute, (f64, f64)> = known
            .filter_map(|(hour, levels)| Some((*hour, median_and_mad(levels)?)))
            .collect();
        let both = medians.iter().filter_map(|(hour, (level, _))| {
            let mean = self.hours.get(hour)?;
            Some((*hour, level - kind.level(*mean)))
        });
        let bias = Usual::of(both);
        if bias.of_hour.is_empty() {
            return Vec::new();
        }
        let old = self
            .hours
            .iter()
            .filter(|(hour, _)| !medians.contains_key(hour));
        let old = old.map(|(hour, mean)| summary(*hour, kind.level(*mean) + bias.at(*hour), 0.0));
        let new = medians
            .iter()
            .map(|(hour, (level, mad))| summary(*hour, *level, *mad));
        let mut all: Vec<HourSummary> = old.chain(new).collect();
        all.sort_by_key(|one| one.hour);
        let baseline = Baseline::from_hours(kind, &all, now, &Excluded::default());
        let mut peaks = BTreeMap::new();
        for one in all.iter_mut().filter(|one| medians.contains_key(&one.hour)) {
            let own = Baseline::flat(kind, f64::from(one.median_x), 0.0, 0.0);
            let (mad, of) = self.stray(kind, one.hour, baseline.as_ref().unwrap_or(&own));
            *one = summary(one.hour, f64::from(one.median_x), mad);
            peaks.insert(one.hour, of);
        }
        let known = all.iter().filter(|one| peaks.contains_key(&one.hour));
        let usual = Usual::of(known.map(|one| (one.hour, f64::from(one.mad_y))));
        for one in all.iter_mut().filter(|one| !peaks.contains_key(&one.hour)) {
            *one = summary(one.hour, f64::from(one.median_x), usual.at(one.hour));
        }
        let with_peaks = all.into_iter();
        with_peaks
            .map(|one| (one, peaks.remove(&one.hour)))
            .collect()
    }

    /// How far the five minutes of an hour lie from what is usual: their median, and each at its
    /// worst.
    fn stray(&self, kind: Kind, hour: Minute, baseline: &Baseline) -> (f64, Peaks) {
        let mut peaks = Peaks {
            hour,
            worst_y: Default::default(),
        };
        let mut strays = Vec::new();
        for (at, value) in self.fives.range(hour..hour.plus(HOUR)) {
            let Some(usual) = baseline.usual(at.plus(2)) else {
                continue;
            };
            let stray = kind.level(*value) - usual.level;
            strays.push(stray.abs());
            if let Some(worst) = peaks.worst_y.get_mut(place(at.since(hour) / 5)) {
                *worst = Some(narrow(kind.direction().badness(stray)));
            }
        }
        (median(&mut strays).unwrap_or_default(), peaks)
    }
}

fn summary(hour: Minute, level: f64, mad_y: f64) -> HourSummary {
    HourSummary {
        hour,
        median_x: narrow(level),
        mad_r: narrow(mad_y * MINUTES_TO_FIVE),
        mad_y: narrow(mad_y),
    }
}

/// A figure of hours: the median, by the hour of the day.
struct Usual {
    of_hour: BTreeMap<usize, f64>,
    of_all: f64,
}

impl Usual {
    fn of(known: impl Iterator<Item = (Minute, f64)>) -> Self {
        let (mut by_hour, mut all) = (BTreeMap::<usize, Vec<f64>>::new(), Vec::new());
        for (hour, figure) in known {
            let of_hour = by_hour.entry(hour.hour_of_week() % 24).or_default();
            of_hour.push(figure);
            all.push(figure);
        }
        let of_hour = by_hour.into_iter();
        Self {
            of_hour: of_hour
                .filter_map(|(hour, mut figures)| Some((hour, median(&mut figures)?)))
                .collect(),
            of_all: median(&mut all).unwrap_or_default(),
        }
    }

    fn at(&self, hour: Minute) -> f64 {
        let of_hour = self.of_hour.get(&(hour.hour_of_week() % 24));
        of_hour.copied().unwrap_or(self.of_all)
    }
}
