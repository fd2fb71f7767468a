//! What opens, rises and ends.

use super::*;

#[test]
fn five_of_five_fire() {
    // The mean of five is above 1.5 × from the third minute of 2 × on; the fifth such is the
    // seventh.
    let found = events(&then(&[202.0; 12]), share(0.05));
    let [(minute, Event::Opened(anomaly))] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(*minute, 66);
    assert_eq!(anomaly.anomaly_type, "execution_time_spike");
    assert_eq!(anomaly.metric_name, "mean_time_ms");
    assert!(
        (anomaly.metric_value - 202.0).abs() < 1e-3
            && (anomaly.baseline_value - 100.0).abs() < 1e-3
    );
    assert!((anomaly.raw_metrics.factor - 203.0 / 101.0).abs() < 1e-3);
    let z = (203.0_f64 / 101.0).ln() / (1.4826 * 0.05);
    assert!((anomaly.z_score - z).abs() < 1e-3 && anomaly.z_score == anomaly.deviation_stddev);
    assert_eq!(anomaly.raw_metrics.values.len(), 30);
    assert_eq!(anomaly.raw_metrics.window, (at(37), at(66)));
    assert_eq!(anomaly.detected_at, at(66));
    // Four minutes are too short.
    let mut short = vec![202.0; 4];
    short.extend([100.0; 10]);
    assert_eq!(events(&then(&short), share(0.05)), []);
}

#[test]
fn outlier_or_small_change_is_quiet() {
    let mut lone = vec![100_000.0];
    lone.extend([100.0; 20]);
    assert_eq!(events(&then(&lone), share(0.5)), []);
    // 1.45 × is 5 scales, and still too little.
    assert_eq!(events(&then(&[145.0; 30]), share(0.5)), []);
    assert_eq!(events(&then(&[160.0; 30]), share(0.05)).len(), 1);
}

#[test]
fn size_is_told_unclipped() {
    let found = events(&then(&[9_999.0; 12]), share(0.05));
    let [(_, Event::Opened(anomaly)), ..] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert!((anomaly.metric_value - 9_999.0).abs() < 1.0, "{anomaly:?}");
}

#[test]
fn what_is_seen_most_days_is_quiet() {
    let baseline = steady();
    let peaks = |worst: f32, days: i64| {
        let of_day = |day: i64| Peaks {
            hour: at(60 - day * DAY),
            worst_y: [Some(worst); 12],
        };
        SeenBefore::from_peaks(&(1..=days).map(of_day).collect::<Vec<_>>(), at(0))
    };
    let opened = |seen: &SeenBefore| {
        let watch = Watch {
            seen_before: Some(seen),
            ..watch(&baseline)
        };
        let (events, _) = watch.detect_past(&then(&[202.0; 12]), at(0), |_| share(0.1), None);
        events.len()
    };
    assert_eq!(opened(&peaks(0.7, 14)), 0);
    assert_eq!(opened(&peaks(0.3, 14)), 1);
    // Two days are no habit.
    assert_eq!(opened(&peaks(0.7, 2)), 1);
    // Twenty minutes before it is still that time of day; an hour before is not.
    let seen = peaks(0.7, 14);
    assert!(seen.worst(at(41)).is_some() && seen.worst(at(30)).is_none());
}

#[test]
fn calm_for_ten_minutes_ends() {
    let mut values = vec![202.0; 20];
    values.extend([100.0; 20]);
    let found = events(&then(&values), share(0.05));
    // y < 2 s from the fourth minute of calm on: one of five is high then.
    let end = Event::Ended {
        at: at(83),
        why: Ended::Calm,
    };
    assert_eq!(found.get(1), Some(&(92, end)));
    assert_eq!(found.len(), 2);
}

#[test]
fn silence_ends_after_an_hour() {
    let mut series = then(&[202.0; 10]);
    series.push(at(200), None, 1_000);
    let found = events(&series, share(0.05));
    let end = Event::Ended {
        at: at(69),
        why: Ended::NoData,
    };
    assert_eq!(found.get(1), Some(&(129, end)));
}

#[test]
fn severity_only_rises() {
    let low = Severity::Low;
    let of = |z, share| Severity::of(z, Some(share));
    assert_eq!((of(5.0, 0.1), of(9.0, 0.04)), (low, low));
    assert_eq!(
        (of(6.0, 0.05), of(4.0, 0.15)),
        (Severity::Medium, Severity::Medium)
    );
    assert_eq!(
        (of(10.0, 0.15), of(4.0, 0.4)),
        (Severity::High, Severity::High)
    );
    assert_eq!(Severity::of(50.0, None), low);
    let baseline = steady();
    let facts = |minute: Minute| match minute.since(at(0)) {
        75..80 => share(0.5),
        _ => share(0.15),
    };
    let series = then(&[160.0; 30]);
    let (events, open) = watch(&baseline).detect_past(&series, at(0), facts, None);
    assert!(matches!(
        events.as_slice(),
        [(_, Event::Opened(_)), (_, Event::Risen(_))]
    ));
    assert_eq!(open.unwrap().severity, Severity::High);
}

