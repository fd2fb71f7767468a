//! P15: planning takes longer than executing.

use super::view::View;
use super::{About, Finding, Rule, Unit};
use crate::plan::node::PlanNode;

/// Least time of planning in milliseconds.
const MIN_MS: f64 = 5.0;
/// Least calls a day: one a second.
const MIN_CALLS_PER_DAY: f64 = 86_400.0;
/// More blocks read mean that a new session loads the catalogue.
const CATALOGUE_BLOCKS: f64 = 100.0;

/// A frequent statement that is planned longer than it runs.
#[derive(Debug)]
pub(super) struct PlanningDominates;

impl Rule for PlanningDominates {
    fn about(&self) -> About {
        About {
            id: "P15",
            name: "planning_dominates",
            disproved_by: "prepared, the statement is no faster",
        }
    }

    fn check(&self, view: &View<'_>, node: &PlanNode) -> Option<Finding> {
        if node.id != 0 {
            return None;
        }
        let calls = view
            .facts
            .calls_per_day
            .filter(|calls| *calls > MIN_CALLS_PER_DAY)?;
        let (planning, execution) = long_planning(view)?;
        let cause = format!("planning takes {planning:.1} ms, executing {execution:.1} ms");
        let finding = Finding::at(view, self.about(), node, cause)
            .with("planning", planning, Unit::Milliseconds)
            .with("execution", execution, Unit::Milliseconds)
            .with("calls per second", calls / MIN_CALLS_PER_DAY, Unit::Count)
            .advise("prepared statements")
            .advise("plan_cache_mode = force_generic_plan for the role")
            .advise("fewer partitions, or a lower statistics target");
        Some(finding.at_stake(planning))
    }
}

/// Planning and execution, of this plan or of all calls, if planning is the longer one.
fn long_planning(view: &View<'_>) -> Option<(f64, f64)> {
    let loads = view
        .plan
        .planning_blocks_read
        .is_some_and(|read| read > CATALOGUE_BLOCKS);
    let this = view
        .plan
        .planning_ms
        .zip(view.plan.total_ms())
        .filter(|_| !loads);
    let all = view
        .facts
        .mean_planning_ms
        .zip(view.facts.mean_execution_ms);
    let is_long = |(planning, execution): &(f64, f64)| planning > execution && *planning > MIN_MS;
    all.filter(is_long).or(this.filter(is_long))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fires, silent};
    use super::*;
    use crate::plan::rules::PlanFacts;

    const PLAN: &str = "\
Seq Scan on t  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..1.0 rows=10 loops=1)
Planning:
  Buffers: shared hit=10 read=5
Planning Time: 8.0 ms
Execution Time: 2.0 ms
";

    #[test]
    fn long_planning_of_a_frequent_statement_is_found() {
        let facts = PlanFacts {
            calls_per_day: Some(1e6),
            ..PlanFacts::default()
        };
        fires(&PlanningDominates, PLAN, &facts);
        let means = PlanFacts {
            mean_planning_ms: Some(9.0),
            mean_execution_ms: Some(1.0),
            ..facts
        };
        fires(
            &PlanningDominates,
            &PLAN.replace("8.0 ms", "1.0 ms"),
            &means,
        );
    }

    #[test]
    fn rare_statements_and_first_calls_are_left_alone() {
        silent(
            &PlanningDominates,
            "unknown rate",
            PLAN,
            &PlanFacts::default(),
        );
        let facts = PlanFacts {
            calls_per_day: Some(1e6),
            ..PlanFacts::default()
        };
        silent(
            &PlanningDominates,
            "short",
            &PLAN.replace("8.0 ms", "4.0 ms"),
            &facts,
        );
        silent(
            &PlanningDominates,
            "long run",
            &PLAN.replace("2.0 ms", "9.0 ms"),
            &facts,
        );
        silent(
            &PlanningDominates,
            "first",
            &PLAN.replace("read=5", "read=500"),
            &facts,
        );
    }
}
