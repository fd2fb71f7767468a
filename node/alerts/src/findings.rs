//! What the analyses found, as rows of the server that it is about.
//!
//! The cluster stores it under an id of its own, once whenever something happened, and once a day
//! and by each new leader while anything is open. Between two of them it holds.

use pga_config::CollectorId;
use serde_json::Value as Json;

/// Types of elements whose rows are about one server, by their `collector_id`.
const KINDS: [&str; 2] = ["analysis_plan_regressions", "analysis_anomalies"];
/// How long what was found holds, in microseconds: a day, and an hour for the round that is late.
pub(crate) const PATIENCE: i64 = 25 * 3_600_000_000;

/// Whether elements of this type are findings: the cluster's own, and not from a collector.
pub fn is_finding(kind: &str) -> bool {
    KINDS.contains(&kind)
}

/// The server that a finding is about.
pub(crate) fn server_of(body: &Json) -> Option<CollectorId> {
    let id = body.get("collector_id")?.as_str()?;
    Some(CollectorId::from_external(id))
}
