use std::f64::consts::TAU;

use super::conformal::Intervals;
use super::ridge::Sample;
use super::*;
use crate::anomalies::Minute;

/// Monday 2024-01-01 00:00 UTC.
const MONDAY: i64 = 19_723 * 1_440;

fn near(value: f64, right: f64, error: f64) {
    assert!((value - right).abs() <= error, "{value} is not {right}");
}

/// Normal values, about: twelve uniform ones of a linear congruential generator.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        let mut uniform = || {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) as f64 / 2.0_f64.powi(31)
        };
        (0..12).map(|_| uniform()).sum::<f64>() - 6.0
    }
}

/// Hours of 10 statements: ln mean = own + ½ ln(1 + calls) + noise of `sigma`.
fn rows(days: i64, sigma: f64) -> Vec<Row> {
    let mut noise = Noise(1);
    let mut rows = Vec::new();
    for family in 0..10_i64 {
        let base = 1.0 + family as f64 * 0.2;
        let mut history: Vec<f64> = Vec::new();
        for hour in 0..days * 24 {
            let at = Minute::new(MONDAY + hour * 60);
            let day = (hour as f64 / 24.0 * TAU).sin();
            let calls = (3.0 + day + 0.8 * noise.next()).exp();
            let actual_ms = (base + 0.5 * calls.ln_1p() + sigma * noise.next()).exp();
            let mut features = Features::default();
            features.set_clock(at);
            features.set(Feature::CallsPerMinute, calls);
            let mut past = |feature, hours: usize| {
                let place = history.len().checked_sub(hours);
                if let Some(value) = place.map(|place| history[place]) {
                    features.set(feature, value);
                }
            };
            past(Feature::LastHourMs, 1);
            past(Feature::YesterdayMs, 24);
            past(Feature::LastWeekMs, 168);
            history.push(actual_ms);
            rows.push(Row {
                family,
                at,
                features,
                actual_ms,
            });
        }
    }
    rows
}

#[test]
fn ridge_finds_a_plane_in_spite_of_outliers() {
    let mut noise = Noise(2);
    let sample = |place: i64| {
        let x = vec![noise.next(), noise.next()];
        let outlier = if place % 20 == 0 { 50.0 } else { 0.0 };
        let y = 2.0 + 3.0 * x[0] - x[1] + 0.1 * noise.next() + outlier;
        Sample { family: 1, x, y }
    };
    let samples: Vec<Sample> = (0..2_000).map(sample).collect();
    let fit = ridge::fit(&samples).unwrap();
    near(fit.slopes[0], 3.0, 0.02);
    near(fit.slopes[1], -1.0, 0.02);
    near(fit.intercept + fit.families[&1], 2.0, 0.05);
}

#[test]
fn intercepts_are_shrunk() {
    // Two statements 1 apart; of one there are 20 rows only.
    let mut noise = Noise(4);
    let sample = |place: i64| Sample {
        family: i64::from(place % 50 == 0),
        x: vec![noise.next()],
        y: f64::from(u8::from(place % 50 == 0)) + 0.2 * noise.next(),
    };
    let samples: Vec<Sample> = (0..1_000).map(sample).collect();
    let fit = ridge::fit(&samples).unwrap();
    let own = fit.intercept + fit.families[&1];
    assert!(own > 0.3 && own < 0.7, "{own}");
    near(fit.intercept + fit.families[&0], 0.0, 0.03);
}

#[test]
fn model_beats_repeating_and_its_intervals_hold() {
    let model = train(&rows(28, 0.2)).unwrap();
    let quality = &model.quality;
    assert_eq!(model.model_type, ModelType::LinearRegression);
    // The mean absolute error of normal noise of 0.2 is 0.16: no model can be better.
    assert!(quality.mae_ln < 0.18, "{quality:?}");
    assert!(quality.skill_last_value > 0.5 && quality.skill_last_week > 0.5);
    assert!((0.87..=0.93).contains(&quality.coverage), "{quality:?}");
    assert!(quality.r_squared > 0.8 && quality.r_squared_ms > 0.5);
    let most = quality
        .feature_importance
        .iter()
        .max_by(|one, other| one.1.total_cmp(other.1));
    assert_eq!(
        most.map(|(feature, _)| *feature),
        Some(Feature::CallsPerMinute)
    );
    assert!(model.training_samples > 3_500 && quality.rows > 1_000);
}

