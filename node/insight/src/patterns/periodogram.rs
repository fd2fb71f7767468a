//! Cycles of the load that are no hours of the day.

use std::f64::consts::PI;

use crate::anomalies::robust::median;

use super::Question;
use super::load::{DAY, MEASURES};
use super::pattern::{Metadata, Pattern, PatternType};

/// A peak has so many times the median power of the frequencies around it.
const FACTOR: f64 = 8.0;
/// Days without which nothing is said; cycles that the window holds.
const MIN_WINDOW: (usize, usize) = (7, 3);
/// The shortest cycle in buckets.
const SHORTEST: usize = 3;
/// How far a multiple may be from being one.
const HARMONIC: f64 = 0.02;
/// The highest harmonic.
const MAX_HARMONIC: f64 = 12.0;
/// Peaks that are looked at.
const PEAKS: usize = 20;
/// Least standard deviation of ln load that days do not explain: 2 % of the load.
const MIN_SPREAD: f64 = 0.02;
/// Least frequencies whose median is the power around.
const AROUND: usize = 16;

/// The strongest cycle that days do not explain, reduced to its ground frequency.
///
/// Its confidence is 1 − 8 × median / peak: of pure noise of 30 days about one peak in fifteen runs
/// has 0.5.
pub(super) fn unusual_cycle(question: &Question<'_>) -> Option<Pattern> {
    let load = &question.load;
    let days = load.days_observed();
    if days < MIN_WINDOW.0 {
        return None;
    }
    let [_, time] = MEASURES;
    let levels = load.buckets.iter();
    let levels: Vec<Option<f64>> = levels
        .map(|bucket| bucket.as_ref().map(|bucket| time(bucket).max(0.0).ln_1p()))
        .collect();
    let rest = without_days(&levels);
    let variance = rest.iter().map(|level| level * level).sum::<f64>() / rest.len() as f64;
    if variance < MIN_SPREAD * MIN_SPREAD {
        return None;
    }
    let power = power(&rest);
    let size = power.len() * 2;
    let mut peaks = peaks(&power, size * MIN_WINDOW.1 / levels.len());
    peaks.sort_by(|one, other| other.1.total_cmp(&one.1));
    peaks.truncate(PEAKS);
    let (strongest, ratio) = *peaks.first()?;
    // The strongest peak, or the one that it is the highest multiple of.
    let mut ground = (1.0, strongest);
    for (place, _) in &peaks {
        let times = strongest as f64 / *place as f64;
        let whole = times.round();
        let is_multiple = whole <= MAX_HARMONIC && (times / whole - 1.0).abs() < HARMONIC;
        if is_multiple && whole > ground.0 {
            ground = (whole, *place);
        }
    }
    let (_, ground) = ground;
    let minutes = size as f64 / ground as f64 * 5.0;
    let metadata = Metadata {
        confidence: 1.0 - FACTOR / ratio,
        days_observed: days,
        period_seconds: Some(minutes * 60.0),
        period_minutes: Some(minutes),
        ..Metadata::default()
    };
    let description = format!("The load has a cycle of {minutes:.0} minutes.");
    let of = PatternType::BatchJob;
    Some(Pattern::new(question.database, of, metadata, description))
}

/// Less the mean of the same five minutes of all days; 0 where nothing was measured.
fn without_days(levels: &[Option<f64>]) -> Vec<f64> {
    let mut sums = vec![(0.0, 0.0); DAY];
    for (place, level) in levels.iter().enumerate() {
        if let (Some(level), Some(sum)) = (level, sums.get_mut(place % DAY)) {
            *sum = (sum.0 + level, sum.1 + 1.0);
        }
    }
    let less = |(place, level): (usize, &Option<f64>)| {
        let (sum, n) = sums.get(place % DAY).copied().unwrap_or_default();
        level.map_or(0.0, |level| level - sum / n)
    };
    levels.iter().enumerate().map(less).collect()
}

/// Power by frequency, filled up with zeros to a power of two and windowed by Hann.
fn power(values: &[f64]) -> Vec<f64> {
    let n = values.len() as f64;
    let window = |(place, value): (usize, &f64)| {
        let hann = 0.5 - 0.5 * (2.0 * PI * place as f64 / n).cos();
        (value * hann, 0.0)
    };
    let mut wave: Vec<(f64, f64)> = values.iter().enumerate().map(window).collect();
    wave.resize(values.len().next_power_of_two(), (0.0, 0.0));
    let wave = transform(wave);
    let half = wave.len() / 2;
    let powers = wave.iter().take(half).map(|(re, im)| re * re + im * im);
    powers.collect()
}

/// The discrete Fourier transform of a power of two of values.
///
/// # Source
/// Cooley and Tukey, *An Algorithm for the Machine Calculation of Complex Fourier Series*, 1965.
fn transform(wave: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let n = wave.len();
    if n < 2 {
        return wave;
    }
    let even = transform(wave.iter().step_by(2).copied().collect());
    let odd = transform(wave.iter().skip(1).step_by(2).copied().collect());
    let turned = odd.iter().enumerate().map(|(place, (re, im))| {
        let (sin, cos) = (-2.0 * PI * place as f64 / n as f64).sin_cos();
        (re * cos - im * sin, re * sin + im * cos)
    });
    let turned: Vec<(f64, f64)> = turned.collect();
    let pairs = || even.iter().zip(&turned);
    let low = pairs().map(|(even, odd)| (even.0 + odd.0, even.1 + odd.1));
    let high = pairs().map(|(even, odd)| (even.0 - odd.0, even.1 - odd.1));
    low.chain(high).collect()
}

/// Frequencies that stand out of those around them, and by how much; the lowest first.
fn peaks(power: &[f64], lowest: usize) -> Vec<(usize, f64)> {
    let highest = power.len() * 2 / SHORTEST;
    let mut peaks = Vec::new();
    for place in lowest.max(1)..highest.min(power.len().saturating_sub(1)) {
        let Some([before, at, after]) = power.get(place - 1..=place + 1) else {
            continue;
        };
        if at < before || at < after {
            continue;
        }
        let reach = (place / 2).max(AROUND);
        let from = place.saturating_sub(reach).max(1);
        let around = power.get(from..power.len().min(place + reach));
        let middle = around.and_then(|around| median(&mut around.to_vec()));
        let ratio = middle.map_or(0.0, |middle| at / middle);
        if ratio > FACTOR && ratio.is_finite() {
            peaks.push((place, ratio));
        }
    }
    peaks
}
