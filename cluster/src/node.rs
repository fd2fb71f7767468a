//! [`ClusterNode`]: one member of the cluster, as the rest of the program sees it.

mod app_service;
pub(crate) mod backup;
pub(crate) mod condition;
pub(crate) mod core;
mod gather_status;
pub(crate) mod leadership;
mod maintenance;
pub(crate) mod options;
pub(crate) mod service;
mod start;
pub(crate) mod status;
mod watch;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use openraft::error::{InitializeError, RaftError};
use pga_config::NodeId;
use pga_runtime::Instant;
use pga_storage::buffer::Buffer;
use pga_storage::{Position, StoreWriter};
use tokio::sync::watch as tokio_watch;

use self::core::Core;
use self::service::NodeService;
pub use self::{
    app_service::AppService,
    condition::Condition,
    leadership::Leadership,
    options::{Batching, BufferLimits, ClusterOptions, RaftTimings, SnapshotPolicy},
    status::{ClusterStatus, NodeRole, NodeStatus},
};
use crate::command::Command;
use crate::error::{Error, Fatal, ProposeError, Result};
use crate::feature_level::{FeatureLevel, Outdated};
use crate::member::Member;
use crate::membership::change::Change;
use crate::membership::levels;
use crate::outcome::{Committed, PushOutcome};
use crate::proposal_id::ProposalId;
use crate::proposals::batcher::Batcher;
use crate::proposals::readiness::Unready;
use crate::proposals::{prober, uploads};
use crate::recovery;
use crate::recovery::standing::Standing;
use crate::staged_backup::{BackupError, StagedBackup};
use crate::state::State;
use crate::transport::{RpcKind, Service, SharedTransport, TransportError};

/// Handle to one member of the cluster. Clones share it.
#[derive(Clone)]
pub struct ClusterNode {
    core: Arc<Core>,
    batcher: Batcher,
}

impl ClusterNode {
    /// Opens the node's log, state and buffer under `options`, re-applies what the log holds above
    /// the snapshot, and starts to take part in the cluster.
    ///
    /// `connect` makes the transport, and has it serve the service it is given to peers; calls that
    /// come before the node is open are refused.
    ///
    /// # Errors
    /// [`Error::Damaged`] if the log must not be used for voting (LOG-1) and there is nobody who
    /// could take this node in again; others say what could not be opened.
    pub async fn start(
        options: ClusterOptions,
        connect: impl FnOnce(Arc<dyn Service>) -> Result<SharedTransport>,
    ) -> Result<Self> {
        let service = Arc::new(NodeService::default());
        let batching = options.batching;
        let transport = connect(Arc::clone(&service) as Arc<dyn Service>)?;
        let core = Arc::new(start::open(options, transport).await?);
        service.open(&core);
        pga_runtime::spawn(watch::leadership(Arc::clone(&core)));
        pga_runtime::spawn(watch::gauges(Arc::clone(&core)));
        pga_runtime::spawn(maintenance::run(Arc::clone(&core)));
        pga_runtime::spawn(uploads::run(Arc::clone(&core)));
        pga_runtime::spawn(recovery::exchange::run(Arc::clone(&core)));
        pga_runtime::spawn(prober::run(Arc::clone(&core)));
        pga_runtime::spawn(levels::run(Arc::clone(&core)));
        if !core.takes_part() {
            pga_runtime::spawn(recovery::task::run(Arc::clone(&core)));
        }
        let batcher = Batcher::start(Arc::clone(&core), batching);
        Ok(Self { core, batcher })
    }

    /// This node.
    pub fn id(&self) -> NodeId {
        self.core.node
    }

    /// Makes the first cluster of `members`. Called once, on one of them. Waits until it is known
    /// that there is none yet.
    ///
    /// # Errors
    /// [`Error::Initialized`] if there is a log already.
    pub async fn initialize(&self, members: Vec<Member>) -> Result<()> {
        let mut standing = self.core.standing.subscribe();
        let decided = standing.wait_for(|standing| *standing != Standing::Undecided);
        let is_open = decided
            .await
            .is_ok_and(|standing| *standing == Standing::Open);
        if !is_open || self.is_initialized() {
            return Err(Error::Initialized);
        }
        let members: BTreeMap<u64, Member> = members
            .into_iter()
            .map(|member| (member.node.get(), member))
            .collect();
        match self.core.raft.initialize(members).await {
            Ok(()) => Ok(()),
            Err(RaftError::APIError(InitializeError::NotAllowed(_))) => Err(Error::Initialized),
            Err(error) => Err(Error::Fatal(error.to_string())),
        }
    }

