mod detection;
mod past;

use super::robust::{median, median_and_mad};
use super::*;

const DAY: i64 = 1_440;
/// Monday 2024-01-01 00:00 UTC.
const MONDAY: i64 = 19_723 * DAY;
const KIND: Kind = Kind::StatementMeanMs;

fn at(minutes: i64) -> Minute {
    Minute::new(MONDAY + minutes)
}

/// Hours of so many days before Monday, with a level by the hour since its Monday.
fn hours(days: i64, level: impl Fn(i64) -> f32) -> Vec<HourSummary> {
    let hour = |hour: i64| HourSummary {
        hour: at(hour * 60),
        median_x: level(hour),
        mad_r: 0.1,
        mad_y: 0.05,
    };
    (-days * 24..0).map(hour).collect()
}

/// A level of 100 ms with four weeks of history.
fn steady() -> Baseline {
    let level = 101.0_f32.ln();
    learn(&hours(28, |_| level)).unwrap()
}

fn learn(hours: &[HourSummary]) -> Option<Baseline> {
    Baseline::from_hours(KIND, hours, at(0), &Excluded::default())
}

/// 60 minutes at 100 ms, then these.
fn then(values: &[f64]) -> Series {
    let before = std::iter::repeat_n(100.0, 60);
    Series::new(at(0), before.chain(values.iter().copied()).map(Some))
}

fn watch(baseline: &Baseline) -> Watch<'_> {
    Watch {
        kind: KIND,
        name: "orders",
        baseline,
        seen_before: None,
    }
}

fn share(load_share: f64) -> Facts {
    Facts {
        load_share: Some(load_share),
        ..Facts::default()
    }
}

fn events(series: &Series, facts: Facts) -> Vec<(i64, Event)> {
    let baseline = steady();
    let (events, _) = watch(&baseline).detect_past(series, at(0), |_| facts, None);
    let minute = |(minute, event): (Minute, Event)| (minute.since(at(0)), event);
    events.into_iter().map(minute).collect()
}

#[test]
fn median_of_odd_and_even() {
    assert_eq!(median(&mut [3.0, 1.0, 2.0]), Some(2.0));
    assert_eq!(median(&mut [4.0, 1.0, 2.0, 3.0]), Some(2.5));
    assert_eq!(median(&mut []), None);
    assert_eq!(median_and_mad(&[1.0, 2.0, 3.0, 9.0, 2.0]), Some((2.0, 1.0)));
}

#[test]
fn weeks_begin_on_monday() {
    assert_eq!(at(0).hour_of_week(), 0);
    assert_eq!(at(-1).hour_of_week(), 167);
    assert_eq!(at(5 * DAY + 61).hour_of_week(), 121);
    assert_eq!(at(12 * 60 + 7).slot_of_day(), 145);
    assert_eq!(at(119).hour(), at(60));
}

#[test]
fn levels_have_values() {
    assert!((KIND.value(KIND.level(12.5)) - 12.5).abs() < 1e-9);
    assert_eq!(KIND.level(-1.0), 0.0);
    let ratio = Kind::DatabaseHitRatio;
    assert!((ratio.value(ratio.level(0.9)) - 0.9).abs() < 1e-12);
    assert!(ratio.level(1.0).is_finite() && ratio.level(0.0).is_finite());
}

#[test]
fn series_forgets_and_keeps_gaps() {
    let mut series = Series::default();
    series.push(at(0), Some(1.0), 3);
    series.push(at(2), Some(3.0), 3);
    series.push(at(3), None, 3);
    let values: Vec<_> = (0..5).map(|minute| series.value(at(minute))).collect();
    assert_eq!(values, [None, None, Some(3.0), None, None]);
    assert_eq!((series.first(), series.end()), (at(1), at(4)));
    series.push(at(2), Some(4.0), 3);
    assert_eq!(series.value(at(2)), Some(4.0));
    series.push(at(1_000), Some(5.0), 3);
    assert_eq!((series.first(), series.end()), (at(1_000), at(1_001)));
}

#[test]
fn few_calls_join_the_next_minute() {
    let mut buckets = MeanBuckets::default();
    assert_eq!(buckets.push(2.0, 10.0), None);
    assert_eq!(buckets.push(3.0, 40.0), Some(10.0));
    assert_eq!(buckets.push(4.0, 40.0), None);
    buckets.gap();
    assert_eq!(buckets.push(5.0, 5.0), Some(1.0));
}