#[test]
fn scenario_is_extrapolated_and_wider() {
    let rows = rows(28, 0.2);
    let model = train(&rows).unwrap();
    let mut features = rows[100].features.clone();
    let calls = 20.0;
    features.set(Feature::CallsPerMinute, calls);
    let usual = model.predict(3, &features, &[], None).unwrap();
    features.set(Feature::CallsPerMinute, calls * 100.0);
    let more = model
        .predict(3, &features, &[Feature::CallsPerMinute], None)
        .unwrap();
    let right = (0.5 * ((calls * 100.0).ln_1p() - calls.ln_1p())).exp();
    let ratio = more.predicted_execution_time_ms / usual.predicted_execution_time_ms;
    near(ratio / right, 1.0, 0.05);
    assert_eq!((usual.extrapolated, more.extrapolated), (false, true));
    assert_eq!(more.outside, [Feature::CallsPerMinute]);
    let width = |prediction: &Prediction| (prediction.max_ms / prediction.min_ms).ln();
    assert!(width(&more) > 1.2 * width(&usual));
    assert!(more.confidence < usual.confidence);
    assert!(usual.min_ms < usual.predicted_execution_time_ms);
    // Where a straight line says nothing, there is no number.
    let mut wild = features.clone();
    wild.set(Feature::CallsPerMinute, 1e15);
    let scenario = [Feature::CallsPerMinute];
    assert_eq!(model.predict(3, &wild, &scenario, None), None);
    assert_eq!(model.too_far(&wild, &scenario), scenario);
    assert!(model.too_far(&features, &scenario).is_empty());
    // The adapted share makes it wider too.
    let careful = model.predict(3, &features, &[], Some(0.02)).unwrap();
    let plain = model.predict(3, &features, &[], None).unwrap();
    assert!(width(&careful) > width(&plain));
}

#[test]
fn what_repeats_exactly_is_repeated() {
    // Each hour of the week has its own value, at random: nothing else explains it.
    let mut noise = Noise(3);
    let week: Vec<f64> = (0..168).map(|_| noise.next().exp()).collect();
    let mut rows = rows(15, 0.2);
    for row in &mut rows {
        let value = week[row.at.hour_of_week()];
        row.features.set(Feature::LastWeekMs, value);
        row.features.set(
            Feature::LastHourMs,
            week[(row.at.hour_of_week() + 167) % 168],
        );
        row.actual_ms = value;
    }
    let model = train(&rows).unwrap();
    assert_eq!(model.model_type, ModelType::SameHourLastWeek);
    let row = rows.last().unwrap();
    let prediction = model.predict(row.family, &row.features, &[], None).unwrap();
    near(prediction.predicted_execution_time_ms, row.actual_ms, 1e-9);
    assert!(model.quality.feature_importance.is_empty());
    assert!(model.predict(1, &Features::default(), &[], None).is_none());
}

#[test]
fn too_little_is_said() {
    let rows = rows(14, 0.2);
    let few = train(&rows[..99]).unwrap_err();
    assert_eq!(few.missing, ["99 of 100 rows"]);
    let one_day: Vec<Row> = rows
        .iter()
        .filter(|row| row.at < Minute::new(MONDAY + 600))
        .cloned()
        .collect();
    let short = train(&one_day).unwrap_err();
    assert_eq!(short.missing, ["9 of 24 hours"]);
    assert_eq!(short.to_string(), "too little to learn from: 9 of 24 hours");
    assert_eq!(train(&[]).unwrap_err().missing.len(), 2);
}

#[test]
fn training_does_not_look_ahead() {
    // What comes after the test hours of the one is not in the other, and both agree on the past.
    let rows = rows(14, 0.2);
    let model = train(&rows).unwrap();
    let mut wrong = rows;
    // The last fifth judges only: wild values there change the figures, not what was learnt.
    for row in wrong
        .iter_mut()
        .filter(|row| row.at >= Minute::new(MONDAY + 12 * 1_440))
    {
        row.actual_ms *= 7.0;
    }
    let other = train(&wrong).unwrap();
    assert_eq!(
        (&model.slopes, &model.families),
        (&other.slopes, &other.families)
    );
    assert!(other.quality.mae_ln > model.quality.mae_ln);
}

