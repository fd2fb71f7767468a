//! P11: the planner took the default for the rows of a function.

use super::view::{SELF_SHARE, View, is_right};
use super::{About, Finding, Rule, Unit};
use crate::plan::node::PlanNode;
use crate::words::count;

/// Rows that the planner takes when nobody told it.
const DEFAULTS: [f64; 3] = [1_000.0, 100.0, 1.0];
/// A function whose rows vary more than this has no right number.
const MAX_VARIATION: f64 = 100.0;

/// A function gives other rows than the default, and a join is planned by it.
#[derive(Debug)]
pub(super) struct FunctionScanRows;

impl Rule for FunctionScanRows {
    fn about(&self) -> About {
        About {
            id: "P11",
            name: "function_scan_rows",
            disproved_by: "the plan stays the same with the right number of rows",
        }
    }

    fn check(&self, view: &View<'_>, node: &PlanNode) -> Option<Finding> {
        let is_default = DEFAULTS.contains(&node.estimate.rows);
        let error = node
            .estimate_error()
            .filter(|_| node.kind == "Function Scan")?;
        let join = view
            .ancestors(node)
            .into_iter()
            .find(|above| above.is_join())?;
        let varies = view
            .facts
            .function_rows_ratio
            .is_some_and(|ratio| ratio > MAX_VARIATION);
        let matters = view.takes_with_children(join, SELF_SHARE);
        if !is_default || is_right(error) || varies || !matters {
            return None;
        }
        let loops = node.actual?.loops.max(1.0);
        let rows = node.rows()? / loops;
        let name = node.target.function.as_deref().unwrap_or("the function");
        let cause = format!(
            "{name} gives {}, {} assumed",
            count(rows.round(), "row", "rows"),
            count(node.estimate.rows.round(), "was", "were")
        );
        let finding = Finding::at(view, self.about(), node, cause)
            .with("rows", rows, Unit::Rows)
            .with("rows expected", node.estimate.rows, Unit::Rows)
            .about_relation(node.target.function.as_deref())
            .advise(format!("ALTER FUNCTION {name} ROWS {:.0}", rows.max(1.0)))
            .advise("a support function")
            .advise("for arrays: = ANY (array) instead of a join with unnest");
        Some(finding.at_stake(join.wall_ms().unwrap_or(0.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fires, silent};
    use super::*;
    use crate::plan::rules::PlanFacts;

    const PLAN: &str = "\
Nested Loop  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..90.0 rows=10 loops=1)
  ->  Function Scan on ids i  (cost=0.00..9.00 rows=1000 width=4) (actual time=0.1..1.0 rows=3 loops=1)
  ->  Seq Scan on t  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..20.0 rows=10 loops=3)
Execution Time: 91.0 ms
";

    #[test]
    fn a_default_far_from_the_rows_is_found() {
        let finding = fires(&FunctionScanRows, PLAN, &PlanFacts::default());
        assert_eq!(finding.advice[0], "ALTER FUNCTION ids ROWS 3");
    }

    #[test]
    fn right_told_and_varying_rows_are_left_alone() {
        let none = PlanFacts::default();
        silent(
            &FunctionScanRows,
            "right",
            &PLAN.replace("rows=3 ", "rows=300 "),
            &none,
        );
        silent(
            &FunctionScanRows,
            "told",
            &PLAN.replace("rows=1000", "rows=900"),
            &none,
        );
        let varying = PlanFacts {
            function_rows_ratio: Some(500.0),
            ..none
        };
        silent(&FunctionScanRows, "varying", PLAN, &varying);
    }
}
