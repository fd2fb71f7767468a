//! What the rules about pgAnalytics itself look at: rows that the leader makes of what it knows.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use minijinja::Value;
use pga_cluster::pki::Identity;
use pga_cluster::{ClusterNode, ClusterStatus, NodeRole, NotificationState, State};
use pga_storage::Timestamp;
use serde_json::json;

use crate::context::Context;
use crate::metrics::ACTORS;

/// How long a node waits for its peers' part of the cluster status.
const STATUS_TIMEOUT: Duration = Duration::from_millis(800);
/// A collector that has been silent for so long is history.
const FORGOTTEN_SECONDS: i64 = 30 * 86_400;
/// A new leader waits so long before it calls a collector silent: pushes were refused before.
const NEW_LEADER_SECONDS: i64 = 60;
const TEN_MINUTES: i64 = 600_000_000;
const HOUR: i64 = 3_600_000_000;
/// Positions remembered to tell how far the store is behind.
const MAX_MARKS: usize = 10_000;

/// What is remembered from one evaluation to the next.
#[derive(Debug, Default)]
pub(crate) struct ClusterRows {
    leads_since: Option<Timestamp>,
    /// What could be flushed, and when it could.
    marks: VecDeque<(Timestamp, u64)>,
    /// How often this node's actors had been restarted, in the last ten minutes.
    restarts: VecDeque<(Timestamp, u64)>,
    /// When this node's certificate ends, and when that was read.
    certificate: Option<(Timestamp, Timestamp)>,
}

impl ClusterRows {
    /// The rows by type; a type that is not there has no data yet.
    pub(crate) async fn collect(
        &mut self,
        context: &Context,
        cluster: &ClusterNode,
        now: Timestamp,
    ) -> BTreeMap<&'static str, Vec<Value>> {
        let since = *self.leads_since.get_or_insert(now);
        let mut rows = BTreeMap::new();
        rows.insert("cluster_flush", vec![self.flush(context, now)]);
        rows.insert(
            "cluster_quorum",
            vec![quorum(&cluster.status(STATUS_TIMEOUT).await)],
        );
        rows.insert("cluster_disk", disk(context).into_iter().collect());
        rows.insert("cluster_node", vec![self.node(context, now)]);
        rows.insert(
            "cluster_certificate",
            self.certificate(context, now).into_iter().collect(),
        );
        cluster.with_state(|state| {
            rows.insert("cluster_channel", channels(state, now));
            if now.micros() - since.micros() >= NEW_LEADER_SECONDS * 1_000_000 {
                rows.insert("cluster_collector", collectors(state, now));
            }
        });
        rows
    }

    /// Forgets what was seen while this node led.
    pub(crate) fn resign(&mut self) {
        *self = Self::default();
    }

    /// How this node itself is: the one that leads.
    fn node(&mut self, context: &Context, now: Timestamp) -> Value {
        let count = |actor: &&str| context.metrics.restarts.with_label_values(&[actor]).get();
        let total: u64 = ACTORS.iter().map(count).sum();
        self.restarts.push_back((now, total));
        let is_old = |at: &Timestamp| now.micros() - at.micros() > TEN_MINUTES;
        while self.restarts.front().is_some_and(|(at, _)| is_old(at)) {
            self.restarts.pop_front();
        }
        let before = self.restarts.front().map_or(total, |(_, before)| *before);
        row(&json!({ "node": context.node.to_string(), "restarts": total.saturating_sub(before) }))
    }

    /// When the certificate that this node's files hold ends; read once an hour.
    fn certificate(&mut self, context: &Context, now: Timestamp) -> Option<Value> {
        let is_fresh = |(_, read): &(Timestamp, Timestamp)| now.micros() - read.micros() < HOUR;
        if !self.certificate.as_ref().is_some_and(is_fresh) {
            let config = &context.config;
            let identity = Identity::read(&config.cert_file(), &config.key_file()).ok()?;
            self.certificate = Some((identity.not_after().ok()?, now));
        }
        let (ends, _) = self.certificate?;
        Some(row(&json!({
            "node": context.node.to_string(),
            "ends_at": ends.to_string(),
            "days_left": (ends.micros() - now.micros()) as f64 / 86_400e6,
        })))
    }

    fn flush(&mut self, context: &Context, now: Timestamp) -> Value {
        let flushable = context.replica.flushable().borrow().index;
        let flushed = context.replica.flushed().borrow().index;
        if self
            .marks
            .back()
            .is_none_or(|(_, index)| *index < flushable)
        {
            self.marks.push_back((now, flushable));
        }
        while self
            .marks
            .front()
            .is_some_and(|(_, index)| *index <= flushed)
            || self.marks.len() > MAX_MARKS
        {
            self.marks.pop_front();
        }
        let oldest = self.marks.front().map_or(now, |(at, _)| *at);
        // Entries without a push are never flushed: nothing waits then.
        let backlog = context.replica.backlog_bytes();
        let lag = if backlog == 0 {
            0
        } else {
            now.micros() - oldest.micros()
        };
        let cap = context.config.buffer.max_size.bytes().max(1);
        row(&json!({
            "lag_seconds": lag / 1_000_000,
            "backlog_bytes": backlog,
            "buffer_share": backlog as f64 / cap as f64,
        }))
    }
}

