//! The cluster's status as rows.

use pga_cluster::{ClusterStatus, NodeStatus};

use crate::output::Rows;

/// What people read of a node; programs read sizes in bytes.
const HEAD: [&str; 13] = [
    "node",
    "role",
    "reachable",
    "last",
    "committed",
    "applied",
    "flushed",
    "lag",
    "backlog",
    "level",
    "version",
    "http",
    "quic",
];

/// The status for people: the cluster in a line, and its nodes.
pub(super) fn table(status: &ClusterStatus) -> String {
    let mut rows = Rows::new(HEAD);
    for node in &status.nodes {
        rows.push(row(node, |bytes| {
            pga_config::ByteSize::new(bytes).to_string()
        }));
    }
    let leader = status
        .leader
        .map_or_else(|| "none".to_owned(), |id| id.to_string());
    let warnings: String = status
        .warnings
        .iter()
        .map(|warning| format!("warning: {warning}\n"))
        .collect();
    format!(
        "cluster {}, group {}, term {}, leader {leader}, feature level {}\n{}\n{warnings}",
        status.cluster_id,
        status.group,
        status.term,
        status.feature_level,
        rows.table()
    )
}

/// The nodes as CSV.
pub(super) fn csv(status: &ClusterStatus) -> String {
    let mut rows = Rows::new(HEAD.map(|name| match name {
        "backlog" => "backlog_bytes",
        name => name,
    }));
    for node in &status.nodes {
        rows.push(row(node, |bytes| bytes.to_string()));
    }
    rows.csv()
}

fn row(node: &NodeStatus, size: fn(u64) -> String) -> [String; 13] {
    let role = serde_json::to_value(node.role).ok();
    let role = role.as_ref().and_then(serde_json::Value::as_str);
    [
        node.id.to_string(),
        role.unwrap_or("unknown").to_owned(),
        if node.reachable { "yes" } else { "no" }.to_owned(),
        node.last.to_string(),
        node.committed.to_string(),
        node.applied.to_string(),
        node.flushed.to_string(),
        node.lag.to_string(),
        size(node.backlog_bytes),
        node.feature_level
            .map_or_else(|| "?".to_owned(), |level| level.to_string()),
        node.version.clone().unwrap_or_else(|| "?".to_owned()),
        node.http.clone(),
        node.quic.clone(),
    ]
}
