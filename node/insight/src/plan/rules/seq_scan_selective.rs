//! P2: a table is read from end to end for few of its rows.

use super::view::{View, index_for};
use super::{About, Finding, Rule, Unit};
use crate::plan::node::PlanNode;
use crate::words::count;

/// Largest share of the rows that are kept.
const MAX_KEPT: f64 = 0.05;
/// Least blocks that are read.
const MIN_PAGES: f64 = 1_000.0;
/// Least share of the execution that the scan itself takes.
const SHARE: f64 = 0.3;
/// From this share of the pages on an index would not help.
const MAX_NEEDED_PAGES: f64 = 0.2;

/// A sequential scan that throws nearly all rows away.
#[derive(Debug)]
pub(super) struct SeqScanSelective;

impl Rule for SeqScanSelective {
    fn about(&self) -> About {
        About {
            id: "P2",
            name: "seq_scan_selective",
            disproved_by: "the plan with the index costs at least as much",
        }
    }

    fn check(&self, view: &View<'_>, node: &PlanNode) -> Option<Finding> {
        let (rows, removed) = (node.rows()?, node.removed_by_filter());
        let kept = rows / (rows + removed).max(1.0);
        let pages = view.pages(node);
        let is_selective = removed > 0.0 && kept < MAX_KEPT && pages >= MIN_PAGES;
        if node.kind != "Seq Scan" || !is_selective || !view.takes(node, SHARE) {
            return None;
        }
        if view.limit_satisfied(node) || index_is_no_help(view, node) {
            return None;
        }
        let cause = format!(
            "reads {} and keeps {rows:.0} of {}",
            count(pages, "block", "blocks"),
            count((rows + removed).round(), "row", "rows")
        );
        // A filter that no index looks up is no matter of an index.
        let index = index_for(&view.served(node))?;
        let finding = Finding::at(view, self.about(), node, cause)
            .with("rows", rows, Unit::Rows)
            .with("rows removed", removed, Unit::Rows)
            .with("blocks", pages, Unit::Blocks)
            .advise(index);
        Some(finding.at_stake(node.self_wall_ms().unwrap_or(0.0)))
    }
}

/// Whether an index would read most pages too, or would be used once a day.
fn index_is_no_help(view: &View<'_>, node: &PlanNode) -> bool {
    view.table(node).is_some_and(|table| {
        table
            .needed_page_share
            .is_some_and(|share| share > MAX_NEEDED_PAGES)
            || table.seq_scans_per_day.is_some_and(|scans| scans <= 1.0)
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fires, silent};
    use super::*;
    use crate::plan::rules::{PlanFacts, TableFacts};

    const PLAN: &str = "\
Seq Scan on t  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..90.0 rows=10 loops=1)
  Filter: (a = 1)
  Rows Removed by Filter: 99990
  Buffers: shared hit=500 read=1500
Execution Time: 91.0 ms
";

    #[test]
    fn a_selective_scan_of_a_large_table_is_found() {
        let finding = fires(&SeqScanSelective, PLAN, &PlanFacts::default());
        assert!(finding.advice[0].ends_with(": a"), "{:?}", finding.advice);
        assert_eq!(
            finding.cause,
            "reads 2000 blocks and keeps 10 of 100000 rows"
        );
    }

    #[test]
    fn patterns_and_expressions_are_no_columns() {
        for (filter, want) in [
            (
                "(lower(a) = 'x'::text)",
                "the expression of the filter: lower(a)",
            ),
            ("(a ~~ '%x%'::text)", "a trigram index (pg_trgm) on a"),
            ("(t.a = u.b)", ": a"),
        ] {
            let plan = PLAN.replace("(a = 1)", filter);
            let finding = fires(&SeqScanSelective, &plan, &PlanFacts::default());
            assert!(finding.advice[0].contains(want), "{:?}", finding.advice);
        }
    }

    #[test]
    fn blocks_of_a_subquery_are_not_those_of_the_scan() {
        let plan = PLAN.replace(
            "Execution",
            "  SubPlan 1\n    ->  Seq Scan on u  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..1.0 rows=10 loops=1)\n          Buffers: shared read=1500\nExecution",
        );
        silent(&SeqScanSelective, "subquery", &plan, &PlanFacts::default());
    }

    #[test]
    fn an_index_that_does_not_help_is_not_advised() {
        let none = PlanFacts::default();
        for (name, from, to) in [
            ("keeps much", "rows=10 ", "rows=10000 "),
            ("small", "read=1500", "read=100"),
            ("fast", "91.0 ms", "9.0 ms"),
            ("no share", "91.0 ms", "400.0 ms"),
            ("no lookup", "(a = 1)", "(a <> 1)"),
        ] {
            silent(&SeqScanSelective, name, &PLAN.replace(from, to), &none);
        }
        let limit =
            "Limit  (cost=0.00..9.00 rows=10 width=4) (actual time=0.1..90.0 rows=10 loops=1)";
        let limited = format!("{limit}\n  ->  {}", PLAN.replace("\n  ", "\n        "));
        silent(&SeqScanSelective, "limit", &limited, &none);
        let scattered = TableFacts {
            needed_page_share: Some(0.5),
            ..TableFacts::default()
        };
        let daily = TableFacts {
            seq_scans_per_day: Some(1.0),
            ..TableFacts::default()
        };
        for table in [scattered, daily] {
            let facts = PlanFacts {
                tables: [("t".to_owned(), table)].into(),
                ..none.clone()
            };
            silent(&SeqScanSelective, "table", PLAN, &facts);
        }
    }
}
