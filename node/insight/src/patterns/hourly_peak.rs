//! Hours of the day with more load than the others.

use std::collections::BTreeMap;

use crate::anomalies::Minute;
use crate::anomalies::robust::median;

use super::Question;
use super::load::{Bucket, Load, MEASURES, Measure, place};
use super::pattern::{Metadata, Pattern, PatternType};
use crate::words::figure;

const HOURS: usize = 24;
/// Days without which nothing is said.
const MIN_DAYS: usize = 7;
/// How far above the median of all hours a peak is.
const FACTOR: f64 = 1.5;
/// A peak is among so many hours of its day, on that share of days.
const TOP: (usize, f64) = (4, 0.7);
/// Share of the peak's excess that the affected statements carry.
const CARRIED: f64 = 0.8;
/// Statements that are named.
const NAMED: usize = 20;

/// One figure of all days, by hour of the day.
struct Profile {
    measure: Measure,
    /// Values by hour, one a day.
    hours: Vec<Vec<f64>>,
    /// Median by hour.
    medians: Vec<f64>,
    /// Share of days on which an hour was among the top ones.
    recurrence: Vec<f64>,
    /// Median of all.
    middle: f64,
}

/// Finds all peaks.
pub(super) fn find(question: &Question<'_>) -> Vec<Pattern> {
    let days = days(&question.load);
    if days.len() < MIN_DAYS {
        return Vec::new();
    }
    let profiles = MEASURES.map(|measure| Profile::of(measure, &days));
    let is_peak = |hour: usize| profiles.iter().any(|profile| profile.is_peak(hour));
    let peaks: Vec<bool> = (0..HOURS).map(is_peak).collect();
    let runs = runs(&peaks).into_iter();
    runs.filter_map(|hours| pattern(question, &profiles, hours, days.len()))
        .collect()
}

/// The hours of each day of which at least 20 are there.
fn days(load: &Load) -> Vec<Vec<Option<Bucket>>> {
    let mut days = BTreeMap::<i64, Vec<Option<Bucket>>>::new();
    for (at, bucket) in load.hours().known() {
        let day = days.entry(at.get().div_euclid(1_440));
        let hours = day.or_insert_with(|| vec![None; HOURS]);
        if let Some(hour) = hours.get_mut(at.hour_of_week() % HOURS) {
            *hour = Some(bucket);
        }
    }
    let is_seen = |hours: &Vec<Option<Bucket>>| hours.iter().flatten().count() >= 20;
    days.into_values().filter(is_seen).collect()
}

impl Profile {
    fn of(measure: Measure, days: &[Vec<Option<Bucket>>]) -> Self {
        let mut hours = vec![Vec::new(); HOURS];
        let mut at_top = vec![0.0; HOURS];
        for day in days {
            let known = (0..HOURS).zip(day);
            let known = known.filter_map(|(hour, bucket)| Some((hour, measure(&(*bucket)?))));
            let mut known: Vec<(usize, f64)> = known.collect();
            for (hour, value) in &known {
                if let Some(values) = hours.get_mut(*hour) {
                    values.push(*value);
                }
            }
            known.sort_by(|one, other| other.1.total_cmp(&one.1));
            for (hour, _) in known.iter().take(TOP.0) {
                if let Some(count) = at_top.get_mut(*hour) {
                    *count += 1.0;
                }
            }
        }
        let n = days.len() as f64;
        let medians = hours.iter().map(|values| median(&mut values.clone()));
        Self {
            measure,
            medians: medians.map(Option::unwrap_or_default).collect(),
            recurrence: at_top.into_iter().map(|count| count / n).collect(),
            middle: median(&mut hours.concat()).unwrap_or(0.0),
            hours,
        }
    }

    fn is_peak(&self, hour: usize) -> bool {
        let of = |values: &[f64]| values.get(hour).copied().unwrap_or(0.0);
        of(&self.medians) > FACTOR * self.middle && of(&self.recurrence) >= TOP.1
    }

    /// Mean and variance of an hour over days.
    fn moments(&self, hour: usize) -> Option<(f64, f64)> {
        moments(self.hours.get(hour)?)
    }

    /// An hour's mean in standard deviations of all hours' means.
    fn z(&self, hour: usize) -> Option<f64> {
        let means = (0..HOURS).filter_map(|hour| self.moments(hour));
        let means: Vec<f64> = means.map(|(mean, _)| mean).collect();
        let (mean, variance) = moments(&means)?;
        let z = (self.moments(hour)?.0 - mean) / variance.sqrt();
        z.is_finite().then_some(z)
    }
}

