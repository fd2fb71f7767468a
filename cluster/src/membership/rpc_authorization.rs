//! Whose messages consensus may see.
//!
//! TLS and the hello have proven which node speaks. Whether that node has a say is decided here,
//! before openraft looks at a message, because a vote for a high term changes this node's term even
//! where it is denied:
//!
//! - A retired node has no say, ever (RAFT-4: ids are never reused).
//! - Nobody speaks in the name of another node.
//! - A term far above any that elections can have reached is refused from everybody: a term never
//!   goes down again, and after the last one there are no elections.
//! - A node that is not in this node's membership has no say while this node hears a leader, nor as
//!   a candidate if its log ends no later than this one's: what it could know that this node does
//!   not is that it was added. Without a leader, and with more log, it may be such a member, and is
//!   heard: refusing it could leave the cluster without a leader.
//! - A node without any membership is joining, and hears everybody else.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver;
use openraft::{Instant as _, ServerState};
use pga_config::NodeId;
use pga_runtime::Instant;

use crate::consensus::type_config::{LogId, Vote};
use crate::node::core::Core;

/// More elections than a node can have missed: at three each second, this takes 45 years.
const TERMS_AHEAD: u64 = 1 << 32;

/// What a message says about its sender.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Claim<'a> {
    /// It stands for election, and its log ends there.
    Candidate(&'a Vote, Option<&'a LogId>),
    /// It leads.
    Leader(&'a Vote),
}

/// Why a message is not for consensus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Objection {
    /// Its sender was evicted from the cluster.
    Retired,
    /// It speaks for another node than its sender.
    Impostor,
    /// Its term cannot be.
    Term,
    /// Its sender is no member.
    Stranger,
}

impl Objection {
    /// Name for metrics, logs and the sender.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Retired => "retired",
            Self::Impostor => "impostor",
            Self::Term => "term",
            Self::Stranger => "stranger",
        }
    }
}

/// What this node knows when a message comes.
#[derive(Clone, Debug)]
struct View {
    term: u64,
    /// Index of the last entry.
    last: Option<u64>,
    /// Term of the last entry known to be committed: the last entry's is no lower.
    committed_term: Option<u64>,
    is_joining: bool,
    is_member: bool,
    is_retired: bool,
    hears_leader: bool,
}

impl View {
    fn judge(&self, from: NodeId, claim: Claim<'_>) -> Result<(), Objection> {
        let (Claim::Candidate(vote, _) | Claim::Leader(vote)) = claim;
        if self.is_retired {
            return Err(Objection::Retired);
        }
        if vote.leader_id.voted_for != from.get() {
            return Err(Objection::Impostor);
        }
        if vote.leader_id.term > self.term.saturating_add(TERMS_AHEAD) {
            return Err(Objection::Term);
        }
        if self.is_member || self.is_joining {
            return Ok(());
        }
        let knows_more = match claim {
            Claim::Candidate(_, last) => {
                last.map(|last| last.index) > self.last
                    || last.map(|last| *last.leader_id) > self.committed_term
            }
            Claim::Leader(_) => true,
        };
        if self.hears_leader || !knows_more {
            return Err(Objection::Stranger);
        }
        Ok(())
    }
}

/// Decides whose messages consensus sees.
#[derive(Debug, Default)]
pub(crate) struct RpcAuthorization {
    /// When a member last spoke as the leader.
    heard: Mutex<Option<Instant>>,
    /// What was logged last.
    logged: Mutex<Option<(NodeId, Objection)>>,
}

impl RpcAuthorization {
    /// Whether consensus may see a message of `from`; what is refused is counted.
    pub(crate) fn admit(
        &self,
        core: &Core,
        from: NodeId,
        claim: Claim<'_>,
    ) -> Result<(), Objection> {
        let view = self.view(core, from);
        let verdict = view.judge(from, claim);
        match verdict {
            Ok(()) if view.is_member && matches!(claim, Claim::Leader(_)) => {
                *self.heard.lock().unwrap_or_else(PoisonError::into_inner) =
                    Some(pga_runtime::now());
            }
            Ok(()) => {}
            Err(objection) => self.refused(core, from, objection),
        }
        verdict
    }

