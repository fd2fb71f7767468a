//! What the handle, the service and the tasks of a node share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver;
use openraft::{RaftMetrics, ServerState};
use pga_config::NodeId;
use pga_runtime::Instant;
use pga_storage::Position;
use tokio::sync::watch;

use crate::cluster_id::ClusterId;
use crate::consensus::address_book::AddressBook;
use crate::consensus::log_store::LogStore;
use crate::consensus::peer_watermarks::{PeerWatermark, PeerWatermarks};
use crate::consensus::state_machine::Inner as Machine;
use crate::consensus::state_machine::Raft;
use crate::consensus::type_config::TypeConfig;
use crate::error::{Fatal, ProposeError};
use crate::feature_level::FeatureLevel;
use crate::member::Member;
use crate::metrics::ClusterMetrics;
use crate::node::app_service::AppService;
use crate::node::condition::Condition;
use crate::node::leadership::Leadership;
use crate::node::options::{RaftTimings, SnapshotPolicy};
use crate::node::status::{NodeRole, NodeStatus};
use crate::proposals::confirmation::Confirmation;
use crate::recovery::incarnation::Incarnation;
use crate::recovery::quarantine::Quarantine;
use crate::recovery::standing::{Heard, PeerStanding, Standing};
use crate::transport::{SharedTransport, TransportError};

/// What the handle, the service and the tasks of a node share.
pub(crate) struct Core {
    pub(crate) node: NodeId,
    pub(crate) cluster: ClusterId,
    pub(crate) raft: Raft,
    pub(crate) machine: Arc<Machine>,
    pub(crate) log: LogStore,
    pub(crate) transport: SharedTransport,
    pub(crate) book: Arc<AddressBook>,
    pub(crate) app: Option<Arc<dyn AppService>>,
    pub(crate) metrics: Arc<ClusterMetrics>,
    pub(crate) timings: RaftTimings,
    pub(crate) snapshots: SnapshotPolicy,
    pub(crate) peer_watermarks: Arc<PeerWatermarks>,
    /// The members as configured.
    pub(crate) configured: Vec<Member>,
    /// This node as configured.
    pub(crate) own: Option<Member>,
    pub(crate) quarantine: Quarantine,
    pub(crate) incarnation: Incarnation,
    pub(crate) heard: Mutex<Heard>,
    pub(crate) standing: watch::Sender<Standing>,
    /// This process began with an empty log, with the cluster.
    pub(crate) is_original: AtomicBool,
    pub(crate) leadership: watch::Sender<Leadership>,
    pub(crate) confirmation: Confirmation,
    /// What this program knows.
    pub(crate) feature_level: FeatureLevel,
    /// What this node tells of itself.
    pub(crate) condition: Mutex<Condition>,
    /// Held while the level is raised, and while a node is let in.
    pub(crate) level_gate: tokio::sync::Mutex<()>,
    pub(crate) fatal: watch::Sender<Option<Fatal>>,
    pub(crate) stopped: watch::Sender<bool>,
}

impl Core {
    /// Where `node` listens.
    pub(crate) fn address(&self, node: NodeId) -> Result<String, TransportError> {
        self.book
            .quic(node)
            .ok_or_else(|| TransportError::Unreachable {
                peer: node,
                reason: "its address is not known".to_owned(),
            })
    }

    /// The leader, as far as this node knows.
    pub(crate) fn leader(&self) -> Option<NodeId> {
        self.leadership.borrow().leader
    }

    /// A copy of consensus' own metrics.
    pub(crate) fn raft_metrics(&self) -> RaftMetrics<TypeConfig> {
        self.raft.metrics().borrow_watched().clone()
    }

    /// The members of the cluster, with the addresses known last.
    pub(crate) fn members(&self) -> Vec<Member> {
        let metrics = self.raft_metrics();
        let nodes = metrics.membership_config.nodes();
        nodes
            .map(|(_, member)| {
                self.book
                    .member(member.node)
                    .unwrap_or_else(|| member.clone())
            })
            .collect()
    }

    /// Waits until another leader is known than `than`, but not longer than `pause` or to
    /// `deadline`.
    pub(crate) async fn pause(&self, than: Option<NodeId>, pause: Duration, deadline: Instant) {
        let mut leadership = self.leadership.subscribe();
        let until = deadline.min(pga_runtime::now() + pause);
        let other = leadership.wait_for(|now| now.leader.is_some() && now.leader != than);
        // Either way the caller looks again.
        drop(tokio::time::timeout_at(until, other).await);
    }

