//! The states of an alert: pending, firing, resolved.
//!
//! | From | Event | To |
//! | --- | --- | --- |
//! | none | over `fire` | pending, or firing if `for` is 0 |
//! | pending | not over before `for` ends | gone |
//! | pending | over in all samples of `for` | firing, incident + 1 |
//! | firing | under `resolve` for `keep_firing_for` | resolved |
//! | resolved | over again within 5 min | firing, the same incident |
//! | any | no data, rule changed or gone | held or resolved, with the reason |

use std::collections::BTreeMap;

use pga_cluster::{Alert, AlertState};
use pga_storage::Timestamp;
use xxhash_rust::xxh3::xxh3_64;

use crate::evaluate::Reading;
use crate::rule::{NoData, Rule};

/// How soon after its end an alert that fires again is the same incident.
const AGAIN: i64 = 300_000_000;
/// How long an alert without data is held.
const HOLD: i64 = 3_600_000_000;
/// How long transitions are remembered.
const REMEMBER: i64 = 3_600_000_000;

/// The name of an alert, the same for the same trouble at another time.
pub fn fingerprint(labels: &BTreeMap<String, String>) -> u64 {
    let text: Vec<String> = labels
        .iter()
        .map(|(name, value)| format!("{name}\u{1f}{value}"))
        .collect();
    xxh3_64(text.join("\u{1e}").as_bytes())
}

/// What a reading makes of an alert; `None` if nothing changes.
pub fn step(
    rule: &Rule,
    before: Option<&Alert>,
    reading: &Reading,
    now: Timestamp,
) -> Option<Alert> {
    match before.filter(|alert| !is_forgotten(alert, now)) {
        None if reading.fire => Some(begin(rule, reading, now)),
        None => None,
        Some(alert) => match alert.state {
            AlertState::Pending => pending(rule, alert, reading, now),
            AlertState::Firing => firing(rule, alert, reading, now),
            AlertState::Resolved => reading.fire.then(|| {
                let mut alert = with(alert, reading);
                alert.state = AlertState::Firing;
                (alert.resolved_at, alert.clear_since) = (None, None);
                alert.reason = String::new();
                turn(&mut alert, now);
                alert
            }),
        },
    }
}

/// What becomes of an alert about which its rule says nothing: it has no data, or the row is gone.
pub fn silent(
    rule: Option<&Rule>,
    alert: &Alert,
    is_stale: bool,
    since: Timestamp,
    now: Timestamp,
) -> Option<Alert> {
    if alert.is_over() {
        return None;
    }
    let Some(rule) = rule.filter(|rule| rule.enabled) else {
        return Some(end(alert, "rule_changed", now));
    };
    if !is_stale {
        // Its row is gone: as good as under the threshold.
        return match alert.state {
            AlertState::Firing => cleared(rule, alert, now),
            _ => Some(end(alert, "cleared", now)),
        };
    }
    let is_held = rule.no_data == NoData::Hold && now.micros() - since.micros() < HOLD;
    (!is_held).then(|| end(alert, "no_data", now))
}

/// Whether a resolved alert is history: the next one is another.
pub fn is_forgotten(alert: &Alert, now: Timestamp) -> bool {
    let over = alert.resolved_at.unwrap_or_default();
    alert.is_over() && now.micros() - over.micros() > AGAIN
}

fn begin(rule: &Rule, reading: &Reading, now: Timestamp) -> Alert {
    let empty = Alert {
        fingerprint: fingerprint(&reading.labels),
        rule: rule.id.clone(),
        level: rule.level.clone(),
        name: rule.name.clone(),
        severity: rule.severity.letter().to_owned(),
        labels: reading.labels.clone(),
        active_at: reading.at.min(now),
        ..Alert::default()
    };
    let mut alert = with(&empty, reading);
    if rule.hold_micros() == 0 {
        fire(&mut alert, now);
    }
    alert
}

fn pending(rule: &Rule, alert: &Alert, reading: &Reading, now: Timestamp) -> Option<Alert> {
    if !reading.fire {
        let mut alert = alert.clone();
        (alert.state, alert.resolved_at) = (AlertState::Resolved, Some(now));
        return Some(alert);
    }
    // What was seen counts, not the time since: one sample alone lasts for no time at all.
    let held = reading.at.micros() - alert.active_at.micros();
    (held >= rule.hold_micros()).then(|| {
        let mut alert = with(alert, reading);
        fire(&mut alert, now);
        alert
    })
}

fn firing(rule: &Rule, alert: &Alert, reading: &Reading, now: Timestamp) -> Option<Alert> {
    if reading.resolve {
        return cleared(rule, alert, now);
    }
    alert.clear_since.map(|_| Alert {
        clear_since: None,
        ..alert.clone()
    })
}

/// An alert that fires, in a sample that would end it.
fn cleared(rule: &Rule, alert: &Alert, now: Timestamp) -> Option<Alert> {
    let since = alert.clear_since.unwrap_or(now);
    if now.micros() - since.micros() >= rule.keep_micros() {
        return Some(end(alert, "cleared", now));
    }
    alert.clear_since.is_none().then(|| Alert {
        clear_since: Some(now),
        ..alert.clone()
    })
}

