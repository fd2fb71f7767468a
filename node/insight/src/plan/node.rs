//! One node of a plan.

use serde::Serialize;

use super::condition::{Condition, Place};

/// One node and the nodes below it. What is measured is a total over all loops and workers.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PlanNode {
    /// Its number in preorder; the root is 0.
    pub id: u32,
    /// What it is, in EXPLAIN's words, such as `Seq Scan`.
    pub kind: String,
    /// What it is to its parent.
    pub role: ChildRole,
    /// Name of the plan that it is the root of, such as `CTE recent` or `SubPlan 1`.
    pub subplan: Option<String>,
    /// What it reads or writes.
    pub target: Target,
    /// How it works.
    pub shape: Shape,
    /// What it sorts and groups by.
    pub keys: Keys,
    /// What it tests.
    pub conditions: Vec<Condition>,
    /// What the planner expected, for one loop.
    pub estimate: Estimate,
    /// What happened; nothing without ANALYZE, zero loops if it never ran.
    pub actual: Option<Actual>,
    /// Blocks that it and all below it used.
    pub buffers: Option<Buffers>,
    /// Memory, files, caches and workers.
    pub work: Work,
    /// The nodes below it.
    pub children: Vec<PlanNode>,
}

/// What a node is to its parent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChildRole {
    /// The uppermost node.
    #[default]
    Root,
    /// The first input, or the only one.
    Outer,
    /// The second input of a join.
    Inner,
    /// Runs at most once, for a value or a CTE.
    InitPlan,
    /// Runs for the rows of its parent.
    SubPlan,
    /// One input of an Append or of a bitmap.
    Member,
    /// The query that a Subquery Scan reads.
    Subquery,
}

/// What a node reads or writes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Target {
    /// Schema; only told with VERBOSE.
    pub schema: Option<String>,
    /// Relation.
    pub relation: Option<String>,
    /// Name of the relation in the statement.
    pub alias: Option<String>,
    /// Index.
    pub index: Option<String>,
    /// CTE that is scanned.
    pub cte: Option<String>,
    /// Function that is scanned.
    pub function: Option<String>,
    /// What a Foreign Scan asks the other server, without constants.
    pub remote_sql: Option<String>,
}

/// How a node works.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Shape {
    /// `Inner`, `Left`, `Semi` and so on.
    pub join_type: Option<String>,
    /// `Hashed`, `Sorted`, `Plain` or `Mixed`.
    pub strategy: Option<String>,
    /// `Partial` or `Finalize`; not told if simple.
    pub partial_mode: Option<String>,
    /// `Backward`; not told if forward.
    pub direction: Option<String>,
    /// `Insert`, `Update`, `Delete`, `Merge`, or what a SetOp does.
    pub operation: Option<String>,
    /// Whether workers share its input.
    pub is_parallel: bool,
    /// Whether at most one inner row joins an outer row; text tells it only with VERBOSE.
    pub inner_unique: bool,
}

/// What a node sorts and groups by, without constants.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Keys {
    /// Keys of the sort, with their directions.
    pub sort: Vec<String>,
    /// Keys that the input is sorted by already.
    pub presorted: Vec<String>,
    /// Keys of the groups.
    pub group: Vec<String>,
    /// Keys of a Memoize's cache.
    pub cache: Vec<String>,
}

/// What the planner expected, for one loop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Estimate {
    /// Cost before the first row.
    pub startup_cost: f64,
    /// Cost of all rows.
    pub total_cost: f64,
    /// Rows.
    pub rows: f64,
    /// Mean width of a row in bytes.
    pub width: f64,
}

/// What happened, in all loops together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Actual {
    /// How often the node ran, in all processes.
    pub loops: f64,
    /// Rows that it gave.
    pub rows: f64,
    /// Time of it and all below it in milliseconds, of all processes; nothing with TIMING off.
    pub total_ms: Option<f64>,
    /// Time of it alone in milliseconds, of all processes.
    pub self_ms: Option<f64>,
    /// Processes that shared the time: 1, or workers and leader below a Gather.
    pub processes: f64,
    /// Rows that the filter removed.
    pub removed_by_filter: f64,
    /// Rows that the join filter removed.
    pub removed_by_join_filter: f64,
    /// Rows that the second look at a lossy match removed.
    pub removed_by_recheck: f64,
}

/// Blocks of 8 KiB that a node and all below it used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Buffers {
    /// Found in shared buffers.
    pub shared_hit: f64,
    /// Read into shared buffers.
    pub shared_read: f64,
    /// Read from temporary files.
    pub temp_read: f64,
    /// Written to temporary files.
    pub temp_written: f64,
}