    /// Waits until another leader than `than` is known.
    pub(crate) async fn other_leader(&self, than: NodeId) {
        let mut leadership = self.leadership.subscribe();
        let other = leadership.wait_for(|now| now.leader.is_some_and(|leader| leader != than));
        if other.await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Waits until this node has applied index `index`.
    pub(crate) async fn wait_applied(
        &self,
        index: u64,
        deadline: Instant,
    ) -> Result<Position, ProposeError> {
        let mut applied = self.machine.applied.subscribe();
        let reached = applied.wait_for(|applied| applied.index >= index);
        match tokio::time::timeout_at(deadline, reached).await {
            Ok(Ok(position)) => Ok(*position),
            Ok(Err(_)) => Err(ProposeError::Stopped),
            Err(_) => Err(ProposeError::Unknown),
        }
    }

    /// Whether this node lost what it confirmed, and is not yet taken in again.
    pub(crate) fn is_recovering(&self) -> bool {
        matches!(*self.standing.borrow(), Standing::Recovering(_))
    }

    /// Whether this node takes part in consensus.
    pub(crate) fn takes_part(&self) -> bool {
        *self.standing.borrow() == Standing::Open
    }

    /// What this node knows about `peer`.
    pub(crate) fn standing_of(&self, peer: NodeId) -> PeerStanding {
        let metrics = self.raft_metrics();
        let is_original = self.is_original.load(Ordering::Acquire);
        let voters: Vec<u64> = metrics.membership_config.voter_ids().collect();
        PeerStanding {
            is_recovering: self.is_recovering(),
            is_original,
            // The first entry is the membership that the cluster was made with: no push is there.
            has_committed: metrics.local_committed.is_some_and(|id| id.index > 0)
                || self.machine.applied.borrow().index > 0
                // What is in the log since before may be committed.
                || (!is_original && self.log.last_id().is_some_and(|id| id.index > 0)),
            is_leader: metrics.current_leader == Some(self.node.get())
                && metrics.replication.is_some(),
            is_voter: voters.contains(&peer.get()),
            voters: voters.len(),
            seen: self.peer_watermarks.of(peer),
            own: self.on_disk(),
        }
    }

    /// What this node has on its disk.
    pub(crate) fn on_disk(&self) -> PeerWatermark {
        PeerWatermark {
            log: self.log.durable_id().max(self.raft_metrics().snapshot),
            term: self.log.voted_term(),
            incarnation: self.incarnation.number(),
        }
    }

    /// Takes part in consensus from now on.
    pub(crate) fn take_part(&self) {
        self.standing.send_replace(Standing::Open);
        self.raft.runtime_config().elect(true);
    }

    /// Reports the end of consensus, unless the node was told to stop.
    pub(crate) fn end(&self, why: Fatal) {
        if *self.stopped.borrow() {
            return;
        }
        self.fatal.send_if_modified(|fatal| {
            let is_first = fatal.is_none();
            if is_first {
                tracing::error!(error = %why, "consensus stopped");
                *fatal = Some(why);
            }
            is_first
        });
    }

    /// This node as it sees itself.
    pub(crate) fn own_status(&self) -> NodeStatus {
        let metrics = self.raft_metrics();
        let member = self.book.member(self.node);
        let role = match metrics.state {
            _ if !self.takes_part() => NodeRole::Recovering,
            ServerState::Leader => NodeRole::Leader,
            ServerState::Follower => NodeRole::Follower,
            ServerState::Candidate => NodeRole::Candidate,
            ServerState::Learner => NodeRole::Learner,
            ServerState::Shutdown => NodeRole::Unknown,
        };
        let index = |id: &Option<_>| {
            id.as_ref()
                .map_or(0, |id: &crate::consensus::type_config::LogId| id.index)
        };
        NodeStatus {
            id: self.node,
            role,
            http: member.as_ref().map(|m| m.http.clone()).unwrap_or_default(),
            quic: member.map(|m| m.quic).unwrap_or_default(),
            term: metrics.current_term,
            leader: metrics.current_leader.map(NodeId::new),
            last: metrics.last_log_index.unwrap_or(0),
            committed: index(&metrics.local_committed),
            applied: self.machine.applied.borrow().index,
            flushed: self.machine.flushed.borrow().index,
            lag: 0,
            backlog_bytes: self.machine.buffer.usage().pending_bytes,
            reachable: true,
            feature_level: None,
            version: None,
            condition: None,
            clock_ahead_micros: None,
        }
    }
}