#[test]
fn more_history_is_a_narrower_tier() {
    let tier = |days: i64| {
        let baseline = learn(&hours(days, |_| 1.0))?;
        Some(baseline.usual(at(0))?.tier)
    };
    assert_eq!(tier(2), None);
    assert_eq!(tier(3), Some(Tier::HourOfDay));
    assert_eq!(tier(10), Some(Tier::HourOfWorkday));
    assert_eq!(tier(28), Some(Tier::HourOfWeek));
}

#[test]
fn tiers_tell_days_apart() {
    // Workdays 1, weekends 2, Mondays 3.
    let level = |hour: i64| match hour.rem_euclid(168) / 24 {
        0 => 3.0,
        5 | 6 => 2.0,
        _ => 1.0,
    };
    let usual = |days: i64, hour: i64| {
        let baseline = learn(&hours(days, level)).unwrap();
        baseline.usual(at(hour * 60 + 30)).unwrap().level
    };
    assert_eq!(usual(56, 12), 3.0);
    assert_eq!(usual(56, 36), 1.0);
    assert_eq!(usual(14, 12), 1.0);
    assert_eq!(usual(14, 132), 2.0);
    assert_eq!(usual(5, 132), 1.0);
}

#[test]
fn level_is_linear_between_hours() {
    let level = |hour: i64| if hour.rem_euclid(24) == 1 { 2.0 } else { 1.0 };
    let baseline = learn(&hours(28, level)).unwrap();
    let usual = |minute: i64| baseline.usual(at(minute)).unwrap();
    assert_eq!(usual(30).level, 1.0);
    assert_eq!(usual(60).level, 1.5);
    assert_eq!(usual(90).level, 2.0);
    assert_eq!((usual(119).hour_level, usual(120).hour_level), (2.0, 1.0));
}

#[test]
fn baseline_is_robust_and_leaves_out() {
    // Two bad weeks of five do not move it.
    let level = |hour: i64| if hour >= -14 * 24 { 5.0 } else { 1.0 };
    assert_eq!(
        learn(&hours(35, level))
            .unwrap()
            .usual(at(0))
            .unwrap()
            .level,
        1.0
    );
    // Three do, unless they are left out.
    let level = |hour: i64| if hour >= -21 * 24 { 5.0 } else { 1.0 };
    let hours = hours(49, level);
    let mut excluded = Excluded::default();
    excluded.add(at(-21 * DAY), at(-14 * DAY));
    let without = Baseline::from_hours(KIND, &hours, at(0), &excluded).unwrap();
    assert_eq!(without.usual(at(0)).unwrap().level, 1.0);
    let mut excluded = Excluded::default();
    excluded.add_restart(at(-55));
    assert!(excluded.has_hour(at(-60)) && excluded.has(at(-46)) && !excluded.has(at(-45)));
    let mut short = Excluded::default();
    short.add(at(-60), at(-51));
    assert!(!short.has_hour(at(-60)));
}

#[test]
fn scale_has_a_floor_and_takes_neighbours() {
    let mut hours = hours(28, |_| 1.0);
    for summary in &mut hours {
        summary.mad_y = if summary.hour.hour_of_week() == 10 {
            0.0
        } else {
            0.2
        };
    }
    let usual = |hours: &[HourSummary]| learn(hours).unwrap().usual(at(10 * 60)).unwrap();
    assert!((usual(&hours).scale - 1.4826 * 0.2).abs() < 1e-6);
    hours.iter_mut().for_each(|summary| summary.mad_y = 0.0);
    assert!((usual(&hours).scale - 0.035).abs() < 1e-6);
}

#[test]
fn recent_tier_needs_six_hours_and_a_higher_score() {
    let series = |minutes: i64| {
        let value = |minute: i64| Some(if minute % 2 == 0 { 90.0 } else { 110.0 });
        Series::new(at(0), (0..minutes).map(value))
    };
    let none = Excluded::default();
    assert!(Baseline::from_minutes(KIND, &series(359), at(359), &none).is_none());
    let baseline = Baseline::from_minutes(KIND, &series(360), at(360), &none).unwrap();
    let usual = baseline.usual(at(360)).unwrap();
    assert!(
        (KIND.value(usual.level) - 110.0).abs() < 0.1
            || (KIND.value(usual.level) - 90.0).abs() < 0.1
    );
    assert_eq!((usual.tier, usual.tier.limit()), (Tier::Recent, 6.0));
    assert_eq!(Tier::HourOfDay.limit(), 3.5);
}