#[test]
fn kinds_have_their_worth() {
    let none = Facts::default();
    let mib = 1024.0 * 1024.0;
    let reads = |reads: f64| Facts {
        reads_per_second: Some(reads),
        ..none
    };
    let time = |time: f64| Facts {
        statement_ms_per_minute: Some(time),
        ..none
    };
    let tps = Facts {
        server_tps: Some(1_000.0),
        ..none
    };
    let table = [
        (KIND, 9.0, 1.0, share(0.05), true),
        (KIND, 9.0, 1.0, share(0.049), false),
        (KIND, 9.0, 1.0, time(1_000.0), true),
        (KIND, 9.0, 1.0, time(999.0), false),
        (KIND, 9.0, 1.0, none, false),
        (Kind::DatabaseTps, 200.0, 100.0, tps, true),
        (Kind::DatabaseTps, 199.0, 100.0, tps, false),
        (Kind::DatabaseTempBytes, 64.0 * mib, 0.0, none, true),
        (Kind::DatabaseTempBytes, 63.0 * mib, 0.0, none, false),
        (Kind::WaitSessions, 1.2, 0.2, none, true),
        (Kind::WaitSessions, 1.1, 0.2, none, false),
        (Kind::DatabaseDeadlocks, 1.0, 0.0, none, true),
        (Kind::DatabaseDeadlocks, 0.8, 0.0, none, false),
        (Kind::DatabaseHitRatio, 0.90, 0.951, reads(100.0), true),
        (Kind::DatabaseHitRatio, 0.90, 0.94, reads(100.0), false),
        (Kind::DatabaseHitRatio, 0.90, 0.96, reads(99.0), false),
        (Kind::TableSeqRows, 1.1e7, 1e6, none, true),
        (Kind::TableSeqRows, 1.1e7, 2e6, none, false),
        (Kind::TableWrites, 30_000.0, 10_000.0, none, true),
        (Kind::TableWrites, 29_999.0, 10_000.0, none, false),
        (Kind::LagSeconds, 12.0, 2.0, none, true),
        (Kind::WalBytes, 63.0 * mib, 0.0, none, false),
    ];
    for (kind, value, usual, facts, is_worth_it) in table {
        assert_eq!(
            kind.is_worth_it(value, usual, &facts),
            is_worth_it,
            "{kind:?} {value}"
        );
    }
}

#[test]
fn hit_ratio_falls() {
    let kind = Kind::DatabaseHitRatio;
    let mut hours = hours(28, |_| 0.0);
    for summary in &mut hours {
        summary.median_x = 99.0_f32.ln();
    }
    let baseline = Baseline::from_hours(kind, &hours, at(0), &Excluded::default()).unwrap();
    let watch = Watch {
        kind,
        ..watch(&baseline)
    };
    let facts = Facts {
        reads_per_second: Some(500.0),
        ..Facts::default()
    };
    let run = |ratio: f64| {
        let values = std::iter::repeat_n(0.99, 30).chain(std::iter::repeat_n(ratio, 15));
        let series = Series::new(at(0), values.map(Some));
        watch.detect_past(&series, at(0), |_| facts, None).0
    };
    let found = run(0.8);
    let [(_, Event::Opened(anomaly))] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(anomaly.anomaly_type, "cache_degradation");
    assert!(
        anomaly.z_score > 0.0 && anomaly.deviation_stddev < 0.0 && anomaly.raw_metrics.factor < 1.0
    );
    assert_eq!(run(0.999), []);
}

#[test]
fn open_anomaly_keeps_its_recent_baseline() {
    let value = |minute: i64| Some(if minute < 360 { 100.0 } else { 1_000.0 });
    let series = Series::new(at(0), (0..500).map(value));
    let none = Excluded::default();
    let mut open = None;
    let mut opened = 0;
    for minute in (300..500).map(at) {
        let baseline = Baseline::from_minutes(KIND, &series, minute, &none);
        let Some(baseline) = baseline else { continue };
        let step = watch(&baseline).detect(&series, minute, &share(0.1), open);
        opened += usize::from(matches!(step.event, Some(Event::Opened(_))));
        open = step.open;
    }
    assert_eq!(opened, 1);
    assert!(open.is_some());
}

#[test]
fn anomaly_has_the_contracts_fields() {
    let found = events(&then(&[202.0; 12]), share(0.05));
    let Some((_, Event::Opened(anomaly))) = found.first() else {
        panic!("{found:?}");
    };
    let json = serde_json::to_value(anomaly).unwrap();
    for field in [
        "anomaly_type",
        "severity",
        "detected_at",
        "metric_name",
        "metric_value",
    ] {
        assert!(json.get(field).is_some(), "{field}");
    }
    assert_eq!(json["severity"], "medium");
    assert_eq!(json["raw_metrics"]["causes"], serde_json::json!([]));
    assert_eq!(json["raw_metrics"]["tier"], "hour_of_week");
    let back: Anomaly = serde_json::from_value(json).unwrap();
    assert_eq!(&back, &**anomaly);
}
