//! What peers proved to have on their disks.
//!
//! # Layout
//! `<dir>/sightings`, a [`SealedFile`]: a MessagePack map from node to [`PeerWatermark`]. Written
//! every few seconds if something changed, soon after a vote, and at the ordered end.
//!
//! # Why late is good enough
//! A watermark is a lower bound: a file that is late, old, or missing finds fewer losses, and
//! accuses nobody. A peer that begins anew, with the others' consent, begins another incarnation
//! (see `recovery/incarnation.rs`); what was seen of an earlier incarnation says nothing about
//! it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pga_config::NodeId;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::consensus::type_config::LogId;
use crate::sealed_file::SealedFile;

const MAGIC: &[u8; 8] = b"PGASEEN1";

/// The most that a node proved to have had on its disk, by what it answered, asked for, or said
/// itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PeerWatermark {
    /// The last entry it said to be durable.
    pub(crate) log: Option<LogId>,
    /// The last term in which it voted, for itself or for another, or followed a leader.
    pub(crate) term: u64,
    /// In which of its incarnations that was.
    pub(crate) incarnation: u64,
}

/// What each peer proved to have on its disk: one that comes back with less has lost it.
#[derive(Debug)]
pub(crate) struct PeerWatermarks {
    file: SealedFile,
    peers: Mutex<Peers>,
    /// Held while the file is written.
    writing: Mutex<()>,
    voted: Notify,
}

#[derive(Debug, Default)]
struct Peers {
    seen: BTreeMap<NodeId, PeerWatermark>,
    /// The file does not say all of it.
    changed: bool,
}

impl Peers {
    fn change(&mut self, node: NodeId, change: impl FnOnce(&mut PeerWatermark)) {
        let seen = self.seen.entry(node).or_default();
        let before = *seen;
        change(seen);
        self.changed |= *seen != before;
    }
}

impl PeerWatermarks {
    /// Goes on with what the file in `dir` says; one that is damaged says nothing.
    pub(crate) fn open(dir: &Path) -> Self {
        let file = SealedFile::new(dir.join("sightings"), MAGIC);
        let seen = file.read().and_then(|body| match body {
            None => Ok(BTreeMap::new()),
            Some(body) => pga_storage::from_msgpack(&body).map_err(std::io::Error::other),
        });
        let seen = seen.unwrap_or_else(|error| {
            let path = file.path().display();
            tracing::warn!(%path, %error, "what was seen of the peers' disks is not known any more");
            BTreeMap::new()
        });
        Self {
            file,
            peers: Mutex::new(Peers {
                seen,
                changed: false,
            }),
            writing: Mutex::new(()),
            voted: Notify::new(),
        }
    }

    /// What was seen of `node`.
    pub(crate) fn of(&self, node: NodeId) -> PeerWatermark {
        self.peers().seen.get(&node).copied().unwrap_or_default()
    }

    /// `node` has the entries up to `last`.
    pub(crate) fn has(&self, node: NodeId, last: Option<LogId>) {
        self.peers()
            .change(node, |seen| seen.log = seen.log.max(last));
    }

    /// `node` voted in `term`.
    pub(crate) fn voted(&self, node: NodeId, term: u64) {
        let mut peers = self.peers();
        peers.change(node, |seen| seen.term = seen.term.max(term));
        if peers.changed {
            self.voted.notify_one();
        }
    }

    /// `node` said that it has this on its disk.
    pub(crate) fn said(&self, node: NodeId, own: PeerWatermark) {
        self.peers().change(node, |seen| {
            if own.incarnation > seen.incarnation {
                *seen = own;
            } else if own.incarnation == seen.incarnation {
                seen.log = seen.log.max(own.log);
                seen.term = seen.term.max(own.term);
            }
        });
    }

    /// `node` begins this incarnation, with nothing.
    pub(crate) fn begins_anew(&self, node: NodeId, incarnation: u64) {
        let anew = PeerWatermark {
            incarnation,
            ..PeerWatermark::default()
        };
        self.said(node, anew);
    }

    /// Waits for a vote that the file does not know of.
    pub(crate) async fn vote_seen(&self) {
        self.voted.notified().await;
    }

