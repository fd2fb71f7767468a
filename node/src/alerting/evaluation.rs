//! The leader's evaluation: rules over current values, against the alerts of the state.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use minijinja::Value;
use pga_alerts::{Evaluation, Facts, Reading, Rule, RuleSet, evaluate, machine};
use pga_cluster::{Alert, AlertChange, State};
use pga_config::CollectorId;
use pga_storage::Timestamp;

/// Rules, and what is remembered from one evaluation to the next.
#[derive(Debug, Default)]
pub(crate) struct Evaluator {
    rules: Arc<RuleSet>,
    /// The versions of the stored rules that `rules` is made of.
    versions: Option<BTreeMap<String, u64>>,
    /// Since when an alert's rule has said nothing about it.
    silent_since: HashMap<u64, Timestamp>,
}

/// What all rules say now.
#[derive(Debug, Default)]
pub(crate) struct Round {
    /// By fingerprint: the rule's key and the reading.
    readings: BTreeMap<u64, (String, Reading)>,
    /// Rule and server about which there is no data.
    stale: BTreeSet<(String, String)>,
}

impl Evaluator {
    /// The rules as the state has them: the defaults, and what people wrote in their place. Whether
    /// they have changed.
    pub(crate) fn refresh(&mut self, state: &State) -> bool {
        let stored = state.alert_rules();
        let versions = stored
            .iter()
            .map(|(key, entry)| (key.clone(), entry.version))
            .collect();
        if self.versions.as_ref() == Some(&versions) {
            return false;
        }
        let mut rules = RuleSet::defaults().unwrap_or_default();
        for (key, entry) in stored {
            // It was checked before it was stored; a later program may still refuse it.
            match RuleSet::parse(&entry.text) {
                Ok(rule) => rules = rules.with(rule),
                Err(error) => {
                    tracing::warn!(rule = key, %error, "a stored alert rule is not understood");
                }
            }
        }
        self.rules = Arc::new(rules);
        self.versions = Some(versions);
        true
    }

    /// The rules.
    pub(crate) const fn rules(&self) -> &Arc<RuleSet> {
        &self.rules
    }

    /// What changes by what all rules say.
    pub(crate) fn changes(
        &mut self,
        round: &Round,
        state: &State,
        now: Timestamp,
    ) -> Vec<AlertChange> {
        let mut changes = Vec::new();
        for (fingerprint, (key, reading)) in &round.readings {
            let (Some(rule), before) = (self.rules.get(key), state.alert_of(*fingerprint)) else {
                continue;
            };
            self.silent_since.remove(fingerprint);
            let alert = machine::step(rule, before.map(|(_, alert)| alert), reading, now);
            changes.extend(alert.map(|alert| change(before, alert, now)));
        }
        let open = state.alerts().iter().filter(|(_, alert)| !alert.is_over());
        for (id, alert) in
            open.filter(|(_, alert)| !round.readings.contains_key(&alert.fingerprint))
        {
            let since = *self.silent_since.entry(alert.fingerprint).or_insert(now);
            let key = key_of(alert);
            let server = alert.labels.get("server").cloned().unwrap_or_default();
            let is_stale = round.stale.contains(&(key.clone(), server))
                || round.stale.contains(&(key.clone(), String::new()));
            let next = machine::silent(self.rules.get(&key), alert, is_stale, since, now);
            changes.extend(next.map(|next| change(Some((*id, alert)), next, now)));
        }
        let is_open = |fingerprint: &u64| {
            let alert = state.alert_of(*fingerprint);
            alert.is_some_and(|(_, alert)| !alert.is_over())
        };
        self.silent_since
            .retain(|fingerprint, _| is_open(fingerprint));
        changes
    }
}

impl Round {
    /// Asks all rules about all servers. It takes a while: it is not done while the state is held.
    pub(crate) fn of(
        rules: &RuleSet,
        facts: &Facts,
        servers: &[(CollectorId, String)],
        rows: &BTreeMap<&'static str, Vec<Value>>,
        now: Timestamp,
    ) -> Self {
        let mut round = Self::default();
        for rule in rules.iter().filter(|rule| rule.enabled) {
            if rule.from.starts_with("cluster_") {
                match rows.get(rule.from.as_str()) {
                    Some(rows) => round.take(rule, "", evaluate(rule, None, "", Some(rows), now)),
                    None => drop(round.stale.insert((rule.key(), String::new()))),
                }
                continue;
            }
            for (id, name) in servers {
                round.take(
                    rule,
                    name,
                    evaluate(rule, facts.server(*id), name, None, now),
                );
            }
        }
        round
    }

    fn take(&mut self, rule: &Rule, server: &str, evaluation: Evaluation) {
        let key = rule.key();
        if evaluation.is_stale || evaluation.without_data > 0 || evaluation.error.is_some() {
            self.stale.insert((key.clone(), server.to_owned()));
        }
        if let Some(error) = evaluation.error {
            tracing::warn!(rule = key, server, error, "alert rule not evaluated");
        }
        for reading in evaluation.readings {
            let fingerprint = machine::fingerprint(&reading.labels);
            let worse = self.readings.get(&fingerprint).is_some_and(|(_, known)| {
                // Two rows with equal labels are one alert: the one that fires counts.
                known.fire && !reading.fire
                    || known.fire == reading.fire && known.value >= reading.value
            });
            if !worse {
                self.readings.insert(fingerprint, (key.clone(), reading));
            }
        }
    }
}

/// The servers by their collectors, with their names; two of one name get their ids too.
pub(crate) fn servers(state: &State) -> Vec<(CollectorId, String)> {
    let mut names = BTreeMap::<String, usize>::new();
    let mut servers = Vec::new();
    for (id, collector) in state.watched() {
        let entry = state.collector_entry(*id);
        if entry.superseded_by.is_some() {
            continue;
        }
        let name = entry.display_name(collector).to_owned();
        *names.entry(name.clone()).or_default() += 1;
        servers.push((*id, name));
    }
    for (id, name) in &mut servers {
        if names.get(name).is_some_and(|count| *count > 1) {
            *name = format!("{name} ({id})");
        }
    }
    servers
}

fn key_of(alert: &Alert) -> String {
    match alert.level.as_str() {
        "" => alert.rule.clone(),
        level => format!("{}.{level}", alert.rule),
    }
}

/// A change of an alert; one that is history is left alone, and another begins.
fn change(before: Option<(u64, &Alert)>, alert: Alert, now: Timestamp) -> AlertChange {
    let before = before.filter(|(_, alert)| !machine::is_forgotten(alert, now));
    AlertChange {
        id: before.map(|(id, _)| id),
        base: before.map_or(0, |(_, alert)| alert.revision),
        alert,
    }
}
