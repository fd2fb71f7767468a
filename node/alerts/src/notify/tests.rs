use pga_cluster::{
    AlertChange, AlertCommand, AlertRoute, AlertRouteCommand, AlertState, AlertingCommand, Channel,
    Command, ControlCommand, Matcher, ProposalId, StateLimits,
};
use pga_storage::Position;

use super::*;

struct World {
    state: State,
    index: u64,
    rules: RuleSet,
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            state: State::new(StateLimits::default()),
            index: 0,
            rules: RuleSet::defaults().unwrap(),
        };
        let channel = Channel {
            name: "ops".into(),
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
            at: at(0),
        };
        world.apply(ControlCommand::Alerting(Box::new(
            AlertingCommand::PutChannel { id: None, channel },
        )));
        world
    }

    fn apply(&mut self, command: ControlCommand) {
        self.index += 1;
        let position = Position {
            index: self.index,
            ..Position::default()
        };
        let command = Command::Control(command);
        let applied = self
            .state
            .apply(position, ProposalId(self.index.into()), &command);
        assert_eq!(applied.reply, pga_cluster::Reply::Done);
    }

    fn alert(&mut self, id: Option<u64>, rule: &str, severity: &str, state: AlertState, when: i64) {
        let base = id.map_or(0, |id| self.state.alerts()[&id].revision);
        let incident = id.map_or(1, |id| self.state.alerts()[&id].incident);
        let alert = Alert {
            fingerprint: xxhash_rust::xxh3::xxh3_64(rule.as_bytes()),
            rule: rule.into(),
            name: rule.into(),
            severity: severity.into(),
            labels: BTreeMap::from([("server".into(), "db-1".into())]),
            state,
            fired_at: Some(at(when)),
            resolved_at: (state == AlertState::Resolved).then(|| at(when)),
            incident,
            transitions: vec![at(when)],
            ..Alert::default()
        };
        let changes = vec![AlertChange { id, base, alert }];
        self.apply(ControlCommand::Alert(Box::new(AlertCommand::Evaluated {
            at: at(when),
            changes,
        })));
    }

    /// An alert that fires, about a statement if there is one.
    fn about(&mut self, rule: &str, statement: Option<&str>, when: i64) {
        self.alert(None, rule, "w", AlertState::Firing, when);
        let (id, alert) = self.state.alerts().last_key_value().unwrap();
        let (id, base, mut alert) = (Some(*id), alert.revision, alert.clone());
        let labels = statement.map(|of| ("statement".to_owned(), of.to_owned()));
        alert.labels.extend(labels);
        let changes = vec![AlertChange { id, base, alert }];
        self.apply(ControlCommand::Alert(Box::new(AlertCommand::Evaluated {
            at: at(when),
            changes,
        })));
    }

    /// Plans at a time and makes it so; the alerts told, with their states.
    fn told(&mut self, seconds: i64) -> Vec<String> {
        let plan = plan(&self.state, &self.rules, "cluster", at(seconds));
        let told = plan.queue.iter().flat_map(|one| {
            let content: Value = serde_json::from_str(&one.content).unwrap();
            let alerts = content["alerts"].as_array().unwrap().clone();
            alerts.into_iter().map(|alert| {
                format!(
                    "{}:{}",
                    alert["rule"].as_str().unwrap(),
                    alert["status"].as_str().unwrap()
                )
            })
        });
        let told = told.collect();
        if !plan.queue.is_empty() || !plan.groups.is_empty() {
            self.apply(ControlCommand::Alert(Box::new(AlertCommand::Notify {
                queue: plan.queue,
                groups: plan.groups,
            })));
        }
        told
    }
}

const NOTHING: [&str; 0] = [];

