//! Whether a quorum stands behind this node, asked again and again.
//!
//! # What a confirmation says
//! At its time a leader held a quorum, and this node has since applied all that was committed then.
//! Readiness and the age of reads rest on it. Its time is when the question was asked, by the
//! monotonic clock: a process that was stopped (SIGSTOP) wakes with an old confirmation, and an
//! answer that it gets then to a question of before is as old as the question.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pga_runtime::Instant;

/// When a quorum last confirmed this node.
#[derive(Debug, Default)]
pub(crate) struct Confirmation(Mutex<Option<Instant>>);

impl Confirmation {
    /// How long ago a quorum last confirmed this node; `None` if none has since it started.
    pub(crate) fn age(&self) -> Option<Duration> {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.map(|last| last.elapsed())
    }

    /// Notes that a quorum confirmed what was asked at `asked`.
    pub(super) fn confirmed(&self, asked: Instant) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *last = (*last).max(Some(asked));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_confirmation_is_as_old_as_the_question() {
        let confirmation = Confirmation::default();
        assert_eq!(confirmation.age(), None);
        let asked = pga_runtime::now();
        tokio::time::advance(Duration::from_secs(5)).await;
        confirmation.confirmed(asked);
        assert_eq!(confirmation.age(), Some(Duration::from_secs(5)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_answer_does_not_take_a_newer_confirmation_back() {
        let confirmation = Confirmation::default();
        let first = pga_runtime::now();
        tokio::time::advance(Duration::from_secs(1)).await;
        confirmation.confirmed(pga_runtime::now());
        confirmation.confirmed(first);
        assert_eq!(confirmation.age(), Some(Duration::ZERO));
    }
}
