//! Is the mean time of a call another?

use serde::Serialize;

use super::distributions::{student_quantile, student_two_sided};
use super::window::{FiveMinutes, Window};

/// Standard deviation by mean above which single calls say too little about the mean.
const HEAVY: f64 = 3.0;
/// Least standard deviation by mean: clocks are not exact either.
const LEAST_SPREAD: f64 = 0.01;
/// Bounds of the design effect.
const DESIGN: (f64, f64) = (1.0, 50.0);
/// Five-minute parts with calls without which nothing is known of how calls depend on each other.
const MIN_PARTS: usize = 3;
/// Two-sided probability outside of the interval that is told.
const OUTSIDE: f64 = 0.1;

/// How a mean changed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct MeanChange {
    /// Mean after by mean before.
    pub ratio: f64,
    /// Its 90 % interval.
    pub interval: (f64, f64),
    /// Probability of such a difference, or a larger one, if there was none.
    pub p_value: f64,
    /// Degrees of freedom.
    pub freedom: f64,
}

/// The variance of the logarithm of a mean, and the degrees of freedom that it has.
struct Variance {
    of_ln: f64,
    freedom: f64,
}

/// Compares two means; none if a standard deviation is not known or a mean is 0.
///
/// # Source
/// Welch, *The Generalization of Student's Problem*, 1947, on the logarithm by the delta method:
/// t = ln(m₂/m₁) / √(d₁c₁²/n₁ + d₂c₂²/n₂), c = sd / mean.
pub(super) fn compare(before: &Window, after: &Window) -> Option<MeanChange> {
    let ln_ratio = (after.mean_ms() / before.mean_ms()).ln();
    if !ln_ratio.is_finite() {
        return None;
    }
    let (one, two) = (variance(before)?, variance(after)?);
    let sum = one.of_ln + two.of_ln;
    let freedom =
        sum * sum / (one.of_ln * one.of_ln / one.freedom + two.of_ln * two.of_ln / two.freedom);
    let error = sum.sqrt();
    let half = student_quantile(OUTSIDE, freedom) * error;
    Some(MeanChange {
        ratio: ln_ratio.exp(),
        interval: ((ln_ratio - half).exp(), (ln_ratio + half).exp()),
        p_value: student_two_sided(ln_ratio / error, freedom),
        freedom,
    })
}

fn variance(window: &Window) -> Option<Variance> {
    let mean = window.mean_ms();
    let spread = (window.sd_ms? / mean).max(LEAST_SPREAD);
    let parts = means(&window.five_minutes);
    if spread > HEAVY {
        // The parts' means are the sample.
        if parts.len() < MIN_PARTS {
            return None;
        }
        let n = parts.len() as f64;
        let of_part = sample_variance(&parts) / (mean * mean);
        return Some(Variance {
            of_ln: of_part.max(LEAST_SPREAD * LEAST_SPREAD) / n,
            freedom: n - 1.0,
        });
    }
    let independent = (window.calls / design_effect(window, &parts)).max(2.0);
    Some(Variance {
        of_ln: spread * spread / independent,
        freedom: independent - 1.0,
    })
}

/// How many calls count as one: variance of the parts' means × calls a part ÷ sd². The bound where
/// too few parts have calls to know.
fn design_effect(window: &Window, parts: &[f64]) -> f64 {
    let sd = window.sd_ms.unwrap_or(0.0);
    if parts.len() < MIN_PARTS || sd <= 0.0 {
        return DESIGN.1;
    }
    let calls_a_part = window.calls / parts.len() as f64;
    let effect = sample_variance(parts) * calls_a_part / (sd * sd);
    effect.clamp(DESIGN.0, DESIGN.1)
}

fn means(parts: &[FiveMinutes]) -> Vec<f64> {
    let called = parts.iter().filter(|part| part.calls > 0.0);
    called.map(|part| part.total_ms / part.calls).collect()
}

fn sample_variance(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares = values.iter().map(|value| (value - mean) * (value - mean));
    squares.sum::<f64>() / (n - 1.0)
}
