//! What the API tells of a plan.

use serde::Serialize;

use super::document::Plan;

/// Flags and figures of a plan, computed from its tree alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Contract {
    /// Reads a table from end to end.
    pub has_seq_scan: bool,
    /// Has an Index Scan or an Index Only Scan.
    pub has_index_scan: bool,
    /// Has a Bitmap Heap Scan.
    pub has_bitmap_scan: bool,
    /// Has a Nested Loop.
    pub has_nested_loop: bool,
    /// Rows that the planner expected of the root.
    pub rows_expected: f64,
    /// Rows that the root gave.
    pub rows_actual: Option<f64>,
    /// Time of planning in milliseconds.
    pub plan_duration_ms: Option<f64>,
    /// Time of execution in milliseconds.
    pub execution_duration_ms: Option<f64>,
    /// Blocks read by the whole plan.
    pub total_buffers_read: Option<f64>,
    /// Blocks found in shared buffers by the whole plan.
    pub total_buffers_hit: Option<f64>,
}

impl Contract {
    /// Computes the figures of a plan.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let nodes = plan.root.preorder();
        let has = |kinds: &[&str]| nodes.iter().any(|node| kinds.contains(&node.kind.as_str()));
        Self {
            has_seq_scan: has(&["Seq Scan"]),
            has_index_scan: has(&["Index Scan", "Index Only Scan"]),
            has_bitmap_scan: has(&["Bitmap Heap Scan"]),
            has_nested_loop: has(&["Nested Loop"]),
            rows_expected: plan.root.estimate.rows,
            rows_actual: plan.root.rows(),
            plan_duration_ms: plan.planning_ms,
            execution_duration_ms: plan.execution_ms,
            total_buffers_read: plan.root.buffers.map(|buffers| buffers.shared_read),
            total_buffers_hit: plan.root.buffers.map(|buffers| buffers.shared_hit),
        }
    }
}
