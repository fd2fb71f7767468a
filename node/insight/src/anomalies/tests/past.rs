//! Hours that nobody watched.

use super::super::*;
use crate::anomalies::minute::{DAY, HOUR};

const KIND: Kind = Kind::StatementCalls;

/// Calls a minute: more by day than at night, half as many at weekends, some noise, and a job of
/// twenty minutes at 02:00.
fn calls(at: Minute) -> f64 {
    let hour = at.hour_of_week();
    let day = 1.0 + 0.5 * ((hour % 24) as f64 * std::f64::consts::TAU / 24.0).sin();
    let week = if hour >= 120 { 0.5 } else { 1.0 };
    let job = if (120..140).contains(&(at.get() % DAY)) {
        3.0
    } else {
        1.0
    };
    let noise = (at.get().wrapping_mul(7_919) % 1_000) as f64 / 1_000.0;
    400.0 * day * week * job * (0.9 + 0.2 * noise)
}

fn mean(from: Minute, minutes: i64) -> f64 {
    let sum: f64 = (0..minutes).map(|minute| calls(from.plus(minute))).sum();
    sum / minutes as f64
}

/// What a store tells of so many days before `now`, of four of them by five minutes.
fn past(now: Minute, days: i64) -> Past {
    let every = |step: i64, days: i64| {
        let first = now.plus(-days * DAY);
        let all = (0..days * DAY / step).map(move |n| first.plus(n * step));
        all.map(move |at| (at, mean(at, step))).collect()
    };
    Past {
        hours: every(HOUR, days),
        fives: every(5, days.min(4)),
    }
}

#[test]
fn a_series_that_nobody_watched_has_its_baseline_by_the_hour_of_the_week() {
    let now = Minute::new(20_000 * HOUR);
    let summaries = past(now, 30).summaries(KIND, now);
    assert_eq!(summaries.len(), 30 * 24);
    let hours: Vec<HourSummary> = summaries.iter().map(|(hour, _)| *hour).collect();
    let baseline = Baseline::from_hours(KIND, &hours, now, &Excluded::default()).unwrap();
    let mut tiers = Vec::new();
    for minute in (30..7 * DAY).step_by(60) {
        let at = now.plus(minute);
        let (usual, right) = (baseline.usual(at).unwrap(), KIND.level(calls(at)));
        tiers.push(usual.tier);
        assert!(
            (usual.level - right).abs() < 0.2,
            "{minute}: {} {right}",
            usual.level
        );
        assert!(usual.scale < 0.2, "{minute}: {}", usual.scale);
    }
    assert!(
        tiers.iter().all(|tier| *tier == Tier::HourOfWeek),
        "{tiers:?}"
    );
}

#[test]
fn a_job_of_each_night_was_seen_before() {
    let now = Minute::new(20_000 * HOUR);
    let summaries = past(now, 30).summaries(KIND, now);
    let peaks: Vec<Peaks> = summaries.iter().filter_map(|(_, peaks)| *peaks).collect();
    assert_eq!(peaks.len(), 4 * 24);
    let seen = SeenBefore::from_peaks(&peaks, now);
    let at = |minute_of_day: i64| {
        let midnight = now.plus(DAY - now.get().rem_euclid(DAY));
        seen.worst(midnight.plus(minute_of_day)).unwrap()
    };
    assert!(at(125) > 0.5, "{}", at(125));
    assert!(at(600) < 0.2, "{}", at(600));
}

#[test]
fn hours_alone_do_not_tell_how_far_minutes_stray() {
    let now = Minute::new(20_000 * HOUR);
    let only_hours = Past {
        fives: Default::default(),
        ..past(now, 30)
    };
    assert_eq!(only_hours.summaries(KIND, now), []);
}
