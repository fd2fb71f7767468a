//! [`ClusterNode`]: one member of the cluster, as the rest of the program sees it.

mod app_service;
mod error;
mod leadership;
mod options;
mod status;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pga_config::NodeId;
use pga_storage::Position;
use tokio::sync::watch;
use tokio::time::Instant;

pub use self::{
    app_service::AppService,
    error::{Error, ProposeError, Result},
    leadership::Leadership,
    options::{BufferLimits, ClusterOptions, RaftTimings, SnapshotPolicy},
    status::{ClusterStatus, NodeRole, NodeStatus},
};
use crate::command::{Command, PushOutcome, Reply};
use crate::member::Member;
use crate::state::State;
use crate::transport::{Service, SharedTransport};

/// A command that is durable on a quorum and applied where it was proposed (ACK-1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The log entry.
    pub position: Position,
    /// What it answered; never [`Reply::Refused`].
    pub reply: Reply,
}

/// Handle to one member of the cluster. Clones share it.
#[derive(Clone)]
pub struct ClusterNode {}

impl ClusterNode {
    /// Opens the node's log, state and buffer under `options`, re-applies what the log holds above the snapshot, and
    /// starts to take part in the cluster.
    ///
    /// The caller then serves [`ClusterNode::service`] on its side of the transport.
    ///
    /// # Errors
    /// [`Error::Damaged`] if the log must not be used for voting (LOG-1); others say what could not be opened.
    pub async fn start(options: ClusterOptions, transport: SharedTransport) -> Result<Self> {
        todo!()
    }

    /// What this node serves to its peers.
    pub fn service(&self) -> Arc<dyn Service> {
        todo!()
    }

    /// Makes the first cluster of `members`. Called once, on one of them.
    ///
    /// # Errors
    /// [`Error::Initialized`] if there is a log already.
    pub async fn initialize(&self, members: Vec<Member>) -> Result<()> {
        todo!()
    }

    /// Whether this node's log holds anything: it was initialized, or heard from a leader.
    pub fn is_initialized(&self) -> bool {
        todo!()
    }

    /// Proposes `command`, on any node: followers forward to the leader. Waits through elections until `deadline`.
    ///
    /// The same proposal may reach the log more than once, when an attempt's outcome was lost; it takes effect once
    /// and answers once, as long as the copies are fewer than some 30,000 pushes apart (then repeats are found by
    /// their content, DEDUP-1).
    ///
    /// # Errors
    /// [`ProposeError::Refused`] certainly had no effect; [`ProposeError::Unknown`] may have taken effect.
    pub async fn propose(
        &self,
        command: Command,
        deadline: Instant,
    ) -> Result<Committed, ProposeError> {
        todo!()
    }

    /// Makes one push durable: `record` is an encoded `PushRecord`. Pushes of all callers are coalesced into few
    /// entries, several of which are in flight.
    ///
    /// # Errors
    /// [`ProposeError::Overloaded`] certainly had no effect: too many pushes wait. Else as for [`ClusterNode::propose`].
    pub async fn push(
        &self,
        record: Bytes,
        deadline: Instant,
    ) -> Result<PushOutcome, ProposeError> {
        todo!()
    }

    /// Who leads, as far as this node knows; changes are watched.
    pub fn leadership(&self) -> watch::Receiver<Leadership> {
        todo!()
    }

    /// Position of the last applied entry.
    pub fn applied(&self) -> watch::Receiver<Position> {
        todo!()
    }

    /// The last position a flush may reach: applied, and before the first open upload.
    pub fn flushable(&self) -> watch::Receiver<Position> {
        todo!()
    }

    /// The flush watermark: by [`Command::Flushed`] for a shared store, by [`ClusterNode::set_flushed`] for this node's own.
    pub fn flushed(&self) -> watch::Receiver<Position> {
        todo!()
    }

    /// Notes that this node's own store holds everything up to `position`.
    pub fn set_flushed(&self, position: Position) {
        todo!()
    }

    /// Reads the replicated state, as far as this node has applied. `read` must be short: it holds up apply.
    pub fn with_state<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        todo!()
    }

    /// Waits until this node has applied everything that was committed when the call began: a read of the state
    /// after it is linearizable.
    ///
    /// # Errors
    /// [`ProposeError::Unknown`] if no leader answers before `deadline`.
    pub async fn linearizable(&self, deadline: Instant) -> Result<Position, ProposeError> {
        todo!()
    }

    /// Waits until this node has applied `position`.
    ///
    /// # Errors
    /// [`ProposeError::Unknown`] at `deadline`.
    pub async fn wait_applied(
        &self,
        position: Position,
        deadline: Instant,
    ) -> Result<(), ProposeError> {
        todo!()
    }

    /// The cluster as its nodes see themselves; who does not answer within `timeout` is marked unreachable.
    pub async fn status(&self, timeout: Duration) -> ClusterStatus {
        todo!()
    }

    /// Adds a node: as a learner, and as a voter once it has caught up. On any node.
    ///
    /// # Errors
    /// [`ProposeError`]
    pub async fn add_node(&self, member: Member, deadline: Instant) -> Result<(), ProposeError> {
        todo!()
    }

    /// Takes a node out of the cluster and retires its id (ID-1). On any node.
    ///
    /// # Errors
    /// [`ProposeError`]
    pub async fn remove_node(&self, node: NodeId, deadline: Instant) -> Result<(), ProposeError> {
        todo!()
    }

    /// Hands the leadership to `to`, a voter that has caught up, and waits until it leads. On any node.
    ///
    /// # Errors
    /// [`ProposeError`]
    pub async fn transfer_leader(&self, to: NodeId, deadline: Instant) -> Result<(), ProposeError> {
        todo!()
    }

    /// Builds a snapshot at the flush watermark now and purges what the policy allows.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn snapshot(&self) -> Result<Position> {
        todo!()
    }

    /// Becomes `Some` when consensus had to stop (a failed fsync, a damaged file): the process must exit.
    pub fn fatal(&self) -> watch::Receiver<Option<Arc<str>>> {
        todo!()
    }

    /// Stops taking part; what was acknowledged is durable.
    pub async fn shutdown(&self) {
        todo!()
    }
}

impl std::fmt::Debug for ClusterNode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClusterNode")
    }
}
