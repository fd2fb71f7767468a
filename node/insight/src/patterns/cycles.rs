//! Are days alike? Are weeks?

use crate::anomalies::Minute;
use crate::anomalies::robust::median;

use super::Question;
use super::hourly_peak::{affected, next_hour};
use super::load::{Hours, MEASURES, place};
use super::pattern::{Metadata, Pattern, PatternType};

/// Hours of a day.
const DAY: usize = 24;
/// Hours of a week.
const WEEK: usize = 168;
/// Least autocorrelation.
const MIN_R: f64 = 0.4;
/// Lags in hours among which the largest has to lie.
const DAY_LAGS: (usize, usize) = (22, 26);
/// Days without which nothing is said of days, and from which confidence is full.
const FOR_DAYS: (usize, f64) = (7, 14.0);
/// The same of weeks.
const FOR_WEEKS: (usize, f64) = (21, 28.0);
/// Permutations of the days, and the probability below which weekends are others.
const PERMUTATIONS: (u32, f64) = (999, 0.01);

/// Finds whether days are alike.
pub(super) fn daily(question: &Question<'_>) -> Option<Pattern> {
    let days = question.load.days_observed();
    if days < FOR_DAYS.0 {
        return None;
    }
    let hours = question.load.hours();
    let levels = without_trend(&levels(&hours));
    let r = autocorrelation(&levels, DAY)?;
    let (from, to) = DAY_LAGS;
    let lags: Vec<f64> = (from - 1..=to + 1)
        .map(|lag| autocorrelation(&levels, lag).unwrap_or(-1.0))
        .collect();
    let has_peak = lags.windows(3).any(|lags| match lags {
        [before, at, after] => at >= before && at >= after && *at > MIN_R,
        _ => false,
    });
    if r <= MIN_R || !has_peak {
        return None;
    }
    let peak = busiest(&hours, DAY)?;
    let next = next_hour(question.now, peak);
    let metadata = Metadata {
        peak_hour: Some(peak),
        confidence: r.min(1.0) * (days as f64 / FOR_DAYS.1).min(1.0),
        hours: vec![peak],
        period_seconds: Some(86_400.0),
        ..of_load(question, days, peak, next)
    };
    let description = format!("Days are alike (r = {r:.2}); hour {peak} UTC is the busiest.");
    let of = PatternType::DailyCycle;
    Some(Pattern::new(question.database, of, metadata, description))
}

/// Finds whether weeks are alike beyond their days.
pub(super) fn weekly(question: &Question<'_>) -> Option<Pattern> {
    let days = question.load.days_observed();
    if days < FOR_WEEKS.0 {
        return None;
    }
    let hours = question.load.hours();
    let levels = without_profile(&levels(&hours), DAY);
    let r = autocorrelation(&levels, WEEK)?;
    let (explained, p) = weekends(&hours, &levels)?;
    let is_other = p < PERMUTATIONS.1;
    if r <= MIN_R && !is_other {
        return None;
    }
    let strength = if is_other { r.max(explained) } else { r };
    let peak = busiest(&hours, WEEK)?;
    let until = (i64::try_from(peak).ok()? * 60 - question.now.in_week()).rem_euclid(10_080);
    let next = question.now.plus(if until == 0 { 10_080 } else { until });
    let metadata = Metadata {
        peak_hour: Some(peak % DAY),
        confidence: strength.min(1.0) * (days as f64 / FOR_WEEKS.1).min(1.0),
        period_seconds: Some(604_800.0),
        ..of_load(question, days, peak % DAY, next)
    };
    let day = [
        "Monday",
        "Tuesday",
        "Wednesday",
        "Thursday",
        "Friday",
        "Saturday",
        "Sunday",
    ];
    let day = day.get(peak / DAY).copied().unwrap_or_default();
    let hour = peak % DAY;
    let description =
        format!("Weeks are alike (r = {r:.2}); {day}, hour {hour} UTC, is the busiest.");
    let of = PatternType::WeeklyPattern;
    Some(Pattern::new(question.database, of, metadata, description))
}

/// What both have in common.
fn of_load(question: &Question<'_>, days: usize, hour: usize, next: Minute) -> Metadata {
    let [_, time] = MEASURES;
    let (affected_queries, families) = affected(question, time, &[hour]);
    Metadata {
        affected_queries,
        days_observed: days,
        families,
        next_occurrence: Some(next),
        zone: Some("UTC".to_owned()),
        ..Metadata::default()
    }
}

/// ln(1 + milliseconds) of each hour.
fn levels(hours: &Hours) -> Vec<Option<f64>> {
    let level = |sum: &Option<super::load::Bucket>| sum.map(|sum| sum.time_ms.max(0.0).ln_1p());
    hours.sums.iter().map(level).collect()
}

/// Less the median of the day around each hour.
fn without_trend(levels: &[Option<f64>]) -> Vec<Option<f64>> {
    let less = |(at, level): (usize, &Option<f64>)| {
        let from = at.saturating_sub(DAY / 2);
        let around = levels.get(from..levels.len().min(at + DAY / 2))?;
        let mut around: Vec<f64> = around.iter().flatten().copied().collect();
        Some((*level)? - median(&mut around)?)
    };
    levels.iter().enumerate().map(less).collect()
}

