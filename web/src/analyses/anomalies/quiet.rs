//! Maintenance windows: minutes in which nothing is judged, and of which nothing is learnt.

use std::collections::BTreeMap;

use pga_alerts::{holds, matches};
use pga_cluster::{Collector, Silence};
use pga_config::CollectorId;
use pga_insight::anomalies::Minute;
use pga_storage::Timestamp;

use crate::NodeApi;
use crate::control_plane::view;

/// The windows of one server that are for all of it: those that match by its name alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Quiet(Vec<Silence>);

impl Quiet {
    /// The windows of each server, by its collector.
    pub(super) fn read(api: &dyn NodeApi) -> BTreeMap<CollectorId, Self> {
        let read = view(api, |state| {
            let windows = || state.silences().values().filter(|one| one.is_window);
            let server = |(id, known): (&CollectorId, &Collector)| {
                let entry = state.collector_entry(*id);
                let name = entry.display_name(known);
                // Alerts name two of one name by their ids too.
                let names = [name.to_owned(), format!("{name} ({id})")];
                let is_own = |one: &&Silence| names.iter().any(|name| is_for(one, name));
                (*id, Self(windows().filter(is_own).cloned().collect()))
            };
            state.watched().map(server).collect()
        });
        read.unwrap_or_default()
    }

    /// Whether one of them holds in a minute.
    pub(super) fn has(&self, at: Minute) -> bool {
        let now = Timestamp::from_micros(at.micros());
        self.0.iter().any(|one| holds(one, now))
    }

    /// The minutes of a time in which one of them holds, as ranges.
    pub(super) fn ranges(&self, from: Minute, to: Minute) -> Vec<(Minute, Minute)> {
        let mut ranges: Vec<(Minute, Minute)> = Vec::new();
        if self.0.is_empty() {
            return ranges;
        }
        let minutes = (from.get()..to.get()).map(Minute::new);
        for at in minutes.filter(|at| self.has(*at)) {
            match ranges.last_mut() {
                Some((_, end)) if *end == at => *end = at.plus(1),
                _ => ranges.push((at, at.plus(1))),
            }
        }
        ranges
    }
}

fn is_for(window: &Silence, server: &str) -> bool {
    let labels = BTreeMap::from([("server".to_owned(), server.to_owned())]);
    let is_whole = window.matchers.iter().all(|one| one.label == "server");
    is_whole && matches(&window.matchers, &labels)
}

#[cfg(test)]
mod tests {
    use pga_cluster::{Matcher, Weekly};

    use super::*;

    fn window(label: &str, value: &str) -> Silence {
        Silence {
            matchers: vec![Matcher {
                label: label.to_owned(),
                operator: "=".to_owned(),
                value: value.to_owned(),
            }],
            from: Timestamp::from_micros(0),
            to: Timestamp::from_micros(i64::MAX),
            weekly: Some(Weekly {
                // 1970-01-01, minute 0 of these tests, was a Thursday.
                days: vec![3],
                from_minute: 120,
                minutes: 30,
            }),
            is_window: true,
            by: "ann".to_owned(),
            comment: "backup".to_owned(),
            at: Timestamp::from_micros(0),
        }
    }

    #[test]
    fn a_window_is_for_the_server_that_it_names() {
        assert!(is_for(&window("server", "db-1"), "db-1"));
        assert!(!is_for(&window("server", "db-2"), "db-1"));
        assert!(
            !is_for(&window("rule", "L1"), "db-1"),
            "one alert is not the server"
        );
    }

    #[test]
    fn each_week_has_its_minutes() {
        let quiet = Quiet(vec![window("server", "db-1")]);
        let week = 7 * 1_440;
        let at = |minute: i64| Minute::new(minute);
        assert_eq!(
            quiet.ranges(at(0), at(2 * week)),
            [(at(120), at(150)), (at(week + 120), at(week + 150))]
        );
        assert!(!quiet.has(at(119)) && quiet.has(at(149)) && !quiet.has(at(150)));
    }
}
