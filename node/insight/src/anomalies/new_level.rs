//! A change that stays is no anomaly any more.

use super::baseline::Baseline;
use super::detect::{Event, Open};
use super::hour_summary::HourSummary;
use super::minute::{DAY, HOUR, Minute};
use super::robust::{MAD_TO_SD, median, median_and_mad};

/// Hours of the last day without which nothing is said.
const MIN_HOURS: usize = 18;
/// The day may stray by so many scales.
const STEADY: f64 = 2.0;

/// Whether an anomaly that is open for a day has become the new level, and since when.
///
/// It has if y strayed by less than 2 s over the last 24 hours, both from hour to hour and within
/// hours. The change is where the cumulative sum of the hours' differences from their mean is
/// largest, looked for from a day before the anomaly on. `hours` hold at least that time.
///
/// # Source
/// Page, *Continuous Inspection Schemes*, 1954; Taylor, *Change-Point Analysis*, 2000.
#[must_use]
pub fn new_level(
    open: &Open,
    baseline: &Baseline,
    hours: &[HourSummary],
    now: Minute,
) -> Option<Event> {
    if now.since(open.started) < DAY || open.calm_since.is_some() {
        return None;
    }
    let baseline = open.frozen.as_ref().unwrap_or(baseline);
    let from = open.started.plus(-DAY);
    let mut seen: Vec<(Minute, f64, f64)> = hours
        .iter()
        .filter(|summary| summary.hour >= from && summary.hour < now)
        .filter_map(|summary| {
            let usual = baseline.usual(summary.hour.plus(HOUR / 2))?;
            let level = f64::from(summary.median_x) - usual.level;
            let scale = f64::from(summary.mad_y) * MAD_TO_SD / usual.scale;
            Some((summary.hour, level, scale))
        })
        .collect();
    seen.sort_by_key(|(hour, ..)| *hour);
    let usual = baseline.usual(now)?;
    let day: Vec<_> = seen
        .iter()
        .filter(|(hour, ..)| now.since(*hour) <= DAY)
        .collect();
    if day.len() < MIN_HOURS {
        return None;
    }
    let levels: Vec<f64> = day.iter().map(|(_, level, _)| *level).collect();
    let (_, between) = median_and_mad(&levels)?;
    let mut within: Vec<f64> = day.iter().map(|(.., scale)| *scale).collect();
    let is_steady = MAD_TO_SD * between < STEADY * usual.scale && median(&mut within)? < STEADY;
    let since = is_steady.then(|| change_point(&seen)).flatten()?;
    Some(Event::NewLevel { since })
}

/// The hour with which the other level begins.
fn change_point(seen: &[(Minute, f64, f64)]) -> Option<Minute> {
    let mean = seen.iter().map(|(_, level, _)| level).sum::<f64>() / seen.len() as f64;
    let mut sum = 0.0;
    let mut largest: Option<(f64, Minute)> = None;
    for ((_, level, _), (next, ..)) in seen.iter().zip(seen.iter().skip(1)) {
        sum += level - mean;
        if largest.is_none_or(|(most, _)| sum.abs() > most) {
            largest = Some((sum.abs(), *next));
        }
    }
    largest.map(|(_, hour)| hour)
}
