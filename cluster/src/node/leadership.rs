//! Who leads.

use pga_config::NodeId;

/// Who leads, as one node knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leadership {
    /// The leader; `None` during an election.
    pub leader: Option<NodeId>,
    /// The term this node is in.
    pub term: u64,
    /// Whether the leader is this node.
    pub is_leader: bool,
}
