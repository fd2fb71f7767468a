//! The deviation of a window's executions.

/// The standard deviation of `calls` calls of `total_time` in all, in their unit, of which
/// `squares` is the sum of squares; `None` if there can be none such: counters of floats are
/// rounded.
///
/// # Source
/// The variance is the mean of squares less the square of the mean.
pub fn deviation(calls: f64, total_time: f64, squares: f64) -> Option<f64> {
    let mean = total_time / calls;
    let variance = squares / calls - mean * mean;
    (variance >= 0.0).then(|| variance.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deviation_follows_from_sums_of_squares() {
        for (name, calls, total, squares, want) in [
            ("all equal", 4.0, 8.0, 16.0, Some(0.0)),
            ("one and three", 2.0, 4.0, 10.0, Some(1.0)),
            ("rounded below the mean", 4.0, 8.0, 15.0, None),
            ("no calls", 0.0, 0.0, 0.0, None),
        ] {
            assert_eq!(deviation(calls, total, squares), want, "{name}");
        }
    }
}
