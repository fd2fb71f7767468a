//! One simulated collector.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use pga_runtime::Instant;
use pga_storage::Timestamp;
use tokio::sync::watch;
use tokio::time::sleep_until;

use crate::tally::Tally;
use crate::{History, Kind, PushState};
use pga_client::{PushedOutcome, Pusher};

/// One simulated collector, before it starts.
pub(crate) struct Worker {
    pub(crate) kind: Kind,
    pub(crate) history: History,
    pub(crate) pusher: Pusher,
    pub(crate) first_push: Instant,
    pub(crate) end: Instant,
    pub(crate) pause: Option<Duration>,
    pub(crate) tally: Arc<Tally>,
}

/// What one collector did.
pub(crate) struct Worked {
    pub(crate) history: History,
    pub(crate) latencies: Vec<(Duration, Instant)>,
    pub(crate) first_failure: Option<String>,
}

impl Worker {
    /// Pushes until the end, or until told to stop; a push that was begun is finished.
    pub(crate) async fn work(mut self, mut stop: watch::Receiver<bool>) -> Worked {
        let mut latencies = Vec::new();
        let mut first_failure = None;
        let mut next = self.first_push;
        while next < self.end && !*stop.borrow() {
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                () = sleep_until(next) => {}
            }
            match self.push_once().await {
                Ok(latency) => latencies.push(latency),
                Err(failure) => {
                    first_failure.get_or_insert(failure);
                }
            }
            let now = pga_runtime::now();
            // A late push does not make the ones after it bunch up.
            next = self.pause.map_or(now, |pause| (next + pause).max(now));
        }
        Worked {
            history: self.history,
            latencies,
            first_failure,
        }
    }

    async fn push_once(&mut self) -> Result<(Duration, Instant), String> {
        let now = Timestamp::now();
        let time = self.kind.next_time(&self.history, now);
        let push = self.history.pushes.len() as u64;
        let body = self.kind.body(&self.history, push, time);
        self.tally.attempted.fetch_add(1, Ordering::Relaxed);
        let begun = pga_runtime::now();
        let pushed = self.pusher.push(Bytes::from(body)).await;
        let (state, result) = match pushed.outcome {
            PushedOutcome::Acknowledged { position, .. } => {
                self.tally.acknowledged();
                self.history.last_position = Some(position);
                (PushState::Acknowledged, Ok((pushed.latency, begun)))
            }
            PushedOutcome::Refused { status, message } => {
                self.tally.failed.fetch_add(1, Ordering::Relaxed);
                (
                    PushState::Refused,
                    Err(format!("answer {status}: {message}")),
                )
            }
            PushedOutcome::Unknown { reason } => {
                self.tally.failed.fetch_add(1, Ordering::Relaxed);
                (PushState::Unknown, Err(reason))
            }
        };
        self.history.pushes.push((time, state));
        result
    }
}
