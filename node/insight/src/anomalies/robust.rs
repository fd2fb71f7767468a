//! Medians.

/// What makes the median absolute deviation of normal values their standard deviation.
///
/// # Source
/// 1 / Φ⁻¹(3/4); Rousseeuw and Croux, *Alternatives to the Median Absolute Deviation*, 1993.
pub(crate) const MAD_TO_SD: f64 = 1.4826;

/// The median, which reorders `values`; the mean of the middle two of an even number.
pub(crate) fn median(values: &mut [f64]) -> Option<f64> {
    let middle = values.len() / 2;
    if values.is_empty() {
        return None;
    }
    let is_even = values.len().is_multiple_of(2);
    let (below, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let upper = *upper;
    if !is_even {
        return Some(upper);
    }
    let lower = below.iter().copied().max_by(f64::total_cmp)?;
    Some(f64::midpoint(lower, upper))
}

/// The median and the median absolute deviation from it.
pub(crate) fn median_and_mad(values: &[f64]) -> Option<(f64, f64)> {
    let middle = median(&mut values.to_vec())?;
    let mut deviations: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
    Some((middle, median(&mut deviations)?))
}

/// The value below which the share `q` (0 to 1) of the sorted values lie, linear in between.
pub(crate) fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = q.clamp(0.0, 1.0) * last as f64;
    let mut at = 0;
    while at < last && (at + 1) as f64 <= place {
        at += 1;
    }
    let lower = *sorted.get(at)?;
    let upper = sorted.get(at + 1).copied().unwrap_or(lower);
    Some(lower + (upper - lower) * (place - at as f64))
}

/// Keeps what a summary has room for: about seven digits.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "stored summaries are single precision by design; it rounds, it never wraps"
)]
pub(crate) fn narrow(value: f64) -> f32 {
    value as f32
}
