//! The cluster's status for people.

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use pga_cluster::ClusterStatus;

const HEAD: [&str; 12] = [
    "NODE",
    "ROLE",
    "REACHABLE",
    "LAST",
    "COMMITTED",
    "APPLIED",
    "FLUSHED",
    "LAG",
    "BACKLOG",
    "LEVEL",
    "VERSION",
    "ADDRESSES",
];

/// The status as a table.
pub(super) fn table(status: &ClusterStatus) -> String {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_header(HEAD);
    for node in &status.nodes {
        let role = serde_json::to_value(node.role).ok();
        let role = role
            .as_ref()
            .and_then(serde_json::Value::as_str)
            .unwrap_or("unknown");
        table.add_row([
            node.id.to_string(),
            role.to_owned(),
            if node.reachable { "yes" } else { "no" }.to_owned(),
            node.last.to_string(),
            node.committed.to_string(),
            node.applied.to_string(),
            node.flushed.to_string(),
            node.lag.to_string(),
            pga_config::ByteSize::new(node.backlog_bytes).to_string(),
            node.feature_level
                .map_or_else(|| "?".to_owned(), |level| level.to_string()),
            node.version.clone().unwrap_or_else(|| "?".to_owned()),
            format!("{} {}", node.http, node.quic),
        ]);
    }
    let leader = status
        .leader
        .map_or_else(|| "none".to_owned(), |id| id.to_string());
    // The columns stand two apart, the first at the edge.
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    format!(
        "cluster {}, group {}, term {}, leader {leader}, feature level {}\n{}\n",
        status.cluster_id,
        status.group,
        status.term,
        status.feature_level,
        table.trim_fmt()
    )
}
