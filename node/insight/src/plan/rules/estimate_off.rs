//! P1: the planner was wrong about rows, and chose what is above by it.

use super::view::{SELF_SHARE, View, is_right};
use super::{About, Finding, Rule, Unit};
use crate::plan::condition::Condition;
use crate::plan::node::{ChildRole, PlanNode};
use crate::words::count;

/// Fewer rows than this do no harm.
const MIN_ROWS: f64 = 1_000.0;
/// Share of changed rows from which statistics are stale.
const STALE_SHARE: f64 = 0.1;

/// The lowest node whose rows are off by more than ten times.
#[derive(Debug)]
pub(super) struct EstimateOff;

impl Rule for EstimateOff {
    fn about(&self) -> About {
        About {
            id: "P1",
            name: "estimate_off",
            disproved_by: "the estimate stays off after ANALYZE with extended statistics",
        }
    }

    fn check(&self, view: &View<'_>, node: &PlanNode) -> Option<Finding> {
        let error = node.estimate_error()?;
        let (rows, expected) = (node.rows()?, node.rows_expected());
        let children_right = node
            .children
            .iter()
            .filter_map(PlanNode::estimate_error)
            .all(is_right);
        if is_right(error) || rows.max(expected) < MIN_ROWS || !children_right {
            return None;
        }
        let harmed = view.harmed(node)?;
        // The node itself may be fast: its harm is where its rows are used.
        let matters = view.takes_with_children(harmed, SELF_SHARE);
        if !matters || is_single_plan(view) || stops_early(view, node) {
            return None;
        }
        let changed = view.table(node).and_then(|table| table.changed_share);
        let columns: usize = node
            .conditions
            .iter()
            .map(|found| found.columns().len())
            .sum();
        let wraps = node.conditions.iter().any(Condition::wraps_column);
        let cause = format!(
            "the planner expected {}, there {}",
            count(expected.round(), "row", "rows"),
            match rows.round() {
                1.0 => "was 1".to_owned(),
                rows => format!("were {rows}"),
            }
        );
        let finding = Finding::at(view, self.about(), node, cause)
            .with("rows", rows, Unit::Rows)
            .with("rows expected", expected, Unit::Rows)
            .with("rows by rows expected", error, Unit::Ratio)
            .advise_if(
                changed.is_none_or(|share| share > STALE_SHARE),
                "ANALYZE the table",
            )
            .advise_if(
                columns >= 2 || wraps,
                "CREATE STATISTICS on the columns or the expression of the condition",
            )
            .advise("ALTER TABLE … ALTER COLUMN … SET STATISTICS 500, then ANALYZE");
        Some(finding.at_stake(harmed.wall_ms().unwrap_or(0.0)))
    }
}

/// One plan may have had unusual parameters.
fn is_single_plan(view: &View<'_>) -> bool {
    view.facts.other_plans == 0
}

/// Whether a Limit, or a join that wants one row only, may have stopped the node.
fn stops_early(view: &View<'_>, node: &PlanNode) -> bool {
    let mut path = view.plan.path(node.id);
    path.reverse();
    let inner_of_semi = path.iter().zip(path.iter().skip(1)).any(|(child, parent)| {
        let kind = parent.shape.join_type.as_deref();
        child.role == ChildRole::Inner && matches!(kind, Some("Semi" | "Anti"))
    });
    inner_of_semi || view.limit_above(node).is_some()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fires, silent};
    use super::*;
    use crate::plan::rules::PlanFacts;

    const PLAN: &str = "\
Hash Join  (cost=0.00..9.00 rows=5 width=4) (actual time=0.1..90.0 rows=20000 loops=1)
  Hash Cond: (a.id = b.id)
  ->  Seq Scan on a  (cost=0.00..9.00 rows=5 width=4) (actual time=0.1..30.0 rows=20000 loops=1)
        Filter: ((x = 1) AND (y = 2))
  ->  Hash  (cost=0.00..9.00 rows=5 width=4) (actual time=0.1..1.0 rows=5 loops=1)
        ->  Seq Scan on b  (cost=0.00..9.00 rows=5 width=4) (actual time=0.1..1.0 rows=5 loops=1)
Execution Time: 91.0 ms
";

    #[test]
    fn the_lowest_wrong_node_is_named() {
        let facts = PlanFacts {
            other_plans: 2,
            ..PlanFacts::default()
        };
        let finding = fires(&EstimateOff, PLAN, &facts);
        assert_eq!(finding.relation.as_deref(), Some("a"));
        assert_eq!(finding.confidence, 0.7);
        assert!(
            finding
                .advice
                .iter()
                .any(|advice| advice.contains("CREATE STATISTICS"))
        );
    }

    #[test]
    fn what_stopped_early_is_not_wrong() {
        let facts = PlanFacts {
            other_plans: 2,
            ..PlanFacts::default()
        };
        silent(&EstimateOff, "one plan", PLAN, &PlanFacts::default());
        let limit = format!(
            "Limit  (cost=0.00..9.00 rows=5 width=4) (actual time=0.1..90.0 rows=5 loops=1)\n  ->  {}",
            PLAN.replace('\n', "\n  ").trim_end()
        );
        silent(
            &EstimateOff,
            "limit",
            &limit.replace("  Execution", "Execution"),
            &facts,
        );
        silent(
            &EstimateOff,
            "right",
            &PLAN.replace("rows=5 ", "rows=9000 "),
            &facts,
        );
    }
}
