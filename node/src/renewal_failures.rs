//! Tries to have another certificate that fail.

use std::time::Duration;

use pga_runtime::Instant;

/// How often a certificate's files and its end are looked at.
pub(crate) const LOOK: Duration = Duration::from_secs(2);

/// Failures are told at their second look, as two files are not replaced at once, and once each.
/// Between two tries to renew there is an hour at most.
#[derive(Debug)]
pub(crate) struct RenewalFailures {
    /// Of what, for the log.
    what: &'static str,
    last: Option<String>,
    /// How often in a row.
    count: u32,
    again: Option<Instant>,
}

impl RenewalFailures {
    /// None yet.
    pub(crate) const fn new(what: &'static str) -> Self {
        Self {
            what,
            last: None,
            count: 0,
            again: None,
        }
    }

    /// Whether it is time for another try.
    pub(crate) fn may_try(&self) -> bool {
        self.again.is_none_or(|again| pga_runtime::now() >= again)
    }

    /// A look that found nothing wrong.
    pub(crate) fn over(&mut self) {
        // A look in between, which tried nothing, is no success.
        if self.may_try() {
            *self = Self::new(self.what);
        }
    }

    /// A look that failed.
    pub(crate) fn tell(&mut self, why: String) {
        self.count = match &self.last {
            Some(last) if *last == why => self.count.saturating_add(1),
            _ => 1,
        };
        if self.count == 2 {
            tracing::warn!(
                error = why,
                "{} cannot be renewed or replaced: the one before is kept",
                self.what
            );
        }
        let pause = LOOK * 2_u32.saturating_pow(self.count.saturating_sub(1).min(11));
        self.again = Some(pga_runtime::now() + pause.min(Duration::from_secs(3_600)));
        self.last = Some(why);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn tries_become_fewer_and_begin_anew_after_a_success() {
        let mut failures = RenewalFailures::new("a certificate");
        for want in [2, 4, 8, 16] {
            assert!(failures.may_try());
            failures.tell("no authority".to_owned());
            failures.over();
            assert!(!failures.may_try());
            tokio::time::advance(Duration::from_secs(want)).await;
        }
        failures.over();
        failures.tell("another".to_owned());
        assert_eq!(failures.count, 1);
        for _ in 0..20 {
            failures.tell("another".to_owned());
        }
        tokio::time::advance(Duration::from_secs(3_600)).await;
        assert!(failures.may_try());
    }
}