/// Memory, files, caches and workers of a node, each if it was told.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Work {
    /// How it sorted.
    pub sort_method: Option<String>,
    /// Disk that the sort took, in KiB; of the largest group if incremental.
    pub sort_disk_kib: Option<f64>,
    /// Batches of a hash table.
    pub hash_batches: Option<f64>,
    /// Batches that were planned.
    pub hash_batches_planned: Option<f64>,
    /// Memory that the hash table took, in KiB.
    pub hash_memory_kib: Option<f64>,
    /// Batches of a hashed aggregate.
    pub aggregate_batches: Option<f64>,
    /// Partitions that a hashed aggregate was planned with.
    pub aggregate_partitions_planned: Option<f64>,
    /// Disk that a hashed aggregate took, in KiB.
    pub aggregate_disk_kib: Option<f64>,
    /// Look-ups that a Memoize answered.
    pub cache_hits: Option<f64>,
    /// Look-ups that it passed on.
    pub cache_misses: Option<f64>,
    /// Entries that it gave up for others.
    pub cache_evictions: Option<f64>,
    /// Rows that an Index Only Scan had to look up in the table.
    pub heap_fetches: Option<f64>,
    /// Blocks that a bitmap named row by row.
    pub exact_blocks: Option<f64>,
    /// Blocks that a bitmap named as a whole, for want of memory.
    pub lossy_blocks: Option<f64>,
    /// Workers planned.
    pub workers_planned: Option<f64>,
    /// Workers that were to be had.
    pub workers_launched: Option<f64>,
    /// Members that pruning left out at execution.
    pub subplans_removed: Option<f64>,
}

impl PlanNode {
    /// Answers this node and all below it, parents first.
    #[must_use]
    pub fn preorder(&self) -> Vec<&Self> {
        let mut nodes = Vec::new();
        let mut pending = vec![self];
        while let Some(node) = pending.pop() {
            nodes.push(node);
            pending.extend(node.children.iter().rev());
        }
        nodes
    }

    /// Rows that it gave in all loops; nothing without ANALYZE.
    #[must_use]
    pub fn rows(&self) -> Option<f64> {
        self.actual.map(|actual| actual.rows)
    }

    /// Rows that the planner expected in as many loops as there were.
    #[must_use]
    pub fn rows_expected(&self) -> f64 {
        self.estimate.rows * self.actual.map_or(1.0, |actual| actual.loops)
    }

    /// Rows told by rows expected, at least one each; nothing if it never ran.
    #[must_use]
    pub fn estimate_error(&self) -> Option<f64> {
        let actual = self.actual.filter(|actual| actual.loops > 0.0)?;
        Some(actual.rows.max(1.0) / self.rows_expected().max(1.0))
    }

    /// Wall time of it and all below it in milliseconds.
    #[must_use]
    pub fn wall_ms(&self) -> Option<f64> {
        self.actual
            .and_then(|actual| Some(actual.total_ms? / actual.processes.max(1.0)))
    }

    /// Wall time of it alone in milliseconds.
    #[must_use]
    pub fn self_wall_ms(&self) -> Option<f64> {
        self.actual
            .and_then(|actual| Some(actual.self_ms? / actual.processes.max(1.0)))
    }

    /// Rows that its filter removed.
    #[must_use]
    pub fn removed_by_filter(&self) -> f64 {
        self.actual.map_or(0.0, |actual| actual.removed_by_filter)
    }

    /// Its condition at a place.
    #[must_use]
    pub fn condition(&self, place: Place) -> Option<&Condition> {
        self.conditions
            .iter()
            .find(|condition| condition.place == place)
    }

    /// What a reader would call it: its kind, and what it reads.
    #[must_use]
    pub fn title(&self) -> String {
        let target = &self.target;
        let name = target
            .relation
            .as_ref()
            .or(target.cte.as_ref())
            .or(target.function.as_ref());
        let mut title = self.kind.clone();
        if let Some(kind) = self
            .shape
            .join_type
            .as_ref()
            .filter(|kind| *kind != "Inner")
        {
            title = format!("{title} ({kind})");
        }
        if let Some(index) = &target.index {
            title = format!("{title} using {index}");
        }
        name.map_or(title.clone(), |name| format!("{title} on {name}"))
    }

    /// Whether it is a join.
    #[must_use]
    pub fn is_join(&self) -> bool {
        matches!(
            self.kind.as_str(),
            "Nested Loop" | "Hash Join" | "Merge Join"
        )
    }
}
