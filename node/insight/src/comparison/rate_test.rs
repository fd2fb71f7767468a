//! Are calls an hour, rows a call, blocks a call others?

use serde::Serialize;

use super::distributions::normal_two_sided;
use super::window::{FiveMinutes, Window};

/// Five-minute parts without which the scatter of counts is not known.
const MIN_PARTS: usize = 3;
/// The normal value with 5 % above it.
const Z_90: f64 = 1.644_853_626_951_472_2;

/// What is counted, and by what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rate {
    /// Calls a second.
    Calls,
    /// Rows a call.
    Rows,
    /// Shared blocks a call, found or read.
    Blocks,
}

/// What became of a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RateStatus {
    /// Significantly higher, beyond the tolerance.
    Higher,
    /// Significantly lower, beyond the tolerance.
    Lower,
    /// The 90 % interval lies inside of the tolerance.
    Unchanged,
    /// None of them, or it was not tested.
    Inconclusive,
}

/// How a rate changed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RateChange {
    /// Which.
    pub rate: Rate,
    /// Before, in the unit of the rate.
    pub before: f64,
    /// After.
    pub after: f64,
    /// After by before; half a count is added where one is zero.
    pub ratio: Option<f64>,
    /// Its 90 % interval.
    pub interval: Option<(f64, f64)>,
    /// Probability of such a difference, or a larger one, if there was none.
    pub p_value: Option<f64>,
    /// What became of it.
    pub status: RateStatus,
}

impl Rate {
    const ALL: [Self; 3] = [Self::Calls, Self::Rows, Self::Blocks];

    /// Counts and exposure of a window.
    fn of_window(self, window: &Window) -> (f64, f64) {
        match self {
            Self::Calls => (window.calls, window.exposure_seconds),
            Self::Rows => (window.rows, window.calls),
            Self::Blocks => (window.blocks_hit + window.blocks_read, window.calls),
        }
    }

    /// Counts and exposure of five minutes.
    fn of_part(self, part: &FiveMinutes) -> (f64, f64) {
        match self {
            Self::Calls => (part.calls, 300.0),
            Self::Rows => (part.rows, part.calls),
            Self::Blocks => (part.blocks, part.calls),
        }
    }
}

/// Compares all rates; not yet decided.
pub(super) fn compare(before: &Window, after: &Window) -> Vec<RateChange> {
    let one = |rate| compare_one(rate, before, after);
    Rate::ALL.into_iter().map(one).collect()
}

/// # Source
/// The ratio of two Poisson rates on the logarithm, with quasi-likelihood for overdispersion:
/// McCullagh and Nelder, *Generalized Linear Models*, 2nd edition, 6.2.
fn compare_one(rate: Rate, before: &Window, after: &Window) -> RateChange {
    let (k1, e1) = rate.of_window(before);
    let (k2, e2) = rate.of_window(after);
    let per = |count: f64, exposure: f64| {
        if exposure > 0.0 {
            count / exposure
        } else {
            0.0
        }
    };
    let mut change = RateChange {
        rate,
        before: per(k1, e1),
        after: per(k2, e2),
        ratio: None,
        interval: None,
        p_value: None,
        status: RateStatus::Inconclusive,
    };
    let half = if k1 <= 0.0 || k2 <= 0.0 { 0.5 } else { 0.0 };
    let (k1, k2) = (k1 + half, k2 + half);
    let scatter = overdispersion(rate, [before, after]);
    let ln_ratio = (k2 / k1).ln() - (e2 / e1).ln();
    if let (Some(scatter), true) = (scatter, ln_ratio.is_finite()) {
        let error = (scatter / k1 + scatter / k2).sqrt();
        let reach = Z_90 * error;
        change.ratio = Some(ln_ratio.exp());
        change.interval = Some(((ln_ratio - reach).exp(), (ln_ratio + reach).exp()));
        change.p_value = Some(normal_two_sided(ln_ratio / error));
    }
    change
}

/// φ of both windows: Pearson's χ² of the parts by its degrees of freedom, at least 1.
fn overdispersion(rate: Rate, windows: [&Window; 2]) -> Option<f64> {
    let (mut squares, mut freedom) = (0.0, 0.0);
    for window in windows {
        let parts = window.five_minutes.iter().map(|part| rate.of_part(part));
        let parts: Vec<_> = parts.filter(|(_, exposure)| *exposure > 0.0).collect();
        if parts.len() < MIN_PARTS {
            return None;
        }
        let (count, exposure) = parts
            .iter()
            .fold((0.0, 0.0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
        if count > 0.0 {
            squares += parts
                .iter()
                .map(|(k, e)| {
                    let expected = e * count / exposure;
                    (k - expected) * (k - expected) / expected
                })
                .sum::<f64>();
        }
        freedom += parts.len() as f64 - 1.0;
    }
    Some((squares / freedom).max(1.0))
}
