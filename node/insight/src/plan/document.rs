//! A plan and what is told of the whole execution.

use std::collections::BTreeMap;

use serde::Serialize;

use super::node::PlanNode;

/// One plan, as EXPLAIN or auto_explain told it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// The uppermost node.
    pub root: PlanNode,
    /// Time of planning in milliseconds.
    pub planning_ms: Option<f64>,
    /// Blocks that planning read; many mean that a session loaded the catalogue.
    pub planning_blocks_read: Option<f64>,
    /// Time of execution in milliseconds.
    pub execution_ms: Option<f64>,
    /// Planner settings that differ from their defaults.
    pub settings: BTreeMap<String, String>,
    /// Triggers that the statement fired.
    pub triggers: Vec<Trigger>,
    /// What compiling the plan cost.
    pub jit: Option<Jit>,
    /// The statement, if the document holds it; with literals, so never stored.
    #[serde(skip)]
    pub query_text: Option<String>,
}

/// A trigger and its time in all calls.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Trigger {
    /// Its name.
    pub name: String,
    /// The constraint that it keeps.
    pub constraint: Option<String>,
    /// The table that it is on.
    pub relation: Option<String>,
    /// Time in milliseconds.
    pub time_ms: f64,
    /// How often it was called.
    pub calls: f64,
}

/// What just-in-time compilation cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Jit {
    /// Functions compiled.
    pub functions: f64,
    /// Time in milliseconds, of generation, inlining, optimisation and emission.
    pub total_ms: f64,
}

impl Plan {
    /// Time of the execution in milliseconds: as told, else that of the root.
    #[must_use]
    pub fn total_ms(&self) -> Option<f64> {
        self.execution_ms
            .or_else(|| self.root.actual.as_ref()?.total_ms)
    }

    /// Share of the execution that a node itself took, of wall time, from 0 to 1.
    #[must_use]
    pub fn self_share(&self, node: &PlanNode) -> Option<f64> {
        self.share(node.self_wall_ms()?)
    }

    /// Share of the execution that a node and all below it took, of wall time, from 0 to 1.
    #[must_use]
    pub fn total_share(&self, node: &PlanNode) -> Option<f64> {
        self.share(node.wall_ms()?)
    }

    /// Answers the node of a number in preorder.
    #[must_use]
    pub fn node(&self, id: u32) -> Option<&PlanNode> {
        self.root.preorder().into_iter().find(|node| node.id == id)
    }

    /// Answers the nodes from the root to the node of a number, both included; empty if there is
    /// none.
    #[must_use]
    pub fn path(&self, id: u32) -> Vec<&PlanNode> {
        let mut path = vec![&self.root];
        while let Some(last) = path.last() {
            if last.id == id {
                return path;
            }
            match last.children.iter().rev().find(|child| child.id <= id) {
                Some(child) => path.push(child),
                None => return Vec::new(),
            }
        }
        path
    }

    fn share(&self, part_ms: f64) -> Option<f64> {
        let total = self.total_ms().filter(|total| *total > 0.0)?;
        Some((part_ms / total).clamp(0.0, 1.0))
    }
}
