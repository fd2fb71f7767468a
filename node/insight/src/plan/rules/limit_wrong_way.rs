//! P18: the planner read an index in the wanted order and hoped to find the rows soon.

use super::view::View;
use super::{About, Finding, Rule, Unit};
use crate::plan::condition::Place;
use crate::plan::node::PlanNode;
use crate::words::count;

/// Rows removed by rows that the Limit wants.
const RATIO: f64 = 1_000.0;
/// Least share of the execution.
const SHARE: f64 = 0.5;

/// A Limit over an ordered scan whose filter hardly ever matches.
#[derive(Debug)]
pub(super) struct LimitWrongWay;

impl Rule for LimitWrongWay {
    fn about(&self) -> About {
        About {
            id: "P18",
            name: "limit_wrong_way",
            disproved_by: "the plan that filters first costs at least as much",
        }
    }

    fn check(&self, view: &View<'_>, node: &PlanNode) -> Option<Finding> {
        node.condition(Place::Filter)?;
        let is_ordered = matches!(node.kind.as_str(), "Index Scan" | "Index Only Scan");
        let limit = view.limit_above(node).filter(|_| is_ordered)?;
        let wanted = limit.rows_expected().max(1.0);
        let removed = node.removed_by_filter();
        // Fewer rows than wanted: the whole table had to be read, whatever the plan.
        if removed <= RATIO * wanted || !view.limit_satisfied(node) {
            return None;
        }
        if !view.takes_with_children(node, SHARE) {
            return None;
        }
        let columns = view.served(node).columns.join(", ");
        let cause = format!(
            "{removed:.0} rows were read in order for {}",
            count(wanted.round(), "that matches", "that match")
        );
        let finding = Finding::at(view, self.about(), node, cause)
            .with("rows removed", removed, Unit::Rows)
            .with("rows wanted", wanted, Unit::Rows)
            .advise_if(
                !columns.is_empty(),
                &format!("an index on the columns of the filter, then the order: {columns}, …"),
            )
            .advise("CREATE STATISTICS on the filter's column and the order's column");
        Some(finding)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fires, silent};
    use super::*;
    use crate::plan::rules::PlanFacts;

    const PLAN: &str = "\
Limit  (cost=0.00..9.00 rows=5 width=4) (actual time=0.1..290.0 rows=5 loops=1)
  ->  Index Scan using t_t on t  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..290.0 rows=5 loops=1)
        Filter: ((a = 1) AND (b = 2))
        Rows Removed by Filter: 362062
Execution Time: 290.5 ms
";

    #[test]
    fn a_scan_in_the_wrong_order_is_found() {
        let finding = fires(&LimitWrongWay, PLAN, &PlanFacts::default());
        assert!(
            finding.advice[0].ends_with("a, b, …"),
            "{:?}",
            finding.advice
        );
    }

    #[test]
    fn few_removed_rows_and_whole_tables_are_left_alone() {
        let none = PlanFacts::default();
        silent(
            &LimitWrongWay,
            "few",
            &PLAN.replace("362062", "3620"),
            &none,
        );
        silent(
            &LimitWrongWay,
            "whole",
            &PLAN.replace("rows=5 loops", "rows=4 loops"),
            &none,
        );
        silent(
            &LimitWrongWay,
            "no limit",
            &PLAN.replace("Limit ", "Sort "),
            &none,
        );
    }
}
