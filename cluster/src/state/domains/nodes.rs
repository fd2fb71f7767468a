//! The address book, join tokens, and the ids that were ever given out (ID-1).

use std::collections::{BTreeMap, BTreeSet};

use pga_config::NodeId;
use pga_storage::Timestamp;
use serde::{Deserialize, Serialize};

use crate::feature_level::FeatureLevel;
use crate::member::Member;
use crate::outcome::Refusal;
use crate::state::section::plain_section;

/// Join tokens kept at a time; expired ones go first.
const MAX_TOKENS: usize = 1_000;

/// Who is where, and who may come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::state) struct Nodes {
    pub(in crate::state) book: BTreeMap<NodeId, Member>,
    pub(in crate::state) retired: BTreeSet<NodeId>,
    highest: u64,
    tokens: BTreeMap<[u8; 32], Timestamp>,
    /// Changes of the book since this node started: no part of the state.
    #[serde(skip)]
    pub(in crate::state) changes: u64,
}

impl Nodes {
    /// Puts or corrects an address.
    pub(in crate::state) fn set(&mut self, member: Member) -> Result<(), Refusal> {
        if self.retired.contains(&member.node) {
            return Err(Refusal::Retired);
        }
        self.note(member.node);
        self.changes += 1;
        self.book.insert(member.node, member);
        Ok(())
    }

    /// Notes that an id is in use.
    pub(in crate::state) fn note(&mut self, node: NodeId) {
        self.highest = self.highest.max(node.get());
    }

    /// Retires an id for ever.
    pub(in crate::state) fn retire(&mut self, node: NodeId) {
        self.note(node);
        self.book.remove(&node);
        self.retired.insert(node);
    }

    /// Records a join token.
    pub(in crate::state) fn add_token(
        &mut self,
        token: [u8; 32],
        expires_at: Timestamp,
        at: Timestamp,
    ) {
        self.tokens.retain(|_, expires_at| *expires_at > at);
        while self.tokens.len() >= MAX_TOKENS {
            self.tokens.pop_first();
        }
        self.tokens.insert(token, expires_at);
    }

    /// Spends a join token for a fresh id.
    pub(in crate::state) fn use_token(
        &mut self,
        token: [u8; 32],
        quic: &str,
        http: &str,
        at: Timestamp,
    ) -> Result<NodeId, Refusal> {
        match self.tokens.remove(&token) {
            Some(expires_at) if expires_at > at => {}
            _ => return Err(Refusal::BadToken),
        }
        let node = NodeId::new(self.highest + 1);
        let member = Member {
            node,
            quic: quic.to_owned(),
            http: http.to_owned(),
        };
        self.set(member)?;
        Ok(node)
    }

    /// Whether this token could be spent at `at`.
    pub(in crate::state) fn is_token_valid(&self, token: &[u8; 32], at: Timestamp) -> bool {
        self.tokens
            .get(token)
            .is_some_and(|expires_at| *expires_at > at)
    }
}

plain_section!(Nodes, "nodes", FeatureLevel::BASE);
