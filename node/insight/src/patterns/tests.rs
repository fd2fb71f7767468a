use std::collections::BTreeMap;
use std::f64::consts::TAU;

use super::circular::Circle;
use super::*;

/// Monday 2024-01-01 00:00 UTC.
const MONDAY: i64 = 19_723 * 1_440;

fn at(minutes: i64) -> Minute {
    Minute::new(MONDAY + minutes)
}

/// Uniform in 0 to 1, by a linear congruential generator.
fn uniform(seed: &mut u64) -> f64 {
    *seed = seed
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) as f64 / 2.0_f64.powi(31)
}

/// Calls by minute since Monday; each takes 10 ms.
fn load(days: i64, mut calls: impl FnMut(i64) -> f64) -> Load {
    let mut bucket = |place: i64| {
        let calls = calls(place * 5);
        Some(Bucket {
            calls,
            time_ms: calls * 10.0,
        })
    };
    Load {
        first: at(0),
        buckets: (0..days * 288).map(&mut bucket).collect(),
    }
}

fn ask(load: &Load, families: &BTreeMap<i64, Load>, zone: Option<&Zone>) -> Vec<Pattern> {
    let end = load.buckets.len() as i64 * 5;
    detect(Question {
        database: "shop",
        load: load.clone(),
        families: families.clone(),
        zone,
        now: at(end),
    })
}

fn of(patterns: &[Pattern], pattern_type: PatternType) -> Vec<&Metadata> {
    let found = patterns
        .iter()
        .filter(|pattern| pattern.pattern_type == pattern_type);
    found.map(|pattern| &pattern.pattern_metadata).collect()
}

fn near(value: f64, right: f64, error: f64) {
    assert!((value - right).abs() <= error, "{value} is not {right}");
}

#[test]
fn short_gaps_are_filled_and_long_ones_are_not() {
    let mut load = load(1, |minute| minute as f64);
    for place in [10, 11, 12, 20, 21, 22, 23] {
        load.buckets[place] = None;
    }
    let mut filled = load.clone();
    filled.fill_short_gaps();
    assert_eq!(filled.buckets[11].map(|bucket| bucket.calls), Some(55.0));
    assert_eq!(filled.buckets[21], None);
    assert_eq!(load.days_observed(), 1);
    load.buckets
        .iter_mut()
        .take(58)
        .for_each(|bucket| *bucket = None);
    assert_eq!(load.days_observed(), 0);
}

#[test]
fn hours_begin_whole() {
    let mut load = load(1, |_| 1.0);
    load.first = at(25);
    load.buckets[7..11]
        .iter_mut()
        .for_each(|bucket| *bucket = None);
    let hours = load.hours();
    assert_eq!(hours.first, at(60));
    assert_eq!(hours.sums[0], None);
    assert_eq!(hours.sums[1].map(|sum| sum.calls), Some(12.0));
}

#[test]
fn peak_is_found_and_merged() {
    let mut seed = 1;
    let mut noise = move || 0.9 + 0.2 * uniform(&mut seed);
    let peak = |minute: i64| matches!(minute.rem_euclid(1_440) / 60, 9 | 10);
    let steady = load(14, |_| 50.0);
    let busy = load(14, |minute| if peak(minute) { 300.0 } else { 50.0 });
    let both = load(14, |minute| {
        noise() * if peak(minute) { 350.0 } else { 100.0 }
    });
    let families = BTreeMap::from([(1, steady), (2, busy)]);
    let patterns = ask(&both, &families, None);
    let found = of(&patterns, PatternType::HourlyPeak);
    assert_eq!(found.len(), 1, "{patterns:?}");
    assert_eq!(found[0].hours, [9, 10]);
    assert_eq!(
        (found[0].affected_queries, found[0].families.as_slice()),
        (1, [2].as_slice())
    );
    assert_eq!(found[0].next_occurrence, Some(at(14 * 1_440 + 540)));
    assert_eq!(
        (found[0].days_observed, found[0].recurrence_score),
        (14, Some(1.0))
    );
    assert!(found[0].confidence > 0.9 && found[0].z_score_time.unwrap() > 2.0);
    near(found[0].load_share.unwrap(), 700.0 / 2_900.0, 0.01);
}

#[test]
fn no_peak_in_a_flat_or_short_load() {
    let none = BTreeMap::new();
    let mut seed = 2;
    let flat = load(14, |_| 90.0 + 20.0 * uniform(&mut seed));
    assert_eq!(ask(&flat, &none, None), []);
    let short = load(6, |minute| if minute % 1_440 < 60 { 500.0 } else { 50.0 });
    assert_eq!(ask(&short, &none, None), []);
}

#[test]
fn peak_over_midnight_is_one() {
    let night = |minute: i64| matches!(minute.rem_euclid(1_440) / 60, 23 | 0);
    let load = load(14, |minute| if night(minute) { 300.0 } else { 100.0 });
    let patterns = ask(&load, &BTreeMap::new(), None);
    assert_eq!(of(&patterns, PatternType::HourlyPeak)[0].hours, [23, 0]);
}