fn row(value: &serde_json::Value) -> Value {
    Value::from_serialize(value)
}

fn quorum(status: &ClusterStatus) -> Value {
    let is_voter = |role: NodeRole| !matches!(role, NodeRole::Learner);
    let voters: Vec<_> = status
        .nodes
        .iter()
        .filter(|node| is_voter(node.role))
        .collect();
    let reachable = voters.iter().filter(|node| node.reachable).count();
    let missing: Vec<String> = (voters.iter())
        .filter(|node| !node.reachable)
        .map(|node| format!("node {}", node.id))
        .collect();
    let majority = voters.len() / 2 + 1;
    row(&json!({
        "voters": voters.len(),
        "reachable": reachable,
        "missing": missing.join(", "),
        "may_lose": i64::try_from(reachable).unwrap_or(0) - i64::try_from(majority).unwrap_or(0),
    }))
}

fn disk(context: &Context) -> Option<Value> {
    let stat = rustix::fs::statvfs(&context.config.node.data_dir).ok()?;
    let used = stat.f_blocks.saturating_sub(stat.f_bfree);
    let all = (used + stat.f_bavail).max(1);
    Some(row(&json!({
        "node": context.node.to_string(),
        "used_share": used as f64 / all as f64,
    })))
}

fn collectors(state: &State, now: Timestamp) -> Vec<Value> {
    let known = state.watched().map(|(id, collector)| {
        let silent = (now.micros() - collector.last_seen.micros()) / 1_000_000;
        let entry = state.collector_entry(*id);
        let has_pushed = collector.last_seen.micros() > 0 && silent < FORGOTTEN_SECONDS;
        row(&json!({
            "name": entry.display_name(collector),
            "is_active": has_pushed && entry.superseded_by.is_none(),
            "interval_seconds": entry.interval_ms() as f64 / 1e3,
            "silent_seconds": silent,
        }))
    });
    known.collect()
}

fn channels(state: &State, now: Timestamp) -> Vec<Value> {
    let row_of = |(id, channel): (&u64, &pga_cluster::Channel)| {
        let mine = state
            .notifications()
            .values()
            .filter(|one| one.channel == *id);
        let mut failed_running = 0_u32;
        let (mut dead, mut last_error) = (0, String::new());
        for one in mine {
            if one.state == NotificationState::Sent {
                failed_running = 0;
            }
            let failures = one
                .attempts
                .iter()
                .filter(|attempt| !attempt.outcome.is_empty());
            let failures = failures.count() - usize::from(one.state == NotificationState::Sent);
            failed_running += u32::try_from(failures).unwrap_or(0);
            let age = now.micros() - one.queued_at.micros();
            dead += u32::from(one.state == NotificationState::Dead && age < 86_400_000_000);
            if let Some(last) = one.attempts.last().filter(|last| !last.outcome.is_empty()) {
                last_error.clone_from(&last.outcome);
            }
        }
        row(&json!({
            "id": id, "name": channel.name, "failed_running": failed_running,
            "dead": dead, "last_error": last_error,
        }))
    };
    state.channels().iter().map(row_of).collect()
}
