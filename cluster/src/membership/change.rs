//! Changes of the membership, carried out by the leader.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use openraft::ChangeMembers;
use openraft::error::{ClientWriteError, RaftError};
use pga_config::NodeId;
use pga_runtime::Instant;
use serde::{Deserialize, Serialize};

use crate::command::{Command, ControlCommand};
use crate::consensus::type_config::Membership;
use crate::error::ProposeError;
use crate::member::Member;
use crate::node::core::Core;
use crate::transport::RpcKind;

const PAUSE: Duration = Duration::from_millis(50);
/// Entries a learner may be behind to become a voter.
const CAUGHT_UP: u64 = 64;

/// A change of the membership.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Change {
    /// Add as a learner, make a voter once it has caught up.
    Add(Member),
    /// Evict and retire.
    Remove(NodeId),
    /// Make the leader.
    Lead(NodeId),
    /// Evict a node that lost its log, so that it can begin anew; asked for by itself.
    #[serde(rename = "TakeOut")] // as members of earlier versions call it
    Evict(NodeId),
}

/// What a node answered that was asked to make a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Changed {
    /// Done.
    Done,
    /// It does not lead.
    NotLeader,
    /// Not possible.
    Refused(String),
    /// Not done in time.
    Late,
    /// Evicted by this log entry, which begins the node's next incarnation.
    #[serde(rename = "TakenOut")] // as members of earlier versions call it
    Evicted(u64),
}

impl Core {
    /// Has the leader make a change; on any node. A change is idempotent, so that it is asked for
    /// until it is done.
    pub(crate) async fn change(
        &self,
        change: &Change,
        deadline: Instant,
    ) -> Result<(), ProposeError> {
        loop {
            if *self.stopped.borrow() {
                return Err(ProposeError::Stopped);
            }
            if pga_runtime::now() >= deadline {
                return Err(ProposeError::Unknown);
            }
            let leader = self.leader();
            let changed = match leader {
                None => Changed::NotLeader,
                Some(leader) if leader == self.node => self.lead_change(change, deadline).await,
                Some(leader) => self.ask_change(leader, change, deadline).await,
            };
            match changed {
                Changed::Done => return Ok(()),
                Changed::Refused(why) => return Err(ProposeError::Membership(why)),
                Changed::Late | Changed::NotLeader | Changed::Evicted(_) => {}
            }
            self.pause(leader, PAUSE, deadline).await;
        }
    }

    async fn ask_change(&self, leader: NodeId, change: &Change, deadline: Instant) -> Changed {
        let Ok(address) = self.address(leader) else {
            return Changed::NotLeader;
        };
        let asked = self.request_change(leader, &address, change, deadline);
        tokio::select! {
            changed = asked => changed,
            () = self.other_leader(leader) => Changed::Late,
        }
    }

