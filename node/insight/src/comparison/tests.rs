use super::distributions::{
    incomplete_beta, ln_gamma, normal_two_sided, student_quantile, student_two_sided,
};
use super::*;

fn key(query_hash: i64) -> Key {
    Key {
        database: "shop".to_owned(),
        query_hash,
    }
}

/// An hour of `calls` calls of `mean` ms with a standard deviation of `sd`; each part strays from
/// the mean by ± `stray`.
fn window(calls: f64, mean: f64, sd: f64, stray: f64) -> Window {
    let part = |place: u8| {
        let calls = calls / 12.0;
        let mean = if place.is_multiple_of(2) {
            mean + stray
        } else {
            mean - stray
        };
        FiveMinutes {
            calls,
            total_ms: calls * mean,
            rows: calls * 2.0,
            blocks: calls * 10.0,
        }
    };
    Window {
        calls,
        total_ms: calls * mean,
        sd_ms: Some(sd),
        max_ms: Some(mean * 3.0),
        rows: calls * 2.0,
        blocks_hit: calls * 9.0,
        blocks_read: calls,
        exposure_seconds: 3_600.0,
        coverage: 1.0,
        five_minutes: (0..12).map(part).collect(),
        ..Window::default()
    }
}

fn one(before: Option<Window>, after: Option<Window>) -> Row {
    let side = |window: Option<Window>| window.map(|window| (key(1), window)).into_iter().collect();
    let mut found = compare(&side(before), &side(after), &Tolerance::default());
    assert_eq!(found.count, 1);
    found.comparisons.remove(0)
}

fn status(before: Window, after: Window) -> Status {
    one(Some(before), Some(after)).improvement_status
}

fn near(value: f64, right: f64, error: f64) {
    assert!((value - right).abs() <= error, "{value} is not {right}");
}

#[test]
fn gamma_and_beta_have_known_values() {
    near(ln_gamma(1.0), 0.0, 1e-13);
    near(ln_gamma(0.5), std::f64::consts::PI.sqrt().ln(), 1e-13);
    near(ln_gamma(10.0), 362_880.0_f64.ln(), 1e-12);
    near(ln_gamma(0.1), 2.252_712_651_734_206, 1e-12);
    // I_x(1, b) = 1 − (1 − x)^b, I_x(a, 1) = x^a, I_½(a, a) = ½.
    near(incomplete_beta(1.0, 3.0, 0.2), 1.0 - 0.8_f64.powi(3), 1e-13);
    near(incomplete_beta(4.0, 1.0, 0.7), 0.7_f64.powi(4), 1e-13);
    near(incomplete_beta(37.5, 37.5, 0.5), 0.5, 1e-12);
    // I_½(2, 3) = 11/16.
    near(incomplete_beta(2.0, 3.0, 0.5), 0.687_5, 1e-13);
}

#[test]
fn students_table() {
    // Two-sided 5 % and 10 % points of the usual tables.
    for (freedom, five, ten) in [
        (1.0, 12.706_2, 6.313_8),
        (2.0, 4.302_7, 2.920_0),
        (10.0, 2.228_1, 1.812_5),
        (30.0, 2.042_3, 1.697_3),
        (120.0, 1.979_9, 1.657_7),
    ] {
        near(student_quantile(0.05, freedom), five, 1e-4);
        near(student_quantile(0.1, freedom), ten, 1e-4);
        near(student_two_sided(five, freedom), 0.05, 1e-5);
    }
    // One degree is Cauchy's: P(|t| > 1) = ½. Two: 1 − t/√(2 + t²).
    near(student_two_sided(1.0, 1.0), 0.5, 1e-13);
    near(
        student_two_sided(3.0, 2.0),
        1.0 - 3.0 / 11.0_f64.sqrt(),
        1e-13,
    );
    near(student_two_sided(1.96, 1e6), normal_two_sided(1.96), 1e-6);
}

#[test]
fn normal_table() {
    for (z, p) in [
        (0.0, 1.0),
        (1.0, 0.317_310_5),
        (1.959_964, 0.05),
        (3.0, 0.002_699_796),
    ] {
        near(normal_two_sided(z), p, 2e-7);
        near(normal_two_sided(-z), p, 2e-7);
    }
}

