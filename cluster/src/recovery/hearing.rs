//! What nodes tell each other about their standing, and note of it.

use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use pga_config::NodeId;

use crate::member::Member;
use crate::node::core::Core;
use crate::recovery::standing::{Heard, PeerStanding, Roll};
use crate::transport::RpcKind;

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