#[test]
fn what_begins_together_is_told_together_and_once() {
    let mut world = World::new();
    world.alert(None, "C2", "w", AlertState::Firing, 0);
    assert_eq!(world.told(10), NOTHING);
    world.alert(None, "H1", "w", AlertState::Firing, 20);
    assert_eq!(world.told(30), ["C2:firing", "H1:firing"]);
    assert_eq!(world.told(40), NOTHING);
    world.alert(Some(1), "C2", "w", AlertState::Resolved, 50);
    assert_eq!(world.told(60), NOTHING, "not before the interval");
    assert_eq!(world.told(330), ["H1:firing", "C2:resolved"]);
    assert_eq!(world.told(14_000), NOTHING);
    assert_eq!(world.told(14_730), ["H1:firing"], "again");
    world.alert(Some(2), "H1", "w", AlertState::Resolved, 14_740);
    assert_eq!(world.told(15_030), ["H1:resolved"]);
    assert_eq!(world.told(90_000), NOTHING);
}

#[test]
fn what_is_hidden_silenced_or_info_is_not_told_until_that_ends() {
    let mut world = World::new();
    world.alert(None, "A3", "w", AlertState::Firing, 0);
    world.alert(None, "C1", "w", AlertState::Firing, 0);
    world.alert(None, "I3", "i", AlertState::Firing, 0);
    assert_eq!(world.told(30), ["A3:firing"]);
    world.alert(Some(1), "A3", "w", AlertState::Resolved, 40);
    assert_eq!(world.told(330), ["C1:firing", "A3:resolved"]);
    let silence = Silence {
        matchers: vec![Matcher {
            label: "server".into(),
            operator: "~".into(),
            value: "db-*".into(),
        }],
        from: at(400),
        to: at(20_000),
        weekly: None,
        is_window: false,
        by: "ann".into(),
        comment: "a move".into(),
        at: at(400),
    };
    world.apply(ControlCommand::Alerting(Box::new(
        AlertingCommand::PutSilence { id: None, silence },
    )));
    world.alert(None, "L1", "c", AlertState::Firing, 500);
    assert_eq!(world.told(1_000), NOTHING);
    assert_eq!(world.told(19_999), NOTHING);
    assert_eq!(world.told(20_000), ["L1:firing"], "L1 hides C1");
}

#[test]
fn the_end_of_what_was_told_is_told_although_it_was_silenced_meanwhile() {
    let mut world = World::new();
    world.alert(None, "C2", "w", AlertState::Firing, 0);
    assert_eq!(world.told(30), ["C2:firing"]);
    let silence = Silence {
        matchers: Vec::new(),
        from: at(40),
        to: at(90_000),
        weekly: None,
        is_window: true,
        by: "ann".into(),
        comment: "a move".into(),
        at: at(40),
    };
    world.apply(ControlCommand::Alerting(Box::new(
        AlertingCommand::PutSilence { id: None, silence },
    )));
    world.alert(None, "H1", "w", AlertState::Firing, 50);
    assert_eq!(world.told(20_000), NOTHING);
    world.alert(Some(1), "C2", "w", AlertState::Resolved, 20_010);
    assert_eq!(world.told(20_020), ["C2:resolved"]);
}

#[test]
fn a_second_leader_plans_the_same_key() {
    let mut world = World::new();
    world.alert(None, "C2", "w", AlertState::Firing, 0);
    let first = plan(&world.state, &world.rules, "cluster", at(30));
    let second = plan(&world.state, &world.rules, "cluster", at(31));
    assert_eq!(first.queue[0].key, second.queue[0].key);
    assert_eq!(first.groups[0].1, 0);
}

#[test]
fn what_somebody_takes_care_of_is_not_repeated() {
    let mut world = World::new();
    world.alert(None, "C2", "w", AlertState::Firing, 0);
    assert_eq!(world.told(30), ["C2:firing"]);
    let by = Some(pga_cluster::Acknowledgement {
        by: "ann".into(),
        at: at(40),
        note: String::new(),
    });
    world.apply(ControlCommand::Alert(Box::new(AlertCommand::Acknowledge {
        id: 1,
        by,
    })));
    assert_eq!(world.told(20_000), NOTHING);
    world.alert(Some(1), "C2", "w", AlertState::Resolved, 20_010);
    assert_eq!(world.told(20_020), ["C2:resolved"], "its end is told");
}

