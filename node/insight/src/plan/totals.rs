//! Times of each node alone.

use std::collections::BTreeMap;

use super::node::{ChildRole, PlanNode};

/// Time that CTEs took, by name, until a first scan of each has been charged with it.
type Producers = BTreeMap<String, f64>;

/// Sets `self_ms` and `processes` of each node.
///
/// A node's own time is its total less that of its children. What produces a CTE runs inside the
/// first scan of it, so that scan is charged less, not the node that the CTE hangs below. Workers
/// of a Gather share the time below it.
pub(super) fn fill_self_times(root: &mut PlanNode) {
    set_processes(root, 1.0);
    let mut producers = Producers::new();
    for node in root.preorder() {
        if let (Some(name), Some(wall)) = (cte_name(node), node.wall_ms()) {
            producers.insert(name.to_owned(), wall);
        }
    }
    set_self(root, &mut producers);
}

/// The CTE that a node produces.
fn cte_name(node: &PlanNode) -> Option<&str> {
    let subplan = node
        .subplan
        .as_deref()
        .filter(|_| node.role == ChildRole::InitPlan)?;
    subplan.strip_prefix("CTE ")
}

fn set_processes(node: &mut PlanNode, processes: f64) {
    if let Some(actual) = &mut node.actual {
        actual.processes = processes;
    }
    let is_gather = matches!(node.kind.as_str(), "Gather" | "Gather Merge");
    let below = node
        .work
        .workers_launched
        .filter(|_| is_gather)
        .unwrap_or(0.0)
        + processes;
    for child in &mut node.children {
        let runs_once = child.role == ChildRole::InitPlan;
        set_processes(child, if runs_once { processes } else { below });
    }
}

fn set_self(node: &mut PlanNode, producers: &mut Producers) {
    let mut below = 0.0;
    if node.kind == "CTE Scan" {
        let name = node.target.cte.clone().unwrap_or_default();
        below += producers.remove(&name).unwrap_or(0.0);
    }
    for child in &mut node.children {
        set_self(child, producers);
        if cte_name(child).is_none() {
            below += child.wall_ms().unwrap_or(0.0);
        }
    }
    if let Some(actual) = &mut node.actual {
        let processes = actual.processes.max(1.0);
        actual.self_ms = actual
            .total_ms
            .map(|total| (total - below * processes).max(0.0));
    }
}
