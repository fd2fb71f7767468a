//! One of each command that feature level 6 brought.

use bytes::Bytes;
use pga_config::{CollectorId, NodeId};
use pga_storage::Timestamp;

use crate::command::{Command, ControlCommand};
use crate::state::{
    AlertRoute, AlertRouteCommand, ClusterKeyCommand, CollectorError, CollectorHealth,
    CollectorHealthCommand, Matcher, Resealed,
};

pub(super) fn samples() -> Vec<(&'static str, Command)> {
    let route = AlertRoute {
        name: "databases".into(),
        matchers: vec![Matcher {
            label: "server".into(),
            operator: "~".into(),
            value: "db-*".into(),
        }],
        channel: 1,
        goes_on: true,
        group_by: Some(vec!["server".into()]),
        group_wait: Some(5),
        group_interval: None,
        repeat_interval: Some(3_600),
    };
    let replace = AlertRouteCommand::Replace {
        base: 2,
        routes: vec![route],
        by: "ann".into(),
        at: Timestamp::from_micros(9),
    };
    let replace = Command::Control(ControlCommand::AlertRoute(replace));
    let note = CollectorHealthCommand::Note {
        collector: CollectorId::from_external("c"),
        health: CollectorHealth {
            last_error: Some(CollectorError {
                reason: "json".into(),
                message: "the body is no JSON".into(),
                at: Timestamp::from_micros(9),
                node: NodeId::new(2),
            }),
            ahead_ms: Some(-1_500),
        },
    };
    let note = Command::Control(ControlCommand::CollectorHealth(note));
    let seal = ClusterKeyCommand::Seal {
        replaces: Some([1; 32]),
        key: [2; 32],
        secrets: vec![Resealed {
            was: Bytes::from_static(b"was"),
            is: Bytes::from_static(b"is"),
        }],
        at: Timestamp::from_micros(9),
    };
    let seal = Command::Control(ControlCommand::ClusterKey(seal));
    vec![
        ("control-alert-route-replace", replace),
        ("control-collector-health-note", note),
        ("control-cluster-key-seal", seal),
    ]
}
