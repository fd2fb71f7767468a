//! The node where two plans part.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::plan::document::Plan;
use crate::plan::node::PlanNode;
use crate::plan::structure::{Structure, is_append, without_digits};

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
        let parting = Parting {
            good: Structure::of(good),
            bad: Structure::of(bad),
        };
        parting
            .find(&good.root, &bad.root, false)
            .map(|(was, is)| Self {
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

/// The search for the nodes where two plans part.
struct Parting<'a> {
    good: Structure<'a>,
    bad: Structure<'a>,
}

impl Parting<'_> {
    /// Below an Append, digits in the names of partitions do not matter.
    fn find<'n>(
        &self,
        was: &'n PlanNode,
        is: &'n PlanNode,
        folds: bool,
    ) -> Option<(&'n PlanNode, &'n PlanNode)> {
        if equal(self.good.subtree(was), self.bad.subtree(is), folds) {
            return None;
        }
        let folds_below = folds || is_append(was);
        let same = equal(self.good.signature(was), self.bad.signature(is), folds);
        if same && was.children.len() == is.children.len() {
            let mut pairs = was.children.iter().zip(&is.children);
            if let Some(found) = pairs.find_map(|(was, is)| self.find(was, is, folds_below)) {
                return Some(found);
            }
        }
        Some((was, is))
    }
}

fn equal(was: String, is: String, folds: bool) -> bool {
    was == is || (folds && without_digits(&was) == without_digits(&is))
}