    /// Why this node takes no part in consensus until the others have taken it in again.
    pub fn recovering(&self) -> Option<Arc<str>> {
        match &*self.core.standing.borrow() {
            Standing::Recovering(why) => Some(Arc::clone(why)),
            Standing::Open | Standing::Undecided => None,
        }
    }

    /// Whether this node takes part in consensus: it does not while it recovers, nor at its start
    /// until its peers told that it lost nothing.
    pub fn takes_part(&self) -> bool {
        self.core.takes_part()
    }

    /// Whether a write that this node takes now would succeed: it takes part, and within the last
    /// two seconds a quorum confirmed it.
    ///
    /// # Errors
    /// [`Unready`] says why not.
    pub fn readiness(&self) -> Result<(), Unready> {
        self.core.readiness()
    }

    /// How long ago this node's state held all that was committed, as a quorum confirmed; `None` if
    /// none has since the node started.
    pub fn view_age(&self) -> Option<Duration> {
        self.core.confirmation.age()
    }

    /// Whether this node's log holds anything: it was initialized, or heard from a leader.
    pub fn is_initialized(&self) -> bool {
        self.core.log.log().last().is_some() || self.core.log.log().purged().is_some()
    }

    /// Proposes `command`, on any node: followers forward to the leader. Waits through elections
    /// until `deadline`.
    ///
    /// The same proposal may reach the log more than once, when an attempt's outcome was lost; it
    /// takes effect once and answers once, as long as the copies are fewer than some 30,000
    /// pushes apart (then repeats are found by their content, DEDUP-1). A dropped call may
    /// still take effect.
    ///
    /// # Errors
    /// [`ProposeError::Refused`], also if not all members know the command yet
    /// ([`Refusal::FeatureLevel`](crate::Refusal::FeatureLevel)), and [`ProposeError::NoQuorum`]
    /// certainly had no effect; [`ProposeError::Unknown`] may have taken effect, or may yet.
    pub async fn propose(
        &self,
        command: Command,
        deadline: Instant,
    ) -> Result<Committed, ProposeError> {
        self.core.admits(&command)?;
        let entry = command.encode(ProposalId(pga_runtime::random()))?;
        drop(command);
        self.core.propose_bytes(entry, deadline).await
    }

    /// Makes one push durable: `record` is an encoded `PushRecord`. Pushes of all callers are
    /// coalesced into few entries, several of which are in flight. A dropped call may still
    /// take effect.
    ///
    /// # Errors
    /// [`ProposeError::Overloaded`] certainly had no effect: too many pushes wait. Else as for
    /// [`ClusterNode::propose`].
    pub async fn push(
        &self,
        record: Bytes,
        deadline: Instant,
    ) -> Result<PushOutcome, ProposeError> {
        self.batcher.push(record, deadline).await
    }

    /// Who leads, as far as this node knows; changes are watched.
    pub fn leadership(&self) -> tokio_watch::Receiver<Leadership> {
        self.core.leadership.subscribe()
    }

    /// Position of the last applied entry.
    pub fn applied(&self) -> tokio_watch::Receiver<Position> {
        self.core.machine.applied.subscribe()
    }

    /// The last position a flush may reach: applied, in the buffer, and before the first open
    /// upload.
    pub fn flushable(&self) -> tokio_watch::Receiver<Position> {
        self.core.machine.flushable.subscribe()
    }

    /// The flush watermark: by [`Command::Flushed`] for a shared store, by
    /// [`ClusterNode::set_flushed`] for this node's own.
    pub fn flushed(&self) -> tokio_watch::Receiver<Position> {
        self.core.machine.flushed.subscribe()
    }

    /// Notes that this node's own store holds everything up to `position`. For a shared store
    /// propose [`Command::Flushed`] in its place.
    pub fn set_flushed(&self, position: Position) {
        self.core.machine.set_own_flushed(position);
    }

    /// What waits for a flush.
    pub fn buffer(&self) -> &Buffer {
        &self.core.machine.buffer
    }

    /// Bytes of the log on disk.
    pub fn log_bytes(&self) -> u64 {
        self.core.log.log().size_bytes()
    }

