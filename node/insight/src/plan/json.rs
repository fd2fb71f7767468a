//! Plans as JSON.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::without_constants;

use super::condition::{Condition, Place};
use super::document::{Jit, Plan, Trigger};
use super::error::{Error, Result};
use super::fields::Fields;
use super::node::{Actual, Buffers, ChildRole, Estimate, Keys, PlanNode, Shape, Target, Work};
use super::totals::fill_self_times;

/// Nodes may nest this deep; far above what a planner makes.
pub(super) const MAX_DEPTH: u32 = 500;

/// Reads a plan that EXPLAIN (FORMAT JSON), auto_explain or a collector wrote.
///
/// Takes the whole document, its one-element array, the node below `Plan`, and the names that
/// collectors give the same fields.
///
/// # Errors
/// If there is no plan, a node has no type, or the nodes nest too deep.
pub fn parse_json(document: &Value) -> Result<Plan> {
    let document = match document {
        Value::Array(items) => items.first().ok_or(Error::NoPlan)?,
        other => other,
    };
    let fields = Fields(document.as_object().ok_or(Error::NoPlan)?);
    if fields.0.contains_key("Node Type") {
        return plan_of(fields, fields);
    }
    for key in ["Plan", "plan"] {
        if let Some(root) = fields
            .inner(key)
            .filter(|root| root.0.contains_key("Node Type"))
        {
            return plan_of(root, fields);
        }
    }
    let nested = ["plan_json", "plan"]
        .iter()
        .find_map(|key| fields.0.get(*key));
    let mut plan = parse_json(nested.ok_or(Error::NoPlan)?)?;
    plan.planning_ms = plan.planning_ms.or_else(|| planning_ms(fields));
    plan.execution_ms = plan.execution_ms.or_else(|| execution_ms(fields));
    Ok(plan)
}

fn plan_of(root: Fields<'_>, document: Fields<'_>) -> Result<Plan> {
    let mut next_id = 0;
    let mut root = node(root, ChildRole::Root, &mut next_id, 0)?;
    fill_self_times(&mut root);
    let settings = document.inner("Settings").map(|settings| {
        let texts = settings
            .0
            .iter()
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
        texts.collect::<BTreeMap<_, _>>()
    });
    Ok(Plan {
        root,
        planning_ms: planning_ms(document),
        planning_blocks_read: document
            .inner("Planning")
            .and_then(|planning| planning.number("Shared Read Blocks")),
        execution_ms: execution_ms(document),
        settings: settings.unwrap_or_default(),
        triggers: document.items("Triggers").filter_map(trigger).collect(),
        jit: document.inner("JIT").and_then(jit),
        query_text: document.text("Query Text"),
    })
}

fn planning_ms(fields: Fields<'_>) -> Option<f64> {
    let keys = ["Planning Time", "planning_time_ms", "plan_duration_ms"];
    keys.iter().find_map(|key| fields.number(key))
}

fn execution_ms(fields: Fields<'_>) -> Option<f64> {
    let keys = [
        "Execution Time",
        "execution_time_ms",
        "execution_duration_ms",
    ];
    keys.iter().find_map(|key| fields.number(key))
}

fn trigger(value: &Value) -> Option<Trigger> {
    let fields = Fields(value.as_object()?);
    Some(Trigger {
        name: fields.text("Trigger Name").unwrap_or_default(),
        constraint: fields.text("Constraint Name"),
        relation: fields.text("Relation"),
        time_ms: fields.number("Time").unwrap_or(0.0),
        calls: fields.number("Calls").unwrap_or(0.0),
    })
}

fn jit(fields: Fields<'_>) -> Option<Jit> {
    Some(Jit {
        functions: fields.number("Functions").unwrap_or(0.0),
        total_ms: fields.inner("Timing")?.number("Total")?,
    })
}

fn node(fields: Fields<'_>, role: ChildRole, next_id: &mut u32, depth: u32) -> Result<PlanNode> {
    if depth >= MAX_DEPTH {
        return Err(Error::TooDeep { limit: MAX_DEPTH });
    }
    let id = *next_id;
    *next_id += 1;
    let kind = fields.text("Node Type").ok_or(Error::NoNodeType { id })?;
    let mut children = Vec::new();
    for child in fields.items("Plans") {
        let child = Fields(
            child
                .as_object()
                .ok_or(Error::NoNodeType { id: *next_id })?,
        );
        children.push(node(child, role_of(child), next_id, depth + 1)?);
    }
    let keys = |name: &str| -> Vec<String> {
        fields
            .texts(name)
            .iter()
            .map(|key| without_constants(key))
            .collect()
    };
    Ok(PlanNode {
        id,
        kind,
        role,
        subplan: fields.text("Subplan Name"),
        target: target(fields),
        shape: shape(fields),
        keys: Keys {
            sort: keys("Sort Key"),
            presorted: keys("Presorted Key"),
            group: keys("Group Key"),
            cache: fields
                .text("Cache Key")
                .as_deref()
                .map(without_constants)
                .into_iter()
                .collect(),
        },
        conditions: conditions(fields),
        estimate: Estimate {
            startup_cost: fields.number("Startup Cost").unwrap_or(0.0),
            total_cost: fields.number("Total Cost").unwrap_or(0.0),
            rows: fields.number("Plan Rows").unwrap_or(0.0),
            width: fields.number("Plan Width").unwrap_or(0.0),
        },
        actual: actual(fields),
        buffers: buffers(fields),
        work: work(fields),
        children,
    })
}

