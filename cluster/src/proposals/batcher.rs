//! Coalescing pushes of all sessions into few proposals.
//!
//! A batch leaves as soon as fewer than [`Batching::in_flight`] are under way: alone on an idle
//! node, large under load, without any timer.

use std::sync::Arc;

use bytes::Bytes;
use pga_runtime::Instant;
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::command::Command;
use crate::error::ProposeError;
use crate::node::core::Core;
use crate::node::options::Batching;
use crate::outcome::{PushOutcome, Reply};
use crate::proposal_id::ProposalId;

/// Pushes that may wait to be proposed.
const WAITING: usize = 16_384;

type Outcome = Result<PushOutcome, ProposeError>;

/// Where pushes wait.
#[derive(Clone, Debug)]
pub(crate) struct Batcher {
    queue: mpsc::Sender<Waiting>,
}

struct Waiting {
    record: Bytes,
    deadline: Instant,
    answer: oneshot::Sender<Outcome>,
}

impl Batcher {
    /// Starts the task that proposes; it ends with the last handle.
    pub(crate) fn start(core: Arc<Core>, batching: Batching) -> Self {
        let (queue, waiting) = mpsc::channel(WAITING);
        pga_runtime::spawn(run(core, batching, waiting));
        Self { queue }
    }

    /// Proposes one record with those of others.
    pub(crate) async fn push(&self, record: Bytes, deadline: Instant) -> Outcome {
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting {
            record,
            deadline,
            answer,
        };
        match self.queue.try_send(waiting) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => return Err(ProposeError::Overloaded),
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(ProposeError::Stopped),
        }
        match tokio::time::timeout_at(deadline, answered).await {
            Ok(Ok(outcome)) => outcome,
            // It may be on its way.
            Ok(Err(_)) | Err(_) => Err(ProposeError::Unknown),
        }
    }
}

async fn run(core: Arc<Core>, batching: Batching, mut queue: mpsc::Receiver<Waiting>) {
    let slots = batching.in_flight.clamp(1, Semaphore::MAX_PERMITS);
    let slots = Arc::new(Semaphore::new(slots));
    let mut carried = None;
    loop {
        // The slot comes first: whatever arrives while none is free goes into one batch.
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
            return;
        };
        let first = match carried.take() {
            Some(first) => first,
            None => match queue.recv().await {
                Some(first) => first,
                None => return,
            },
        };
        let batch = collect(first, batching, &mut queue, &mut carried);
        core.metrics
            .pushes_waiting
            .set(crate::metrics::gauge(queue.len() as u64));
        if batch.is_empty() {
            continue;
        }
        let core = Arc::clone(&core);
        pga_runtime::spawn(async move {
            propose(&core, batch).await;
            drop(slot);
        });
    }
}

/// Takes what waits, up to the bounds of a batch; what does not fit is carried over. Those that
/// nobody waits for are left out.
fn collect(
    first: Waiting,
    batching: Batching,
    queue: &mut mpsc::Receiver<Waiting>,
    carried: &mut Option<Waiting>,
) -> Vec<Waiting> {
    let mut bytes = 0;
    let mut batch = Vec::new();
    let mut next = Some(first);
    while let Some(waiting) = next {
        if !waiting.answer.is_closed() {
            if !batch.is_empty() && bytes + waiting.record.len() > batching.max_bytes {
                *carried = Some(waiting);
                return batch;
            }
            bytes += waiting.record.len();
            batch.push(waiting);
        }
        if batch.len() >= batching.max_pushes {
            return batch;
        }
        next = queue.try_recv().ok();
    }
    batch
}

async fn propose(core: &Core, batch: Vec<Waiting>) {
    core.metrics.batch_pushes.observe(batch.len() as f64);
    let deadline = batch.iter().map(|waiting| waiting.deadline).max();
    let deadline = deadline.unwrap_or_else(pga_runtime::now);
    let (records, answers): (Vec<Bytes>, Vec<_>) = batch
        .into_iter()
        .map(|waiting| (waiting.record, waiting.answer))
        .unzip();
    let id = ProposalId(pga_runtime::random());
    let outcome = match Command::Ingest(records).encode(id) {
        Ok(entry) => core.propose_bytes(entry, deadline).await,
        Err(error) => Err(error.into()),
    };
    let outcomes = match outcome.map(|committed| committed.reply) {
        Ok(Reply::Ingested(outcomes)) if outcomes.len() == answers.len() => Ok(outcomes),
        Ok(_) => Err(ProposeError::Unknown),
        Err(error) => Err(error),
    };
    for (at, answer) in answers.into_iter().enumerate() {
        let outcome = match &outcomes {
            Ok(outcomes) => outcomes.get(at).copied().ok_or(ProposeError::Unknown),
            Err(error) => Err(error.clone()),
        };
        // Whoever gave up waiting is gone.
        drop(answer.send(outcome));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sizes of the pushes of each batch, of pushes of `sizes` that all wait.
    fn batches(sizes: &[usize], batching: Batching) -> Vec<Vec<usize>> {
        let (queue, mut waiting) = mpsc::channel(WAITING);
        let mut callers = Vec::new();
        for size in sizes {
            let (answer, answered) = oneshot::channel();
            callers.push(answered);
            let push = Waiting {
                record: vec![0; *size].into(),
                deadline: pga_runtime::now(),
                answer,
            };
            assert!(queue.try_send(push).is_ok(), "there is room");
        }
        let (mut found, mut carried) = (Vec::new(), None);
        while let Some(first) = carried.take().or_else(|| waiting.try_recv().ok()) {
            let batch = collect(first, batching, &mut waiting, &mut carried);
            found.push(batch.iter().map(|push| push.record.len()).collect());
        }
        found
    }

    #[test]
    fn a_batch_ends_at_its_bytes_or_at_its_pushes() {
        let batching = Batching {
            max_bytes: 100,
            max_pushes: 3,
            in_flight: 1,
        };
        let found = batches(&[40, 60, 1, 500, 10, 10, 10, 10], batching);
        let want = [vec![40, 60], vec![1], vec![500], vec![10, 10, 10], vec![10]];
        assert_eq!(found, want);
    }
}