#[test]
fn discoveries_of_the_original_paper() {
    // Benjamini and Hochberg, 1995, section 4.1: four of fifteen.
    let p = [
        0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262,
        0.5719, 0.6528, 0.7590, 1.0,
    ];
    let limit = discovery::limit(p.to_vec());
    assert_eq!(p.iter().filter(|p| **p <= limit).count(), 4);
    assert!(discovery::limit(vec![0.9, 0.06]) < 0.0);
    assert!(discovery::limit(Vec::new()) < 0.0);
}

#[test]
fn welch_by_hand() {
    // d = 1: the parts do not stray. c = 0.5 on both sides, n = 100: √(2 · 0.25 / 100).
    let row = one(
        Some(window(100.0, 10.0, 5.0, 0.0)),
        Some(window(100.0, 13.0, 6.5, 0.0)),
    );
    let mean = row.mean.unwrap();
    let t = 1.3_f64.ln() / 0.005_f64.sqrt();
    near(mean.freedom, 198.0, 1e-9);
    near(mean.p_value, student_two_sided(t, 198.0), 1e-12);
    near(mean.ratio, 1.3, 1e-12);
    near(
        mean.interval.1,
        1.3 * (1.652_585_8 * 0.005_f64.sqrt()).exp(),
        1e-6,
    );
    assert_eq!(row.improvement_status, Status::Degraded);
    near(row.mean_time_change_percent.unwrap(), 30.0, 1e-9);
}

#[test]
fn many_calls_alone_are_not_significant() {
    // A million calls, but each five minutes have their own mean: d is at its bound.
    let stray = |mean: f64| window(1_000.0, mean, mean * 0.5, mean * 0.4);
    assert_eq!(status(stray(10.0), stray(11.5)), Status::Inconclusive);
    let steady = |mean: f64| window(1_000.0, mean, mean * 0.5, 0.0);
    assert_eq!(status(steady(10.0), steady(11.5)), Status::Degraded);
    assert_eq!(status(steady(11.5), steady(10.0)), Status::Improved);
}

#[test]
fn tolerance_needs_share_and_milliseconds() {
    let steady = |mean: f64| window(100_000.0, mean, mean * 0.5, 0.0);
    assert_eq!(status(steady(10.0), steady(10.5)), Status::Unchanged);
    assert_eq!(status(steady(0.2), steady(0.29)), Status::Unchanged);
    assert_eq!(status(steady(0.2), steady(0.31)), Status::Degraded);
    let strict = Tolerance {
        mean_share: 0.01,
        ..Tolerance::default()
    };
    let side = |mean| BTreeMap::from([(key(1), steady(mean))]);
    let found = compare(&side(10.0), &side(10.5), &strict);
    assert_eq!(found.degraded_count, 1);
}

#[test]
fn what_cannot_be_compared() {
    let good = || window(100.0, 10.0, 5.0, 0.0);
    let few = window(29.0, 10.0, 5.0, 0.0);
    assert_eq!(status(good(), few), Status::NotComparable);
    let partly = Window {
        coverage: 0.79,
        ..good()
    };
    assert_eq!(status(partly, good()), Status::NotComparable);
    let unknown = Window {
        sd_ms: None,
        ..good()
    };
    assert_eq!(status(good(), unknown), Status::NotComparable);
    // The same, but a hundred calls cannot tell it to 10 %.
    assert_eq!(status(good(), good()), Status::Inconclusive);
}

#[test]
fn one_side_only() {
    let new = one(None, Some(window(100.0, 10.0, 5.0, 0.0)));
    assert_eq!(
        (new.improvement_status, new.before_calls),
        (Status::New, 0.0)
    );
    assert_eq!(
        (new.calls_change_percent, new.mean_time_change_percent),
        (None, None)
    );
    assert_eq!(
        (new.before_max_time, new.after_max_time),
        (Some(0.0), Some(30.0))
    );
    let silent = Window::default();
    let gone = one(Some(window(100.0, 10.0, 5.0, 0.0)), Some(silent));
    assert_eq!(
        (gone.improvement_status, gone.after_mean_time),
        (Status::Gone, 0.0)
    );
    assert!(gone.rates.is_empty());
}

#[test]
fn heavy_tails_compare_parts() {
    // sd is four times the mean: 12 means decide, with 11 degrees each.
    let heavy = |mean: f64| window(10_000.0, mean, mean * 4.0, mean * 0.05);
    let row = one(Some(heavy(10.0)), Some(heavy(14.0)));
    near(row.mean.unwrap().freedom, 22.0, 1e-6);
    assert_eq!(row.improvement_status, Status::Degraded);
}