#[test]
fn summary_of_an_hour() {
    let baseline = steady();
    let value = |minute: i64| if minute % 2 == 0 { 110.0 } else { 100.0 };
    let series = Series::new(at(-15), (0..75).map(|minute| Some(value(minute))));
    let (summary, peaks) = summarise(KIND, Some(&baseline), &series, at(0)).unwrap();
    assert!((f64::from(summary.median_x) - 105.886_f64.ln()).abs() < 1e-3);
    // Half of the minutes are at ln(111/101) from the baseline, the others on it.
    assert!(
        (f64::from(summary.mad_r) - 0.047_2).abs() < 1e-3,
        "{summary:?}"
    );
    // Means of five hold two or three of them.
    assert!(
        (f64::from(summary.mad_y) - 0.047_2).abs() < 1e-3,
        "{summary:?}"
    );
    assert!(
        peaks
            .worst_y
            .iter()
            .all(|worst| worst.is_some_and(|worst| (worst - 0.056_7).abs() < 1e-3))
    );
    let short = Series::new(at(0), (0..9).map(|_| Some(1.0)));
    assert!(summarise(KIND, None, &short, at(0)).is_none());
}

#[test]
fn steady_day_is_a_new_level() {
    let baseline = steady();
    let open = Open {
        started: at(305),
        detected: at(309),
        severity: Severity::Low,
        calm_since: None,
        last_scored: at(305 + DAY),
        frozen: None,
    };
    let hours = |high: &dyn Fn(i64) -> f32| -> Vec<HourSummary> {
        let level = |hour: i64| 101.0_f32.ln() + if hour < 5 { 0.0 } else { high(hour) };
        let hour = |hour: i64| HourSummary {
            hour: at(hour * 60),
            median_x: level(hour),
            mad_r: 0.1,
            mad_y: 0.05,
        };
        (-24..30).map(hour).collect()
    };
    let steady = hours(&|_| 0.7);
    let now = at(30 * 60);
    assert_eq!(
        new_level(&open, &baseline, &steady, now),
        Some(Event::NewLevel { since: at(300) })
    );
    assert_eq!(new_level(&open, &baseline, &steady, at(28 * 60)), None);
    let rough = hours(&|hour| if hour % 2 == 0 { 0.5 } else { 1.0 });
    assert_eq!(new_level(&open, &baseline, &rough, now), None);
    let calm = Open {
        calm_since: Some(at(1_799)),
        ..open
    };
    assert_eq!(new_level(&calm, &baseline, &steady, now), None);
}

#[test]
fn causes_by_prior_time_and_overlap() {
    let candidate = |kind, minutes, overlap| Candidate {
        kind,
        at: at(minutes),
        overlap,
        subject: "orders".to_owned(),
    };
    let causes = likely_causes(
        &[
            candidate(CauseKind::ReplicaLag, 0, Overlap::Server),
            candidate(CauseKind::PlanChange, -5, Overlap::Subject),
            candidate(CauseKind::Deploy, -16, Overlap::Subject),
            candidate(CauseKind::Deploy, 3, Overlap::Subject),
            candidate(CauseKind::SettingChange, 2, Overlap::Database),
            candidate(CauseKind::HostSaturation, 0, Overlap::Server),
            candidate(CauseKind::Traffic, 0, Overlap::Server),
        ],
        at(0),
    );
    let told: Vec<_> = causes
        .iter()
        .map(|cause| (cause.kind, cause.score))
        .collect();
    let near = |score: f64, right: f64| (score - right).abs() < 1e-9;
    assert_eq!(told.len(), 3);
    assert!(told[0].0 == CauseKind::PlanChange && near(told[0].1, 5.0 / std::f64::consts::E));
    assert!(told[1].0 == CauseKind::SettingChange && near(told[1].1, 2.0 * (-0.4_f64).exp()));
    assert!(told[2].0 == CauseKind::Traffic && near(told[2].1, 1.0));
    assert!(causes[0].text.contains("5 min before") && causes[0].text.contains("not a proof"));
    assert_eq!(
        likely_causes(
            &[candidate(CauseKind::ReplicaLag, 0, Overlap::Server)],
            at(0)
        ),
        []
    );
}

#[test]
fn many_of_a_server_are_one() {
    let baseline = steady();
    let series = then(&[202.0; 12]);
    let (events, _) = watch(&baseline).detect_past(&series, at(0), |_| share(0.05), None);
    let Some((_, Event::Opened(anomaly))) = events.first() else {
        panic!("{events:?}");
    };
    let many = |n: usize| vec![(**anomaly).clone(); n];
    assert_eq!(together(many(20)), Report::Alone(many(20)));
    let mut members = many(21);
    members[20].severity = Severity::High;
    let Report::Server(server) = together(members) else {
        panic!("told one by one");
    };
    assert_eq!(
        (server.severity, server.members.len()),
        (Severity::High, 21)
    );
    assert_eq!(server.members[0].severity, Severity::High);
}
