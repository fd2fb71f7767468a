//! Which channels are told about an alert.
//!
//! The routes are asked in their order. The first that takes the alert has it, and so have later
//! ones as long as each says that it goes on (Alertmanager's `continue`). An alert that no route
//! takes goes to every channel that wants it. A channel never gets what its own matchers and
//! severities keep out: such a route, like one whose channel is switched off or gone, takes
//! nothing, so that no alert is lost on the way.

use std::collections::BTreeMap;

use pga_cluster::{Alert, AlertRoute, Channel, State};

use crate::matching::fits;

/// Channels and routes, as the state has them or a copy does.
#[derive(Clone, Copy, Debug)]
pub struct Routing<'a> {
    /// Channels by id.
    pub channels: &'a BTreeMap<u64, Channel>,
    /// Routes in their order.
    pub routes: &'a [AlertRoute],
}

/// A channel that is told about an alert, and the route that leads there, if there is one.
#[derive(Clone, Copy, Debug)]
pub struct Destination<'a> {
    /// Id of the channel.
    pub id: u64,
    /// The channel.
    pub channel: &'a Channel,
    /// The route.
    pub route: Option<&'a AlertRoute>,
}

impl<'a> Routing<'a> {
    /// Those of the state.
    pub fn of(state: &'a State) -> Self {
        Self {
            channels: state.channels(),
            routes: &state.alert_routes().routes,
        }
    }

    /// Who is told about an alert, while nothing keeps it quiet: each channel once.
    pub fn destinations(&self, alert: &Alert) -> Vec<Destination<'a>> {
        let mut found: Vec<Destination<'a>> = Vec::new();
        for route in self.routes {
            let Some(channel) = self.channels.get(&route.channel) else {
                continue;
            };
            if !fits(&route.matchers, alert) || !wants(channel, alert) {
                continue;
            }
            if found.iter().all(|one| one.id != route.channel) {
                found.push(Destination {
                    id: route.channel,
                    channel,
                    route: Some(route),
                });
            }
            if !route.goes_on {
                break;
            }
        }
        if found.is_empty() {
            let wanting = self.channels.iter();
            let wanting = wanting.filter(|(_, channel)| wants(channel, alert));
            found.extend(wanting.map(|(id, channel)| Destination {
                id: *id,
                channel,
                route: None,
            }));
        }
        found
    }
}

impl<'a> Destination<'a> {
    /// Labels whose equal values make one message.
    pub fn group_by(&self) -> &'a [String] {
        let own = self.route.and_then(|route| route.group_by.as_ref());
        own.unwrap_or(&self.channel.group_by)
    }

    /// Seconds from the first alert of a group to its first message.
    pub fn group_wait(&self) -> u32 {
        let own = self.route.and_then(|route| route.group_wait);
        own.unwrap_or(self.channel.group_wait)
    }

    /// Seconds between two messages of a group that has changed.
    pub fn group_interval(&self) -> u32 {
        let own = self.route.and_then(|route| route.group_interval);
        own.unwrap_or(self.channel.group_interval)
    }

    /// Seconds between two messages of a group that has not changed.
    pub fn repeat_interval(&self) -> u32 {
        let own = self.route.and_then(|route| route.repeat_interval);
        own.unwrap_or(self.channel.repeat_interval)
    }

    /// Name of the group of alerts with these values, the same as long as channel and route are.
    pub(crate) fn group_name(&self, values: &[&str]) -> String {
        let values = values.join("/");
        match self.route {
            Some(route) => format!("{}:{}/{values}", self.id, route.name),
            None => format!("{}/{values}", self.id),
        }
    }
}

/// The channel of a group by its name.
pub(crate) fn channel_of(group: &str) -> Option<u64> {
    group.split([':', '/']).next()?.parse().ok()
}

fn wants(channel: &Channel, alert: &Alert) -> bool {
    channel.is_enabled
        && channel.severities.contains(&alert.severity)
        && fits(&channel.matchers, alert)
}

#[cfg(test)]
mod tests {
    use pga_cluster::Matcher;
    use pga_storage::Timestamp;

    use super::*;

    fn matcher(label: &str, value: &str) -> Matcher {
        Matcher {
            label: label.into(),
            operator: "=".into(),
            value: value.into(),
        }
    }

