//! The outbox: notifications stand in the log before they are sent (design D19).
//!
//! ```text
//! queued -> attempting(node, n) -> sent
//!                               -> queued, with the time of the next attempt
//!                               -> dead, after a day
//! ```
//! A leader that dies between the attempt and its outcome leaves `attempting`: the next one sends
//! again under the same key. A receiver that honours the key shows one.

use std::collections::BTreeMap;

use pga_config::NodeId;
use pga_storage::Timestamp;
use serde::{Deserialize, Serialize};

use crate::feature_level::FeatureLevel;
use crate::outcome::Refusal;
use crate::state::section::plain_section;

/// Notifications kept that were sent or given up; the oldest go first.
const MAX_DONE: usize = 2_000;
/// Notifications that wait; more are refused.
const MAX_WAITING: usize = 5_000;
/// Attempts remembered of one notification.
const MAX_ATTEMPTS: usize = 20;

/// Where a notification stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum NotificationState {
    /// It waits for its next attempt.
    #[default]
    Queued,
    /// Somebody may be sending it.
    Attempting,
    /// The receiver took it.
    Sent,
    /// It was given up.
    Dead,
}

impl NotificationState {
    /// Its name over HTTP.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Attempting => "attempting",
            Self::Sent => "sent",
            Self::Dead => "dead",
        }
    }

    /// Whether nothing more happens to it.
    pub const fn is_done(self) -> bool {
        matches!(self, Self::Sent | Self::Dead)
    }
}

/// One attempt to send a notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptRecord {
    /// Which node.
    pub node: NodeId,
    /// When it began.
    pub at: Timestamp,
    /// What came of it; empty while nobody knows.
    pub outcome: String,
}

/// One notification.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// The same on every node and in every attempt.
    pub key: String,
    /// To which channel.
    pub channel: u64,
    /// About which group of alerts.
    pub group: String,
    /// What is said: JSON, made when it was queued.
    pub content: String,
    /// When it was queued.
    pub queued_at: Timestamp,
    /// Where it stands.
    pub state: NotificationState,
    /// Not before this.
    pub next_at: Timestamp,
    /// How often it was tried.
    pub tries: u32,
    /// The last attempts, oldest first.
    pub attempts: Vec<AttemptRecord>,
}

/// What the receivers of a group know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupState {
    /// Counts the notifications.
    pub sequence: u64,
    /// When the last one was queued.
    pub last_at: Timestamp,
    /// Alerts that they think fire: id and incident.
    pub firing: BTreeMap<u64, u32>,
    /// Alerts that were said to be flapping, until they have been quiet.
    pub flapping: Vec<u64>,
}

/// How an attempt begins or ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Which notification.
    pub key: String,
    /// The tries before it; another number is refused.
    pub tries: u32,
    /// Who tries.
    pub node: NodeId,
    /// When.
    pub at: Timestamp,
    /// What happens.
    pub step: AttemptStep,
}

/// A step of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttemptStep {
    /// It is sent from now on.
    Begin,
    /// The receiver took it.
    Sent {
        /// What it said.
        outcome: String,
    },
    /// The receiver did not take it, or nobody knows.
    Failed {
        /// Why.
        outcome: String,
        /// When to try again; `None` gives it up.
        next_at: Option<Timestamp>,
    },
}

/// All notifications.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::state) struct Notifications {
    last_id: u64,
    pub(in crate::state) by_id: BTreeMap<u64, Notification>,
    pub(in crate::state) groups: BTreeMap<String, GroupState>,
}

impl Notifications {
    pub(in crate::state) fn notify(
        &mut self,
        queue: &[Notification],
        groups: &[(String, u64, GroupState)],
    ) -> Result<(), Refusal> {
        for (name, base, _) in groups {
            let stands = self.groups.get(name).map_or(0, |group| group.sequence);
            if stands != *base {
                let text = format!("group {name} has had notification {stands} already");
                return Err(Refusal::Conflict(text));
            }
        }
        let waiting = self.by_id.values().filter(|one| !one.state.is_done());
        if waiting.count() + queue.len() > MAX_WAITING {
            let text = format!("{MAX_WAITING} notifications wait");
            return Err(Refusal::Rule(text));
        }
        for (name, _, group) in groups {
            self.groups.insert(name.clone(), group.clone());
        }
        // A group without a notification is as good as none: so one is forgotten. Those that an
        // older program kept go with the next notification, so that states are alike after
        // an upgrade.
        self.groups.retain(|_, group| group.sequence > 0);
        for one in queue {
            if !self.by_id.values().any(|known| known.key == one.key) {
                self.last_id += 1;
                self.by_id.insert(self.last_id, one.clone());
            }
        }
        Ok(())
    }

