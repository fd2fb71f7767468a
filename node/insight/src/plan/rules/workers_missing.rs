//! P13: fewer workers were to be had than planned.

use super::view::View;
use super::{About, Finding, Rule, Unit};
use crate::plan::node::PlanNode;

/// Least share of the plans of an hour that missed workers.
const SHARE_OF_PLANS: f64 = 0.2;

/// A Gather that was not given its workers.
#[derive(Debug)]
pub(super) struct WorkersMissing;

impl Rule for WorkersMissing {
    fn about(&self) -> About {
        About {
            id: "P13",
            name: "workers_missing",
            disproved_by: "the plans with all workers are no faster",
        }
    }

    fn check(&self, view: &View<'_>, node: &PlanNode) -> Option<Finding> {
        let planned = node.work.workers_planned?;
        let launched = node
            .work
            .workers_launched
            .filter(|launched| *launched < planned)?;
        let missing = view
            .facts
            .plans_missing_workers
            .filter(|share| *share >= SHARE_OF_PLANS)?;
        let as_fast_as_usual = view
            .facts
            .baseline_ms
            .zip(view.plan.total_ms())
            .is_some_and(|(base, now)| now < base);
        if as_fast_as_usual || !view.takes_with_children(node, super::view::SELF_SHARE) {
            return None;
        }
        let cause = format!("{launched:.0} of {planned:.0} workers were to be had");
        let finding = Finding::at(view, self.about(), node, cause)
            .with("workers planned", planned, Unit::Count)
            .with("workers launched", launched, Unit::Count)
            .with("plans that missed workers", missing, Unit::Ratio)
            .advise("max_parallel_workers and max_worker_processes, if processors are idle")
            .advise("fewer workers for each Gather: max_parallel_workers_per_gather");
        Some(finding)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fires, silent};
    use super::*;
    use crate::plan::rules::PlanFacts;

    const PLAN: &str = "\
Gather  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..900.0 rows=10 loops=1)
  Workers Planned: 4
  Workers Launched: 1
Execution Time: 901.0 ms
";

    #[test]
    fn plans_that_often_miss_workers_are_found() {
        let facts = PlanFacts {
            plans_missing_workers: Some(0.3),
            ..PlanFacts::default()
        };
        fires(&WorkersMissing, PLAN, &facts);
    }

    #[test]
    fn a_single_miss_does_no_harm() {
        silent(&WorkersMissing, "unknown", PLAN, &PlanFacts::default());
        let facts = PlanFacts {
            plans_missing_workers: Some(0.3),
            ..PlanFacts::default()
        };
        silent(
            &WorkersMissing,
            "all there",
            &PLAN.replace("ched: 1", "ched: 4"),
            &facts,
        );
        let usual = PlanFacts {
            baseline_ms: Some(1000.0),
            ..facts
        };
        silent(&WorkersMissing, "as usual", PLAN, &usual);
    }
}
