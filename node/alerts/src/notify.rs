//! Who is to be told what: from the alerts of the state to notifications for the outbox.
//!
//! Routes say which channels are told (`routing.rs`). A channel's alerts are grouped by some of
//! their labels. A group's first message waits
//! `group_wait`, so that what begins together is told together; later ones wait `group_interval`,
//! and what has not changed is told again after `repeat_interval`, unless somebody takes care of
//! it. What is silenced or hidden by another alert is not told; when that ends and it still fires,
//! it is.

use std::collections::{BTreeMap, BTreeSet};

use pga_cluster::{Alert, GroupState, Notification, Silence, State};
use pga_storage::Timestamp;
use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_128;

use crate::matching::is_silenced;
use crate::routing::{Destination, Routing, channel_of};
use crate::rule::RuleSet;

/// Alerts in one message; of more the number is told.
const MAX_ALERTS: usize = 20;
/// Transitions in an hour above which an alert flaps.
const FLAPPING: usize = 6;
/// How long a flapping alert must be quiet before it is told of again.
const QUIET: i64 = 1_800_000_000;

/// A group of which nothing fires and nothing was told for so long is forgotten.
const IDLE: i64 = 86_400_000_000;
/// Groups forgotten at once.
const MAX_FORGOTTEN: usize = 100;

/// What is to be proposed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// New notifications.
    pub queue: Vec<Notification>,
    /// Groups, the number of their last notification, and what their receivers know then; one that
    /// is to be forgotten has had none.
    pub groups: Vec<(String, u64, GroupState)>,
}

/// Why an alert that fires is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quiet {
    /// A silence or a window holds.
    Silenced,
    /// Another alert says it already.
    Hidden,
}

/// Which alerts that fire nobody is told about, and why.
pub fn quiet(state: &State, rules: &RuleSet, now: Timestamp) -> BTreeMap<u64, Quiet> {
    let firing: Vec<(u64, &Alert)> = firing(state).collect();
    let silences: Vec<&Silence> = state.silences().values().collect();
    let mut quiet = BTreeMap::new();
    for (id, alert) in &firing {
        if is_silenced(silences.iter().copied(), alert, now) {
            quiet.insert(*id, Quiet::Silenced);
        } else if firing.iter().any(|(_, other)| hides(rules, other, alert)) {
            quiet.insert(*id, Quiet::Hidden);
        }
    }
    quiet
}

fn firing(state: &State) -> impl Iterator<Item = (u64, &Alert)> {
    let alerts = state.alerts().iter().map(|(id, alert)| (*id, alert));
    alerts.filter(|(_, alert)| alert.is_firing())
}

/// Whether `other` says what `alert` would: a worse level of the same, or a rule that hides it.
fn hides(rules: &RuleSet, other: &Alert, alert: &Alert) -> bool {
    let is_about = |alert: &Alert| {
        let mut labels = alert.labels.clone();
        labels.remove("level");
        labels
    };
    if other.rule == alert.rule {
        let rank = |alert: &Alert| ["i", "w", "c"].iter().position(|s| *s == alert.severity);
        return rank(other) > rank(alert) && is_about(other) == is_about(alert);
    }
    let key = match other.level.as_str() {
        "" => other.rule.clone(),
        level => format!("{}.{level}", other.rule),
    };
    let named = rules.get(&key).is_some_and(|rule| {
        rule.hides
            .iter()
            .any(|id| *id == alert.rule || (id == "*" && !alert.rule.starts_with('N')))
    });
    let is_same = |label: &str| other.labels.get(label) == alert.labels.get(label);
    // What is said about one statement explains nothing about another.
    let explains =
        !other.labels.contains_key("statement") || is_same("statement") && is_same("database");
    named && explains && other.labels.contains_key("server") && is_same("server")
}

/// What is to be queued now.
pub fn plan(state: &State, rules: &RuleSet, cluster: &str, now: Timestamp) -> Plan {
    let quiet = quiet(state, rules, now);
    let mut plan = Plan::default();
    let mut live = BTreeSet::new();
    for group in groups(state, &quiet) {
        let before = state.notification_groups().get(&group.name);
        let before = before.cloned().unwrap_or_default();
        let next = group.next(state, &before, cluster, now);
        if !group.firing.is_empty() || !before.firing.is_empty() {
            live.insert(group.name.clone());
        }
        if let Some((notification, after)) = next {
            live.insert(group.name.clone());
            plan.groups.push((group.name, before.sequence, after));
            plan.queue.push(notification);
        }
    }
    let idle = idle(state, &live, now).take(MAX_FORGOTTEN);
    plan.groups
        .extend(idle.map(|(name, sequence)| (name.clone(), sequence, GroupState::default())));
    plan
}

