//! One of each command that feature level 3 brought.

use std::collections::BTreeMap;

use pga_config::NodeId;
use pga_storage::Timestamp;

use crate::command::{Command, ControlCommand};
use crate::state::{
    Acknowledgement, Alert, AlertChange, AlertCommand, AlertState, AlertingCommand, Attempt,
    AttemptRecord, AttemptStep, Channel, Comment, GroupState, Matcher, Notification,
    NotificationState, RuleEntry, Silence, Weekly,
};

const AT: Timestamp = Timestamp::from_micros(9);

pub(super) fn samples() -> Vec<(&'static str, Command)> {
    let alerts = alerts()
        .into_iter()
        .map(|(name, command)| (name, ControlCommand::Alert(Box::new(command))));
    let alerting = alerting()
        .into_iter()
        .map(|(name, command)| (name, ControlCommand::Alerting(Box::new(command))));
    alerts
        .chain(alerting)
        .map(|(name, command)| (name, Command::Control(command)))
        .collect()
}

fn alert() -> Alert {
    Alert {
        fingerprint: 0xfeed,
        rule: "C1".into(),
        level: "reserve".into(),
        name: "connections_used".into(),
        severity: "c".into(),
        labels: BTreeMap::from([("server".into(), "db-1".into())]),
        annotations: BTreeMap::from([("summary".into(), "full".into())]),
        value: "0.97".into(),
        state: AlertState::Firing,
        active_at: AT,
        fired_at: Some(AT),
        resolved_at: None,
        reason: String::new(),
        clear_since: None,
        incident: 1,
        transitions: vec![AT],
        acknowledged: None,
        comments: Vec::new(),
        revision: 1,
    }
}

fn notification() -> Notification {
    Notification {
        key: "k".into(),
        channel: 1,
        group: "1/db-1".into(),
        content: "{}".into(),
        queued_at: AT,
        state: NotificationState::Attempting,
        next_at: AT,
        tries: 1,
        attempts: vec![AttemptRecord {
            node: NodeId::new(1),
            at: AT,
            outcome: "503".into(),
        }],
    }
}

fn acknowledgement() -> Acknowledgement {
    Acknowledgement {
        by: "ann".into(),
        at: AT,
        note: "on it".into(),
    }
}

fn alerts() -> Vec<(&'static str, AlertCommand)> {
    let comment = Comment {
        by: "ann".into(),
        at: AT,
        text: "a deploy".into(),
    };
    let group = GroupState {
        sequence: 1,
        last_at: AT,
        firing: BTreeMap::from([(1, 1)]),
        flapping: vec![2],
    };
    let attempt = |step| {
        AlertCommand::Attempt(Attempt {
            key: "k".into(),
            tries: 1,
            node: NodeId::new(1),
            at: AT,
            step,
        })
    };
    let sent = AttemptStep::Sent {
        outcome: "204".into(),
    };
    let failed = AttemptStep::Failed {
        outcome: "503".into(),
        next_at: Some(AT),
    };
    let changes = vec![AlertChange {
        id: Some(1),
        base: 1,
        alert: alert(),
    }];
    vec![
        (
            "control-alert-evaluated",
            AlertCommand::Evaluated { at: AT, changes },
        ),
        (
            "control-alert-acknowledge",
            AlertCommand::Acknowledge {
                id: 1,
                by: Some(acknowledgement()),
            },
        ),
        (
            "control-alert-comment",
            AlertCommand::Comment { id: 1, comment },
        ),
        (
            "control-alert-notify",
            AlertCommand::Notify {
                queue: vec![notification()],
                groups: vec![("1/db-1".into(), 0, group)],
            },
        ),
        ("control-alert-attempt-begin", attempt(AttemptStep::Begin)),
        ("control-alert-attempt-sent", attempt(sent)),
        ("control-alert-attempt-failed", attempt(failed)),
    ]
}

fn matcher() -> Matcher {
    Matcher {
        label: "server".into(),
        operator: "=".into(),
        value: "db-1".into(),
    }
}

fn channel() -> Channel {
    Channel {
        name: "pager".into(),
        kind: "webhook".into(),
        settings: b"sealed".as_slice().into(),
        target: "https://example.com".into(),
        matchers: vec![matcher()],
        severities: vec!["c".into()],
        group_by: vec!["server".into()],
        group_wait: 30,
        group_interval: 300,
        repeat_interval: 14_400,
        send_resolved: true,
        is_enabled: true,
        by: "ann".into(),
        at: AT,
    }
}

fn alerting() -> Vec<(&'static str, AlertingCommand)> {
    let rule = RuleEntry {
        text: "id = \"C1\"".into(),
        author: "ann".into(),
        at: AT,
        version: 1,
    };
    let silence = Silence {
        matchers: vec![matcher()],
        from: AT,
        to: AT,
        weekly: Some(Weekly {
            days: vec![6],
            from_minute: 120,
            minutes: 60,
        }),
        is_window: true,
        by: "ann".into(),
        comment: "backup".into(),
        at: AT,
    };
    let put_rules = AlertingCommand::PutRules {
        rules: vec![("C1".into(), rule)],
    };
    vec![
        ("control-alerting-put-rules", put_rules),
        (
            "control-alerting-delete-rule",
            AlertingCommand::DeleteRule { id: "C1".into() },
        ),
        (
            "control-alerting-put-channel",
            AlertingCommand::PutChannel {
                id: None,
                channel: channel(),
            },
        ),
        (
            "control-alerting-delete-channel",
            AlertingCommand::DeleteChannel { id: 1 },
        ),
        (
            "control-alerting-put-silence",
            AlertingCommand::PutSilence {
                id: Some(2),
                silence,
            },
        ),
        (
            "control-alerting-delete-silence",
            AlertingCommand::DeleteSilence { id: 2 },
        ),
    ]
}
