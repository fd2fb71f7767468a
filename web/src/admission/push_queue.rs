//! The queue in front of the work on pushes: so many at once, the others in the order they came,
//! none for too long.
//!
//! What waits here is a body as it came. Beyond a few hundred pushes more at once make nothing
//! faster, and what each holds once it is decoded is several times its body.

use std::sync::Arc;
use std::time::Duration;

use prometheus::IntGauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::gauge::InGauge;
use crate::refusal::Refusal;

/// Where pushes wait for their turn.
#[derive(Debug)]
pub(super) struct PushQueue {
    turns: Arc<Semaphore>,
    longest_wait: Duration,
    waiting: IntGauge,
}

impl PushQueue {
    /// A queue in front of `at_once` pushes, in which none waits for longer than `longest_wait`.
    pub(super) fn new(at_once: usize, longest_wait: Duration, waiting: IntGauge) -> Self {
        Self {
            turns: Arc::new(Semaphore::new(at_once.clamp(1, Semaphore::MAX_PERMITS))),
            longest_wait,
            waiting,
        }
    }

    /// Waits for a turn, which lasts until the answer is dropped.
    ///
    /// # Errors
    /// 503 `queue_wait` once it waited for too long: clients would give up before their answer, and
    /// send the push again.
    pub(super) async fn turn(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        if let Ok(turn) = Arc::clone(&self.turns).try_acquire_owned() {
            return Ok(turn);
        }
        let _waiting = InGauge::new(&self.waiting);
        let turn = Arc::clone(&self.turns).acquire_owned();
        match tokio::time::timeout(self.longest_wait, turn).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => {
                let text = "Temporarily unavailable: too many pushes wait on this node";
                Err(Refusal::unavailable("queue_wait", text))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn turns_come_in_order_and_a_long_wait_is_refused() {
        let waiting = IntGauge::new("waiting", "waiting").unwrap();
        let queue = PushQueue::new(1, Duration::from_secs(2), waiting.clone());
        let first = queue.turn().await.unwrap();
        let (mut second, mut third) = (Box::pin(queue.turn()), Box::pin(queue.turn()));
        assert!(second.as_mut().now_or_never().is_none());
        assert!(third.as_mut().now_or_never().is_none());
        assert_eq!(waiting.get(), 2);
        tokio::time::advance(Duration::from_secs(1)).await;
        drop(first);
        assert!(third.as_mut().now_or_never().is_none(), "overtook");
        let second = second.await.unwrap();
        assert_eq!(waiting.get(), 1);
        let refused = third.await.unwrap_err();
        assert_eq!(refused.reason, "queue_wait");
        drop(second);
        assert!(queue.turn().now_or_never().unwrap().is_ok());
        assert_eq!(waiting.get(), 0);
    }
}
