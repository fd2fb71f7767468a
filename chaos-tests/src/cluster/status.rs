//! What the nodes say about the cluster.

use std::time::Duration;

use anyhow::{Context, ensure};
use serde::Deserialize;

use super::Cluster;
use crate::until;

/// `GET /api/v1/cluster/status`.
#[derive(Clone, Debug, Deserialize)]
pub struct Status {
    /// Which cluster.
    pub cluster_id: String,
    /// Current term.
    pub term: u64,
    /// Who leads.
    pub leader: Option<u64>,
    /// All members.
    pub nodes: Vec<NodeStatus>,
}

/// One member.
#[derive(Clone, Debug, Deserialize)]
pub struct NodeStatus {
    /// Which.
    pub id: u64,
    /// `leader`, `follower`, `learner`, …
    pub role: String,
    /// Last index of its log.
    pub last: u64,
    /// Last committed index it knows.
    pub committed: u64,
    /// Last index it applied.
    pub applied: u64,
    /// Last index its store holds.
    pub flushed: u64,
    /// Bytes that wait for the store.
    pub backlog_bytes: u64,
    /// Whether it answers.
    pub reachable: bool,
}

impl Cluster {
    /// The status, as node `id` sees it.
    ///
    /// # Errors
    /// If it gives no answer.
    pub async fn status_of(&self, id: u64) -> anyhow::Result<Status> {
        let answer = self.get(id, "/api/v1/cluster/status").await?;
        ensure!(
            answer.status.is_success(),
            "{}: {}",
            answer.status,
            answer.text_start()
        );
        serde_json::from_slice(&answer.body)
            .with_context(|| format!("cluster status: {}", answer.text_start()))
    }

    /// Who leads, as a majority of the nodes that run says; waits for an election to end.
    ///
    /// # Errors
    /// If there is no leader within `limit`.
    pub async fn leader_within(&self, limit: Duration) -> anyhow::Result<u64> {
        until("a majority names one leader", limit, async || {
            let mut named = Vec::new();
            for node in self.nodes.iter().filter(|node| node.is_alive()) {
                let asked = tokio::time::timeout(Duration::from_secs(2), self.status_of(node.id));
                if let Ok(Ok(status)) = asked.await {
                    named.extend(status.leader);
                }
            }
            let majority = self.nodes.len() / 2 + 1;
            let agreed = named.iter().copied().find(|leader| {
                let is_alive = self.node(*leader).is_ok_and(super::Node::is_alive);
                is_alive && named.iter().filter(|other| *other == leader).count() >= majority
            });
            agreed.ok_or(named)
        })
        .await
    }

    /// As [`Cluster::leader_within`], with ample time.
    ///
    /// # Errors
    /// If there is no leader.
    pub async fn leader(&self) -> anyhow::Result<u64> {
        self.leader_within(Duration::from_secs(120)).await
    }

    /// Waits until every node is reachable, has applied everything, and every store holds it.
    ///
    /// # Errors
    /// If that is not so within `limit`.
    pub async fn wait_converged(&self, limit: Duration) -> anyhow::Result<Status> {
        let first = self.nodes.first().context("no nodes")?.id;
        until("all nodes are equal and flushed", limit, async || {
            let status = self.status_of(first).await.map_err(|e| format!("{e:#}"))?;
            let last = status.nodes.iter().map(|node| node.last).max();
            let is_equal = status.nodes.iter().all(|node| {
                node.reachable && Some(node.applied) == last && node.backlog_bytes == 0
            });
            let is_whole = status.nodes.len() >= self.nodes.len() && status.leader.is_some();
            if is_equal && is_whole {
                Ok(status)
            } else {
                Err(format!("{status:?}"))
            }
        })
        .await
    }
}