    /// Whether a request of `from` that changes nothing about terms may be served.
    pub(crate) fn admit_request(&self, core: &Core, from: NodeId) -> Result<(), Objection> {
        if core.machine.with_state(|state| state.is_retired(from)) {
            self.refused(core, from, Objection::Retired);
            return Err(Objection::Retired);
        }
        Ok(())
    }

    fn view(&self, core: &Core, from: NodeId) -> View {
        let lease = core.timings.election_max;
        let metrics = core.raft.metrics();
        let metrics = metrics.borrow_watched();
        let members = &metrics.membership_config;
        let leads = metrics.state == ServerState::Leader
            && metrics
                .last_quorum_acked
                .is_some_and(|acked| acked.elapsed() < lease);
        let mut view = View {
            term: metrics.vote.leader_id.term,
            last: metrics.last_log_index,
            committed_term: metrics
                .local_committed
                .map(|committed| *committed.leader_id),
            is_joining: members.nodes().next().is_none(),
            is_member: members.get_node(&from.get()).is_some(),
            is_retired: false,
            hears_leader: leads || self.hears_leader(lease),
        };
        drop(metrics);
        // A member is not retired; this spares the lock on each append.
        if !view.is_member {
            view.is_retired = core.machine.with_state(|state| state.is_retired(from));
        }
        view
    }

    fn hears_leader(&self, lease: Duration) -> bool {
        let heard = *self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.is_some_and(|heard| heard.elapsed() < lease)
    }

    fn refused(&self, core: &Core, from: NodeId, objection: Objection) {
        let reason = objection.name();
        core.metrics
            .refused_messages
            .with_label_values(&[reason])
            .inc();
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.replace((from, objection)) != Some((from, objection)) {
            tracing::warn!(peer = %from, reason, "a peer has no say in consensus");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vote(term: u64, node: u64) -> Vote {
        Vote::new(term, node)
    }

    fn view() -> View {
        View {
            term: 7,
            last: Some(100),
            committed_term: Some(7),
            is_joining: false,
            is_member: false,
            is_retired: false,
            hears_leader: false,
        }
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table of cases")]
    fn who_has_a_say() {
        let (four, high) = (vote(8, 4), vote(u64::MAX, 4));
        let (old, new) = (LogId::new_term_index(7, 100), LogId::new_term_index(7, 101));
        let (behind, ahead) = (Some(&old), Some(&new));
        let retired = View {
            is_retired: true,
            ..view()
        };
        let member = View {
            is_member: true,
            hears_leader: true,
            ..view()
        };
        let joining = View {
            is_joining: true,
            last: None,
            term: 0,
            ..view()
        };
        let led = View {
            hears_leader: true,
            ..view()
        };
        for (name, view, claim, want) in [
            (
                "member stands",
                &member,
                Claim::Candidate(&four, behind),
                None,
            ),
            ("member leads", &member, Claim::Leader(&four), None),
            (
                "member with the last term",
                &member,
                Claim::Candidate(&high, ahead),
                Some(Objection::Term),
            ),
            (
                "retired",
                &retired,
                Claim::Candidate(&four, ahead),
                Some(Objection::Retired),
            ),
            ("joining", &joining, Claim::Leader(&four), None),
            (
                "joining, last term",
                &joining,
                Claim::Leader(&high),
                Some(Objection::Term),
            ),
            (
                "stranger, leader heard",
                &led,
                Claim::Candidate(&four, ahead),
                Some(Objection::Stranger),
            ),
            (
                "strange leader, another heard",
                &led,
                Claim::Leader(&four),
                Some(Objection::Stranger),
            ),
            (
                "stranger with no more log",
                &view(),
                Claim::Candidate(&four, behind),
                Some(Objection::Stranger),
            ),
            (
                "stranger with more log, no leader",
                &view(),
                Claim::Candidate(&four, ahead),
                None,
            ),
            (
                "strange leader, none heard",
                &view(),
                Claim::Leader(&four),
                None,
            ),
        ] {
            assert_eq!(view.judge(NodeId::new(4), claim).err(), want, "{name}");
        }
        let other = View {
            is_member: true,
            ..view()
        }
        .judge(NodeId::new(5), Claim::Leader(&four));
        assert_eq!(other, Err(Objection::Impostor));
    }
}