/// Less the mean of the hours at the same place of the period.
fn without_profile(levels: &[Option<f64>], period: usize) -> Vec<Option<f64>> {
    let mut sums = vec![(0.0, 0.0); period];
    for (at, level) in levels.iter().enumerate() {
        if let (Some(level), Some(sum)) = (level, sums.get_mut(at % period)) {
            *sum = (sum.0 + level, sum.1 + 1.0);
        }
    }
    let less = |(at, level): (usize, &Option<f64>)| {
        let (sum, n) = *sums.get(at % period)?;
        Some((*level)? - sum / n)
    };
    levels.iter().enumerate().map(less).collect()
}

/// Pearson's correlation of the values with those `lag` later; none with fewer than two periods.
fn autocorrelation(values: &[Option<f64>], lag: usize) -> Option<f64> {
    let later = values.iter().skip(lag);
    let pairs = values.iter().zip(later);
    let pairs: Vec<(f64, f64)> = pairs.filter_map(|(one, two)| (*one).zip(*two)).collect();
    let n = pairs.len() as f64;
    if pairs.len() < lag {
        return None;
    }
    let (mean_x, mean_y) = pairs.iter().fold((0.0, 0.0), |sum, pair| {
        (sum.0 + pair.0 / n, sum.1 + pair.1 / n)
    });
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (x, y) in pairs {
        let (x, y) = (x - mean_x, y - mean_y);
        xx += x * x;
        yy += y * y;
        xy += x * y;
    }
    let r = xy / (xx * yy).sqrt();
    r.is_finite().then_some(r)
}

/// The hour of the period, from Monday or midnight on, with the most time.
fn busiest(hours: &Hours, period: usize) -> Option<usize> {
    let mut sums = vec![(0.0, 0.0); period];
    for (at, sum) in hours.known() {
        if let Some(held) = sums.get_mut(at.hour_of_week() % period) {
            *held = (held.0 + sum.time_ms, held.1 + 1.0);
        }
    }
    let means = sums.into_iter().enumerate();
    let means = means.filter(|(_, (_, n))| *n > 0.0);
    let most = means.max_by(|one, other| (one.1.0 / one.1.1).total_cmp(&(other.1.0 / other.1.1)));
    most.map(|(hour, _)| hour)
}

/// Share of the days' variance that weekends explain, and the probability that days in any order
/// explain as much.
///
/// # Source
/// Fisher's permutation test; (1 + hits) / (1 + permutations) after Phipson and Smyth, 2010.
fn weekends(hours: &Hours, levels: &[Option<f64>]) -> Option<(f64, f64)> {
    let mut days = std::collections::BTreeMap::<i64, (f64, f64, bool)>::new();
    for (place, level) in (0..).zip(levels) {
        let at = hours.first.plus(60 * place);
        let is_weekend = at.hour_of_week() >= 5 * DAY;
        let day = days.entry(at.get().div_euclid(1_440));
        let day = day.or_insert((0.0, 0.0, is_weekend));
        if let Some(level) = level {
            *day = (day.0 + level, day.1 + 1.0, is_weekend);
        }
    }
    let known = days.into_values().filter(|(_, n, _)| *n > 0.0);
    let (means, mut is_weekend): (Vec<f64>, Vec<bool>) = known
        .map(|(sum, n, is_weekend)| (sum / n, is_weekend))
        .unzip();
    let real = explained(&means, &is_weekend)?;
    // A fixed seed: the same days give the same answer.
    let mut random = 1_u64;
    let mut hits = 0_u32;
    for _ in 0..PERMUTATIONS.0 {
        shuffle(&mut is_weekend, &mut random);
        hits += u32::from(explained(&means, &is_weekend)? >= real);
    }
    let p = f64::from(1 + hits) / f64::from(1 + PERMUTATIONS.0);
    Some((real, p))
}

/// Share of the variance of `means` between the two groups.
fn explained(means: &[f64], is_weekend: &[bool]) -> Option<f64> {
    let n = means.len() as f64;
    let mean = means.iter().sum::<f64>() / n;
    let (mut sums, mut whole) = ([(0.0, 0.0); 2], 0.0);
    for (value, is_weekend) in means.iter().zip(is_weekend) {
        let [workday, weekend] = &mut sums;
        let sum = if *is_weekend { weekend } else { workday };
        *sum = (sum.0 + value - mean, sum.1 + 1.0);
        whole += (value - mean) * (value - mean);
    }
    let between: f64 = sums.iter().map(|(sum, n)| sum * sum / n).sum();
    let share = between / whole;
    share.is_finite().then_some(share)
}

/// Fisher and Yates' shuffle by SplitMix64 (Steele, Lea, Flood, 2014).
fn shuffle(values: &mut [bool], state: &mut u64) {
    for last in (1..values.len()).rev() {
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let below = i64::try_from(last + 1).unwrap_or(1);
        let other = i64::try_from((z ^ (z >> 31)) >> 1).unwrap_or(0) % below;
        values.swap(last, place(other));
    }
}