    pub(in crate::state) fn attempt(&mut self, attempt: &Attempt) -> Result<(), Refusal> {
        let found = self.by_id.values_mut().find(|one| one.key == attempt.key);
        let one = found.ok_or(Refusal::NotFound)?;
        if one.tries != attempt.tries || one.state.is_done() {
            let text = format!("notification {} was tried {} times", one.key, one.tries);
            return Err(Refusal::Conflict(text));
        }
        match &attempt.step {
            AttemptStep::Begin => {
                one.state = NotificationState::Attempting;
                one.tries += 1;
                one.attempts.push(AttemptRecord {
                    node: attempt.node,
                    at: attempt.at,
                    outcome: String::new(),
                });
                let surplus = one.attempts.len().saturating_sub(MAX_ATTEMPTS);
                one.attempts.drain(..surplus);
            }
            AttemptStep::Sent { outcome } => {
                one.state = NotificationState::Sent;
                end(one, outcome);
            }
            AttemptStep::Failed { outcome, next_at } => {
                one.state = match next_at {
                    Some(_) => NotificationState::Queued,
                    None => NotificationState::Dead,
                };
                one.next_at = next_at.unwrap_or(one.next_at);
                end(one, outcome);
            }
        }
        self.forget_old();
        Ok(())
    }

    fn forget_old(&mut self) {
        let done = self.by_id.iter().filter(|(_, one)| one.state.is_done());
        let done: Vec<u64> = done.map(|(id, _)| *id).collect();
        for id in done.iter().take(done.len().saturating_sub(MAX_DONE)) {
            self.by_id.remove(id);
        }
    }
}

fn end(one: &mut Notification, outcome: &str) {
    if let Some(last) = one.attempts.last_mut() {
        outcome.clone_into(&mut last.outcome);
    }
}

plain_section!(Notifications, "notifications", FeatureLevel::ALERTS);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::section::Section;

    fn notify(outbox: &mut Notifications, base: u64) -> bool {
        let group = GroupState {
            sequence: base + 1,
            ..GroupState::default()
        };
        let one = Notification {
            key: format!("key {base}"),
            ..Notification::default()
        };
        let groups = [("1/db".into(), base, group)];
        outbox.notify(&[one], &groups).is_ok()
    }

    fn attempt(outbox: &mut Notifications, tries: u32, step: AttemptStep) -> bool {
        let attempt = Attempt {
            key: "key 0".into(),
            tries,
            node: NodeId::new(1),
            at: Timestamp::from_micros(1),
            step,
        };
        outbox.attempt(&attempt).is_ok()
    }

    #[test]
    fn a_group_is_told_once_whoever_leads() {
        let mut outbox = Notifications::default();
        assert!(notify(&mut outbox, 0));
        assert!(!notify(&mut outbox, 0), "a second leader");
        assert!(notify(&mut outbox, 1));
        assert_eq!(outbox.by_id.len(), 2);
    }

    #[test]
    fn a_group_is_forgotten_by_the_leader_that_knows_its_last_notification() {
        let forget = |outbox: &mut Notifications, base: u64| {
            let groups = [("1/db".into(), base, GroupState::default())];
            outbox.notify(&[], &groups).is_ok()
        };
        let mut outbox = Notifications::default();
        assert!(notify(&mut outbox, 0));
        assert!(!forget(&mut outbox, 7), "it was told meanwhile");
        assert_eq!(outbox.groups.len(), 1);
        assert!(forget(&mut outbox, 1));
        assert!(outbox.groups.is_empty());
        assert!(notify(&mut outbox, 0), "it begins anew");
    }

    #[test]
    fn an_attempt_belongs_to_one_sender_and_ends_once() {
        let sent = || AttemptStep::Sent {
            outcome: "204".into(),
        };
        let failed = |next_at| AttemptStep::Failed {
            outcome: "503".into(),
            next_at,
        };
        let mut outbox = Notifications::default();
        assert!(notify(&mut outbox, 0));
        assert!(attempt(&mut outbox, 0, AttemptStep::Begin));
        assert!(!attempt(&mut outbox, 0, AttemptStep::Begin));
        let again = Timestamp::from_micros(9);
        assert!(attempt(&mut outbox, 1, failed(Some(again))));
        assert_eq!(outbox.by_id[&1].next_at, again);
        assert!(attempt(&mut outbox, 1, AttemptStep::Begin));
        assert!(!attempt(&mut outbox, 1, sent()), "the first sender");
        assert!(attempt(&mut outbox, 2, sent()));
        assert!(!attempt(&mut outbox, 2, AttemptStep::Begin));
        assert_eq!(outbox.by_id[&1].attempts.len(), 2);
        let read = Notifications::read(1, &outbox.write().unwrap()).unwrap();
        assert_eq!(read, outbox);
    }
}
