//! Of many tests, which are significant?

/// Share of false discoveries among what is told as significant.
pub(super) const FALSE_DISCOVERIES: f64 = 0.05;

/// The largest probability that is significant among `probabilities`; none is if that is negative.
///
/// # Source
/// Benjamini and Hochberg, *Controlling the False Discovery Rate*, 1995.
pub(super) fn limit(mut probabilities: Vec<f64>) -> f64 {
    probabilities.sort_by(f64::total_cmp);
    let n = probabilities.len() as f64;
    let mut limit = -1.0;
    for (place, probability) in probabilities.into_iter().enumerate() {
        if probability <= FALSE_DISCOVERIES * (place + 1) as f64 / n {
            limit = probability;
        }
    }
    limit
}
