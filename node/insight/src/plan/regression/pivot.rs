//! The node where two plans part.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::plan::document::Plan;
use crate::plan::node::PlanNode;

/// The first node in preorder that differs between two plans.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pivot {
    /// Number of the node in the good plan.
    pub good: u32,
    /// Number of the node in the bad plan.
    pub bad: u32,
    /// What it was.
    pub was: String,
    /// What it is.
    pub is: String,
}

impl Pivot {
    /// Finds it; nothing if the structures are equal.
    pub(super) fn find(good: &Plan, bad: &Plan) -> Option<Self> {
        parting(good, bad, &good.root, &bad.root).map(|(was, is)| Self {
            good: was.id,
            bad: is.id,
            was: was.title(),
            is: is.title(),
        })
    }

    /// Relations that either plan reads at or below it.
    pub(super) fn relations(&self, good: &Plan, bad: &Plan) -> BTreeSet<String> {
        let nodes = [good.node(self.good), bad.node(self.bad)];
        let below = nodes.into_iter().flatten().flat_map(PlanNode::preorder);
        below
            .filter_map(|node| node.target.relation.clone())
            .collect()
    }
}

fn parting<'a>(
    good: &Plan,
    bad: &Plan,
    was: &'a PlanNode,
    is: &'a PlanNode,
) -> Option<(&'a PlanNode, &'a PlanNode)> {
    if good.subtree(was) == bad.subtree(is) {
        return None;
    }
    if good.signature(was) == bad.signature(is) && was.children.len() == is.children.len() {
        let mut pairs = was.children.iter().zip(&is.children);
        if let Some(found) = pairs.find_map(|(was, is)| parting(good, bad, was, is)) {
            return Some(found);
        }
    }
    Some((was, is))
}