#[test]
fn days_that_are_alike() {
    let mut seed = 3;
    let mut wave = |minute: i64| {
        let angle = (minute - 900) as f64 / 1_440.0 * TAU;
        1_000.0 * (0.6 * angle.cos() + 0.4 * (uniform(&mut seed) - 0.5)).exp()
    };
    let patterns = ask(&load(14, &mut wave), &BTreeMap::new(), None);
    let found = of(&patterns, PatternType::DailyCycle);
    assert_eq!(found.len(), 1);
    assert!(matches!(found[0].peak_hour, Some(14 | 15)), "{found:?}");
    assert!(found[0].confidence > 0.9);
    let part = ask(&load(10, &mut wave), &BTreeMap::new(), None);
    near(
        of(&part, PatternType::DailyCycle)[0].confidence,
        found[0].confidence / 1.4,
        0.02,
    );
    // Seven days are half as sure, which is not enough.
    assert!(
        of(
            &ask(&load(7, &mut wave), &BTreeMap::new(), None),
            PatternType::DailyCycle
        )
        .is_empty()
    );
    assert!(of(&patterns, PatternType::WeeklyPattern).is_empty());
}

#[test]
fn weeks_that_are_alike() {
    let mut seed = 4;
    let mut week = |minute: i64| {
        let is_weekend = minute.rem_euclid(10_080) >= 5 * 1_440;
        let level = if is_weekend { 100.0 } else { 400.0 };
        level * (0.8 + 0.4 * uniform(&mut seed))
    };
    let patterns = ask(&load(28, &mut week), &BTreeMap::new(), None);
    let found = of(&patterns, PatternType::WeeklyPattern);
    assert_eq!(found.len(), 1, "{patterns:?}");
    assert!(found[0].confidence > 0.8);
    assert_eq!(found[0].period_seconds, Some(604_800.0));
    assert!(found[0].next_occurrence.unwrap() > at(28 * 1_440));
    assert!(
        of(
            &ask(&load(20, &mut week), &BTreeMap::new(), None),
            PatternType::WeeklyPattern
        )
        .is_empty()
    );
}

#[test]
fn rayleigh_knows_one_place_from_any() {
    let one = Circle::of(&[100.0, 101.0, 99.0, 1_540.0, 2_980.0], 1_440.0).unwrap();
    near(one.mean, 100.0, 0.1);
    assert!(one.r > 0.999 && one.probability() < 0.01);
    near(one.deviation(1_430.0), -110.0, 0.2);
    let any: Vec<f64> = (0..24).map(|hour| f64::from(hour) * 60.0).collect();
    let any = Circle::of(&any, 1_440.0).unwrap();
    assert!(any.r < 1e-9 && any.probability() > 0.9);
}

fn job(days: i64, is_on: impl Fn(i64) -> bool) -> (Load, BTreeMap<i64, Load>) {
    let of_job = load(days, |minute| if is_on(minute) { 10.0 } else { 0.0 });
    let whole = load(days, |minute| 90.0 + if is_on(minute) { 10.0 } else { 0.0 });
    (whole, BTreeMap::from([(7, of_job)]))
}

#[test]
fn nightly_job_with_its_next_run() {
    // At 02:00 or a little later, 20 minutes.
    let is_on = |minute: i64| {
        let start = 120 + (minute.div_euclid(1_440) % 3) * 5;
        (start..start + 20).contains(&minute.rem_euclid(1_440))
    };
    let (whole, families) = job(14, is_on);
    let patterns = ask(&whole, &families, None);
    let found = of(&patterns, PatternType::BatchJob);
    assert_eq!(found.len(), 1, "{patterns:?}");
    let found = found[0];
    assert_eq!(
        (found.period_seconds, found.families.as_slice()),
        (Some(86_400.0), [7].as_slice())
    );
    let phase = found.phase.unwrap();
    near(phase.start_seconds, 125.0 * 60.0, 60.0);
    near(phase.earliest_seconds, -300.0, 60.0);
    near(phase.latest_seconds, 300.0, 60.0);
    assert_eq!(
        (
            found.duration_p50_seconds,
            found.duration_trend_seconds_per_week
        ),
        (Some(1_200.0), Some(0.0))
    );
    assert_eq!(found.last_seen, Some(at(13 * 1_440 + 125)));
    assert_eq!(found.next_occurrence, Some(at(14 * 1_440 + 125)));
    assert_eq!((found.misses, found.is_overdue), (Some(0), Some(false)));
    assert!(found.confidence > 0.99);
    near(
        found.load_share.unwrap(),
        40.0 / (90.0 * 288.0 + 40.0),
        1e-6,
    );
}

