//! Whether a node takes part, and what its peers know about that.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use pga_config::NodeId;
use serde::{Deserialize, Serialize};

use crate::member::Member;
use crate::raft::log_store::LogStore;
use crate::raft::sightings::Seen;
use crate::transport::{RpcKind, SharedTransport};

/// Whether this node takes part in consensus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It does.
    Open,
    /// Its log is empty, and nobody has told yet whether that is right. Refuses as a recovering node does.
    Undecided,
    /// It lost what it confirmed, for this reason.
    Recovering(Arc<str>),
}

/// What a peer answers about itself and about the node that asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PeerStanding {
    /// The peer itself recovers.
    pub(crate) is_recovering: bool,
    /// Its process began with an empty log, with the cluster: it remembers everything that it was ever told.
    pub(crate) is_original: bool,
    /// It knows of a committed entry.
    pub(crate) has_committed: bool,
    /// It leads.
    pub(crate) is_leader: bool,
    /// The one that asks votes in the membership that it knows.
    pub(crate) is_voter: bool,
    /// How many voters there are in that membership.
    pub(crate) voters: usize,
    /// What it saw of the one that asks.
    pub(crate) seen: Seen,
}

/// Asks all of `peers`; what those said that answered within `timeout`. `known` becomes the members that one of them knows.
pub(crate) async fn ask_all(
    transport: &SharedTransport,
    peers: &[Member],
    timeout: Duration,
    known: &mut Vec<Member>,
) -> Vec<(NodeId, PeerStanding)> {
    let asked = peers.iter().map(async |peer| {
        let call = transport.call(
            peer.node,
            &peer.quic,
            RpcKind::Standing,
            Bytes::new(),
            timeout,
        );
        let answer = call.await.ok()?;
        let (standing, members): (PeerStanding, Vec<Member>) =
            pga_storage::from_msgpack(&answer).ok()?;
        Some((peer.node, standing, members))
    });
    let answers = join_all(asked).await.into_iter().flatten();
    let answers = answers.map(|(peer, standing, members)| {
        if !members.is_empty() {
            *known = members;
        }
        (peer, standing)
    });
    answers.collect()
}

/// What the log misses of what peers saw.
pub(crate) fn loss(log: &LogStore, answers: &[(NodeId, PeerStanding)]) -> Option<String> {
    answers.iter().find_map(|(peer, answer)| {
        let seen = answer.seen;
        if seen.log > log.last_id() {
            let last = seen.log.map_or(0, |id| id.index);
            let found = log.last_id().map_or(0, |id| id.index);
            return Some(format!(
                "the log ends at entry {found}, but {peer} was told that it holds entry {last}"
            ));
        }
        (seen.term > log.voted_term()).then(|| {
            format!(
                "the vote is of term {}, but {peer} was given one in term {}",
                log.voted_term(),
                seen.term
            )
        })
    })
}
