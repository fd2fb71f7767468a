//! P17: a subquery runs for every row.

use super::view::{SELF_SHARE, View, looks_up};
use super::{About, Finding, Rule, Unit};
use crate::plan::node::{ChildRole, PlanNode};

/// Least loops.
const MIN_LOOPS: f64 = 1_000.0;
/// Less time in all loops does no harm, in milliseconds.
const MIN_MS: f64 = 5.0;

/// A SubPlan that is not hashed and runs often.
#[derive(Debug)]
pub(super) struct SubplanLoops;

impl Rule for SubplanLoops {
    fn about(&self) -> About {
        About {
            id: "P17",
            name: "subplan_loops",
            disproved_by: "the statement with a join is no faster",
        }
    }

    fn check(&self, view: &View<'_>, node: &PlanNode) -> Option<Finding> {
        // A hashed SubPlan runs once, so its loops tell.
        let actual = node.actual.filter(|actual| actual.loops > MIN_LOOPS)?;
        let is_short = node.wall_ms().is_some_and(|time| time < MIN_MS);
        let matters = view.takes_with_children(node, SELF_SHARE);
        if node.role != ChildRole::SubPlan || is_short || !matters {
            return None;
        }
        let relation = node
            .preorder()
            .into_iter()
            .find_map(|of| of.target.relation.as_deref());
        let name = node.subplan.as_deref().unwrap_or("the subquery");
        let cause = format!("{name} runs {:.0} times", actual.loops);
        let finding = Finding::at(view, self.about(), node, cause)
            .with("loops", actual.loops, Unit::Count)
            .with("rows", actual.rows, Unit::Rows)
            .about_relation(relation)
            .advise("a LEFT JOIN on the grouped query instead of the subquery (W8)")
            .advise_if(!looks_up(node), "an index on the correlated column");
        Some(finding)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fires, silent};
    use super::*;
    use crate::plan::rules::PlanFacts;

    const PLAN: &str = "\
Seq Scan on o  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..90.0 rows=5000 loops=1)
  SubPlan 1
    ->  Seq Scan on l  (cost=0.00..9.00 rows=9 width=4) (actual time=0.001..0.010 rows=1 loops=5000)
Execution Time: 91.0 ms
";

    #[test]
    fn a_subquery_for_every_row_is_found() {
        let finding = fires(&SubplanLoops, PLAN, &PlanFacts::default());
        assert_eq!(finding.relation.as_deref(), Some("l"));
    }

    #[test]
    fn hashed_and_short_subqueries_are_left_alone() {
        let none = PlanFacts::default();
        silent(
            &SubplanLoops,
            "hashed",
            &PLAN.replace("loops=5000", "loops=1"),
            &none,
        );
        silent(
            &SubplanLoops,
            "short",
            &PLAN.replace("..0.010", "..0.0009"),
            &none,
        );
        silent(
            &SubplanLoops,
            "init",
            &PLAN.replace("SubPlan 1", "InitPlan 1"),
            &none,
        );
    }
}
