//! Where each node listens now.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use pga_config::NodeId;

use crate::member::Member;

/// Where each node listens now: fed by the membership and by `SetNode`, asked at each call, so that
/// a node that moved is found again although openraft's clients live as long as a leadership.
#[derive(Debug, Default)]
pub(crate) struct AddressBook(RwLock<BTreeMap<NodeId, Member>>);

impl AddressBook {
    /// Where `node` listens.
    pub(crate) fn member(&self, node: NodeId) -> Option<Member> {
        let book = self.0.read().unwrap_or_else(PoisonError::into_inner);
        book.get(&node).cloned()
    }

    /// The QUIC address of `node`.
    pub(crate) fn quic(&self, node: NodeId) -> Option<String> {
        let book = self.0.read().unwrap_or_else(PoisonError::into_inner);
        book.get(&node).map(|member| member.quic.clone())
    }

    /// Puts the addresses of a membership; those in `said` came from the nodes themselves and win.
    pub(crate) fn update<'a>(
        &self,
        members: impl Iterator<Item = &'a Member>,
        said: &BTreeMap<NodeId, Member>,
    ) {
        let mut book = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for member in members {
            book.insert(member.node, member.clone());
        }
        for (node, member) in said {
            book.insert(*node, member.clone());
        }
    }
}
