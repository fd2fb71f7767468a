//! The port to the replicated log: what actors need of the cluster, so that they can be tested
//! without one.

use std::fmt::Debug;

use bytes::Bytes;
use futures::future::BoxFuture;
use pga_cluster::{Command, Committed, Leadership, ProposeError, PushOutcome};
use pga_config::CollectorId;
use pga_runtime::Instant;
use pga_storage::Position;
use tokio::sync::watch;

/// One applied push that waits for a flush.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BufferedPush {
    /// The entry that committed it.
    pub(crate) position: Position,
    /// Encoded [`pga_storage::PushRecord`].
    pub(crate) record: Bytes,
    /// One flag per element: not a repeat.
    pub(crate) accepted: Vec<bool>,
}

/// Consecutive applied pushes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct BufferedRange {
    /// In log order.
    pub(crate) pushes: Vec<BufferedPush>,
    /// Everything up to here is in `pushes`.
    pub(crate) upto: Position,
    /// First position from which the buffer still holds everything; later than asked for if
    /// entries were released.
    pub(crate) held_from: Position,
}

/// The cluster, as the actors see it.
pub(crate) trait Replica: Debug + Send + Sync + 'static {
    /// Makes one encoded push record durable on a quorum.
    fn push(
        &self,
        record: Bytes,
        deadline: Instant,
    ) -> BoxFuture<'_, Result<PushOutcome, ProposeError>>;

    /// Proposes a command.
    fn propose(
        &self,
        command: Command,
        deadline: Instant,
    ) -> BoxFuture<'_, Result<Committed, ProposeError>>;

    /// Who leads.
    fn leadership(&self) -> watch::Receiver<Leadership>;

    /// The last position a flush may reach.
    fn flushable(&self) -> watch::Receiver<Position>;

    /// The flush watermark, as the cluster knows it.
    fn flushed(&self) -> watch::Receiver<Position>;

    /// Notes that this node's own store holds everything up to `position`.
    fn set_flushed(&self, position: Position);

    /// Bytes that wait for a flush.
    fn backlog_bytes(&self) -> u64;

    /// Bytes of the log on disk.
    fn log_bytes(&self) -> u64;

    /// Whether a collector is known, and how many are.
    fn known(&self, collector: CollectorId) -> (bool, usize);

    /// The pushes after `after` up to `upto`, about `max_bytes` of them but at least one.
    fn buffered(
        &self,
        after: Position,
        upto: Position,
        max_bytes: u64,
    ) -> BoxFuture<'_, Result<BufferedRange, pga_storage::Error>>;
}
