//! Makes the summary of an hour.

use super::baseline::Baseline;
use super::hour_summary::{HourSummary, PARTS, Peaks};
use super::kind::Kind;
use super::minute::{HOUR, Minute, place};
use super::robust::{median, median_and_mad, narrow};
use super::score::score;
use super::series::Series;

/// Values of an hour without which there is no summary.
const MIN_VALUES: usize = 10;

/// Summarises an hour that is over; nothing with fewer than ten values.
///
/// `series` has to reach 14 minutes before the hour, else its first minutes have no y. While there
/// is no baseline, x is compared with the hour's own median.
#[must_use]
pub fn summarise(
    kind: Kind,
    baseline: Option<&Baseline>,
    series: &Series,
    hour: Minute,
) -> Option<(HourSummary, Peaks)> {
    let minutes = || (0..HOUR).map(|minute| hour.plus(minute));
    let levels: Vec<f64> = minutes()
        .filter_map(|at| series.value(at).map(|value| kind.level(value)))
        .collect();
    if levels.len() < MIN_VALUES {
        return None;
    }
    let (median_x, mad_x) = median_and_mad(&levels)?;
    let own = Baseline::flat(kind, median_x, mad_x, mad_x);
    let baseline = baseline.unwrap_or(&own);
    let mut residuals = Vec::with_capacity(levels.len());
    let mut smoothed = Vec::with_capacity(levels.len());
    let mut worst_y = [None; PARTS];
    for at in minutes() {
        let (Some(value), Some(usual)) = (series.value(at), baseline.usual(at)) else {
            continue;
        };
        residuals.push(kind.level(value) - usual.level);
        let Some(score) = score(kind, baseline, series, at) else {
            continue;
        };
        smoothed.push(score.y);
        let badness = narrow(kind.direction().badness(score.y));
        if let Some(worst) = worst_y.get_mut(place(at.since(hour) / 5)) {
            *worst = Some(worst.map_or(badness, |worst: f32| worst.max(badness)));
        }
    }
    // From what is usual, not from the hour's own median: five minutes are alike, so an hour has
    // few that are independent, and its own median would lie too close to them.
    let mad = |values: &mut [f64]| {
        values.iter_mut().for_each(|value| *value = value.abs());
        median(values).unwrap_or(mad_x)
    };
    let summary = HourSummary {
        hour,
        median_x: narrow(median_x),
        mad_r: narrow(mad(&mut residuals)),
        mad_y: narrow(mad(&mut smoothed)),
    };
    Some((summary, Peaks { hour, worst_y }))
}