/// Groups that have been told nothing for a day and have nothing to tell, or have no channel: their
/// names, and the number of their last notification.
fn idle<'a>(
    state: &'a State,
    live: &'a BTreeSet<String>,
    now: Timestamp,
) -> impl Iterator<Item = (&'a String, u64)> {
    let waiting = state
        .notifications()
        .values()
        .filter(|one| !one.state.is_done());
    let waiting: BTreeSet<&str> = waiting.map(|one| one.group.as_str()).collect();
    let groups = state.notification_groups().iter();
    groups
        .filter(move |(name, group)| {
            now.micros() - group.last_at.micros() > IDLE
                && !live.contains(*name)
                && !waiting.contains(name.as_str())
        })
        .map(|(name, group)| (name, group.sequence))
}

/// Alerts of one channel that are told together.
struct Group<'a> {
    name: String,
    to: Destination<'a>,
    labels: BTreeMap<String, String>,
    /// Those that fire and are to be told.
    firing: BTreeSet<u64>,
}

fn groups<'a>(state: &'a State, quiet: &BTreeMap<u64, Quiet>) -> Vec<Group<'a>> {
    let routing = Routing::of(state);
    let mut groups: BTreeMap<String, Group<'a>> = BTreeMap::new();
    let mut routed = BTreeSet::new();
    for (alert_id, alert) in state.alerts() {
        if alert.fired_at.is_none() {
            continue;
        }
        for to in routing.destinations(alert) {
            routed.insert((to.id, *alert_id));
            let value = |label: &String| alert.labels.get(label).cloned().unwrap_or_default();
            let labels = to.group_by().iter();
            let labels = labels.map(|label| (label.clone(), value(label)));
            let labels: BTreeMap<_, _> = labels.collect();
            let values: Vec<&str> = labels.values().map(String::as_str).collect();
            let name = to.group_name(&values);
            let group = groups.entry(name.clone()).or_insert_with(|| Group {
                name,
                to,
                labels,
                firing: BTreeSet::new(),
            });
            if alert.is_firing() && !quiet.contains_key(alert_id) {
                group.firing.insert(*alert_id);
            }
        }
    }
    let left: Vec<Group<'a>> = left(state, &groups, &routed).collect();
    groups.into_values().chain(left).collect()
}

/// Groups to which no alert goes any more since routes or channels were changed, but whose
/// receivers believe that one fires: its end has to be told.
fn left<'a>(
    state: &'a State,
    groups: &BTreeMap<String, Group<'a>>,
    routed: &BTreeSet<(u64, u64)>,
) -> impl Iterator<Item = Group<'a>> {
    let known = state.notification_groups().iter();
    known.filter_map(move |(name, group)| {
        let id = channel_of(name)?;
        let channel = state.channels().get(&id)?;
        let is_left =
            |alert: &u64| state.alerts().contains_key(alert) && !routed.contains(&(id, *alert));
        let is_told = channel.is_enabled
            && channel.send_resolved
            && !groups.contains_key(name)
            && group.firing.keys().any(is_left);
        is_told.then(|| Group {
            name: name.clone(),
            to: Destination {
                id,
                channel,
                route: None,
            },
            labels: BTreeMap::new(),
            firing: BTreeSet::new(),
        })
    })
}

