//! How long to wait between attempts that fail.

use std::time::Duration;

/// Truncated exponential backoff: each pause is twice the one before, up to a longest.
///
/// # Source
/// Truncated binary exponential backoff, IEEE 802.3-2018, 4.2.3.2.5, without the random part: who
/// many callers at once would hurt adds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The pause after the first failure.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
}

impl Backoff {
    /// The pause after so many failures in a row; the first is 1. No failure needs no pause.
    #[must_use]
    pub fn pause(&self, failures: u32) -> Duration {
        let Some(doublings) = failures.checked_sub(1) else {
            return Duration::ZERO;
        };
        let factor = 2_u32.saturating_pow(doublings);
        self.first.saturating_mul(factor).min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let backoff = Backoff {
            first: Duration::from_millis(50),
            longest: Duration::from_secs(2),
        };
        for (failures, want) in [
            (0, 0),
            (1, 50),
            (2, 100),
            (3, 200),
            (6, 1_600),
            (7, 2_000),
            (u32::MAX, 2_000),
        ] {
            assert_eq!(backoff.pause(failures), Duration::from_millis(want));
        }
    }
}
