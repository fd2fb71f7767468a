//! Statements that run now and then.
//!
//! `pg_stat_statements` counts a call when it ends: what is seen is when a job's statements end.

use std::collections::BTreeSet;

use crate::anomalies::Minute;
use crate::anomalies::robust::{median, median_and_mad, quantile};

use super::circular::{Circle, Zone};
use super::load::{Load, MEASURES};
use super::pattern::{Metadata, Pattern, PatternType, Phase};
use super::{MIN_CONFIDENCE, Question};

/// Share of buckets without calls.
const MIN_IDLE: f64 = 0.8;
/// Idle buckets in a row inside of a run.
const MAX_GAP: usize = 2;
/// Runs, and periods of the window.
const MIN_SEEN: (usize, f64) = (5, 3.0);
/// Periods that jobs have, in minutes, the shortest first.
const PERIODS: [f64; 13] = [
    5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 180.0, 240.0, 360.0, 480.0, 720.0, 1_440.0, 10_080.0,
];
/// Probability above which starts may lie anywhere.
const MAX_P: f64 = 0.01;
/// Confidences that are equal: the longer period wins.
const EQUAL: f64 = 0.005;
/// Scatter of gaps by their median below which the median is the period.
const MAX_SCATTER: f64 = 0.1;
/// Minutes that a start may be beyond the interval of starts.
const SLACK: f64 = 5.0;
/// Runs of which the trend of durations is made.
const TREND_RUNS: usize = 200;
/// Missed periods from which a job is overdue.
const OVERDUE: i64 = 2;

/// One run.
struct Run {
    start: Minute,
    minutes: f64,
}

/// A period that fits.
struct Fit<'a> {
    period: f64,
    circle: Circle,
    seen: f64,
    zone: Option<&'a Zone>,
}

/// Finds all jobs.
pub(super) fn find(question: &Question<'_>) -> Vec<Pattern> {
    let jobs = question.families.iter();
    jobs.filter_map(|(family, load)| job(question, *family, load))
        .collect()
}

fn job(question: &Question<'_>, family: i64, load: &Load) -> Option<Pattern> {
    let runs = runs(load)?;
    let fit = Fit::best(&runs, load, question.zone)?;
    let starts: Vec<f64> = runs.iter().map(|run| local(run.start, fit.zone)).collect();
    let deviations = starts.iter().map(|start| fit.circle.deviation(*start));
    let deviations: Vec<f64> = deviations.collect();
    let mut sorted = deviations.clone();
    sorted.sort_by(f64::total_cmp);
    let earliest = quantile(&sorted, 0.05)?.min(0.0);
    let latest = quantile(&sorted, 0.95)?.max(0.0);
    let is_regular = |deviation: f64| deviation >= earliest - SLACK && deviation <= latest + SLACK;
    let mut backwards = runs.iter().zip(deviations).rev();
    let (last, deviation) = backwards.find(|(_, deviation)| is_regular(*deviation))?;
    let late = minutes(latest - deviation + SLACK);
    let whole = minutes(fit.period).max(1);
    let misses = (question.now.since(last.start) - late)
        .div_euclid(whole)
        .max(0);
    let next = fit.after(last.start, (misses + 1) * whole);
    let mut durations: Vec<f64> = runs.iter().map(|run| run.minutes * 60.0).collect();
    durations.sort_by(f64::total_cmp);
    let [_, time] = MEASURES;
    let share = load.total(time) / question.load.total(time);
    let metadata = Metadata {
        confidence: fit.confidence(),
        affected_queries: 1,
        days_observed: question.load.days_observed(),
        recurrence_score: Some(fit.seen),
        period_seconds: Some(fit.period * 60.0),
        phase: Some(Phase {
            start_seconds: fit.circle.mean * 60.0,
            earliest_seconds: earliest * 60.0,
            latest_seconds: latest * 60.0,
        }),
        duration_p50_seconds: quantile(&durations, 0.5),
        duration_p95_seconds: quantile(&durations, 0.95),
        duration_trend_seconds_per_week: trend(&runs),
        load_share: share.is_finite().then_some(share),
        families: vec![family],
        next_occurrence: Some(next),
        misses: Some(misses),
        is_overdue: Some(misses >= OVERDUE),
        last_seen: Some(last.start),
        zone: Some(
            fit.zone
                .map_or_else(|| "UTC".to_owned(), |zone| zone.name.clone()),
        ),
        ..Metadata::default()
    };
    let description = format!(
        "Statement {family} runs every {} (± {:.0} min).",
        period_text(fit.period),
        latest.max(-earliest)
    );
    let of = PatternType::BatchJob;
    Some(Pattern::new(question.database, of, metadata, description))
}

