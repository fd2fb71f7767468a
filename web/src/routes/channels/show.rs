//! A channel as it may be shown: without its secrets, and with what became of its notifications.

use pga_alerts::message::Settings;
use pga_cluster::{AttemptRecord, Channel, Notification, NotificationState, State};
use serde_json::{Value, json};

use crate::routes::severity::severity_word;
use crate::routes::silences::show_matchers;

pub(super) fn show(state: &State, id: u64, channel: &Channel) -> Value {
    let mine = state
        .notifications()
        .values()
        .filter(|one| one.channel == id);
    let count = |name: &str| mine.clone().filter(|one| one.state.name() == name).count();
    let severities: Vec<_> = channel
        .severities
        .iter()
        .map(|letter| severity_word(letter))
        .collect();
    json!({
        "id": id,
        "name": channel.name,
        "kind": channel.kind,
        "target": channel.target,
        "matchers": show_matchers(&channel.matchers),
        "severities": severities,
        "group_by": channel.group_by,
        "group_wait_seconds": channel.group_wait,
        "group_interval_seconds": channel.group_interval,
        "repeat_interval_seconds": channel.repeat_interval,
        "send_resolved": channel.send_resolved,
        "enabled": channel.is_enabled,
        "by": channel.by,
        "changed_at": channel.at.to_string(),
        "sent": count("sent"),
        "waiting": count("queued") + count("attempting"),
        "dead": count("dead"),
        "last_error": last_error(mine),
    })
}

/// What the receiver said last, if that was no success.
fn last_error<'a>(mine: impl Iterator<Item = &'a Notification>) -> Option<&'a str> {
    let attempts = mine.flat_map(|one| {
        let ended = one.attempts.iter().filter(|last| !last.outcome.is_empty());
        let success = ended
            .clone()
            .next_back()
            .filter(|_| one.state == NotificationState::Sent);
        let is_success = move |of: &AttemptRecord| success == Some(of);
        ended.map(move |attempt| (attempt.at, is_success(attempt), attempt.outcome.as_str()))
    });
    let (_, is_success, outcome) = attempts.max_by_key(|(at, ..)| *at)?;
    (!is_success).then_some(outcome)
}

/// What of a target may be shown: the path of a webhook is often its secret.
pub(super) fn target(kind: &str, settings: &Settings) -> String {
    if let Some(mail) = &settings.mail {
        return format!("smtp://{}:{}", mail.host, mail.port());
    }
    let url = match (kind, settings.url.as_str()) {
        ("pagerduty", "") => "https://events.pagerduty.com",
        (_, url) => url,
    };
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // A name and password before the host are secrets too.
    let host = host.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}")
}