fn role_of(fields: Fields<'_>) -> ChildRole {
    match fields.text("Parent Relationship").as_deref() {
        Some("Inner") => ChildRole::Inner,
        Some("InitPlan") => ChildRole::InitPlan,
        Some("SubPlan") => ChildRole::SubPlan,
        Some("Member") => ChildRole::Member,
        Some("Subquery") => ChildRole::Subquery,
        _ => ChildRole::Outer,
    }
}

fn target(fields: Fields<'_>) -> Target {
    Target {
        schema: fields.text("Schema"),
        relation: fields.text("Relation Name"),
        alias: fields.text("Alias"),
        index: fields.text("Index Name"),
        cte: fields.text("CTE Name"),
        function: fields.text("Function Name"),
        remote_sql: fields.text("Remote SQL").as_deref().map(without_constants),
    }
}

fn shape(fields: Fields<'_>) -> Shape {
    Shape {
        join_type: fields.text("Join Type"),
        strategy: fields.text("Strategy"),
        partial_mode: fields.text("Partial Mode").filter(|mode| mode != "Simple"),
        direction: fields
            .text("Scan Direction")
            .filter(|direction| direction == "Backward"),
        operation: fields.text("Operation").or_else(|| fields.text("Command")),
        is_parallel: fields.is_set("Parallel Aware"),
        inner_unique: fields.is_set("Inner Unique"),
    }
}

fn conditions(fields: Fields<'_>) -> Vec<Condition> {
    let found = Place::ALL.iter().filter_map(|(place, key)| {
        let text = fields
            .text(key)
            .or_else(|| Some(fields.texts(key).join(", ")))?;
        (!text.is_empty()).then(|| Condition::read(*place, &text))
    });
    found.collect()
}

/// EXPLAIN tells rows, times and removed rows for one loop; blocks are totals.
fn actual(fields: Fields<'_>) -> Option<Actual> {
    let loops = fields.number("Actual Loops")?;
    let total = |key| fields.number(key).unwrap_or(0.0) * loops;
    Some(Actual {
        loops,
        rows: total("Actual Rows"),
        total_ms: fields.number("Actual Total Time").map(|time| time * loops),
        self_ms: None,
        processes: 1.0,
        removed_by_filter: total("Rows Removed by Filter"),
        removed_by_join_filter: total("Rows Removed by Join Filter"),
        removed_by_recheck: total("Rows Removed by Index Recheck"),
    })
}

fn buffers(fields: Fields<'_>) -> Option<Buffers> {
    let number = |key| fields.number(key);
    let shared_hit = number("Shared Hit Blocks");
    let shared_read = number("Shared Read Blocks");
    let told = shared_hit.or(shared_read).or(number("Temp Written Blocks"));
    told.map(|_| Buffers {
        shared_hit: shared_hit.unwrap_or(0.0),
        shared_read: shared_read.unwrap_or(0.0),
        temp_read: number("Temp Read Blocks").unwrap_or(0.0),
        temp_written: number("Temp Written Blocks").unwrap_or(0.0),
    })
}

fn work(fields: Fields<'_>) -> Work {
    let number = |key| fields.number(key);
    let on_disk = fields
        .text("Sort Space Type")
        .is_some_and(|kind| kind == "Disk");
    let groups = ["Full-sort Groups", "Pre-sorted Groups"];
    let group_disk = groups.iter().filter_map(|key| {
        fields
            .inner(key)?
            .inner("Sort Space Disk")?
            .number("Peak Sort Space Used")
    });
    Work {
        sort_method: fields.text("Sort Method"),
        sort_disk_kib: number("Sort Space Used")
            .filter(|_| on_disk)
            .or_else(|| group_disk.reduce(f64::max)),
        hash_batches: number("Hash Batches"),
        hash_batches_planned: number("Original Hash Batches"),
        hash_memory_kib: number("Peak Memory Usage"),
        aggregate_batches: number("HashAgg Batches"),
        aggregate_partitions_planned: number("Planned Partitions"),
        aggregate_disk_kib: number("Disk Usage"),
        cache_hits: number("Cache Hits"),
        cache_misses: number("Cache Misses"),
        cache_evictions: number("Cache Evictions"),
        heap_fetches: number("Heap Fetches"),
        exact_blocks: number("Exact Heap Blocks"),
        lossy_blocks: number("Lossy Heap Blocks"),
        workers_planned: number("Workers Planned"),
        workers_launched: number("Workers Launched"),
        subplans_removed: number("Subplans Removed"),
    }
}
