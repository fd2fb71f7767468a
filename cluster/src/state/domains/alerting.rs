//! What people set up for alerts: rules of their own, channels, silences.

use std::collections::BTreeMap;

use bytes::Bytes;
use pga_storage::Timestamp;
use serde::{Deserialize, Serialize};

use crate::feature_level::FeatureLevel;
use crate::outcome::Refusal;
use crate::state::section::plain_section;

/// Things of one kind.
const MAX_EACH: usize = 1_000;

/// A rule that somebody wrote, or a default rule that somebody changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleEntry {
    /// TOML of one rule, already checked.
    pub text: String,
    /// Who wrote it.
    pub author: String,
    /// When.
    pub at: Timestamp,
    /// From 1, one more each time.
    pub version: u64,
}

/// Compares a label of an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matcher {
    /// Name of the label.
    pub label: String,
    /// `=`, `!=`, or `~` for a pattern with `*`.
    pub operator: String,
    /// What it is compared with.
    pub value: String,
}

/// Times at which something holds every week, in UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weekly {
    /// Days, 0 is Monday.
    pub days: Vec<u8>,
    /// When it begins, in minutes after midnight.
    pub from_minute: u16,
    /// How long it holds, in minutes.
    pub minutes: u16,
}

/// Alerts that nobody is to be told about for a while: a silence, or a maintenance window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// All must hold.
    pub matchers: Vec<Matcher>,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub to: Timestamp,
    /// Within that time only these; makes it a maintenance window.
    pub weekly: Option<Weekly>,
    /// Whether it was made as a maintenance window.
    pub is_window: bool,
    /// Who.
    pub by: String,
    /// Why.
    pub comment: String,
    /// When it was made.
    pub at: Timestamp,
}

/// Where notifications go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// Its name.
    pub name: String,
    /// `webhook`, `alertmanager`, `alertmanager-webhook`, `slack`, `teams`, `pagerduty`, `email`.
    pub kind: String,
    /// What to send to whom: JSON, sealed with the cluster key.
    pub settings: Bytes,
    /// What of the settings may be shown.
    pub target: String,
    /// Alerts that go there; all must hold.
    pub matchers: Vec<Matcher>,
    /// Severities that go there.
    pub severities: Vec<String>,
    /// Labels whose equal values make one message.
    pub group_by: Vec<String>,
    /// Seconds from the first alert of a group to its first message.
    pub group_wait: u32,
    /// Seconds between two messages of a group that has changed.
    pub group_interval: u32,
    /// Seconds between two messages of a group that has not changed.
    pub repeat_interval: u32,
    /// Whether the end of an alert is told.
    pub send_resolved: bool,
    /// Whether anything is sent.
    pub is_enabled: bool,
    /// Who made it.
    pub by: String,
    /// When it was last changed.
    pub at: Timestamp,
}

/// Changes of what people set up for alerts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AlertingCommand {
    /// Stores rules; all or none.
    PutRules {
        /// Id of the rule, and what is stored.
        rules: Vec<(String, RuleEntry)>,
    },
    /// Forgets a rule; a default rule is then as it was delivered.
    DeleteRule {
        /// Its id.
        id: String,
    },
    /// Stores a channel.
    PutChannel {
        /// Which, or `None` for a new one.
        id: Option<u64>,
        /// How it is.
        channel: Channel,
    },
    /// Forgets a channel.
    DeleteChannel {
        /// Which.
        id: u64,
    },
    /// Stores a silence.
    PutSilence {
        /// Which, or `None` for a new one.
        id: Option<u64>,
        /// How it is.
        silence: Silence,
    },
    /// Forgets a silence.
    DeleteSilence {
        /// Which.
        id: u64,
    },
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::state) struct Alerting {
    last_id: u64,
    pub(in crate::state) rules: BTreeMap<String, RuleEntry>,
    pub(in crate::state) channels: BTreeMap<u64, Channel>,
    pub(in crate::state) silences: BTreeMap<u64, Silence>,
}

