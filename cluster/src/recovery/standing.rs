//! Whether a node takes part, and what its peers know about that.

use std::collections::BTreeMap;
use std::sync::Arc;

use pga_config::NodeId;
use serde::{Deserialize, Serialize};

use crate::consensus::peer_watermarks::PeerWatermark;
use crate::consensus::type_config::LogId;
use crate::member::Member;

/// Whether this node takes part in consensus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It does.
    Open,
    /// Its peers have not yet told whether what it has is all that it should have. Refuses as a
    /// recovering node does.
    Undecided,
    /// It lost what it confirmed, for this reason.
    Recovering(Arc<str>),
}

/// What a peer says about itself and about the node that it tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PeerStanding {
    /// The peer itself recovers.
    pub(crate) is_recovering: bool,
    /// Its process began with an empty log, with the cluster: it remembers everything that it was
    /// ever told.
    pub(crate) is_original: bool,
    /// It knows of a committed entry.
    pub(crate) has_committed: bool,
    /// It leads.
    pub(crate) is_leader: bool,
    /// The node that it tells votes in the membership that it knows.
    pub(crate) is_voter: bool,
    /// How many voters there are in that membership.
    pub(crate) voters: usize,
    /// What it saw of the node that it tells.
    pub(crate) seen: PeerWatermark,
    /// What it has on its own disk.
    pub(crate) own: PeerWatermark,
}

impl PeerStanding {
    /// Whether it does not recover, and has a log or a vote: else its log is gone, or it never
    /// voted.
    pub(crate) fn can_vote(&self) -> bool {
        !self.is_recovering && (self.own.log.is_some() || self.own.term > 0)
    }
}

/// A membership, as a node knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Roll {
    /// The entry that made it.
    pub(crate) at: Option<LogId>,
    pub(crate) members: Vec<Member>,
    pub(crate) voters: Vec<NodeId>,
}

/// What a node heard from its peers since its start, asked or not.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) standings: BTreeMap<NodeId, PeerStanding>,
    /// The newest membership that any of them knows.
    pub(crate) roll: Roll,
}

/// What is missing of what peers saw.
pub(crate) fn loss<'a>(
    own: PeerWatermark,
    heard: impl IntoIterator<Item = (&'a NodeId, &'a PeerStanding)>,
) -> Option<String> {
    heard.into_iter().find_map(|(peer, answer)| {
        let seen = answer.seen;
        if seen.incarnation != own.incarnation {
            // What was seen of an earlier incarnation says nothing about this one.
            return (seen.incarnation > own.incarnation).then(|| {
                format!("{peer} knows that this node began anew, and here is what was before")
            });
        }
        if seen.log > own.log {
            let last = seen.log.map_or(0, |id| id.index);
            let found = own.log.map_or(0, |id| id.index);
            return Some(format!(
                "the log ends at entry {found}, but {peer} was told that it holds entry {last}"
            ));
        }
        (seen.term > own.term).then(|| {
            format!(
                "the vote is of term {}, but {peer} was given one in term {}",
                own.term, seen.term
            )
        })
    })
}
