//! Alerts: what a rule found wrong, from its beginning to its end, and what people said about it.
//!
//! The leader evaluates the rules and proposes what changed. Each change names the revision of the
//! alert that it was made from, so that of two leaders who both think they lead, one is refused.

use std::collections::BTreeMap;

use pga_storage::Timestamp;
use serde::{Deserialize, Serialize};

use crate::feature_level::FeatureLevel;
use crate::outcome::Refusal;
use crate::state::section::plain_section;

/// Alerts kept that are over; the oldest go first.
const MAX_RESOLVED: usize = 5_000;
/// Alerts that are not over.
const MAX_OPEN: usize = 10_000;
/// Comments on one alert; the oldest go first.
const MAX_COMMENTS: usize = 50;

/// Where an alert stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AlertState {
    /// The condition holds, not yet for long enough.
    #[default]
    Pending,
    /// The condition has held for long enough.
    Firing,
    /// It is over.
    Resolved,
}

impl AlertState {
    /// Its name over HTTP.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Resolved => "resolved",
        }
    }
}

/// That somebody takes care of an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// What they said.
    pub note: String,
}

/// What somebody said about an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comment {
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// What.
    pub text: String,
}

/// One alert.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Hash of the rule and the labels: equal for the same trouble at another time.
    pub fingerprint: u64,
    /// Id of the rule, such as `C1`.
    pub rule: String,
    /// Level of the rule, such as `reserve`; may be empty.
    pub level: String,
    /// Name of the rule, such as `connections_used`.
    pub name: String,
    /// `c` wakes somebody up, `w` is for this working day, `i` is to be seen on the page.
    pub severity: String,
    /// What it is about.
    pub labels: BTreeMap<String, String>,
    /// What is to be read: `summary`, `first_step`, and what the rule adds.
    pub annotations: BTreeMap<String, String>,
    /// The value that the rule looks at, as it last changed state; a JSON number, or empty.
    pub value: String,
    /// Where it stands.
    pub state: AlertState,
    /// Since when the condition holds.
    pub active_at: Timestamp,
    /// When it began to fire.
    pub fired_at: Option<Timestamp>,
    /// When it was over.
    pub resolved_at: Option<Timestamp>,
    /// Why it was over: `cleared`, `no_data`, `rule_changed`.
    pub reason: String,
    /// While it fires: since when the condition to resolve holds.
    pub clear_since: Option<Timestamp>,
    /// How often it began to fire.
    pub incident: u32,
    /// When it began or ended to fire in the last hour.
    pub transitions: Vec<Timestamp>,
    /// Who takes care of it.
    pub acknowledged: Option<Acknowledgement>,
    /// What was said about it, oldest first.
    pub comments: Vec<Comment>,
    /// Counts the changes.
    pub revision: u64,
}

/// A new value of one alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertChange {
    /// Which, or `None` for a new one.
    pub id: Option<u64>,
    /// The revision that it was made from; 0 for a new one.
    pub base: u64,
    /// How it is now; its acknowledgement, comments and revision are kept as they are.
    pub alert: Alert,
}

/// All alerts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::state) struct Alerts {
    last_id: u64,
    pub(in crate::state) by_id: BTreeMap<u64, Alert>,
    /// The newest alert of each fingerprint.
    pub(in crate::state) newest: BTreeMap<u64, u64>,
}

impl Alerts {
    pub(in crate::state) fn evaluated(&mut self, changes: &[AlertChange]) -> Result<(), Refusal> {
        for change in changes {
            let found = change.id.and_then(|id| self.by_id.get(&id));
            let base = found.map_or(0, |alert| alert.revision);
            let stands = self.newest.get(&change.alert.fingerprint).copied();
            let is_newest = change.id.is_none() || stands == change.id;
            let is_over = |id| self.by_id.get(&id).is_none_or(Alert::is_over);
            let takes_over = change.id.is_some() || stands.is_none_or(is_over);
            if base != change.base || !is_newest || !takes_over {
                let text = format!("alert {:016x} has changed", change.alert.fingerprint);
                return Err(Refusal::Conflict(text));
            }
        }
        for change in changes {
            self.put(change);
        }
        self.forget_old();
        Ok(())
    }

    fn put(&mut self, change: &AlertChange) {
        let open = self.by_id.values().filter(|alert| !alert.is_over()).count();
        if change.id.is_none() && open >= MAX_OPEN {
            return;
        }
        let id = change.id.unwrap_or_else(|| {
            self.last_id += 1;
            self.last_id
        });
        let before = self.by_id.get(&id).cloned().unwrap_or_default();
        self.newest.insert(change.alert.fingerprint, id);
        let mut alert = Alert {
            acknowledged: before.acknowledged,
            comments: before.comments,
            revision: before.revision + 1,
            ..change.alert.clone()
        };
        if alert.incident != before.incident {
            alert.acknowledged = None;
        }
        self.by_id.insert(id, alert);
    }

