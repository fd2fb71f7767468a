//! What the rules about pgAnalytics itself look at: rows that the leader makes of what it knows.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use minijinja::Value;
use pga_cluster::{
    ClusterNode, ClusterStatus, Condition, NodeRole, NodeStatus, NotificationState, State,
};
use pga_storage::Timestamp;
use serde_json::json;

use crate::context::Context;

/// How long a node waits for its peers' part of the cluster status.
const STATUS_TIMEOUT: Duration = Duration::from_millis(800);
/// A collector that has been silent for so long is history.
const FORGOTTEN_SECONDS: i64 = 30 * 86_400;
/// A new leader waits so long before it calls a collector silent: pushes were refused before.
const NEW_LEADER_SECONDS: i64 = 60;
/// Positions remembered to tell how far the store is behind.
const MAX_MARKS: usize = 10_000;

/// What is remembered from one evaluation to the next.
#[derive(Debug, Default)]
pub(crate) struct ClusterRows {
    leads_since: Option<Timestamp>,
    /// What could be flushed, and when it could.
    marks: VecDeque<(Timestamp, u64)>,
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
        let status = cluster.status(STATUS_TIMEOUT).await;
        rows.insert("cluster_quorum", vec![quorum(&status)]);
        rows.insert("cluster_disk", disks(&status));
        rows.insert("cluster_node", nodes(&status));
        rows.insert("cluster_certificate", certificates(&status, now));
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

/// A row for each node that told how it is.
fn nodes(status: &ClusterStatus) -> Vec<Value> {
    let of_node = |node: &NodeStatus| {
        let restarts = node.condition.as_ref().map_or(0, |told| told.restarts);
        let ahead = node.clock_ahead_micros.unwrap_or(0) as f64 / 1e6;
        row(&json!({
            "node": node.id.to_string(),
            "restarts": restarts,
            "is_recovering": node.role == NodeRole::Recovering,
            "clock_ahead_seconds": ahead,
        }))
    };
    let reachable = status.nodes.iter().filter(|node| node.reachable);
    reachable.map(of_node).collect()
}

fn conditions(status: &ClusterStatus) -> impl Iterator<Item = (&NodeStatus, &Condition)> {
    let nodes = status.nodes.iter();
    nodes.filter_map(|node| Some((node, node.condition.as_ref()?)))
}

fn disks(status: &ClusterStatus) -> Vec<Value> {
    let disk = |(node, told): (&NodeStatus, &Condition)| {
        let share = told.disk_used_bytes? as f64 / told.disk_bytes? as f64;
        Some(row(
            &json!({ "node": node.id.to_string(), "used_share": share }),
        ))
    };
    conditions(status).filter_map(disk).collect()
}

/// A row for each certificate; the CA's is the same on all nodes, and the first to end is told.
fn certificates(status: &ClusterStatus, now: Timestamp) -> Vec<Value> {
    let mut ends = BTreeMap::new();
    for (node, told) in conditions(status) {
        for (kind, at) in &told.certificates {
            let subject = match kind.as_str() {
                "ca" => "the cluster's CA".to_owned(),
                "node" => format!("node {}", node.id),
                kind => format!("{kind} of node {}", node.id),
            };
            let first = ends.entry((subject, kind)).or_insert(*at);
            *first = (*first).min(*at);
        }
    }
    let certificate = |((subject, kind), at): ((String, &String), Timestamp)| {
        row(&json!({
            "subject": subject,
            "kind": kind,
            "ends_at": at.to_string(),
            "days_left": (at.micros() - now.micros()) as f64 / 86_400e6,
        }))
    };
    ends.into_iter().map(certificate).collect()
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

#[cfg(test)]
mod tests;
