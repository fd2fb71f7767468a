//! P8: a nested loop runs its inner side too often.

use super::view::{View, is_right, looks_up};
use super::{About, Finding, Rule, Unit};
use crate::plan::node::{ChildRole, PlanNode};

/// Least loops of the inner side.
const MIN_LOOPS: f64 = 1_000.0;
/// Least share of the execution that the inner side takes.
const SHARE: f64 = 0.5;
/// A look-up in a unique index below this is as fast as it gets, in milliseconds.
const FAST_LOOKUP_MS: f64 = 0.05;

/// The inner side of a nested loop takes most of the time.
#[derive(Debug)]
pub(super) struct NestedLoopMany;

impl Rule for NestedLoopMany {
    fn about(&self) -> About {
        About {
            id: "P8",
            name: "nested_loop_many",
            disproved_by: "a hash join of the same inputs is no faster",
        }
    }

    fn check(&self, view: &View<'_>, node: &PlanNode) -> Option<Finding> {
        let of_role = |role| node.children.iter().find(move |child| child.role == role);
        let inner = of_role(ChildRole::Inner).filter(|_| node.kind == "Nested Loop")?;
        let actual = inner.actual.filter(|actual| actual.loops > MIN_LOOPS)?;
        if !view.takes_with_children(inner, SHARE) {
            return None;
        }
        let loop_ms = actual.total_ms.map(|total| total / actual.loops);
        let outer_error = of_role(ChildRole::Outer).and_then(PlanNode::estimate_error);
        let outer_right = outer_error.is_some_and(is_right);
        let is_fast = loop_ms.is_some_and(|time| time < FAST_LOOKUP_MS);
        if node.shape.inner_unique && is_fast && outer_right {
            return None;
        }
        let cause = format!("runs its inner side {:.0} times", actual.loops);
        let mut finding = Finding::at(view, self.about(), node, cause)
            .with("loops", actual.loops, Unit::Count)
            .about_relation(relation_below(inner));
        if let Some(loop_ms) = loop_ms {
            finding = finding.with("time of a loop", loop_ms, Unit::Milliseconds);
        }
        Some(
            finding
                .advise_if(!outer_right, "the estimate of the outer side first (P1)")
                .advise_if(!looks_up(inner), "an index on the key of the inner side")
                .advise_if(
                    looks_up(inner),
                    "compare with a hash join: SET LOCAL enable_nestloop = off",
                )
                .at_stake(inner.wall_ms().unwrap_or(0.0)),
        )
    }
}

/// The first relation that is read below a node.
fn relation_below(node: &PlanNode) -> Option<&str> {
    node.preorder()
        .into_iter()
        .find_map(|below| below.target.relation.as_deref())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fires, silent};
    use super::*;
    use crate::plan::rules::PlanFacts;

    const PLAN: &str = "\
Nested Loop  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..900.0 rows=5000 loops=1)
  ->  Seq Scan on a  (cost=0.00..9.00 rows=5000 width=4) (actual time=0.1..10.0 rows=5000 loops=1)
  ->  Seq Scan on b  (cost=0.00..9.00 rows=1 width=4) (actual time=0.01..0.16 rows=1 loops=5000)
Execution Time: 901.0 ms
";

    #[test]
    fn an_inner_side_that_takes_most_is_found() {
        let finding = fires(&NestedLoopMany, PLAN, &PlanFacts::default());
        assert_eq!(finding.relation.as_deref(), Some("b"));
        assert_eq!(finding.advice.len(), 1, "the outer estimate is right");
        let off = PLAN.replace("rows=5000 width", "rows=5 width");
        assert!(fires(&NestedLoopMany, &off, &PlanFacts::default()).advice[0].contains("P1"));
    }

    #[test]
    fn few_and_fast_loops_are_left_alone() {
        let none = PlanFacts::default();
        silent(
            &NestedLoopMany,
            "few",
            &PLAN.replace("loops=5000", "loops=900"),
            &none,
        );
        silent(
            &NestedLoopMany,
            "cheap",
            &PLAN.replace("..0.16", "..0.01"),
            &none,
        );
        let unique = PLAN
            .replace("0.01..0.16", "0.01..0.04")
            .replace("..900.0", "..220.0")
            .replace("901.0 ms", "221.0 ms")
            .replacen("\n", "\n  Inner Unique: true\n", 1);
        silent(&NestedLoopMany, "unique", &unique, &none);
        fires(&NestedLoopMany, &unique.replace("true", "false"), &none);
    }
}