    /// Writes the file, if it does not say everything. Blocks for the disk.
    pub(crate) fn save(&self) {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = {
            let mut peers = self.peers();
            if !std::mem::take(&mut peers.changed) {
                return;
            }
            peers.seen.clone()
        };
        let written = rmp_serde::to_vec(&seen)
            .map_err(std::io::Error::other)
            .and_then(|body| self.file.write(&body));
        if let Err(error) = written {
            self.peers().changed = true;
            let path = self.file.path().display();
            tracing::warn!(%path, %error, "cannot write what was seen of the peers' disks");
        }
    }

    fn peers(&self) -> MutexGuard<'_, Peers> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: NodeId = NodeId::new(2);

    fn log(term: u64, index: u64) -> Option<LogId> {
        Some(LogId::new_term_index(term, index))
    }

    #[test]
    fn watermarks_only_grow_and_survive_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let peer_watermarks = PeerWatermarks::open(dir.path());
        assert_eq!(peer_watermarks.of(NODE), PeerWatermark::default());
        peer_watermarks.save();
        assert!(!dir.path().join("sightings").exists(), "nothing to say");
        peer_watermarks.has(NODE, log(1, 10));
        peer_watermarks.has(NODE, log(1, 9));
        peer_watermarks.voted(NODE, 3);
        peer_watermarks.said(
            NODE,
            PeerWatermark {
                log: log(2, 7),
                term: 2,
                incarnation: 0,
            },
        );
        let seen = PeerWatermark {
            log: log(2, 7),
            term: 3,
            incarnation: 0,
        };
        assert_eq!(peer_watermarks.of(NODE), seen);
        peer_watermarks.save();
        assert_eq!(PeerWatermarks::open(dir.path()).of(NODE), seen);
    }

    #[test]
    fn a_new_life_begins_with_nothing_and_an_earlier_one_is_not_heard() {
        let dir = tempfile::tempdir().unwrap();
        let peer_watermarks = PeerWatermarks::open(dir.path());
        let before = PeerWatermark {
            log: log(3, 900),
            term: 3,
            incarnation: 0,
        };
        peer_watermarks.said(NODE, before);
        peer_watermarks.begins_anew(NODE, 800);
        let anew = PeerWatermark {
            incarnation: 800,
            ..PeerWatermark::default()
        };
        assert_eq!(peer_watermarks.of(NODE), anew);
        peer_watermarks.said(NODE, before);
        assert_eq!(peer_watermarks.of(NODE), anew);
        peer_watermarks.has(NODE, log(3, 5));
        peer_watermarks.begins_anew(NODE, 800);
        assert_eq!(
            peer_watermarks.of(NODE).log,
            log(3, 5),
            "the same incarnation goes on"
        );
        peer_watermarks.save();
        assert_eq!(PeerWatermarks::open(dir.path()).of(NODE).incarnation, 800);
    }

    #[test]
    fn a_file_that_is_torn_damaged_or_of_another_version_is_ignored_and_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sightings");
        let peer_watermarks = PeerWatermarks::open(dir.path());
        peer_watermarks.voted(NODE, 7);
        peer_watermarks.save();
        let whole = std::fs::read(&path).unwrap();
        let other = SealedFile::new(path.clone(), MAGIC);
        let mut wrong_crc = whole.clone();
        *wrong_crc.last_mut().unwrap() ^= 1;
        let mut old = whole.clone();
        old[8] = 0;
        let torn = whole[..whole.len() / 2].to_vec();
        for bytes in [Vec::new(), torn, wrong_crc, old] {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(
                PeerWatermarks::open(dir.path()).of(NODE),
                PeerWatermark::default()
            );
        }
        other.write(b"no map").unwrap();
        let peer_watermarks = PeerWatermarks::open(dir.path());
        assert_eq!(peer_watermarks.of(NODE), PeerWatermark::default());
        peer_watermarks.voted(NODE, 8);
        peer_watermarks.save();
        assert_eq!(PeerWatermarks::open(dir.path()).of(NODE).term, 8);
    }
}