    fn forget_old(&mut self) {
        let over = self.by_id.iter().filter(|(_, alert)| alert.is_over());
        let over: Vec<u64> = over.map(|(id, _)| *id).collect();
        for id in over.iter().take(over.len().saturating_sub(MAX_RESOLVED)) {
            if let Some(alert) = self.by_id.remove(id)
                && self.newest.get(&alert.fingerprint) == Some(id)
            {
                self.newest.remove(&alert.fingerprint);
            }
        }
        // A condition that did not last is nothing to remember.
        let passed = |alert: &Alert| alert.is_over() && alert.fired_at.is_none();
        let passed: Vec<u64> = (self.by_id.iter())
            .filter(|(_, alert)| passed(alert))
            .map(|(id, _)| *id)
            .collect();
        for id in passed {
            if let Some(alert) = self.by_id.remove(&id) {
                self.newest.remove(&alert.fingerprint);
            }
        }
    }

    fn alert(&mut self, id: u64) -> Result<&mut Alert, Refusal> {
        self.by_id.get_mut(&id).ok_or(Refusal::NotFound)
    }
}

impl Alert {
    /// Whether it has ended.
    pub fn is_over(&self) -> bool {
        self.state == AlertState::Resolved
    }

    /// Whether it fires.
    pub fn is_firing(&self) -> bool {
        self.state == AlertState::Firing
    }
}

impl Alerts {
    /// Notes that somebody saw an alert; nobody takes that back.
    pub(in crate::state) fn acknowledge(
        &mut self,
        id: u64,
        by: Option<&Acknowledgement>,
    ) -> Result<(), Refusal> {
        let alert = self.alert(id)?;
        alert.acknowledged = by.cloned();
        alert.revision += 1;
        Ok(())
    }

    pub(in crate::state) fn comment(&mut self, id: u64, comment: &Comment) -> Result<(), Refusal> {
        let alert = self.alert(id)?;
        alert.comments.push(comment.clone());
        let surplus = alert.comments.len().saturating_sub(MAX_COMMENTS);
        alert.comments.drain(..surplus);
        alert.revision += 1;
        Ok(())
    }
}

plain_section!(Alerts, "alerts", FeatureLevel::ALERTS);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::section::Section;

    fn change(id: Option<u64>, base: u64, state: AlertState, incident: u32) -> AlertChange {
        let alert = Alert {
            fingerprint: 7,
            rule: "C1".into(),
            state,
            incident,
            fired_at: (incident > 0).then_some(Timestamp::from_micros(1)),
            ..Alert::default()
        };
        AlertChange { id, base, alert }
    }

    fn is_done(alerts: &mut Alerts, change: &AlertChange) -> bool {
        alerts.evaluated(std::slice::from_ref(change)).is_ok()
    }

    #[test]
    fn a_change_from_an_older_revision_is_refused() {
        let mut alerts = Alerts::default();
        assert!(is_done(
            &mut alerts,
            &change(None, 0, AlertState::Pending, 0)
        ));
        // A second leader that has not seen it yet.
        assert!(!is_done(
            &mut alerts,
            &change(None, 0, AlertState::Pending, 0)
        ));
        assert!(is_done(
            &mut alerts,
            &change(Some(1), 1, AlertState::Firing, 1)
        ));
        assert!(!is_done(
            &mut alerts,
            &change(Some(1), 1, AlertState::Firing, 1)
        ));
        assert_eq!(alerts.by_id[&1].revision, 2);
        assert!(is_done(
            &mut alerts,
            &change(Some(1), 2, AlertState::Resolved, 1)
        ));
        assert!(is_done(
            &mut alerts,
            &change(None, 0, AlertState::Pending, 0)
        ));
        assert_eq!(alerts.newest[&7], 2);
        let read = Alerts::read(1, &alerts.write().unwrap()).unwrap();
        assert_eq!(read, alerts);
    }

    #[test]
    fn an_acknowledgement_outlasts_evaluations_and_ends_with_the_incident() {
        let mut alerts = Alerts::default();
        assert!(is_done(
            &mut alerts,
            &change(None, 0, AlertState::Firing, 1)
        ));
        let by = Some(Acknowledgement {
            by: "ann".into(),
            at: Timestamp::from_micros(2),
            note: "on it".into(),
        });
        assert_eq!(alerts.acknowledge(1, by.as_ref()), Ok(()));
        assert!(!is_done(
            &mut alerts,
            &change(Some(1), 1, AlertState::Resolved, 1)
        ));
        assert!(is_done(
            &mut alerts,
            &change(Some(1), 2, AlertState::Resolved, 1)
        ));
        assert!(alerts.by_id[&1].acknowledged.is_some());
        assert!(is_done(
            &mut alerts,
            &change(Some(1), 3, AlertState::Firing, 2)
        ));
        assert_eq!(alerts.by_id[&1].acknowledged, None);
    }

    #[test]
    fn a_condition_that_did_not_last_leaves_nothing() {
        let mut alerts = Alerts::default();
        assert!(is_done(
            &mut alerts,
            &change(None, 0, AlertState::Pending, 0)
        ));
        assert!(is_done(
            &mut alerts,
            &change(Some(1), 1, AlertState::Resolved, 0)
        ));
        assert!(alerts.by_id.is_empty() && alerts.newest.is_empty());
    }
}
