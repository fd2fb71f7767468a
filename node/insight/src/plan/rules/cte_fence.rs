//! P10: a CTE is computed whole, and a filter outside throws most of it away.

use super::view::{SELF_SHARE, View};
use super::{About, Finding, Rule, Unit};
use crate::plan::node::PlanNode;

/// Rows removed by rows kept.
const RATIO: f64 = 10.0;

/// A materialised CTE that keeps a filter out.
#[derive(Debug)]
pub(super) struct CteFence;

impl Rule for CteFence {
    fn about(&self) -> About {
        About {
            id: "P10",
            name: "cte_fence",
            disproved_by: "the statement with NOT MATERIALIZED is no faster",
        }
    }

    fn check(&self, view: &View<'_>, node: &PlanNode) -> Option<Finding> {
        let name = node
            .target
            .cte
            .as_deref()
            .filter(|_| node.kind == "CTE Scan")?;
        let (rows, removed) = (node.rows()?, node.removed_by_filter());
        let producer_name = format!("CTE {name}");
        let producer = view
            .nodes
            .iter()
            .find(|of| of.subplan.as_ref() == Some(&producer_name))?;
        let matters = view.takes_with_children(producer, SELF_SHARE);
        let is_fence = removed > 0.0 && removed > RATIO * rows.max(1.0);
        if !is_fence || !matters || must_be_whole(view, name, producer) {
            return None;
        }
        let cause = format!("the CTE {name} gives {removed:.0} rows that are thrown away");
        let finding = Finding::at(view, self.about(), node, cause)
            .with("rows", rows, Unit::Rows)
            .with("rows removed", removed, Unit::Rows)
            .advise(format!("WITH {name} AS NOT MATERIALIZED"))
            .advise("the filter inside the CTE");
        Some(finding.at_stake(producer.wall_ms().unwrap_or(0.0)))
    }
}

/// Whether the CTE must run whole and once.
fn must_be_whole(view: &View<'_>, name: &str, producer: &PlanNode) -> bool {
    let inside = producer.preorder();
    let has = |kind: &str| inside.iter().any(|node| node.kind == kind);
    let scans = view
        .nodes
        .iter()
        .filter(|node| node.target.cte.as_deref() == Some(name));
    let is_volatile = view.facts.volatile_ctes.contains(name);
    has("ModifyTable") || has("Recursive Union") || is_volatile || scans.count() > 1
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fires, silent};
    use super::*;
    use crate::plan::rules::PlanFacts;

    const PLAN: &str = "\
CTE Scan on recent  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..90.0 rows=10 loops=1)
  Filter: (a = 1)
  Rows Removed by Filter: 9990
  CTE recent
    ->  Seq Scan on t  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..70.0 rows=10000 loops=1)
Execution Time: 91.0 ms
";

    #[test]
    fn a_filter_that_stays_outside_is_found() {
        let finding = fires(&CteFence, PLAN, &PlanFacts::default());
        assert_eq!(finding.advice[0], "WITH recent AS NOT MATERIALIZED");
    }

    #[test]
    fn a_cte_that_must_be_whole_is_left_alone() {
        let none = PlanFacts::default();
        silent(
            &CteFence,
            "keeps",
            &PLAN.replace("rows=10 ", "rows=9990 "),
            &none,
        );
        silent(&CteFence, "cheap", &PLAN.replace("..70.0", "..7.0"), &none);
        silent(
            &CteFence,
            "writes",
            &PLAN.replace("Seq Scan on t ", "Insert on t "),
            &none,
        );
        silent(
            &CteFence,
            "recursive",
            &PLAN.replace("Seq Scan on t ", "Recursive Union "),
            &none,
        );
        let volatile_ctes = ["recent".to_owned()].into();
        silent(
            &CteFence,
            "volatile",
            PLAN,
            &PlanFacts {
                volatile_ctes,
                ..none.clone()
            },
        );
        let twice = "\
Nested Loop  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..90.0 rows=10 loops=1)
  CTE recent
    ->  Seq Scan on t  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..70.0 rows=10000 loops=1)
  ->  CTE Scan on recent a  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..80.0 rows=1 loops=1)
        Filter: (a = 1)
        Rows Removed by Filter: 9990
  ->  CTE Scan on recent b  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..1.0 rows=1 loops=1)
Execution Time: 91.0 ms
";
        silent(&CteFence, "twice", twice, &none);
    }
}