impl Alerting {
    fn put_rules(&mut self, rules: &[(String, RuleEntry)]) -> Result<(), Refusal> {
        let new = rules.iter().filter(|(id, _)| !self.rules.contains_key(id));
        has_room("rules", self.rules.len() + new.count())?;
        for (id, entry) in rules {
            let version = self.rules.get(id).map_or(0, |before| before.version) + 1;
            let entry = RuleEntry {
                version,
                ..entry.clone()
            };
            self.rules.insert(id.clone(), entry);
        }
        Ok(())
    }

    pub(in crate::state) fn apply(&mut self, command: &AlertingCommand) -> Result<(), Refusal> {
        let last_id = &mut self.last_id;
        match command {
            AlertingCommand::PutRules { rules } => self.put_rules(rules),
            AlertingCommand::DeleteRule { id } => {
                self.rules.remove(id).map(drop).ok_or(Refusal::NotFound)
            }
            AlertingCommand::PutChannel { id, channel } => {
                let clash = |(known, other): (&u64, &Channel)| {
                    Some(*known) != *id && other.name == channel.name
                };
                if self.channels.iter().any(clash) {
                    let text = format!("there is a channel named {:?}", channel.name);
                    return Err(Refusal::Conflict(text));
                }
                put("channels", &mut self.channels, last_id, *id, channel)
            }
            AlertingCommand::DeleteChannel { id } => {
                self.channels.remove(id).map(drop).ok_or(Refusal::NotFound)
            }
            AlertingCommand::PutSilence { id, silence } => {
                self.silences.retain(|_, old| old.to > silence.at);
                put("silences", &mut self.silences, last_id, *id, silence)
            }
            AlertingCommand::DeleteSilence { id } => {
                self.silences.remove(id).map(drop).ok_or(Refusal::NotFound)
            }
        }
    }
}

fn put<T: Clone>(
    what: &str,
    all: &mut BTreeMap<u64, T>,
    last_id: &mut u64,
    id: Option<u64>,
    value: &T,
) -> Result<(), Refusal> {
    match id {
        Some(id) => *all.get_mut(&id).ok_or(Refusal::NotFound)? = value.clone(),
        None => {
            has_room(what, all.len() + 1)?;
            *last_id += 1;
            all.insert(*last_id, value.clone());
        }
    }
    Ok(())
}

fn has_room(what: &str, count: usize) -> Result<(), Refusal> {
    if count > MAX_EACH {
        return Err(Refusal::Rule(format!("there are {MAX_EACH} {what}")));
    }
    Ok(())
}

plain_section!(Alerting, "alerting", FeatureLevel::ALERTS);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::section::Section;

    fn silence(id: Option<u64>, at: i64, to: i64) -> AlertingCommand {
        let silence = Silence {
            matchers: Vec::new(),
            from: Timestamp::from_micros(0),
            to: Timestamp::from_micros(to),
            weekly: None,
            is_window: false,
            by: "ann".into(),
            comment: String::new(),
            at: Timestamp::from_micros(at),
        };
        AlertingCommand::PutSilence { id, silence }
    }

    #[test]
    fn silences_that_are_over_go_and_ids_are_never_given_again() {
        let mut alerting = Alerting::default();
        for (id, at, to) in [
            (None, 0, 10),
            (None, 1, 20),
            (None, 15, 30),
            (Some(2), 16, 40),
        ] {
            let outcome = alerting.apply(&silence(id, at, to));
            assert!(matches!(outcome, Ok(())), "{outcome:?}");
        }
        let ids: Vec<u64> = alerting.silences.keys().copied().collect();
        assert_eq!(ids, [2, 3]);
        let outcome = alerting.apply(&silence(Some(1), 17, 50));
        assert!(matches!(outcome, Err(Refusal::NotFound)), "{outcome:?}");
        let read = Alerting::read(1, &alerting.write().unwrap()).unwrap();
        assert_eq!(read, alerting);
    }
}