#[test]
fn periods_are_told_apart() {
    let period = |days: i64, is_on: &dyn Fn(i64) -> bool| {
        let (whole, families) = job(days, is_on);
        let patterns = ask(&whole, &families, None);
        of(&patterns, PatternType::BatchJob)
            .iter()
            .find(|found| found.period_minutes.is_none())
            .and_then(|found| found.period_seconds)
    };
    assert_eq!(period(10, &|minute| minute % 60 == 10), Some(3_600.0));
    assert_eq!(period(10, &|minute| minute % 360 == 100), Some(21_600.0));
    assert_eq!(
        period(42, &|minute| minute % 10_080 == 3_000),
        Some(604_800.0)
    );
    // Every 100 minutes is no usual period: the median gap.
    assert_eq!(period(10, &|minute| minute % 100 == 0), Some(6_000.0));
    // Busy most of the time, or at any time: no job.
    assert_eq!(period(10, &|minute| minute % 20 < 10), None);
    let any = |minute: i64| {
        let mut seed = (minute as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        uniform(&mut seed);
        uniform(&mut seed) < 0.02
    };
    assert_eq!(period(14, &any), None);
}

#[test]
fn job_that_does_not_come_is_overdue() {
    let (whole, families) = job(14, |minute| minute % 1_440 == 120 && minute < 10 * 1_440);
    let patterns = ask(&whole, &families, None);
    let found = of(&patterns, PatternType::BatchJob)[0];
    assert_eq!((found.misses, found.is_overdue), (Some(4), Some(true)));
    assert_eq!(found.next_occurrence, Some(at(14 * 1_440 + 120)));
}

#[test]
fn local_job_keeps_its_local_time() {
    // An hour earlier in UTC from the tenth day on.
    let zone = Zone {
        name: "Europe/Berlin".to_owned(),
        offsets: vec![(at(0), 60), (at(10 * 1_440), 120)],
    };
    let is_on = |minute: i64| {
        let start = if minute < 10 * 1_440 { 180 } else { 120 };
        minute % 1_440 == start
    };
    let (whole, families) = job(20, is_on);
    let patterns = ask(&whole, &families, Some(&zone));
    let found = of(&patterns, PatternType::BatchJob)[0];
    assert_eq!(found.zone.as_deref(), Some("Europe/Berlin"));
    near(found.phase.unwrap().start_seconds, 240.0 * 60.0, 1.0);
    assert_eq!(found.next_occurrence, Some(at(20 * 1_440 + 120)));
    // A job that keeps its time in UTC stays there.
    let (whole, families) = job(20, |minute| minute % 1_440 == 180);
    let patterns = ask(&whole, &families, Some(&zone));
    assert_eq!(
        of(&patterns, PatternType::BatchJob)[0].zone.as_deref(),
        Some("UTC")
    );
}

#[test]
fn unusual_cycle_is_its_ground_frequency() {
    let mut seed = 5;
    // Short bursts every 250 minutes: the harmonics are as strong as the ground frequency.
    let mut burst = |minute: i64| {
        let level = if minute % 250 < 20 { 400.0 } else { 100.0 };
        level * (0.8 + 0.4 * uniform(&mut seed))
    };
    let patterns = ask(&load(14, &mut burst), &BTreeMap::new(), None);
    let found = of(&patterns, PatternType::BatchJob);
    assert_eq!(found.len(), 1, "{patterns:?}");
    near(found[0].period_minutes.unwrap(), 250.0, 5.0);
    let mut seed = 6;
    let noise = load(14, |_| 100.0 * (0.8 + 0.4 * uniform(&mut seed)));
    assert_eq!(ask(&noise, &BTreeMap::new(), None), []);
}

#[test]
fn json_has_the_contracts_names() {
    let (whole, families) = job(14, |minute| minute % 1_440 == 120);
    let mut patterns = ask(&whole, &families, None);
    patterns.retain(|pattern| pattern.pattern_type == PatternType::BatchJob);
    let json = serde_json::to_value(&patterns).unwrap();
    assert_eq!(json[0]["pattern_type"], "batch_job");
    assert_eq!(json[0]["database_name"], "shop");
    assert_eq!(json[0]["pattern_metadata"]["hours"], serde_json::json!([]));
    assert!(json[0]["pattern_metadata"]["confidence"].is_number());
    let back: Vec<Pattern> = serde_json::from_value(json).unwrap();
    assert_eq!(back, patterns);
}

#[test]
fn pattern_is_dropped_after_two_runs() {
    let (whole, families) = job(14, |minute| minute % 1_440 == 120);
    let found = ask(&whole, &families, None);
    let n = found.len();
    assert!(n > 0);
    let first = keep(Vec::new(), found.clone());
    let missed = keep(first, Vec::new());
    assert!(missed.iter().all(|kept| kept.missed_runs == 1) && missed.len() == n);
    let again = keep(missed.clone(), found);
    assert!(again.iter().all(|kept| kept.missed_runs == 0) && again.len() == n);
    assert_eq!(keep(missed, Vec::new()), []);
}
