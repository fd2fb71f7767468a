//! P12: one process reads a large table alone.

use super::view::View;
use super::{About, Finding, Rule, Unit};
use crate::plan::node::{ChildRole, PlanNode};

/// Tables are large from this many times `min_parallel_table_scan_size` on.
const SIZE_FACTOR: f64 = 8.0;
/// Default of `min_parallel_table_scan_size`, in blocks.
const MIN_PARALLEL_PAGES: f64 = 1_024.0;
/// Least time of the scan itself in milliseconds.
const MIN_SELF_MS: f64 = 100.0;
/// Processors that are busier have no time for workers.
const MAX_BUSY: f64 = 0.7;
/// Calls a day from which processes of their own do the work better: ten a second.
const MAX_CALLS_PER_DAY: f64 = 864_000.0;

/// A large scan without workers.
#[derive(Debug)]
pub(super) struct ParallelUnused;

impl Rule for ParallelUnused {
    fn about(&self) -> About {
        About {
            id: "P12",
            name: "parallel_unused",
            disproved_by: "the plan with workers is no faster",
        }
    }

    fn check(&self, view: &View<'_>, node: &PlanNode) -> Option<Finding> {
        let is_scan = matches!(node.kind.as_str(), "Seq Scan" | "Bitmap Heap Scan");
        let own = node.self_wall_ms().filter(|own| *own >= MIN_SELF_MS)?;
        let pages = view.pages(node);
        let is_large = pages > SIZE_FACTOR * min_parallel_pages(view);
        if !is_scan || !is_large || view.has_above(node, &["Gather", "Gather Merge"]) {
            return None;
        }
        if !view.takes(node, super::view::SELF_SHARE) || has_no_processors(view) {
            return None;
        }
        if runs_for_rows(view, node) || workers_cost_more(view, node) {
            return None;
        }
        let setting = view.plan.settings.get("max_parallel_workers_per_gather");
        let is_off = setting.is_some_and(|value| value == "0");
        let writes = view.nodes.iter().any(|above| above.kind == "ModifyTable");
        let cause = format!("one process reads {pages:.0} blocks");
        let finding = Finding::at(view, self.about(), node, cause)
            .with("blocks", pages, Unit::Blocks)
            .with("own time", own, Unit::Milliseconds)
            .advise_if(
                is_off,
                "max_parallel_workers_per_gather above 0 for the role",
            )
            .advise_if(
                writes,
                "a statement that writes has no workers: read first, then write",
            )
            .advise_if(
                !is_off && !writes,
                "look for a parallel-unsafe function, or a cursor",
            );
        Some(finding.at_stake(own))
    }
}

/// Whether it runs for the rows of another node, where there are no workers.
fn runs_for_rows(view: &View<'_>, node: &PlanNode) -> bool {
    let path = view.plan.path(node.id);
    path.iter().any(|of| {
        of.role == ChildRole::SubPlan && of.actual.is_some_and(|actual| actual.loops > 1.0)
    })
}

/// Whether handing the rows over costs as much as half of the scan: then workers are slower.
fn workers_cost_more(view: &View<'_>, node: &PlanNode) -> bool {
    let cost = |name: &str, default: f64| {
        let told = view.plan.settings.get(name);
        told.and_then(|value| value.parse().ok()).unwrap_or(default)
    };
    let rows = node.estimate.rows * cost("parallel_tuple_cost", 0.1);
    rows + cost("parallel_setup_cost", 1_000.0) >= node.estimate.total_cost / 2.0
}

fn has_no_processors(view: &View<'_>) -> bool {
    view.facts.cpu_busy.is_some_and(|busy| busy > MAX_BUSY)
        || view
            .facts
            .calls_per_day
            .is_some_and(|calls| calls > MAX_CALLS_PER_DAY)
}

/// The setting in blocks; a plan tells it if it is not the default.
fn min_parallel_pages(view: &View<'_>) -> f64 {
    let told = view.plan.settings.get("min_parallel_table_scan_size");
    told.and_then(|value| pages_of(value))
        .unwrap_or(MIN_PARALLEL_PAGES)
}

/// Blocks of a size such as `16MB`; without a unit it is in blocks.
fn pages_of(value: &str) -> Option<f64> {
    let end = value
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(value.len());
    let (digits, unit) = value.split_at(end);
    let pages_by_unit = match unit.trim() {
        "kB" => 1.0 / 8.0,
        "MB" => 128.0,
        "GB" => 131_072.0,
        "TB" => 134_217_728.0,
        _ => 1.0,
    };
    Some(digits.parse::<f64>().ok()? * pages_by_unit)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fires, silent};
    use super::*;
    use crate::plan::rules::PlanFacts;

    const PLAN: &str = "\
Seq Scan on t  (cost=0.00..90000.00 rows=9 width=4) (actual time=0.1..900.0 rows=10 loops=1)
  Buffers: shared read=9000
Settings: max_parallel_workers_per_gather = '0'
Execution Time: 901.0 ms
";

    #[test]
    fn a_large_scan_by_one_process_is_found() {
        let finding = fires(&ParallelUnused, PLAN, &PlanFacts::default());
        assert!(finding.advice[0].starts_with("max_parallel_workers_per_gather"));
    }

    #[test]
    fn small_scans_and_busy_machines_are_left_alone() {
        let none = PlanFacts::default();
        silent(
            &ParallelUnused,
            "small",
            &PLAN.replace("9000", "8000"),
            &none,
        );
        silent(
            &ParallelUnused,
            "fast",
            &PLAN.replace("..900.0", "..90.0"),
            &none,
        );
        let raised = PLAN.replace(
            "Settings: ",
            "Settings: min_parallel_table_scan_size = '16MB', ",
        );
        silent(&ParallelUnused, "setting", &raised, &none);
        let busy = PlanFacts {
            cpu_busy: Some(0.8),
            ..none.clone()
        };
        silent(&ParallelUnused, "busy", PLAN, &busy);
        let often = PlanFacts {
            calls_per_day: Some(1e6),
            ..none.clone()
        };
        silent(&ParallelUnused, "often", PLAN, &often);
        let many = PLAN.replace("rows=9 ", "rows=500000 ");
        silent(&ParallelUnused, "rows", &many, &none);
        let scan = PLAN
            .replace("loops=1", "loops=2")
            .replace("Seq Scan", "  SubPlan 1\n    ->  Seq Scan");
        let scan = scan.replace("  Buffers", "          Buffers");
        let subplan = format!(
            "Seq Scan on u  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..1800.0 rows=2 loops=1)\n{scan}"
        );
        silent(&ParallelUnused, "subplan", &subplan, &none);
        let gather = "\
Gather  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..900.0 rows=10 loops=1)
  Workers Launched: 2
  ->  Parallel Seq Scan on t  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..890.0 rows=10 loops=3)
        Buffers: shared read=9000
Execution Time: 901.0 ms
";
        silent(&ParallelUnused, "parallel", gather, &none);
    }
}