#[test]
fn rank_of_the_interval() {
    let features = Features::default();
    let learn = |n: i32| {
        let errors = (1..=n).map(|error| (&features, f64::from(error)));
        Intervals::learn(errors, (0.0, 1.0))
    };
    assert_eq!(learn(9).half_width(&features, 0.1, false), 9.0);
    assert_eq!(learn(99).half_width(&features, 0.1, false), 90.0);
    assert_eq!(learn(99).half_width(&features, 0.1, true), 135.0);
    assert_eq!(learn(8).half_width(&features, 0.1, false), f64::INFINITY);
    // Of many, few are kept, at the same place.
    near(
        learn(10_000).half_width(&features, 0.1, false),
        9_001.0,
        30.0,
    );
}

#[test]
fn small_groups_use_all() {
    let mut known = Features::default();
    known.set(Feature::PlanNodes, 5.0);
    let unknown = Features::default();
    let many = (1..=100).map(|error| (&unknown, f64::from(error)));
    let few = (1..=49).map(|error| (&known, f64::from(error) / 100.0));
    let intervals = Intervals::learn(many.clone().chain(few), (0.0, 1.0));
    assert_eq!(intervals.half_width(&known, 0.1, false), 86.0);
    let enough = (1..=50).map(|error| (&known, f64::from(error) / 100.0));
    let intervals = Intervals::learn(many.chain(enough), (0.0, 1.0));
    near(intervals.half_width(&known, 0.1, false), 0.46, 1e-6);
}

#[test]
fn missed_share_adapts() {
    near(adapt(0.1, 0.1), 0.1, 1e-15);
    near(adapt(0.1, 0.3), 0.098, 1e-15);
    near(adapt(0.1, 0.0), 0.101, 1e-15);
    assert_eq!((adapt(0.005, 1.0), adapt(0.3, 0.0)), (0.005, 0.3));
    assert!(is_activated(0.105, Some(0.1)) && !is_activated(0.106, Some(0.1)));
    assert!(is_activated(9.0, None));
    assert!(needs_training(0.84) && !needs_training(0.85));
}

#[test]
fn history_answers_without_a_model() {
    let answer = fallback(&[(20.0, 200.0), (0.0, 0.0), (20.0, 600.0)], "no model yet");
    assert_eq!(answer.predicted_execution_time_ms, Some(20.0));
    assert_eq!(
        (answer.confidence, answer.source),
        (0.5, Some(Source::Fallback))
    );
    assert_eq!(
        answer.range,
        Some(Range {
            min: 10.0,
            max: 30.0
        })
    );
    let nothing = serde_json::to_value(fallback(&[(29.0, 1.0)], "no model yet")).unwrap();
    let right = serde_json::json!({
        "predicted_execution_time_ms": null, "confidence": 0.0, "range": null,
        "extrapolated": false, "insufficient_data": true, "missing": ["29 of 30 calls"],
    });
    assert_eq!(nothing, right);
}

#[test]
fn contracts_validation() {
    let of = |range| validate(120.0, 100.0, range).unwrap();
    let plain = of(None);
    near(plain.error_percent, 20.0, 1e-12);
    near(plain.accuracy_score, 0.8, 1e-12);
    assert!(plain.within_confidence_interval);
    let range = Range {
        min: 101.0,
        max: 140.0,
    };
    assert!(!of(Some(range)).within_confidence_interval);
    assert!(validate(131.0, 100.0, None).is_some_and(|one| !one.within_confidence_interval));
    assert_eq!(validate(1.0, 0.0, None), None);
}

#[test]
fn model_is_stored_and_read() {
    let rows = rows(7, 0.2);
    let model = train(&rows).unwrap();
    let text = serde_json::to_string(&model).unwrap();
    let back: Model = serde_json::from_str(&text).unwrap();
    assert_eq!(back, model);
    // Training twice gives the same model.
    assert_eq!(train(&rows).unwrap(), model);
}