    /// Asks the node at `address` to make a change.
    pub(crate) async fn request_change(
        &self,
        leader: NodeId,
        address: &str,
        change: &Change,
        deadline: Instant,
    ) -> Changed {
        let timeout = deadline.saturating_duration_since(pga_runtime::now());
        let mut body = BytesMut::new();
        body.put_u32_le(u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX));
        match rmp_serde::to_vec(change) {
            Ok(bytes) => body.put_slice(&bytes),
            Err(error) => return Changed::Refused(error.to_string()),
        }
        let call =
            self.transport
                .call(leader, address, RpcKind::Membership, body.freeze(), timeout);
        match call.await {
            Ok(answer) => pga_storage::from_msgpack(&answer).unwrap_or(Changed::Late),
            Err(_) => Changed::Late,
        }
    }

    /// Serves a forwarded change.
    pub(crate) async fn serve_change(&self, from: NodeId, mut body: Bytes) -> Changed {
        let Ok(timeout) = body.try_get_u32_le() else {
            return Changed::Refused("malformed".to_owned());
        };
        let deadline = pga_runtime::now() + Duration::from_millis(u64::from(timeout));
        match pga_storage::from_msgpack(&body) {
            Ok(Change::Evict(node)) if node != from => {
                Changed::Refused("a node is evicted at its own request only".to_owned())
            }
            Ok(change) => self.lead_change(&change, deadline).await,
            Err(_) => Changed::Refused("malformed".to_owned()),
        }
    }

    async fn lead_change(&self, change: &Change, deadline: Instant) -> Changed {
        let making = async {
            match change {
                Change::Add(member) => self.add(member, deadline).await,
                Change::Remove(node) => self.remove(*node, deadline).await,
                Change::Lead(node) => self.hand_over(*node).await,
                Change::Evict(node) => return self.evict(*node).await,
            }
            .map(|()| Changed::Done)
        };
        match tokio::time::timeout_at(deadline, making).await {
            Ok(Ok(done) | Err(done)) => done,
            Err(_) => Changed::Late,
        }
    }

    async fn add(&self, member: &Member, deadline: Instant) -> Result<(), Changed> {
        if self
            .machine
            .with_state(|state| state.is_retired(member.node))
        {
            return Err(Changed::Refused(format!("{} is retired", member.node)));
        }
        let id = member.node.get();
        self.set_address(member, deadline).await?;
        let metrics = self.raft_metrics();
        if metrics
            .membership_config
            .voter_ids()
            .any(|voter| voter == id)
        {
            return Ok(());
        }
        if metrics.membership_config.get_node(&id).is_none() {
            let _gate = self.level_gate.lock().await;
            self.check_level_of(member).await?;
            let added = self.raft.add_learner(id, member.clone(), false).await;
            added.map_err(changed)?;
        }
        self.wait_caught_up(id, CAUGHT_UP).await?;
        let voters = ChangeMembers::AddVoterIds(BTreeSet::from([id]));
        let done = self.raft.change_membership(voters, false).await;
        done.map(drop).map_err(changed)
    }

    /// Takes a node out without retiring it, and waits until a membership without it is committed;
    /// answers which entry that is.
    async fn evict(&self, node: NodeId) -> Result<Changed, Changed> {
        let id = node.get();
        let is_in = |members: &Membership| members.nodes().any(|(member, _)| *member == id);
        loop {
            let metrics = self.raft_metrics();
            if metrics.replication.is_none() {
                return Err(Changed::NotLeader);
            }
            let members = &metrics.membership_config;
            let is_committed = metrics.local_committed >= *members.log_id();
            if !is_in(members) && is_committed {
                let incarnation = members.log_id().map_or(0, |id| id.index);
                self.peer_watermarks.begins_anew(node, incarnation);
                return Ok(Changed::Evicted(incarnation));
            }
            if is_in(members) && is_committed {
                let nodes = BTreeSet::from([id]);
                let change = if members.voter_ids().any(|voter| voter == id) {
                    ChangeMembers::RemoveVoters(nodes)
                } else {
                    ChangeMembers::RemoveNodes(nodes)
                };
                // Without progress of before: the log that it will have is another one.
                let done = self.raft.change_membership(change, false).await;
                done.map(drop).map_err(changed)?;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn set_address(&self, member: &Member, deadline: Instant) -> Result<(), Changed> {
        let command = Command::Control(ControlCommand::SetNode {
            node: member.node,
            quic: member.quic.clone(),
            http: member.http.clone(),
        });
        match self.propose(&command, deadline).await {
            Ok(_) => Ok(()),
            Err(ProposeError::Refused(refusal)) => Err(Changed::Refused(refusal.to_string())),
            Err(_) => Err(Changed::Late),
        }
    }

    async fn remove(&self, node: NodeId, deadline: Instant) -> Result<(), Changed> {
        let id = node.get();
        let metrics = self.raft_metrics();
        let voters: BTreeSet<u64> = metrics.membership_config.voter_ids().collect();
        if node == self.node {
            // The one that answered last: one that is dead would never catch up.
            let heard = metrics.heartbeat.unwrap_or_default();
            let others = voters.iter().copied().filter(|voter| *voter != id);
            let heir = others.max_by_key(|voter| heard.get(voter).copied().flatten());
            let heir = heir.ok_or_else(|| Changed::Refused("it is the only voter".to_owned()))?;
            self.hand_over(NodeId::new(heir)).await?;
            return Err(Changed::NotLeader);
        }
        if voters.contains(&id) {
            let change = ChangeMembers::RemoveVoters(BTreeSet::from([id]));
            let done = self.raft.change_membership(change, false).await;
            done.map(drop).map_err(changed)?;
        } else if metrics.membership_config.get_node(&id).is_some() {
            let change = ChangeMembers::RemoveNodes(BTreeSet::from([id]));
            let done = self.raft.change_membership(change, false).await;
            done.map(drop).map_err(changed)?;
        } else if !self
            .machine
            .with_state(|state| state.address_book().contains_key(&node))
        {
            return Err(Changed::Refused(format!("{node} is no member")));
        }
        let command = Command::Control(ControlCommand::RetireNode { node });
        match self.propose(&command, deadline).await {
            Ok(_) => Ok(()),
            Err(_) => Err(Changed::Late),
        }
    }

    /// Hands the leadership over: a transfer to a node that is behind would leave the cluster
    /// without a leader.
    async fn hand_over(&self, to: NodeId) -> Result<(), Changed> {
        if to == self.node {
            return Ok(());
        }
        let voters = self.raft_metrics();
        if !voters
            .membership_config
            .voter_ids()
            .any(|voter| voter == to.get())
        {
            return Err(Changed::Refused(format!("{to} is no voter")));
        }
        loop {
            self.wait_caught_up(to.get(), 0).await?;
            self.raft
                .trigger()
                .transfer_leader(to.get())
                .await
                .map_err(|_| Changed::NotLeader)?;
            let mut leadership = self.leadership.subscribe();
            let led = leadership.wait_for(|now| now.leader == Some(to));
            if let Ok(Ok(_)) = tokio::time::timeout(self.timings.election_max, led).await {
                return Ok(());
            }
            if self.leader() != Some(self.node) {
                return Err(Changed::NotLeader);
            }
        }
    }

    /// Waits until `id` is at most `behind` entries behind this leader.
    async fn wait_caught_up(&self, id: u64, behind: u64) -> Result<(), Changed> {
        loop {
            let metrics = self.raft_metrics();
            let Some(replication) = &metrics.replication else {
                return Err(Changed::NotLeader);
            };
            let matched = replication.get(&id).and_then(|matched| matched.as_ref());
            let last = metrics.last_log_index.unwrap_or(0);
            if matched.is_some_and(|matched| matched.index + behind >= last) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

type WriteError = RaftError<
    crate::consensus::type_config::TypeConfig,
    ClientWriteError<crate::consensus::type_config::TypeConfig>,
>;

fn changed(error: WriteError) -> Changed {
    match error {
        RaftError::APIError(ClientWriteError::ChangeMembershipError(error)) => {
            let text = error.to_string();
            // Another change is under way: it will pass.
            if matches!(error, openraft::error::ChangeMembershipError::InProgress(_)) {
                Changed::Late
            } else {
                Changed::Refused(text)
            }
        }
        RaftError::APIError(_) => Changed::NotLeader,
        RaftError::Fatal(_) => Changed::Late,
    }
}