fn moments(values: &[f64]) -> Option<(f64, f64)> {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares = values.iter().map(|value| (value - mean) * (value - mean));
    (!values.is_empty()).then(|| (mean, squares.sum::<f64>() / n))
}

/// Neighbouring hours that are peaks; midnight is no border.
fn runs(peaks: &[bool]) -> Vec<Vec<usize>> {
    let is_peak = |hour: usize| peaks.get(hour % HOURS).copied().unwrap_or(false);
    let starts = (0..HOURS).filter(|hour| is_peak(*hour) && !is_peak(hour + HOURS - 1));
    let run = |start: usize| {
        let hours = (start..start + HOURS).take_while(|hour| is_peak(*hour));
        hours.map(|hour| hour % HOURS).collect()
    };
    starts.map(run).collect()
}

fn pattern(
    question: &Question<'_>,
    profiles: &[Profile; 2],
    hours: Vec<usize>,
    days: usize,
) -> Option<Pattern> {
    let [calls, time] = profiles;
    // Time is what people feel: calls speak only where time has no peak.
    let is_time = hours.iter().any(|hour| time.is_peak(*hour));
    let profile = if is_time { time } else { calls };
    let level = |hour: usize| profile.medians.get(hour).copied().unwrap_or(0.0);
    let peak = *hours
        .iter()
        .max_by(|one, other| level(**one).total_cmp(&level(**other)))?;
    let (mean, variance) = profile.moments(peak)?;
    let consistency = (1.0 - variance.sqrt() / mean).clamp(0.0, 1.0);
    let recurrence = profile.recurrence.get(peak).copied()?;
    let (affected, families) = affected(question, profile.measure, &hours);
    let total = time.medians.iter().sum::<f64>();
    let of_hours = |hour: &usize| time.medians.get(*hour).copied().unwrap_or(0.0);
    let share = hours.iter().map(of_hours).sum::<f64>() / total;
    let next = next_hour(question.now, *hours.first()?);
    let what = if is_time { "statement time" } else { "calls" };
    let factor = level(peak) / profile.middle;
    let factor = figure((factor * 10.0).round() / 10.0);
    let description = format!("Hour {peak} UTC has {factor} times the usual {what}.");
    let metadata = Metadata {
        peak_hour: Some(peak),
        variance: Some(variance),
        confidence: consistency * recurrence,
        affected_queries: affected,
        z_score_count: calls.z(peak),
        z_score_time: time.z(peak),
        days_observed: days,
        consistency_score: Some(consistency),
        recurrence_score: Some(recurrence),
        hours,
        period_seconds: Some(86_400.0),
        load_share: share.is_finite().then_some(share),
        families,
        next_occurrence: Some(next),
        zone: Some("UTC".to_owned()),
        ..Metadata::default()
    };
    let of = PatternType::HourlyPeak;
    Some(Pattern::new(question.database, of, metadata, description))
}

/// The next minute after `now` at which an hour of the day begins.
pub(super) fn next_hour(now: Minute, hour: usize) -> Minute {
    let hour = i64::try_from(hour).unwrap_or(0);
    let ahead = (hour * 60 - now.get()).rem_euclid(1_440);
    now.plus(if ahead == 0 { 1_440 } else { ahead })
}

/// How many statements carry 80 % of what these hours have more than the others, and the first of
/// them.
pub(super) fn affected(
    question: &Question<'_>,
    measure: Measure,
    hours: &[usize],
) -> (usize, Vec<i64>) {
    let mut excess: Vec<(f64, i64)> = Vec::new();
    for (family, load) in &question.families {
        let (mut inside, mut outside) = ((0.0, 0.0), (0.0, 0.0));
        for (index, bucket) in load.buckets.iter().enumerate() {
            let Some(bucket) = bucket else { continue };
            let hour = place(load.minute(index).get().rem_euclid(1_440) / 60);
            let side = if hours.contains(&hour) {
                &mut inside
            } else {
                &mut outside
            };
            *side = (side.0 + measure(bucket), side.1 + 1.0);
        }
        let mean = |(sum, n): (f64, f64)| if n > 0.0 { sum / n } else { 0.0 };
        let more = mean(inside) - mean(outside);
        if more > 0.0 {
            excess.push((more, *family));
        }
    }
    excess.sort_by(|one, other| other.0.total_cmp(&one.0));
    let whole: f64 = excess.iter().map(|(more, _)| more).sum();
    let mut carried = 0.0;
    let mut families = Vec::new();
    for (more, family) in excess {
        if carried >= CARRIED * whole {
            break;
        }
        carried += more;
        families.push(family);
    }
    let count = families.len();
    families.truncate(NAMED);
    (count, families)
}
