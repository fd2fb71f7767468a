//! Asks for a confirmation again and again.
//!
//! # What it costs
//! Two questions a second, each a call of a few bytes to the leader, which answers from its lease:
//! the heartbeats keep that fresh, so that a question makes no work on other nodes and no entry in
//! the log.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use openraft::ReadPolicy;
use pga_runtime::Instant;
use tokio::sync::watch;

use crate::node::core::Core;
use crate::proposals::read_index::LEASE_SUFFICES;

/// Between two questions while they are answered.
const EVERY: Duration = Duration::from_millis(500);
/// Between two questions while they are not.
const RETRY: Duration = Duration::from_millis(100);
/// How long a leader has to answer.
const ANSWER: Duration = Duration::from_secs(1);
/// How long this node has to apply what was committed when it asked. A confirmation that takes so
/// long makes no node ready; it tells how old its view is.
const APPLY: Duration = Duration::from_secs(60);

/// Asks until the node is stopped.
pub(crate) async fn run(core: Arc<Core>) {
    let stopped = core.stopped.subscribe();
    supervise(stopped, || probe(Arc::clone(&core))).await;
}

/// Replaces a prober that panics, until `stopped`; in between the node gets unready.
async fn supervise<F>(mut stopped: watch::Receiver<bool>, prober: impl Fn() -> F)
where
    F: Future<Output = Infallible> + Send + 'static,
{
    loop {
        let mut probing = pga_runtime::spawn(prober());
        tokio::select! {
            biased;
            _ = stopped.wait_for(|stopped| *stopped) => return probing.abort(),
            Err(error) = &mut probing => {
                tracing::error!(%error, "the readiness prober failed, and is started again");
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn probe(core: Arc<Core>) -> Infallible {
    loop {
        let (asked, leader) = (pga_runtime::now(), core.leader());
        let is_confirmed = core.barrier(asked).await;
        let pause = if is_confirmed {
            core.confirmation.confirmed(asked);
            EVERY.saturating_sub(asked.elapsed())
        } else {
            RETRY
        };
        // A new leader is asked at once.
        core.pause(leader, pause, pga_runtime::now() + pause).await;
    }
}

impl Core {
    /// Whether a leader with a quorum answers, and this node has applied what was committed at
    /// `asked`.
    async fn barrier(&self, asked: Instant) -> bool {
        let deadline = asked + ANSWER;
        let index = match self.leader() {
            None => None,
            Some(leader) if leader == self.node => {
                let index = self.read_index(ReadPolicy::LeaseRead);
                tokio::time::timeout_at(deadline, index)
                    .await
                    .ok()
                    .flatten()
            }
            Some(leader) => {
                let body = Bytes::from_static(LEASE_SUFFICES);
                self.ask_read_index(leader, body, deadline).await
            }
        };
        match index {
            Some(index) => self.wait_applied(index, asked + APPLY).await.is_ok(),
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_prober_that_panics_is_replaced_until_the_node_stops() {
        let (stop, stopped) = watch::channel(false);
        let (started, starts) = watch::channel(0);
        let prober = move || {
            started.send_modify(|n| *n += 1);
            let n = *started.borrow();
            async move {
                assert!(n > 2, "prober {n}");
                std::future::pending().await
            }
        };
        let supervised = pga_runtime::spawn(supervise(stopped, prober));
        tokio::time::sleep(10 * EVERY).await;
        assert_eq!(*starts.borrow(), 3, "two of them panicked");
        stop.send_replace(true);
        supervised.await.unwrap();
    }
}
