//! What peers proved to have on their disks.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use pga_config::NodeId;
use serde::{Deserialize, Serialize};

use super::type_config::LogId;

/// The most that a node proved to have had on its disk, by what it answered or asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    /// The last entry it said to be durable.
    pub(crate) log: Option<LogId>,
    /// The last term in which it voted, for itself or for another.
    pub(crate) term: u64,
}

/// What each peer proved to have on its disk, as long as this process runs: one that comes back with less has lost it.
#[derive(Debug, Default)]
pub(crate) struct Sightings(Mutex<BTreeMap<NodeId, Seen>>);

impl Sightings {
    /// What was seen of `node`.
    pub(crate) fn of(&self, node: NodeId) -> Seen {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(&node).copied().unwrap_or_default()
    }

    /// `node` has the entries up to `last`.
    pub(crate) fn has(&self, node: NodeId, last: Option<LogId>) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = seen.entry(node).or_default();
        seen.log = seen.log.max(last);
    }

    /// `node` voted in `term`.
    pub(crate) fn voted(&self, node: NodeId, term: u64) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = seen.entry(node).or_default();
        seen.term = seen.term.max(term);
    }

    /// Forgets `node`: it begins anew.
    pub(crate) fn forget(&self, node: NodeId) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.remove(&node);
    }
}
