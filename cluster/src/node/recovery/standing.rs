//! Whether a node takes part, and what its peers know about that.

use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use pga_config::NodeId;
use serde::{Deserialize, Serialize};

use crate::member::Member;
use crate::node::core::Core;
use crate::raft::peer_watermarks::PeerWatermark;
use crate::raft::type_config::LogId;
use crate::transport::RpcKind;

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

/// What nodes tell each other, as a question and as the answer to it.
type Message = (PeerStanding, Roll);

/// Asks all of `peers`, and tells them what they would answer; what those said that answered within
/// `timeout`.
pub(crate) async fn ask_all(
    core: &Core,
    peers: &[Member],
    timeout: Duration,
) -> Vec<(NodeId, PeerStanding)> {
    let asked = peers.iter().map(async |peer| {
        let kind = RpcKind::Standing;
        let body = core.tell(peer.node).ok()?;
        let call = core
            .transport
            .call(peer.node, &peer.quic, kind, body, timeout);
        let answer = call.await.ok()?;
        Some((peer.node, core.hear(peer.node, &answer)?))
    });
    join_all(asked).await.into_iter().flatten().collect()
}

impl Core {
    /// What this node tells `peer`.
    pub(crate) fn tell(&self, peer: NodeId) -> Result<Bytes, rmp_serde::encode::Error> {
        let message: Message = (self.standing_of(peer), self.roll());
        rmp_serde::to_vec(&message).map(Bytes::from)
    }

    /// Notes what `peer` tells.
    pub(crate) fn hear(&self, peer: NodeId, message: &[u8]) -> Option<PeerStanding> {
        let (standing, roll): Message = pga_storage::from_msgpack(message).ok()?;
        self.peer_watermarks.said(peer, standing.own);
        let mut heard = self.heard();
        heard.standings.insert(peer, standing);
        if roll.at > heard.roll.at {
            heard.roll = roll;
        }
        Some(standing)
    }

    /// What peers told since the start.
    pub(crate) fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The membership that this node knows.
    pub(crate) fn roll(&self) -> Roll {
        let members = self.raft_metrics().membership_config;
        Roll {
            at: *members.log_id(),
            members: self.members(),
            voters: members.voter_ids().map(NodeId::new).collect(),
        }
    }
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