fn with(alert: &Alert, reading: &Reading) -> Alert {
    Alert {
        value: serde_json::to_string(&reading.value).unwrap_or_default(),
        annotations: reading.annotations.clone(),
        ..alert.clone()
    }
}

fn fire(alert: &mut Alert, now: Timestamp) {
    alert.state = AlertState::Firing;
    alert.fired_at = Some(now);
    alert.incident += 1;
    turn(alert, now);
}

fn end(alert: &Alert, reason: &str, now: Timestamp) -> Alert {
    let mut alert = alert.clone();
    alert.state = AlertState::Resolved;
    alert.resolved_at = Some(now);
    alert.clear_since = None;
    reason.clone_into(&mut alert.reason);
    turn(&mut alert, now);
    alert
}

fn turn(alert: &mut Alert, now: Timestamp) {
    alert.transitions.push(now);
    let recent = |at: &Timestamp| now.micros() - at.micros() <= REMEMBER;
    alert.transitions.retain(recent);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::RuleSet;

    fn rule(text: &str) -> Rule {
        let head = "[[rule]]\nid=\"T\"\nname=\"t\"\nseverity=\"w\"\nfrom=\"x\"\nvalue=\"1\"\nfire=\"true\"\nsummary=\"s\"\n";
        let rules = RuleSet::parse(&format!("{head}{text}")).unwrap();
        rules.get("T").unwrap().clone()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn reading(seconds: i64, value: f64) -> Reading {
        Reading {
            labels: BTreeMap::from([("server".into(), "db".into())]),
            value,
            fire: value > 10.0,
            resolve: value < 5.0,
            at: at(seconds),
            annotations: BTreeMap::new(),
        }
    }

    /// The states after each value, one every ten seconds.
    fn states(rule: &Rule, values: &[f64]) -> String {
        let (mut alert, mut states) = (None::<Alert>, String::new());
        for (n, value) in values.iter().enumerate() {
            let now = n as i64 * 10;
            if let Some(next) = step(rule, alert.as_ref(), &reading(now, *value), at(now)) {
                // One that never fired is forgotten by the state.
                alert = Some(next).filter(|next| !next.is_over() || next.fired_at.is_some());
            }
            states.push(match alert.as_ref().map(|alert| alert.state) {
                None => '.',
                Some(AlertState::Pending) => 'p',
                Some(AlertState::Firing) => 'F',
                Some(AlertState::Resolved) => 'r',
            });
        }
        states
    }

    #[test]
    fn an_alert_goes_through_its_states() {
        for (text, values, want) in [
            (
                "for=\"20s\"\nkeep_firing_for=\"20s\"",
                vec![1., 11., 11., 11., 7., 1., 1., 1., 1.],
                ".ppFFFFrr",
            ),
            ("for=\"20s\"", vec![11., 11., 7., 11.], "pp.p"),
            ("keep_firing_for=\"0s\"", vec![11., 7., 1., 11.], "FFrF"),
            (
                "keep_firing_for=\"20s\"",
                vec![11., 1., 7., 1., 1., 1.],
                "FFFFFr",
            ),
        ] {
            assert_eq!(states(&rule(text), &values), want, "{text}");
        }
    }

    #[test]
    fn one_sample_alone_does_not_fire_what_must_last() {
        let rule = rule("for=\"20s\"");
        let first = reading(0, 11.0);
        let alert = step(&rule, None, &first, at(0)).unwrap();
        assert_eq!(
            step(&rule, Some(&alert), &first, at(60)),
            None,
            "no later sample"
        );
        let later = step(&rule, Some(&alert), &reading(60, 11.0), at(60)).unwrap();
        assert!(later.is_firing());
        assert_eq!(later.incident, 1);
    }

    #[test]
    fn again_within_five_minutes_is_the_same_incident() {
        let rule = rule("keep_firing_for=\"0s\"");
        let alert = step(&rule, None, &reading(0, 11.0), at(0)).unwrap();
        let over = step(&rule, Some(&alert), &reading(10, 1.0), at(10)).unwrap();
        let again = step(&rule, Some(&over), &reading(200, 11.0), at(200)).unwrap();
        assert_eq!((again.incident, again.transitions.len()), (1, 3));
        let later = step(&rule, Some(&over), &reading(311, 11.0), at(311)).unwrap();
        assert_eq!(later.transitions.len(), 1);
        assert!(is_forgotten(&over, at(311)));
    }

    #[test]
    fn without_data_it_is_held_or_dropped() {
        for (text, is_stale, seconds, want) in [
            ("no_data=\"hold\"", true, 3_599, None),
            ("no_data=\"hold\"", true, 3_600, Some("no_data")),
            ("keep_firing_for=\"0s\"", false, 1, Some("cleared")),
            ("keep_firing_for=\"20s\"", false, 1, Some("")),
            ("no_data=\"drop\"", true, 1, Some("no_data")),
            ("enabled=false", true, 1, Some("rule_changed")),
        ] {
            let rule = rule(text);
            let alert = step(&rule, None, &reading(0, 11.0), at(0)).unwrap();
            let next = silent(Some(&rule), &alert, is_stale, at(0), at(seconds));
            assert_eq!(next.map(|next| next.reason).as_deref(), want, "{text}");
        }
    }
}
