//! P19: an Index Only Scan has to look into the table after all.

use super::view::{SELF_SHARE, View};
use super::{About, Finding, Rule, Unit};
use crate::plan::node::PlanNode;

/// Least fetches by rows.
const RATIO: f64 = 0.2;
/// Least fetches.
const MIN_FETCHES: f64 = 1_000.0;
/// A table that changes faster than this cannot stay visible, in rows by rows a day.
const MAX_WRITTEN: f64 = 0.5;

/// Rows that the visibility map does not vouch for.
#[derive(Debug)]
pub(super) struct HeapFetches;

impl Rule for HeapFetches {
    fn about(&self) -> About {
        About {
            id: "P19",
            name: "heap_fetches",
            disproved_by: "the fetches stay as many right after VACUUM",
        }
    }

    fn check(&self, view: &View<'_>, node: &PlanNode) -> Option<Finding> {
        let fetches = node
            .work
            .heap_fetches
            .filter(|fetches| *fetches >= MIN_FETCHES)?;
        let ratio = fetches / node.rows()?.max(1.0);
        let written = view
            .table(node)
            .and_then(|table| table.written_share_per_day);
        let changes_fast = written.is_some_and(|share| share > MAX_WRITTEN);
        let is_scan = node.kind == "Index Only Scan";
        if !is_scan || ratio <= RATIO || changes_fast || !view.takes(node, SELF_SHARE) {
            return None;
        }
        let cause = format!("{fetches:.0} rows were looked up in the table");
        let finding = Finding::at(view, self.about(), node, cause)
            .with("heap fetches", fetches, Unit::Rows)
            .with("fetches by rows", ratio, Unit::Ratio)
            .advise("VACUUM the table")
            .advise("a lower autovacuum_vacuum_insert_scale_factor for the table")
            .advise("look for what holds back the oldest transaction");
        Some(finding.at_stake(node.self_wall_ms().unwrap_or(0.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fires, silent};
    use super::*;
    use crate::plan::rules::{PlanFacts, TableFacts};

    const PLAN: &str = "\
Index Only Scan using t_a on t  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..90.0 rows=9000 loops=1)
  Heap Fetches: 5000
Execution Time: 91.0 ms
";

    #[test]
    fn many_fetches_are_found() {
        fires(&HeapFetches, PLAN, &PlanFacts::default());
    }

    #[test]
    fn few_fetches_and_busy_tables_are_left_alone() {
        let none = PlanFacts::default();
        silent(&HeapFetches, "few", &PLAN.replace("5000", "900"), &none);
        silent(
            &HeapFetches,
            "ratio",
            &PLAN.replace("rows=9000", "rows=90000"),
            &none,
        );
        let busy = TableFacts {
            written_share_per_day: Some(0.9),
            ..TableFacts::default()
        };
        let facts = PlanFacts {
            tables: [("t".to_owned(), busy)].into(),
            ..none
        };
        silent(&HeapFetches, "busy", PLAN, &facts);
    }
}
