//! The cluster's status for people.

use std::fmt::Write;

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
    let mut rows = vec![HEAD.map(str::to_owned).to_vec()];
    for node in &status.nodes {
        let role = serde_json::to_value(node.role).ok();
        let role = role
            .as_ref()
            .and_then(serde_json::Value::as_str)
            .unwrap_or("unknown");
        rows.push(vec![
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
    let widths: Vec<usize> = (0..HEAD.len())
        .map(|column| {
            rows.iter()
                .filter_map(|row| row.get(column))
                .map(String::len)
                .max()
        })
        .map(Option::unwrap_or_default)
        .collect();
    let leader = status
        .leader
        .map_or_else(|| "none".to_owned(), |id| id.to_string());
    let mut text = format!(
        "cluster {}, group {}, term {}, leader {leader}, feature level {}\n",
        status.cluster_id, status.group, status.term, status.feature_level
    );
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        let line = writeln!(text, "{}", cells.join("  ").trim_end());
        debug_assert!(line.is_ok(), "writing into a string cannot fail");
    }
    text
}
