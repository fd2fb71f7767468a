//! The types consensus runs with.

use openraft::alias::{EntryOf, LogIdOf, StoredMembershipOf, VoteOf};
use pga_storage::Position;

use crate::consensus::payload::Payload;
use crate::member::Member;
use crate::outcome::Reply;

openraft::declare_raft_types!(
    /// One Raft group of pgAnalytics nodes; a term has at most one leader.
    pub(crate) TypeConfig:
        D = Payload,
        R = Reply,
        NodeId = u64,
        Node = Member,
        Term = u64,
        LeaderId = openraft::impls::leader_id_std::LeaderId<Self::Term, Self::NodeId>,
);

pub(crate) type LogId = LogIdOf<TypeConfig>;
pub(crate) type Entry = EntryOf<TypeConfig>;
pub(crate) type Vote = VoteOf<TypeConfig>;
pub(crate) type Membership = StoredMembershipOf<TypeConfig>;

/// The position of a log id. openraft counts from 0, where the first membership stands: no push is
/// ever there, so that index 0 may also mean "before the first entry" in a [`Position`].
pub(crate) fn position(id: &LogId) -> Position {
    Position::new(*id.leader_id, id.index)
}

/// The position of a log id, or the one before the first entry.
pub(crate) fn position_or_start(id: Option<&LogId>) -> Position {
    id.map_or_else(Position::default, position)
}