    fn channel(name: &str) -> Channel {
        Channel {
            name: name.into(),
            kind: "webhook".into(),
            settings: Vec::new().into(),
            target: String::new(),
            matchers: Vec::new(),
            severities: vec!["c".into(), "w".into()],
            group_by: vec!["server".into()],
            group_wait: 30,
            group_interval: 300,
            repeat_interval: 14_400,
            send_resolved: true,
            is_enabled: true,
            by: "ann".into(),
            at: Timestamp::from_micros(0),
        }
    }

    fn route(name: &str, matchers: Vec<Matcher>, channel: u64, goes_on: bool) -> AlertRoute {
        AlertRoute {
            name: name.into(),
            matchers,
            channel,
            goes_on,
            group_by: None,
            group_wait: (name == "db").then_some(5),
            group_interval: None,
            repeat_interval: None,
        }
    }

    fn alert(server: &str, severity: &str) -> Alert {
        Alert {
            severity: severity.into(),
            labels: BTreeMap::from([("server".into(), server.into())]),
            ..Alert::default()
        }
    }

    /// Channels and routes of the tests: 1 ops, 2 team, 3 critical only, 4 switched off.
    fn world() -> (BTreeMap<u64, Channel>, Vec<AlertRoute>) {
        let mut channels = BTreeMap::from([
            (1, channel("ops")),
            (2, channel("team")),
            (3, channel("pager")),
            (4, channel("off")),
        ]);
        channels.get_mut(&3).unwrap().severities = vec!["c".into()];
        channels.get_mut(&4).unwrap().is_enabled = false;
        let db = || vec![matcher("server", "db-1")];
        let routes = vec![
            route("gone", Vec::new(), 9, false),
            route("off", Vec::new(), 4, false),
            route("pager", vec![matcher("severity", "critical")], 3, true),
            route("db", db(), 2, false),
            route("never", db(), 1, false),
            route("later", vec![matcher("server", "db-2")], 1, true),
            route("twice", vec![matcher("server", "db-2")], 1, false),
        ];
        (channels, routes)
    }

    #[test]
    fn the_first_route_that_takes_an_alert_has_it_and_no_alert_is_lost() {
        let (channels, routes) = world();
        let told = |routes: &[AlertRoute], server: &str, severity: &str| {
            let routing = Routing {
                channels: &channels,
                routes,
            };
            let found = routing.destinations(&alert(server, severity));
            let name = |one: &Destination<'_>| one.route.map_or("", |route| &route.name).to_owned();
            let show = |one: &Destination<'_>| format!("{} {}", one.id, name(one));
            found.iter().map(show).collect::<Vec<_>>()
        };
        let cases = [
            ("db-1", "w", vec!["2 db"]),
            ("db-1", "c", vec!["3 pager", "2 db"]),
            ("db-2", "w", vec!["1 later"]),
            // The pager's route goes on, and no other takes it.
            ("db-3", "c", vec!["3 pager"]),
            ("db-3", "w", vec!["1 ", "2 "]),
            ("db-3", "i", vec![]),
        ];
        for (server, severity, want) in cases {
            assert_eq!(told(&routes, server, severity), want, "{server} {severity}");
        }
        assert_eq!(told(&[], "db-1", "c"), ["1 ", "2 ", "3 "], "without routes");
    }

    #[test]
    fn a_route_says_how_its_groups_are_made_and_when_they_are_told() {
        let (channels, routes) = world();
        let routing = Routing {
            channels: &channels,
            routes: &routes,
        };
        let alert = alert("db-1", "w");
        let found = routing.destinations(&alert);
        let to = found.first().unwrap();
        assert_eq!((to.group_wait(), to.group_interval()), (5, 300));
        assert_eq!((to.repeat_interval(), to.group_by().len()), (14_400, 1));
        let name = to.group_name(&["db-1"]);
        assert_eq!((name.as_str(), channel_of(&name)), ("2:db/db-1", Some(2)));
        let plain = Destination { route: None, ..*to };
        let name = plain.group_name(&["db-1"]);
        assert_eq!((name.as_str(), channel_of(&name)), ("2/db-1", Some(2)));
    }
}