#[test]
fn a_group_without_news_for_a_day_is_forgotten_and_comes_back_under_another_key() {
    let mut world = World::new();
    world.alert(None, "C2", "w", AlertState::Firing, 10);
    let first = plan(&world.state, &world.rules, "cluster", at(40)).queue[0]
        .key
        .clone();
    assert_eq!(world.told(40), ["C2:firing"]);
    world.alert(Some(1), "C2", "w", AlertState::Resolved, 50);
    assert_eq!(world.told(400), ["C2:resolved"]);
    send_all(&mut world);
    assert_eq!(world.told(86_700), NOTHING);
    assert_eq!(world.state.notification_groups().len(), 1);
    assert_eq!(world.told(86_900), NOTHING);
    assert!(world.state.notification_groups().is_empty());
    world.alert(Some(1), "C2", "w", AlertState::Firing, 90_000);
    let again = plan(&world.state, &world.rules, "cluster", at(90_040));
    assert_ne!(again.queue[0].key, first);
}

/// All notifications of the outbox are sent.
fn send_all(world: &mut World) {
    let keys: Vec<String> = (world.state.notifications().values())
        .map(|one| one.key.clone())
        .collect();
    for key in keys {
        let begin = pga_cluster::AttemptStep::Begin;
        let sent = pga_cluster::AttemptStep::Sent {
            outcome: "204".into(),
        };
        for (tries, step) in [(0, begin), (1, sent)] {
            let attempt = pga_cluster::Attempt {
                key: key.clone(),
                tries,
                node: pga_config::NodeId::new(1),
                at: at(0),
                step,
            };
            world.apply(ControlCommand::Alert(Box::new(AlertCommand::Attempt(
                attempt,
            ))));
        }
    }
}

#[test]
fn a_plan_regression_hides_what_is_said_of_its_statement_only() {
    for (rule, statement, want) in [
        ("Q1", Some("7"), vec!["Q2:firing"]),
        ("Q3", Some("7"), vec!["Q2:firing"]),
        ("Q3", Some("8"), vec!["Q2:firing", "Q3:firing"]),
        ("Q3", None, vec!["Q2:firing", "Q3:firing"]),
        ("C2", None, vec!["Q2:firing", "C2:firing"]),
    ] {
        let mut world = World::new();
        world.about("Q2", Some("7"), 0);
        world.about(rule, statement, 0);
        assert_eq!(world.told(30), want, "{rule} {statement:?}");
    }
    let mut world = World::new();
    world.about("L1", None, 0);
    world.about("Q3", Some("7"), 0);
    assert_eq!(world.told(30), ["L1:firing"], "its victims are not usual");
}

#[test]
fn a_route_groups_in_its_own_way_and_what_it_told_ends_after_it() {
    let mut world = World::new();
    let route = AlertRoute {
        name: "quick".into(),
        matchers: Vec::new(),
        channel: 1,
        goes_on: false,
        group_by: Some(Vec::new()),
        group_wait: Some(0),
        group_interval: Some(10),
        repeat_interval: None,
    };
    let replace = |base, routes| {
        ControlCommand::AlertRoute(AlertRouteCommand::Replace {
            base,
            routes,
            by: "ann".into(),
            at: at(0),
        })
    };
    world.apply(replace(0, vec![route]));
    world.alert(None, "C1", "c", AlertState::Firing, 100);
    assert_eq!(world.told(100), ["C1:firing"], "the route does not wait");
    let names: Vec<_> = world.state.notification_groups().keys().cloned().collect();
    assert_eq!(names, ["1:quick/"]);
    // Without the route it goes to the channel by itself: a group of its own, which waits.
    world.apply(replace(1, Vec::new()));
    assert!(world.told(120).is_empty());
    assert_eq!(world.told(130), ["C1:firing"]);
    let silent = world.told(131);
    assert!(silent.is_empty(), "{silent:?}");
    // Now no channel wants it, and the receivers of both groups believe that it fires.
    let mut channel = world.state.channels()[&1].clone();
    channel.severities = vec!["i".into()];
    let id = Some(1);
    world.apply(ControlCommand::Alerting(Box::new(
        AlertingCommand::PutChannel { id, channel },
    )));
    assert!(world.told(140).is_empty());
    world.alert(Some(1), "C1", "c", AlertState::Resolved, 500);
    assert_eq!(world.told(900), ["C1:resolved", "C1:resolved"]);
    assert!(world.told(2_000).is_empty());
}
