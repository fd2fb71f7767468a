//! Raising the cluster's feature level (see [`crate::FeatureLevel`]).
//!
//! While its program knows more than the cluster's level, the leader asks every member, voters and
//! learners, what theirs know. It raises the level to what all of them know, once all have
//! answered: who does not answer, or is of a version that is not asked such things, knows nothing.
//! A node that is added has to know the level before it gets the log; the gate keeps the two apart.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use pga_config::NodeId;
use pga_runtime::Backoff;
use pga_storage::Timestamp;
use serde::{Deserialize, Serialize};

use crate::command::Command;
use crate::feature_level::{FeatureLevel, VERSION};
use crate::member::Member;
use crate::membership::change::Changed;
use crate::node::condition::Condition;
use crate::node::core::Core;
use crate::outcome::Refusal;
use crate::proposal_id::ProposalId;
use crate::proposals::propose::Attempt;
use crate::state::State;
use crate::transport::{RpcKind, ServiceError, TransportError};

/// How soon a new leader looks whether the level can be raised, and looks again: each time twice as
/// long, up to the last. A new cluster is to have its level before its first user comes, and an
/// upgrade takes as long as it takes.
const LOOK: Backoff = Backoff {
    first: Duration::from_millis(50),
    longest: Duration::from_secs(2),
};
/// How long a member has to answer.
const ANSWER: Duration = Duration::from_secs(1);
/// How long raising the level may take.
const RAISE: Duration = Duration::from_secs(5);

/// What a node says about its program. A map on the wire: later versions may say more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Announcement {
    pub(crate) level: FeatureLevel,
    pub(crate) version: String,
    /// How its process is.
    #[serde(default)]
    pub(crate) condition: Option<Condition>,
    /// The time by its clock.
    #[serde(default)]
    pub(crate) at: Option<Timestamp>,
}

/// Raises the level when this node leads and it can be, until the node is stopped.
pub(crate) async fn run(core: Arc<Core>) {
    let mut stopped = core.stopped.subscribe();
    let mut leadership = core.leadership.subscribe();
    let mut looks = 1;
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK.pause(looks)) => looks = looks.saturating_add(1),
            Ok(()) = leadership.changed() => looks = 1,
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
        let is_leader = core.leadership.borrow().is_leader;
        if is_leader && core.machine.with_state(State::feature_level) < core.feature_level {
            core.raise().await;
        }
    }
}

/// What this program and all who were asked know.
fn common(
    own: FeatureLevel,
    others: impl IntoIterator<Item = Option<FeatureLevel>>,
) -> FeatureLevel {
    let others = others.into_iter().map(Option::unwrap_or_default);
    others.fold(own, FeatureLevel::min)
}

impl Core {
    async fn raise(&self) {
        let _gate = self.level_gate.lock().await;
        let members = self.members();
        let others = members.iter().filter(|member| member.node != self.node);
        let asked =
            others.map(async |member| Some(self.ask_announcement(member).await.ok()?.level));
        let level = common(self.feature_level, join_all(asked).await);
        if level <= self.machine.with_state(State::feature_level) {
            return;
        }
        let since = level.since().to_owned();
        let command = Command::RaiseLevel { level, since };
        let entry = match command.encode(ProposalId(pga_runtime::random())) {
            Ok(entry) => entry,
            Err(error) => return tracing::error!(%error, "cannot raise the feature level"),
        };
        match self.write(entry, pga_runtime::now() + RAISE).await {
            Attempt::Done(..) => tracing::info!(level = level.get(), "feature level raised"),
            // It is asked for again.
            outcome => tracing::warn!(
                level = level.get(),
                ?outcome,
                "feature level not raised yet"
            ),
        }
    }

    /// Refuses a command that not all members know yet.
    pub(crate) fn admits(&self, command: &Command) -> Result<(), Refusal> {
        let needed = command.needs();
        // Pushes need nothing: this spares the lock on each of them.
        if needed == FeatureLevel::BASE {
            return Ok(());
        }
        let level = self.machine.with_state(State::feature_level);
        if needed <= level {
            return Ok(());
        }
        Err(Refusal::FeatureLevel { needed, level })
    }

    /// Refuses to add a node whose program does not know the cluster's level. Holds the gate.
    pub(crate) async fn check_level_of(&self, member: &Member) -> Result<(), Changed> {
        let level = self
            .machine
            .with_state(|state| state.cluster_level().clone());
        if level.level == FeatureLevel::BASE || member.node == self.node {
            return Ok(());
        }
        let known = match self.ask_announcement(member).await {
            Ok(announcement) => announcement.level,
            // It is of a version that is not asked such things.
            Err(TransportError::Refused { .. }) => FeatureLevel::BASE,
            Err(_) => return Err(Changed::Late),
        };
        level
            .check(known)
            .map_err(|why| Changed::Refused(format!("{}: {why}", member.node)))
    }

    /// What this node says about its program.
    pub(crate) fn announcement(&self) -> Announcement {
        Announcement {
            level: self.feature_level,
            version: VERSION.to_owned(),
            condition: Some(held(&self.condition).clone()),
            at: Some(Timestamp::now()),
        }
    }

    /// From now on this is told about the process.
    pub(crate) fn set_condition(&self, condition: Condition) {
        *held(&self.condition) = condition;
    }

    /// The same for a peer.
    pub(crate) fn serve_announcement(&self) -> Result<Bytes, ServiceError> {
        rmp_serde::to_vec_named(&self.announcement())
            .map(Bytes::from)
            .map_err(|error| ServiceError::Failed(error.to_string()))
    }

    /// What `member` says about its program.
    pub(crate) async fn ask_announcement(
        &self,
        member: &Member,
    ) -> Result<Announcement, TransportError> {
        let (node, kind) = (member.node, RpcKind::Announcement);
        let address = self.address(node).unwrap_or_else(|_| member.quic.clone());
        let call = self
            .transport
            .call(node, &address, kind, Bytes::new(), ANSWER);
        let answer = call.await?;
        pga_storage::from_msgpack(&answer).map_err(|error| broken(node, &error))
    }
}

fn held(condition: &Mutex<Condition>) -> MutexGuard<'_, Condition> {
    condition.lock().unwrap_or_else(PoisonError::into_inner)
}

fn broken(peer: NodeId, reason: &dyn std::fmt::Display) -> TransportError {
    TransportError::Broken {
        peer,
        reason: reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_level_is_the_lowest_and_who_is_silent_knows_nothing() {
        for (name, own, others, want) in [
            ("alone", 2, vec![], 2),
            ("all alike", 2, vec![Some(2), Some(2)], 2),
            ("one is older", 2, vec![Some(2), Some(1)], 1),
            ("one is newer", 2, vec![Some(3), Some(2)], 2),
            ("one is silent", 2, vec![Some(2), None], 0),
        ] {
            let others = others.into_iter().map(|level| level.map(FeatureLevel::new));
            let found = common(FeatureLevel::new(own), others);
            assert_eq!(found, FeatureLevel::new(want), "{name}");
        }
    }

    #[test]
    fn an_announcement_that_says_more_is_understood() {
        #[derive(Serialize)]
        struct Later {
            level: u32,
            version: &'static str,
            build: &'static str,
        }
        let later = Later {
            level: 9,
            version: "4.0.0",
            build: "x",
        };
        let bytes = rmp_serde::to_vec_named(&later).unwrap();
        let known: Announcement = pga_storage::from_msgpack(&bytes).unwrap();
        assert_eq!((known.level.get(), known.version.as_str()), (9, "4.0.0"));
    }
}