/// The runs of a statement that is idle most of the time.
fn runs(load: &Load) -> Option<Vec<Run>> {
    let known = load.buckets.iter().flatten();
    let (idle, all) = known.fold((0.0, 0.0), |(idle, all), bucket| {
        (idle + f64::from(u8::from(bucket.calls <= 0.0)), all + 1.0)
    });
    if idle <= MIN_IDLE * all {
        return None;
    }
    let is_active = |place: &usize| {
        let bucket = load.buckets.get(*place).copied().flatten();
        bucket.is_some_and(|bucket| bucket.calls > 0.0)
    };
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for place in (0..load.buckets.len()).filter(is_active) {
        match runs.last_mut() {
            Some((_, last)) if place - *last <= MAX_GAP + 1 => *last = place,
            _ => runs.push((place, place)),
        }
    }
    let run = |(first, last): (usize, usize)| Run {
        start: load.minute(first),
        minutes: (last - first + 1) as f64 * 5.0,
    };
    (runs.len() >= MIN_SEEN.0).then(|| runs.into_iter().map(run).collect())
}

impl<'a> Fit<'a> {
    /// The period with the highest confidence, of equal ones the longest; else the median gap.
    fn best(runs: &[Run], load: &Load, zone: Option<&'a Zone>) -> Option<Self> {
        let window = load.buckets.len() as f64 * 5.0;
        let mut best: Option<Self> = None;
        for period in PERIODS
            .into_iter()
            .filter(|period| window >= MIN_SEEN.1 * period)
        {
            let zones = [None].into_iter().chain(zone.map(Some));
            for fit in zones.filter_map(|zone| Self::of(runs, period, zone)) {
                let least = best.as_ref().map_or(0.0, |best: &Self| {
                    // A zone has to be better, a longer period only as good.
                    let is_zone = fit.zone.is_some() && best.period == period;
                    best.confidence() + if is_zone { EQUAL } else { -EQUAL }
                });
                if fit.circle.probability() < MAX_P && fit.confidence() >= least {
                    best = Some(fit);
                }
            }
        }
        best.filter(|best| best.confidence() >= MIN_CONFIDENCE)
            .or_else(|| {
                let starts = runs.iter().zip(runs.iter().skip(1));
                let gaps = starts.map(|(one, two)| span(one.start, two.start));
                let (gap, mad) = median_and_mad(&gaps.collect::<Vec<f64>>())?;
                let is_steady = mad < MAX_SCATTER * gap && window >= MIN_SEEN.1 * gap;
                is_steady.then(|| Self::of(runs, gap, None)).flatten()
            })
    }

    fn of(runs: &[Run], period: f64, zone: Option<&'a Zone>) -> Option<Self> {
        let starts: Vec<f64> = runs.iter().map(|run| local(run.start, zone)).collect();
        let circle = Circle::of(&starts, period)?;
        let turn = |start: &f64| minutes((start - circle.mean) / period);
        let turns: BTreeSet<i64> = starts.iter().map(turn).collect();
        let expected = turns.last()? - turns.first()? + 1;
        let expected = f64::from(i32::try_from(expected).ok()?);
        Some(Self {
            period,
            seen: turns.len() as f64 / expected,
            circle,
            zone,
        })
    }

    fn confidence(&self) -> f64 {
        self.circle.r * self.seen
    }

    /// So many minutes later by the clock of the zone.
    fn after(&self, at: Minute, minutes: i64) -> Minute {
        let later = at.plus(minutes);
        let offset = |at| self.zone.map_or(0, |zone| zone.offset(at));
        later.plus(offset(at) - offset(later))
    }
}

/// Minutes since the epoch by the clock of a zone.
fn local(at: Minute, zone: Option<&Zone>) -> f64 {
    let minutes = at.get() + zone.map_or(0, |zone| zone.offset(at));
    span(Minute::new(0), Minute::new(minutes))
}

/// Minutes between two times: exact for 4,000 years around the epoch.
fn span(from: Minute, to: Minute) -> f64 {
    i32::try_from(to.since(from)).map_or(f64::INFINITY, f64::from)
}

/// The nearest whole number.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "times in minutes are far inside of the range; the cast saturates"
)]
fn minutes(value: f64) -> i64 {
    value.round() as i64
}

/// How runs become longer: the median slope of all pairs (Theil and Sen), in seconds a week.
fn trend(runs: &[Run]) -> Option<f64> {
    let recent = runs.get(runs.len().saturating_sub(TREND_RUNS)..)?;
    let mut slopes = Vec::new();
    for (place, one) in recent.iter().enumerate() {
        for two in recent.iter().skip(place + 1) {
            let weeks = span(one.start, two.start) / 10_080.0;
            slopes.push((two.minutes - one.minutes) * 60.0 / weeks);
        }
    }
    median(&mut slopes)
}

fn period_text(minutes: f64) -> String {
    match minutes {
        10_080.0 => "week".to_owned(),
        1_440.0 => "day".to_owned(),
        hours if hours >= 60.0 && hours % 60.0 == 0.0 => format!("{:.0} h", hours / 60.0),
        minutes => format!("{minutes:.0} min"),
    }
}
