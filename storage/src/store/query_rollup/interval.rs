//! What is a gap between two samples.

/// So many times the usual interval of a history is no gap yet.
const USUAL_TIMES: f64 = 3.0;
/// The usual interval of a history that has had fewer than three, in seconds: collectors push after
/// five minutes at the latest.
const USUAL_SECONDS: f64 = 300.0;

/// Whether a difference over `interval` seconds spans a gap, where the history's samples usually
/// lie `usual` seconds apart.
pub fn is_gap(interval: f64, usual: Option<f64>) -> bool {
    interval > USUAL_TIMES * usual.unwrap_or(USUAL_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_longer_than_three_usual_intervals() {
        for (interval, usual, want) in [
            (180.0, Some(60.0), false),
            (181.0, Some(60.0), true),
            (3_600.0, Some(3_600.0), false),
            (900.0, None, false),
            (901.0, None, true),
        ] {
            assert_eq!(is_gap(interval, usual), want, "{interval} {usual:?}");
        }
    }
}