    /// Reads the replicated state, as far as this node has applied. `read` must be short: it holds
    /// up apply.
    pub fn with_state<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        self.core.machine.with_state(read)
    }

    /// Waits until this node has applied everything that was committed when the call began: a read
    /// of the state after it is linearizable.
    ///
    /// # Errors
    /// [`ProposeError::NoQuorum`] if no leader with a quorum answers before `deadline`;
    /// [`ProposeError::Unknown`] if this node has not applied so much by then.
    pub async fn linearizable(&self, deadline: Instant) -> Result<Position, ProposeError> {
        self.core.linearizable(deadline).await
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
        self.core
            .wait_applied(position.index, deadline)
            .await
            .map(drop)
    }

    /// Whether a node whose program knows `known` may join.
    ///
    /// # Errors
    /// [`Outdated`] names the level and the version that it needs.
    pub fn admits_level(&self, known: FeatureLevel) -> std::result::Result<(), Outdated> {
        self.with_state(|state| state.cluster_level().check(known))
    }

    /// This node as it sees itself.
    pub fn own_status(&self) -> NodeStatus {
        self.core.own_status()
    }

    /// From now on this node tells its peers this about itself.
    pub fn set_condition(&self, condition: Condition) {
        self.core.set_condition(condition);
    }

    /// The members of the cluster, with the addresses known last.
    pub fn members(&self) -> Vec<Member> {
        self.core.members()
    }

    /// Who votes, by the last membership that this node knows to be committed.
    pub fn voters(&self) -> Vec<NodeId> {
        let metrics = self.core.raft_metrics();
        let members = &metrics.membership_config;
        if metrics.local_committed < *members.log_id() {
            return Vec::new();
        }
        members.voter_ids().map(NodeId::new).collect()
    }

    /// Calls a peer at the address known last.
    ///
    /// # Errors
    /// [`TransportError`]; see its variants for what is known about the effect.
    pub async fn call(
        &self,
        peer: NodeId,
        kind: RpcKind,
        body: Bytes,
        timeout: Duration,
    ) -> Result<Bytes, TransportError> {
        let address = self.core.address(peer)?;
        self.core
            .transport
            .call(peer, &address, kind, body, timeout)
            .await
    }

    /// Adds a node: as a learner, and as a voter once it has caught up. On any node; again has no
    /// further effect.
    ///
    /// # Errors
    /// [`ProposeError::Membership`] if it cannot be; [`ProposeError::Unknown`] if it was not done
    /// before `deadline`.
    pub async fn add_node(&self, member: Member, deadline: Instant) -> Result<(), ProposeError> {
        self.core.change(&Change::Add(member), deadline).await
    }

    /// Takes a node out of the cluster and retires its id (ID-1). On any node; again has no further
    /// effect.
    ///
    /// # Errors
    /// As [`ClusterNode::add_node`].
    pub async fn remove_node(&self, node: NodeId, deadline: Instant) -> Result<(), ProposeError> {
        self.core.change(&Change::Remove(node), deadline).await
    }

    /// Hands the leadership to `to`, a voter, once it has caught up, and waits until it leads. On
    /// any node.
    ///
    /// # Errors
    /// As [`ClusterNode::add_node`].
    pub async fn transfer_leader(&self, to: NodeId, deadline: Instant) -> Result<(), ProposeError> {
        self.core.change(&Change::Lead(to), deadline).await
    }

    /// Builds a snapshot at the flush watermark now and purges what the policy does not retain.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn snapshot(&self) -> Result<Position> {
        self.core.snapshot_and_purge().await
    }

    /// Makes the files of a backup: everything that was acknowledged before the call is in it, on
    /// any node. `store` is the one this node flushes to. The cluster goes on meanwhile.
    ///
    /// # Errors
    /// [`BackupError`], also if that takes longer than `deadline`.
    pub async fn stage_backup(
        &self,
        store: &dyn StoreWriter,
        deadline: Instant,
    ) -> std::result::Result<StagedBackup, BackupError> {
        self.core.stage_backup(store, deadline).await
    }

    /// Becomes `Some` when consensus had to stop (a failed fsync, a damaged file): the process must
    /// exit.
    pub fn fatal(&self) -> tokio_watch::Receiver<Option<Fatal>> {
        self.core.fatal.subscribe()
    }

    /// Stops taking part; what was acknowledged is durable.
    pub async fn shutdown(&self) {
        if self.core.stopped.send_replace(true) {
            return;
        }
        if let Err(error) = self.core.raft.shutdown().await {
            tracing::warn!(%error, "consensus did not end well");
        }
        let (log, peer_watermarks) = (
            self.core.log.log().clone(),
            Arc::clone(&self.core.peer_watermarks),
        );
        let close = move || {
            peer_watermarks.save();
            log.close()
        };
        match pga_runtime::spawn_blocking(close).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the log did not close well"),
            Err(error) => tracing::warn!(%error, "the log did not close well"),
        }
    }
}

impl std::fmt::Debug for ClusterNode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClusterNode")
            .field("node", &self.core.node)
            .finish_non_exhaustive()
    }
}
