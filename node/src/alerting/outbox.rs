//! The leader's outbox: one sender a channel, each step an entry of the log.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use pga_alerts::brief;
use pga_alerts::message::Settings;
use pga_cluster::{
    AlertCommand, Attempt, AttemptRecord, AttemptStep, Command, ControlCommand, Notification,
    NotificationState, State,
};
use pga_runtime::Backoff;
use pga_storage::Timestamp;
use tokio::task::JoinHandle;
use xxhash_rust::xxh3::xxh3_64;

use super::failure::Failure;
use super::sending;
use crate::context::Context;
use crate::secrets::Secrets;
use crate::tasks::{self, TaskKind};

/// What the settings of channels are sealed for.
pub(crate) const CHANNEL_SETTINGS: &str = "channel-settings";
/// How long one step of the outbox may take to be committed.
const STEP: Duration = Duration::from_secs(5);
/// How long another node's attempt is left alone.
const OTHERS: i64 = 15_000_000;
/// First and longest pause after a failure, in microseconds.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_secs(1),
    longest: Duration::from_secs(600),
};
/// After so long a notification is given up, in microseconds.
const GIVE_UP: i64 = 86_400_000_000;

/// Senders under way, by channel.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    senders: HashMap<u64, JoinHandle<()>>,
}

/// What a sender needs.
#[derive(Debug)]
struct Due {
    notification: Notification,
    kind: String,
    settings: Result<Settings, Failure>,
}

impl Outbox {
    /// Starts a sender for each channel that has something to send and none under way.
    pub(crate) fn send_due(&mut self, context: &Arc<Context>, secrets: &Secrets, state: &State) {
        self.senders.retain(|_, sender| !sender.is_finished());
        let now = Timestamp::now();
        for one in state.notifications().values() {
            if self.senders.contains_key(&one.channel) || !is_due(one, context, now) {
                continue;
            }
            let due = match state.channels().get(&one.channel) {
                Some(channel) => Due {
                    notification: one.clone(),
                    kind: channel.kind.clone(),
                    settings: open(secrets, &channel.settings).map_err(Failure::passing),
                },
                None => Due {
                    notification: one.clone(),
                    kind: String::new(),
                    settings: Err(Failure::last("the channel was deleted")),
                },
            };
            let context = Arc::clone(context);
            let sender = tasks::spawn(
                TaskKind::Effect,
                async move { deliver(&context, due).await },
            );
            self.senders.insert(one.channel, sender);
        }
    }

    /// Stops what is under way: another node leads.
    pub(crate) fn stop(&mut self) {
        for (_, sender) in self.senders.drain() {
            sender.abort();
        }
    }
}

/// The settings of a channel.
pub(crate) fn open(secrets: &Secrets, sealed: &[u8]) -> Result<Settings, String> {
    let opened = secrets.key.open(CHANNEL_SETTINGS, sealed);
    let opened = opened.map_err(|error| format!("the settings do not open: {error}"))?;
    serde_json::from_slice(&opened).map_err(|error| format!("the settings: {error}"))
}

fn is_due(one: &Notification, context: &Context, now: Timestamp) -> bool {
    match one.state {
        NotificationState::Queued => one.next_at <= now,
        NotificationState::Attempting => one.attempts.last().is_none_or(|last| {
            // This node's own attempt ended without an outcome; another's may be under way.
            last.node == context.node || now.micros() - last.at.micros() > OTHERS
        }),
        NotificationState::Sent | NotificationState::Dead => false,
    }
}

async fn deliver(context: &Context, due: Due) {
    let one = due.notification;
    if !step(context, &one, one.tries, AttemptStep::Begin).await {
        return;
    }
    let tries = one.tries + 1;
    let outcome = match &due.settings {
        Ok(settings) => {
            let mut content = serde_json::from_str(&one.content).unwrap_or_default();
            mark(&one, &mut content);
            let live = context.live.now();
            sending::send(&due.kind, settings, &content, &one.key, &live.notify).await
        }
        Err(why) => Err(why.clone()),
    };
    let now = Timestamp::now();
    let step_done = match outcome {
        Ok(outcome) => {
            context
                .metrics
                .notifications
                .with_label_values(&["sent"])
                .inc();
            tracing::info!(
                key = one.key,
                group = one.group,
                outcome,
                "notification sent"
            );
            AttemptStep::Sent { outcome }
        }
        Err(failure) => {
            let (word, next_at) = after(&one, tries, &failure, now);
            let outcome = brief(&failure.to_string(), sending::MAX_ANSWER);
            context
                .metrics
                .notifications
                .with_label_values(&[word])
                .inc();
            tracing::warn!(
                key = one.key,
                group = one.group,
                tries,
                outcome,
                "notification {word}"
            );
            AttemptStep::Failed { outcome, next_at }
        }
    };
    step(context, &one, tries, step_done).await;
}

