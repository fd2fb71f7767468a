//! The cluster as its nodes see themselves.

use pga_config::NodeId;
use serde::{Deserialize, Serialize};

use crate::cluster_id::ClusterId;

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
    /// All members, by id.
    pub nodes: Vec<NodeStatus>,
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
    /// It does not answer.
    Unknown,
}

/// One member.
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
    /// Index of the last entry in its log.
    pub last: u64,
    /// Index up to which it knows the log to be committed.
    pub committed: u64,
    /// Index of the last entry it applied.
    pub applied: u64,
    /// Index up to which its store holds everything.
    pub flushed: u64,
    /// Entries it is behind the leader's last one.
    pub lag: u64,
    /// Bytes that wait for a flush on it.
    pub backlog_bytes: u64,
    /// Whether it answered.
    pub reachable: bool,
}
