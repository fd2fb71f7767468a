//! A plan as rules look at it.

use super::facts::{PlanFacts, TableFacts};
use crate::plan::condition::{Place, Served};
use crate::plan::document::Plan;
use crate::plan::node::{ChildRole, PlanNode};

/// Executions that are faster are not looked at.
const SLOW_MS: f64 = 10.0;
/// Least share of the execution that a node itself took.
pub(super) const SELF_SHARE: f64 = 0.2;

/// A plan, the facts, and the way up from each node.
#[derive(Debug)]
pub(super) struct View<'a> {
    pub(super) plan: &'a Plan,
    pub(super) facts: &'a PlanFacts,
    /// All nodes in preorder: a node's number is its place.
    pub(super) nodes: Vec<&'a PlanNode>,
}

impl<'a> View<'a> {
    pub(super) fn new(plan: &'a Plan, facts: &'a PlanFacts) -> Self {
        Self {
            plan,
            facts,
            nodes: plan.root.preorder(),
        }
    }

    /// Nodes above a node, its parent first.
    pub(super) fn ancestors(&self, node: &PlanNode) -> Vec<&'a PlanNode> {
        let mut path = self.plan.path(node.id);
        path.pop();
        path.reverse();
        path
    }

    pub(super) fn parent(&self, node: &PlanNode) -> Option<&'a PlanNode> {
        self.ancestors(node).first().copied()
    }

    /// Whether the execution is worth a look.
    pub(super) fn is_slow(&self) -> bool {
        self.plan.total_ms().is_some_and(|total| total >= SLOW_MS)
    }

    /// Whether a node itself took at least a share of a slow execution. With TIMING off nobody
    /// knows, and rows alone decide.
    pub(super) fn takes(&self, node: &PlanNode, share: f64) -> bool {
        self.is_slow() && self.plan.self_share(node).is_none_or(|own| own >= share)
    }

    /// Whether a node and all below it took at least a share of a slow execution.
    pub(super) fn takes_with_children(&self, node: &PlanNode, share: f64) -> bool {
        self.is_slow()
            && self
                .plan
                .total_share(node)
                .is_none_or(|whole| whole >= share)
    }

    /// The nearest join, sort or hash above a node: where a wrong estimate does its harm.
    pub(super) fn harmed(&self, node: &PlanNode) -> Option<&'a PlanNode> {
        let is_harmed = |above: &&PlanNode| {
            above.is_join() || matches!(above.kind.as_str(), "Sort" | "Incremental Sort" | "Hash")
        };
        self.ancestors(node).into_iter().find(is_harmed)
    }

    /// The Limit that a node gives its rows to one by one, so that it may stop early.
    pub(super) fn limit_above(&self, node: &PlanNode) -> Option<&'a PlanNode> {
        let mut below = node.id;
        for above in self.ancestors(node) {
            let child = above.children.iter().find(|child| child.id == below)?;
            match above.kind.as_str() {
                "Limit" => return Some(above),
                "Nested Loop" | "Subquery Scan" | "Result" | "LockRows" | "Unique" | "Gather"
                | "Gather Merge" | "Append" | "Merge Append" | "Merge Join" | "ProjectSet"
                | "Memoize" | "Materialize" | "WindowAgg" => {}
                "Hash Join" if child.role == ChildRole::Outer => {}
                _ => return None,
            }
            below = above.id;
        }
        None
    }

    /// Whether a Limit above got all the rows that it wanted.
    ///
    /// A plan tells the lesser of the wanted rows and the estimate. More rows than that show that
    /// it was the estimate, so only equal ones prove it.
    pub(super) fn limit_satisfied(&self, node: &PlanNode) -> bool {
        let limit = self.limit_above(node);
        let missing = limit.and_then(|limit| Some(limit.rows_expected() - limit.rows()?));
        missing.is_some_and(|missing| missing.abs() < 0.5)
    }

    pub(super) fn has_above(&self, node: &PlanNode, kinds: &[&str]) -> bool {
        self.ancestors(node)
            .iter()
            .any(|above| kinds.contains(&above.kind.as_str()))
    }

    /// What is known about the table that a node reads.
    pub(super) fn table(&self, node: &PlanNode) -> Option<&'a TableFacts> {
        self.facts.tables.get(node.target.relation.as_deref()?)
    }

    /// Blocks of the table that a node itself read, or the size of the table.
    pub(super) fn pages(&self, node: &PlanNode) -> f64 {
        let of = |node: &PlanNode| {
            let buffers = node.buffers.unwrap_or_default();
            buffers.shared_hit + buffers.shared_read
        };
        let below: f64 = node.children.iter().map(of).sum();
        let known = self.table(node).and_then(|table| table.pages);
        (of(node) - below).max(known.unwrap_or(0.0))
    }

    /// What an index on the table that a node reads could look up of its filter.
    pub(super) fn served(&self, node: &PlanNode) -> Served {
        let alias = node.target.alias.as_deref();
        let alias = alias.or(node.target.relation.as_deref());
        node.condition(Place::Filter)
            .map_or_else(Served::default, |filter| Served::of(filter, alias))
    }

    /// How sure a finding is, by the number of plans that support it.
    pub(super) fn confidence(&self) -> f64 {
        match self.facts.other_plans {
            0 | 1 => 0.5,
            2..=8 => 0.7,
            _ => 0.9,
        }
    }

    /// Whether memory for the statement is not worth a change.
    pub(super) fn is_rare_or_maintenance(&self) -> bool {
        self.facts.is_maintenance == Some(true)
            || self.facts.calls_per_day.is_some_and(|calls| calls < 10.0)
    }
}

/// Which index would look up what a filter tests; nothing if none would.
pub(super) fn index_for(served: &Served) -> Option<String> {
    let listed = |names: &[String]| names.join(", ");
    match served {
        Served { columns, .. } if !columns.is_empty() => Some(format!(
            "an index that leads with columns of the filter: {}",
            listed(columns)
        )),
        Served { expressions, .. } if !expressions.is_empty() => Some(format!(
            "an index on the expression of the filter: {}; or the condition on the column itself (W3)",
            listed(expressions)
        )),
        Served { patterns, .. } if !patterns.is_empty() => Some(format!(
            "a trigram index (pg_trgm) on {}; if the pattern has a constant beginning, one with text_pattern_ops",
            listed(patterns)
        )),
        _ => None,
    }
}

/// Whether a node, or one below it, looks something up in an index.
pub(super) fn looks_up(node: &PlanNode) -> bool {
    let below = node.preorder();
    below
        .iter()
        .any(|one| one.condition(Place::IndexCond).is_some())
}

/// Whether rows told by rows expected is right within a factor of ten.
pub(super) fn is_right(error: f64) -> bool {
    (0.1..=10.0).contains(&error)
}