/// Says in the message that it may have come before: an earlier attempt began, and nobody knows how
/// it ended.
fn mark(one: &Notification, content: &mut serde_json::Value) {
    let is_unknown = |attempt: &AttemptRecord| attempt.outcome.is_empty();
    if let Some(fields) = content
        .as_object_mut()
        .filter(|_| one.attempts.iter().any(is_unknown))
    {
        fields.insert("may_repeat".to_owned(), true.into());
    }
}

/// Proposes a step of an attempt; whether it took effect.
async fn step(context: &Context, one: &Notification, tries: u32, step: AttemptStep) -> bool {
    let attempt = Attempt {
        key: one.key.clone(),
        tries,
        node: context.node,
        at: Timestamp::now(),
        step,
    };
    let command = ControlCommand::Alert(Box::new(AlertCommand::Attempt(attempt)));
    let deadline = pga_runtime::now() + STEP;
    let done = context
        .replica
        .propose(Command::Control(command), deadline)
        .await;
    match done {
        Ok(committed) => !matches!(committed.reply, pga_cluster::Reply::Refused(_)),
        Err(error) => {
            tracing::debug!(key = one.key, %error, "step of a notification not taken");
            false
        }
    }
}

/// What became of a notification that was not taken, and when it is tried again.
fn after(
    one: &Notification,
    tries: u32,
    failure: &Failure,
    now: Timestamp,
) -> (&'static str, Option<Timestamp>) {
    match next_at(one, tries, now) {
        _ if failure.is_final() => ("refused", None),
        None => ("dead", None),
        again => ("failed", again),
    }
}

/// When to try again: a pause that doubles, up to a tenth more or less by the key.
fn next_at(one: &Notification, tries: u32, now: Timestamp) -> Option<Timestamp> {
    if now.micros() - one.queued_at.micros() >= GIVE_UP {
        return None;
    }
    let pause = i64::try_from(BACKOFF.pause(tries).as_micros()).unwrap_or(i64::MAX);
    let spread = (xxh3_64(one.key.as_bytes()) % 200) as i64 - 100;
    Some(Timestamp::from_micros(
        now.micros() + pause + pause * spread / 1_000,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_ten_minutes_and_end_after_a_day() {
        let one = Notification::default();
        let pause = |tries, now: i64| {
            let now = Timestamp::from_micros(now);
            next_at(&one, tries, now).map(|at| (at.micros() - now.micros()) as f64 / 1e6)
        };
        for (tries, want) in [(1, 1.0), (2, 2.0), (5, 16.0), (11, 600.0), (900, 600.0)] {
            let found = pause(tries, 0).unwrap();
            assert!((found / want - 1.0).abs() <= 0.1, "{tries}: {found}");
        }
        assert_eq!(pause(3, GIVE_UP), None);
    }

    #[test]
    fn what_is_refused_for_good_is_not_tried_again() {
        let one = Notification::default();
        let now = Timestamp::from_micros(0);
        let again = next_at(&one, 1, now);
        let passing = Failure::passing("503");
        assert_eq!(after(&one, 1, &passing, now), ("failed", again));
        let late = Timestamp::from_micros(GIVE_UP);
        assert_eq!(after(&one, 1, &passing, late), ("dead", None));
        assert_eq!(
            after(&one, 1, &Failure::last("400"), now),
            ("refused", None)
        );
    }

    #[test]
    fn what_may_have_been_sent_before_is_marked() {
        let attempt = |outcome: &str| AttemptRecord {
            node: pga_config::NodeId::new(1),
            at: Timestamp::from_micros(0),
            outcome: outcome.into(),
        };
        for (outcomes, want) in [
            (vec![], false),
            (vec!["503"], false),
            (vec!["503", ""], true),
        ] {
            let one = Notification {
                attempts: outcomes.iter().map(|outcome| attempt(outcome)).collect(),
                ..Notification::default()
            };
            let mut content = serde_json::json!({ "alerts": [] });
            mark(&one, &mut content);
            assert_eq!(
                content["may_repeat"] == serde_json::json!(true),
                want,
                "{outcomes:?}"
            );
        }
    }
}
