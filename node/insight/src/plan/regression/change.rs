//! What happened between two plans, as far as it is known.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::plan::document::Plan;

/// What is known beside two plans. Nothing is assumed of what is not told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change {
    /// Indexes that are absent or not valid now.
    pub lost_indexes: BTreeSet<String>,
    /// Settings of the planner that changed on the server: the old and the new value.
    pub settings: BTreeMap<String, (String, String)>,
    /// Changes of version, extensions or schema between the last good and the first bad call, on
    /// the server or on a relation of the plan.
    pub events: Vec<String>,
    /// Relations by name.
    pub tables: BTreeMap<String, TableChange>,
    /// Whether both structures occur in the same hour.
    pub both_in_one_hour: Option<bool>,
    /// Cost of the old structure now, in the planner's units.
    pub old_structure_cost: Option<f64>,
    /// Figures per call when it was good; else those of the good plan.
    pub good: Option<Means>,
    /// Figures per call now; else those of the bad plan.
    pub bad: Option<Means>,
    /// What the statement mostly waits for, if it waits.
    pub wait: Option<String>,
}

/// What happened to a relation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TableChange {
    /// Whether it was analysed between both plans.
    pub was_analyzed: Option<bool>,
    /// Rows changed since it was analysed.
    pub changed_rows: Option<f64>,
    /// Rows changed since it was analysed, by its rows.
    pub changed_share: Option<f64>,
    /// Its pages now by its pages then.
    pub pages_factor: Option<f64>,
}

/// Figures of one call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Means {
    /// Execution time in milliseconds.
    pub time_ms: Option<f64>,
    /// Planning time in milliseconds.
    pub planning_ms: Option<f64>,
    /// Rows.
    pub rows: Option<f64>,
    /// Blocks that were read or found in shared buffers.
    pub blocks: Option<f64>,
    /// Blocks that were read.
    pub blocks_read: Option<f64>,
    /// Blocks written to temporary files.
    pub temp_written: Option<f64>,
    /// Rows that Index Only Scans looked up in their tables.
    pub heap_fetches: Option<f64>,
}

impl Means {
    /// The figures of one plan.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let buffers = plan.root.buffers;
        let nodes = plan.root.preorder();
        let fetches = nodes.iter().filter_map(|node| node.work.heap_fetches);
        // The root of an aggregate gives one row however many it read.
        let leaves = nodes.iter().filter(|node| node.children.is_empty());
        let rows = leaves
            .filter_map(|node| node.rows())
            .reduce(|sum, rows| sum + rows);
        Self {
            time_ms: plan.total_ms(),
            planning_ms: plan.planning_ms,
            rows,
            blocks: buffers.map(|buffers| buffers.shared_hit + buffers.shared_read),
            blocks_read: buffers.map(|buffers| buffers.shared_read),
            temp_written: buffers.map(|buffers| buffers.temp_written),
            heap_fetches: fetches.reduce(|sum, fetches| sum + fetches),
        }
    }
}
