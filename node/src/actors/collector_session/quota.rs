//! So much a second, with room for a burst.

use std::time::Duration;

use pga_runtime::Instant;

/// A token bucket, filled at a steady rate. What it lends beyond its size has to come in before it
/// lends again, so that one push that is larger than the bucket goes through, and waits its time
/// afterwards.
///
/// # Source
/// Turner, "New directions in communications (or which way to the information age?)", IEEE
/// Communications Magazine 24 (1986), whose leaky bucket as a meter this is.
#[derive(Debug)]
pub(super) struct Quota {
    per_second: f64,
    size: f64,
    left: f64,
    at: Instant,
}

impl Quota {
    /// A full bucket of what comes in during `burst`.
    pub(super) fn new(per_second: f64, burst: Duration, now: Instant) -> Self {
        let size = per_second * burst.as_secs_f64();
        Self {
            per_second,
            size,
            left: size,
            at: now,
        }
    }

    /// Fills at another rate from now on; what is in the bucket stays in the proportion that it
    /// has.
    pub(super) fn fill_at(&mut self, per_second: f64, burst: Duration) {
        if per_second == self.per_second {
            return;
        }
        let size = per_second * burst.as_secs_f64();
        self.left *= size / self.size;
        (self.per_second, self.size) = (per_second, size);
    }

    /// Takes `wanted`.
    ///
    /// # Errors
    /// When it will be there; nothing is taken.
    pub(super) fn take(&mut self, wanted: u64, now: Instant) -> Result<(), Duration> {
        let came = now.duration_since(self.at).as_secs_f64() * self.per_second;
        self.left = (self.left + came).min(self.size);
        self.at = now;
        if wanted == 0 {
            return Ok(());
        }
        let wanted = wanted as f64;
        let missing = wanted.min(self.size) - self.left;
        if missing > 0.0 {
            let wait = Duration::try_from_secs_f64(missing / self.per_second);
            return Err(wait.unwrap_or(Duration::MAX));
        }
        self.left -= wanted;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_goes_through_and_what_is_beyond_it_waits() {
        let start = pga_runtime::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut quota = Quota::new(10.0, Duration::from_secs(60), start);
        assert_eq!(quota.take(600, at(0)), Ok(()));
        assert_eq!(quota.take(20, at(0)), Err(Duration::from_secs(2)));
        assert_eq!(quota.take(20, at(1)), Err(Duration::from_secs(1)));
        assert_eq!(quota.take(20, at(2)), Ok(()));
        // Rest is not saved up beyond the burst.
        assert_eq!(quota.take(600, at(3_600)), Ok(()));
        assert_eq!(quota.take(1, at(3_600)), Err(Duration::from_millis(100)));
        // A push that is larger than the bucket needs a full one, and leaves a debt.
        assert_eq!(quota.take(1_200, at(3_601)), Err(Duration::from_secs(59)));
        assert_eq!(quota.take(1_200, at(3_660)), Ok(()));
        assert_eq!(quota.take(10, at(3_660)), Err(Duration::from_secs(61)));
        assert_eq!(quota.take(0, at(3_660)), Ok(()), "nothing takes nothing");
    }

    #[test]
    fn another_rate_holds_at_once() {
        let start = pga_runtime::now();
        let burst = Duration::from_secs(60);
        let mut quota = Quota::new(10.0, burst, start);
        assert_eq!(quota.take(300, start), Ok(()));
        quota.fill_at(20.0, burst);
        assert_eq!(quota.take(600, start), Ok(()), "half of a larger bucket");
        assert_eq!(quota.take(20, start), Err(Duration::from_secs(1)));
        quota.fill_at(1.0, burst);
        assert_eq!(quota.take(20, start), Err(Duration::from_secs(20)));
    }
}