impl Group<'_> {
    fn next(
        &self,
        state: &State,
        before: &GroupState,
        cluster: &str,
        now: Timestamp,
    ) -> Option<(Notification, GroupState)> {
        let since = |at: Timestamp| now.micros() - at.micros();
        let alert = |id: &u64| state.alerts().get(id);
        let flaps = |id: &u64| alert(id).is_some_and(|alert| is_flapping(alert, now));
        let mut after = before.clone();
        after.flapping.retain(|id| flaps(id));
        let begun: Vec<u64> = (self.firing.iter())
            .filter(|id| alert(id).map(|alert| alert.incident) != before.firing.get(id).copied())
            .filter(|id| !before.flapping.contains(id))
            .copied()
            .collect();
        let ended: Vec<u64> = (before.firing.keys())
            .filter(|id| alert(id).is_none_or(Alert::is_over))
            .filter(|id| !after.flapping.contains(id))
            .copied()
            .collect();
        let oldest = begun
            .iter()
            .filter_map(alert)
            .filter_map(|alert| alert.fired_at)
            .min();
        let is_first = before.firing.is_empty();
        let has_waited = match is_first {
            true => oldest.is_some_and(|at| since(at) >= micros(self.to.group_wait())),
            false => since(before.last_at) >= micros(self.to.group_interval()),
        };
        let is_told_end = self.to.channel.send_resolved && !ended.is_empty();
        let is_news = (!begun.is_empty() || is_told_end) && has_waited;
        // An Alertmanager forgets what it does not hear of, whoever takes care of it.
        let forgets = self.to.channel.kind == "alertmanager";
        let is_open =
            |id: &u64| forgets || alert(id).is_some_and(|alert| alert.acknowledged.is_none());
        let is_due = since(before.last_at) >= micros(self.to.repeat_interval());
        let is_repeat = !is_first && is_due && self.firing.iter().any(is_open);
        if !is_news && !is_repeat {
            // Nobody is told, but what has ended is not waited for.
            return None;
        }
        // Not from 1: a group that was forgotten and comes back must not have an old key again.
        after.sequence = match before.sequence {
            0 => oldest.map_or(1, |at| at.micros().max(1).unsigned_abs()),
            last => last + 1,
        };
        after.last_at = now;
        // What was told and is only quiet now is still believed to fire: its end has to be told.
        after
            .firing
            .retain(|id, _| alert(id).is_some_and(Alert::is_firing));
        let told = self
            .firing
            .iter()
            .filter_map(|id| Some((*id, alert(id)?.incident)));
        after.firing.extend(told);
        for id in begun.iter().chain(&ended).filter(|id| flaps(id)) {
            if !after.flapping.contains(id) {
                after.flapping.push(*id);
            }
        }
        let shown: Vec<u64> = self.firing.iter().copied().chain(ended).collect();
        let content = self.content(state, cluster, &shown, &after, is_repeat && !is_news);
        Some((self.notification(cluster, &after, content, now), after))
    }

    fn content(
        &self,
        state: &State,
        cluster: &str,
        shown: &[u64],
        after: &GroupState,
        is_repeat: bool,
    ) -> Value {
        let mut alerts: Vec<(u64, &Alert)> = shown
            .iter()
            .filter_map(|id| Some((*id, state.alerts().get(id)?)))
            .collect();
        let rank = |severity: &str| ["c", "w", "i"].iter().position(|s| *s == severity);
        alerts.sort_by_key(|(id, alert)| (alert.is_over(), rank(&alert.severity), *id));
        let truncated = alerts.len().saturating_sub(MAX_ALERTS);
        let is_over = alerts.iter().all(|(_, alert)| alert.is_over());
        let alerts: Vec<Value> = alerts
            .iter()
            .take(MAX_ALERTS)
            .map(|(id, alert)| told(*id, alert, after.flapping.contains(id)))
            .collect();
        json!({
            "status": if is_over { "resolved" } else { "firing" },
            "cluster": cluster,
            "group": self.labels,
            "group_key": self.name,
            "alerts": alerts,
            "truncated": truncated,
            "is_repeat": is_repeat,
        })
    }

    fn notification(
        &self,
        cluster: &str,
        after: &GroupState,
        content: Value,
        now: Timestamp,
    ) -> Notification {
        let name = format!("{cluster}/{}/{}", self.name, after.sequence);
        Notification {
            key: format!("{:032x}", xxh3_128(name.as_bytes())),
            channel: self.to.id,
            group: self.name.clone(),
            content: content.to_string(),
            queued_at: now,
            next_at: now,
            ..Notification::default()
        }
    }
}

fn told(id: u64, alert: &Alert, flaps: bool) -> Value {
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
    let mut annotations = alert.annotations.clone();
    if flaps {
        let text = "it changes so often that only its quiet end is told";
        annotations.insert("flapping".to_owned(), text.to_owned());
    }
    json!({
        "id": id,
        "status": alert.state.name(),
        "rule": alert.rule,
        "level": alert.level,
        "name": alert.name,
        "severity": alert.severity,
        "labels": alert.labels,
        "annotations": annotations,
        "value": serde_json::from_str::<Value>(&alert.value).unwrap_or_default(),
        "fingerprint": format!("{:016x}", alert.fingerprint),
        "incident": alert.incident,
        "starts_at": time(alert.fired_at),
        "ends_at": time(alert.resolved_at),
        "acknowledged_by": alert.acknowledged.as_ref().map(|by| by.by.as_str()),
    })
}

/// Whether an alert changes too often to tell each time.
pub fn is_flapping(alert: &Alert, now: Timestamp) -> bool {
    let last = alert.transitions.last().copied().unwrap_or_default();
    alert.transitions.len() > FLAPPING && now.micros() - last.micros() < QUIET
}

fn micros(seconds: u32) -> i64 {
    i64::from(seconds) * 1_000_000
}

#[cfg(test)]
mod tests;
