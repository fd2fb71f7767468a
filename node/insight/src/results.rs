//! Whether what was done has helped: the change of the statements that it was for, beyond the
//! change of those that it was not for.
//!
//! Ratios of means are averaged as logarithms, each statement by its time before. The change of the
//! statements that nobody touched is taken off: what the whole server became faster or slower by
//! is not the work of an index (difference in differences).
//!
//! # Source
//! Card and Krueger, *Minimum Wages and Employment*, 1994, for difference in differences.

mod experience;

use serde::{Deserialize, Serialize};

pub use self::experience::Experience;

/// Standard errors on each side of a 90 % interval.
const Z: f64 = 1.644_853_626_951_472_6;
/// Least improvement that counts: percent, or seconds a day.
const LEAST: (f64, f64) = (10.0, 60.0);
/// Fewer untouched statements say nothing about the server.
const MIN_CONTROL: usize = 3;

/// How the mean time of a statement changed from before to after.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// Mean after by mean before.
    pub ratio: f64,
    /// Its 90 % interval.
    pub interval: (f64, f64),
    /// Milliseconds that it took in the window before.
    pub before_ms: f64,
    /// Seconds a day that it takes since.
    pub after_seconds_per_day: f64,
}

/// What was measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Share of time that is gone, in percent; negative if it takes longer.
    pub improvement_percent: f64,
    /// Its 90 % interval.
    pub interval_percent: (f64, f64),
    /// Seconds a day that are saved; negative if they are lost.
    pub saved_seconds_per_day: f64,
    /// How the untouched statements changed: mean after by mean before; 1 if too few are known.
    pub control: f64,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It certainly helped, and by enough.
    Helped,
    /// It did others more harm than it helped.
    Harmed,
    /// Neither can be told.
    Open,
}

/// The mean of logarithms by weight, and its variance.
fn log_mean(changes: &[Change]) -> Option<(f64, f64)> {
    let usable = |one: &&Change| {
        let (low, high) = one.interval;
        one.ratio > 0.0 && low > 0.0 && high >= low && high.is_finite() && one.before_ms > 0.0
    };
    let usable: Vec<&Change> = changes.iter().filter(usable).collect();
    let all: f64 = usable.iter().map(|one| one.before_ms).sum();
    if all <= 0.0 {
        return None;
    }
    let mut sums = (0.0, 0.0);
    for one in usable {
        let weight = one.before_ms / all;
        let error = (one.interval.1.ln() - one.interval.0.ln()) / (2.0 * Z);
        sums.0 += weight * one.ratio.ln();
        sums.1 += (weight * error).powi(2);
    }
    Some(sums)
}

/// Measures what became of the statements that something was done for; nothing if none of them can
/// be compared.
///
/// ```
/// use pga_insight::results::{Change, measure};
///
/// let half = Change {
///     ratio: 0.5,
///     interval: (0.45, 0.55),
///     before_ms: 1e6,
///     after_seconds_per_day: 500.0,
/// };
/// let measured = measure(&[half], &[]).unwrap();
/// assert_eq!(measured.improvement_percent.round(), 50.0);
/// assert_eq!(measured.saved_seconds_per_day.round(), 500.0);
/// ```
#[must_use]
pub fn measure(touched: &[Change], control: &[Change]) -> Option<Measured> {
    let (mean, variance) = log_mean(touched)?;
    let is_enough = control.len() >= MIN_CONTROL;
    let (of_control, noise) = is_enough
        .then(|| log_mean(control))
        .flatten()
        .unwrap_or((0.0, 0.0));
    let change = mean - of_control;
    let error = (variance + noise).sqrt() * Z;
    let percent = |log: f64| (1.0 - log.exp()) * 100.0;
    let now: f64 = touched.iter().map(|one| one.after_seconds_per_day).sum();
    Some(Measured {
        improvement_percent: percent(change),
        interval_percent: (percent(change + error), percent(change - error)),
        saved_seconds_per_day: now * ((-change).exp() - 1.0),
        control: of_control.exp(),
    })
}

/// Judges what was measured. `lost` are the seconds a day that other statements on the same
/// relation certainly take longer.
#[must_use]
pub fn judge(measured: &Measured, lost: f64) -> Verdict {
    let saved = measured.saved_seconds_per_day;
    if lost > saved.max(0.0) && lost >= LEAST.1 {
        return Verdict::Harmed;
    }
    let is_certain = measured.interval_percent.0 > 0.0;
    let is_enough = measured.improvement_percent >= LEAST.0 || saved >= LEAST.1;
    match is_certain && is_enough {
        true => Verdict::Helped,
        false => Verdict::Open,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(ratio: f64, error: f64, before_ms: f64) -> Change {
        Change {
            ratio,
            interval: (ratio * (1.0 - error), ratio * (1.0 + error)),
            before_ms,
            after_seconds_per_day: before_ms * ratio / 1_000.0,
        }
    }

    #[test]
    fn what_the_whole_server_became_faster_by_is_taken_off() {
        let control: Vec<Change> = (1..=5)
            .map(|one| change(0.5, 0.02, f64::from(one)))
            .collect();
        let measured = measure(&[change(0.5, 0.02, 1e6)], &control).unwrap();
        assert!(measured.improvement_percent.abs() < 0.5, "{measured:?}");
        assert!((measured.control - 0.5).abs() < 0.01);
        assert_eq!(judge(&measured, 0.0), Verdict::Open);
        // Two statements tell nothing about a server.
        let measured = measure(&[change(0.5, 0.02, 1e6)], &control[..2]).unwrap();
        assert_eq!(measured.improvement_percent.round(), 50.0);
        assert_eq!(judge(&measured, 0.0), Verdict::Helped);
    }

    #[test]
    fn noise_is_no_improvement_and_a_little_of_much_is() {
        let noisy = measure(&[change(0.7, 0.6, 1e5)], &[]).unwrap();
        assert_eq!(judge(&noisy, 0.0), Verdict::Open, "{noisy:?}");
        let little = measure(&[change(0.95, 0.01, 1e7)], &[]).unwrap();
        assert!(little.saved_seconds_per_day > 60.0);
        assert_eq!(judge(&little, 0.0), Verdict::Helped, "{little:?}");
        let nothing = measure(&[change(0.95, 0.01, 1e4)], &[]).unwrap();
        assert_eq!(judge(&nothing, 0.0), Verdict::Open);
    }

    #[test]
    fn more_harm_than_help_is_told() {
        let measured = measure(&[change(0.5, 0.02, 1e6)], &[]).unwrap();
        assert_eq!(judge(&measured, 400.0), Verdict::Helped);
        assert_eq!(judge(&measured, 900.0), Verdict::Harmed);
        let worse = measure(&[change(1.5, 0.02, 1e6)], &[]).unwrap();
        assert!(worse.improvement_percent < -40.0 && worse.saved_seconds_per_day < 0.0);
        assert_eq!(judge(&worse, 100.0), Verdict::Harmed);
    }

    #[test]
    fn what_cannot_be_compared_is_not_measured() {
        assert_eq!(measure(&[], &[]), None);
        let broken = Change {
            interval: (0.0, f64::INFINITY),
            ..change(0.5, 0.1, 1.0)
        };
        assert_eq!(measure(&[broken], &[]), None);
    }
}