#[test]
fn rates_by_hand() {
    let before = window(1_200.0, 10.0, 5.0, 0.0);
    let after = window(1_800.0, 10.0, 5.0, 0.0);
    let row = one(Some(before.clone()), Some(after.clone()));
    let calls = row.rates[0];
    near(calls.ratio.unwrap(), 1.5, 1e-12);
    let z = 1.5_f64.ln() / (1.0_f64 / 1_200.0 + 1.0 / 1_800.0).sqrt();
    near(calls.p_value.unwrap(), normal_two_sided(z), 1e-15);
    assert_eq!(calls.status, RateStatus::Higher);
    // Rows a call are what they were.
    assert_eq!(
        (row.rates[1].rate, row.rates[1].status),
        (Rate::Rows, RateStatus::Unchanged)
    );
    // Bursts: all calls in two of twelve parts scatter too much to tell 1.5 × from chance.
    let bursts = |window: &Window| {
        let mut bursts = window.clone();
        for (place, part) in bursts.five_minutes.iter_mut().enumerate() {
            part.calls = if place < 2 { window.calls / 2.0 } else { 0.0 };
        }
        bursts
    };
    let row = one(Some(bursts(&before)), Some(bursts(&after)));
    assert_eq!(row.rates[0].status, RateStatus::Inconclusive);
}

#[test]
fn zero_counts_get_a_half() {
    let none = |calls: f64| {
        let mut window = window(calls, 10.0, 5.0, 0.0);
        window.rows = 0.0;
        window
            .five_minutes
            .iter_mut()
            .for_each(|part| part.rows = 0.0);
        window
    };
    let row = one(Some(none(1_000.0)), Some(window(1_000.0, 10.0, 5.0, 0.0)));
    let rows = row.rates[1];
    near(rows.ratio.unwrap(), 2_000.5 / 0.5, 1e-6);
    assert_eq!(rows.status, RateStatus::Higher);
}

#[test]
fn largest_change_first_and_counted() {
    let steady = |calls, mean: f64| window(calls, mean, mean * 0.3, 0.0);
    let before = BTreeMap::from([
        (key(1), steady(1_000.0, 10.0)),
        (key(2), steady(1_000.0, 10.0)),
        (key(3), steady(1_000.0, 10.0)),
        (key(4), steady(1_000.0, 100.0)),
    ]);
    let after = BTreeMap::from([
        (key(1), steady(1_000.0, 12.0)),
        (key(2), steady(1_000.0, 5.0)),
        (key(3), steady(1_000.0, 10.0)),
        (key(5), steady(10.0, 1.0)),
    ]);
    let found = compare(&before, &after, &Tolerance::default());
    let order: Vec<i64> = found.comparisons.iter().map(|row| row.query_hash).collect();
    assert_eq!(order, [4, 2, 1, 5, 3]);
    near(found.comparisons[0].seconds_per_hour_change, -100.0, 1e-9);
    assert_eq!(
        (
            found.improved_count,
            found.degraded_count,
            found.unchanged_count
        ),
        (1, 1, 1)
    );
    assert_eq!((found.new_count, found.gone_count, found.count), (1, 1, 5));
    let json = serde_json::to_value(&found).unwrap();
    assert_eq!(json["comparisons"][3]["improvement_status"], "new");
    assert!(json["comparisons"][3]["calls_change_percent"].is_null());
}

#[test]
fn chance_is_seldom_told() {
    // 400 statements whose means differ by what two samples of 200 calls differ by chance.
    let mut seed = 7_u64;
    let mut normal = || {
        let uniform = |seed: &mut u64| {
            *seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (*seed >> 33) as f64 / 2.0_f64.powi(31)
        };
        (0..12).map(|_| uniform(&mut seed)).sum::<f64>() - 6.0
    };
    let mut side = || -> BTreeMap<Key, Window> {
        let mean = |normal: f64| 10.0 * (0.8 * normal / 200.0_f64.sqrt()).exp();
        (0..400)
            .map(|hash| (key(hash), window(200.0, mean(normal()), 8.0, 0.0)))
            .collect()
    };
    let found = compare(&side(), &side(), &Tolerance::default());
    assert!(
        found.degraded_count + found.improved_count <= 2,
        "{found:?}"
    );
    assert!(
        found.inconclusive_count > 200,
        "{}",
        found.inconclusive_count
    );
}
