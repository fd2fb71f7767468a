//! The cluster node as the actors' [`Replica`].

use std::fmt;

use bytes::Bytes;
use futures::future::BoxFuture;
use pga_cluster::{ClusterNode, Command, Committed, Leadership, ProposeError, PushOutcome};
use pga_config::CollectorId;
use pga_runtime::Instant;
use pga_storage::buffer::BufferBatch;
use pga_storage::{Error, Position};
use tokio::sync::watch;

use crate::replica::{BufferedPush, BufferedRange, Replica};

/// One member of the cluster.
#[derive(Clone)]
pub(crate) struct ClusterReplica(pub(crate) ClusterNode);

impl fmt::Debug for ClusterReplica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClusterReplica")
    }
}

impl Replica for ClusterReplica {
    fn push(
        &self,
        record: Bytes,
        deadline: Instant,
    ) -> BoxFuture<'_, Result<PushOutcome, ProposeError>> {
        Box::pin(self.0.push(record, deadline))
    }

    fn propose(
        &self,
        command: Command,
        deadline: Instant,
    ) -> BoxFuture<'_, Result<Committed, ProposeError>> {
        Box::pin(self.0.propose(command, deadline))
    }

    fn leadership(&self) -> watch::Receiver<Leadership> {
        self.0.leadership()
    }

    fn flushable(&self) -> watch::Receiver<Position> {
        self.0.flushable()
    }

    fn flushed(&self) -> watch::Receiver<Position> {
        self.0.flushed()
    }

    fn set_flushed(&self, position: Position) {
        self.0.set_flushed(position);
    }

    fn backlog_bytes(&self) -> u64 {
        self.0.buffer().usage().pending_bytes
    }

    fn log_bytes(&self) -> u64 {
        self.0.log_bytes()
    }

    fn known(&self, collector: CollectorId) -> (bool, usize) {
        self.0.with_state(|state| {
            let collectors = state.collectors();
            (collectors.contains_key(&collector), collectors.len())
        })
    }

    fn buffered(
        &self,
        after: Position,
        upto: Position,
        max_bytes: u64,
    ) -> BoxFuture<'_, Result<BufferedRange, Error>> {
        let buffer = self.0.buffer().clone();
        let max_bytes = usize::try_from(max_bytes).unwrap_or(usize::MAX);
        Box::pin(async move {
            let read = move || {
                let held_from = buffer.held_after().saturating_add(1);
                let from = after.index.max(held_from - 1);
                let batch = buffer.read_batch(from, upto.index, max_bytes)?;
                Ok(range(batch, upto, held_from))
            };
            pga_runtime::spawn_blocking(read)
                .await
                .map_err(|_| Error::Closed)?
        })
    }
}

fn range(batch: BufferBatch, upto: Position, held_from: u64) -> BufferedRange {
    let reached = if batch.upto >= upto.index {
        upto
    } else {
        let term = batch.last.map_or(upto.term, |last| last.term);
        Position {
            term,
            index: batch.upto,
            ..upto
        }
    };
    let pushes = batch.pushes.into_iter().flat_map(|(position, pushes)| {
        pushes
            .into_iter()
            .map(move |(record, accepted)| BufferedPush {
                position,
                record,
                accepted: accepted.iter().collect(),
            })
    });
    BufferedRange {
        pushes: pushes.collect(),
        upto: reached,
        held_from: Position {
            index: held_from,
            ..upto
        },
    }
}
