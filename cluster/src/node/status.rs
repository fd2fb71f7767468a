//! The cluster as its nodes see themselves.

use pga_config::NodeId;
use serde::{Deserialize, Serialize};

use crate::cluster_id::ClusterId;
use crate::feature_level::FeatureLevel;
use crate::member::Member;
use crate::node::condition::Condition;

/// The cluster status document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterStatus {
    /// Which cluster.
    pub cluster_id: ClusterId,
    /// Which Raft group.
    pub group: u32,
    /// The highest term any reachable node is in.
    pub term: u64,
    /// Who leads.
    pub leader: Option<NodeId>,
    /// The cluster's feature level, as far as the node that was asked has applied.
    #[serde(default)]
    pub feature_level: FeatureLevel,
    /// All members, by id.
    pub nodes: Vec<NodeStatus>,
    /// What the settings of the node that was asked allow and should not, as the layer above says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// What a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeRole {
    /// It leads.
    Leader,
    /// It votes and follows.
    Follower,
    /// It asks for votes.
    Candidate,
    /// It receives the log and does not vote.
    Learner,
    /// It takes no part: it lost what it confirmed and asks to be taken in again, or its peers have
    /// not yet told whether it did.
    Recovering,
    /// It does not answer.
    Unknown,
}

/// One member. Between nodes it is positional: what was added after `reachable` is left out there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeStatus {
    /// Which.
    pub id: NodeId,
    /// What it is.
    pub role: NodeRole,
    /// Base URL of its HTTP side.
    pub http: String,
    /// QUIC address.
    pub quic: String,
    /// The term it is in.
    pub term: u64,
    /// Who leads, as it knows.
    pub leader: Option<NodeId>,
    /// Index of the last entry in its log.
    pub last: u64,
    /// Index up to which it knows the log to be committed.
    pub committed: u64,
    /// Index of the last entry it applied.
    pub applied: u64,
    /// Index up to which its store holds everything.
    pub flushed: u64,
    /// Entries it has yet to apply, by the last one in the leader's log.
    pub lag: u64,
    /// Bytes that wait for a flush on it.
    pub backlog_bytes: u64,
    /// Whether it answered.
    pub reachable: bool,
    /// The feature level that its program knows; `None` if it did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feature_level: Option<FeatureLevel>,
    /// Version of its program; `None` if it did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// How its process is; `None` if it did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
    /// How far its clock is ahead of that of the node that was asked, less what the way may have
    /// taken; `None` if it did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_ahead_micros: Option<i64>,
}

impl ClusterStatus {
    /// Puts together what the nodes said.
    pub(crate) fn of(
        cluster_id: ClusterId,
        feature_level: FeatureLevel,
        mut nodes: Vec<NodeStatus>,
    ) -> Self {
        nodes.sort_by_key(|node| node.id);
        let newest = nodes
            .iter()
            .filter(|node| node.reachable)
            .max_by_key(|node| (node.term, node.leader.is_some()));
        let (term, leader) = newest.map_or((0, None), |node| (node.term, node.leader));
        let last = nodes
            .iter()
            .find(|node| Some(node.id) == leader && node.reachable)
            .or_else(|| nodes.iter().max_by_key(|node| node.last))
            .map_or(0, |node| node.last);
        for node in &mut nodes {
            node.lag = last.saturating_sub(node.applied);
        }
        Self {
            cluster_id,
            group: 0,
            term,
            leader,
            feature_level,
            nodes,
            warnings: Vec::new(),
        }
    }
}

impl NodeStatus {
    /// A member that does not answer.
    pub(crate) fn unreachable(member: Member) -> Self {
        Self {
            id: member.node,
            role: NodeRole::Unknown,
            http: member.http,
            quic: member.quic,
            term: 0,
            leader: None,
            last: 0,
            committed: 0,
            applied: 0,
            flushed: 0,
            lag: 0,
            backlog_bytes: 0,
            reachable: false,
            feature_level: None,
            version: None,
            condition: None,
            clock_ahead_micros: None,
        }
    }
}
