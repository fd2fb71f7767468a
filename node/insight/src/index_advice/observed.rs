//! What a plan tells of a relation.

use crate::plan::{ChildRole, Plan, PlanNode};

use super::catalog::Relation;

/// What the nodes of a plan tell of one relation.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Observed {
    /// Share of the statement's time or cost that access to the relation takes, from 0 to 1.
    pub(super) share: Option<f64>,
    /// Rows that passed, if the relation was read once and to the end.
    pub(super) rows: Option<f64>,
    /// Rows that the planner reckoned with for the values of the call, if it ran and the relation
    /// was read once.
    pub(super) estimated_rows: Option<f64>,
    /// The index that was read.
    pub(super) index: Option<String>,
    /// Rows that were read, those that a filter removed included.
    pub(super) rows_read: Option<f64>,
    /// Rows of the other side of the join that is nearest, all loops together.
    pub(super) partner_rows: Option<f64>,
    /// Whether it was read from first to last page.
    pub(super) is_sequential: bool,
    /// Whether there was a plan.
    pub(super) has_plan: bool,
}

impl Observed {
    /// Reads a plan for a relation.
    pub(super) fn of(plan: Option<&Plan>, relation: &Relation) -> Self {
        let Some(plan) = plan else {
            return Self::default();
        };
        let all = with_loops(&plan.root).into_iter();
        let (nodes, others): (Vec<_>, Vec<_>) = all.partition(|(node, _)| is_on(node, relation));
        let gathers = others
            .into_iter()
            .filter(|(node, _)| only_gathers(node, relation));
        let shared: Vec<(&PlanNode, f64)> = nodes.iter().copied().chain(gathers).collect();
        let mut observed = Self {
            share: share(plan, &shared),
            has_plan: true,
            is_sequential: nodes
                .iter()
                .any(|(node, _)| node.kind.ends_with("Seq Scan")),
            ..Self::default()
        };
        let scans: Vec<&PlanNode> = nodes
            .iter()
            .map(|(node, _)| *node)
            .filter(|node| node.kind != "Bitmap Index Scan" && node.kind.contains("Scan"))
            .collect();
        if let [scan] = scans.as_slice() {
            observed.index.clone_from(&scan.target.index);
            observed.partner_rows = partner_rows(plan, scan.id);
            if let Some(actual) = scan.actual.filter(|actual| actual.loops > 0.0) {
                let is_once = actual.loops <= actual.processes.max(1.0);
                observed.rows = is_once.then_some(actual.rows);
                observed.estimated_rows = is_once.then_some(scan.estimate.rows);
                observed.rows_read = is_once.then_some(actual.rows + actual.removed_by_filter);
            }
        }
        observed
    }
}

/// Rows that the other side of the nearest join gave.
fn partner_rows(plan: &Plan, id: u32) -> Option<f64> {
    let path = plan.path(id);
    let join = path.iter().rev().find(|node| node.is_join())?;
    let is_below = |child: &&PlanNode| path.iter().any(|node| node.id == child.id);
    let other = join.children.iter().find(|child| !is_below(child))?;
    // The inner side of a nested loop found what it was asked for, which tells nothing.
    let is_free = join.kind != "Nested Loop" || other.role == ChildRole::Outer;
    other.rows().filter(|_| is_free)
}

/// Whether a node reads the relation or one of its indexes.
fn is_on(node: &PlanNode, relation: &Relation) -> bool {
    let target = &node.target;
    let in_schema = target
        .schema
        .as_ref()
        .is_none_or(|schema| *schema == relation.schema);
    let by_name = target.relation.as_ref() == Some(&relation.name) && in_schema;
    let index = target.index.as_ref().filter(|_| target.relation.is_none());
    by_name || index.is_some_and(|name| relation.indexes.iter().any(|index| index.name == *name))
}

/// Whether a node does nothing but start workers for the relation and wait for them: without much
/// to read there are none.
fn only_gathers(node: &PlanNode, relation: &Relation) -> bool {
    let below = node.preorder().into_iter();
    let mut leaves = below.filter(|below| below.children.is_empty());
    node.kind.starts_with("Gather") && leaves.all(|leaf| is_on(leaf, relation))
}

/// All nodes, with how often each is expected to run.
fn with_loops(root: &PlanNode) -> Vec<(&PlanNode, f64)> {
    let mut nodes = Vec::new();
    let mut pending = vec![(root, 1.0)];
    while let Some((node, loops)) = pending.pop() {
        nodes.push((node, loops));
        let outer = node
            .children
            .iter()
            .find(|child| child.role == ChildRole::Outer);
        let outer = outer.map_or(1.0, |outer| outer.estimate.rows.max(1.0));
        for child in node.children.iter().rev() {
            let is_repeated = node.kind == "Nested Loop" && child.role == ChildRole::Inner;
            pending.push((child, if is_repeated { loops * outer } else { loops }));
        }
    }
    nodes
}

/// Share of the nodes themselves: of time, or of cost where no time was told.
fn share(plan: &Plan, nodes: &[(&PlanNode, f64)]) -> Option<f64> {
    if nodes.is_empty() {
        return None;
    }
    let times: Option<f64> = nodes.iter().map(|(node, _)| plan.self_share(node)).sum();
    if let Some(share) = times {
        return Some(share.clamp(0.0, 1.0));
    }
    let total = plan.root.estimate.total_cost;
    let cost: f64 = nodes
        .iter()
        .map(|(node, loops)| own_cost(node) * loops)
        .sum();
    (total > 0.0).then(|| (cost / total).clamp(0.0, 1.0))
}

fn own_cost(node: &PlanNode) -> f64 {
    let below: f64 = node
        .children
        .iter()
        .map(|child| child.estimate.total_cost)
        .sum();
    (node.estimate.total_cost - below).max(0.0)
}
