//! P3: an index finds many rows that a filter throws away.

use super::view::{SELF_SHARE, View, index_for, looks_up};
use super::{About, Finding, Rule, Unit};
use crate::plan::condition::{Condition, Place};
use crate::plan::node::PlanNode;

/// Rows removed by rows kept.
const RATIO: f64 = 10.0;
/// Least rows removed.
const MIN_REMOVED: f64 = 1_000.0;

/// A filter after an index scan removes nearly all rows.
#[derive(Debug)]
pub(super) struct FilterAfterIndex;

impl Rule for FilterAfterIndex {
    fn about(&self) -> About {
        About {
            id: "P3",
            name: "filter_after_index",
            disproved_by: "the extended index leaves the blocks of the scan as many",
        }
    }

    fn check(&self, view: &View<'_>, node: &PlanNode) -> Option<Finding> {
        let (rows, removed) = (node.rows()?, node.removed_by_filter());
        let filter = node.condition(Place::Filter)?;
        let by_index = matches!(
            node.kind.as_str(),
            "Index Scan" | "Index Only Scan" | "Bitmap Heap Scan"
        );
        let is_large = removed > RATIO * rows.max(1.0) && removed >= MIN_REMOVED;
        if !by_index || !is_large || !view.takes_with_children(node, SELF_SHARE) {
            return None;
        }
        if is_included(view, node, filter) {
            return None;
        }
        let served = view.served(node);
        let index = index_for(&served)?;
        let columns = served.columns.join(", ");
        let extends = looks_up(node) && !columns.is_empty();
        let cause = format!("the filter removes {removed:.0} rows that the index found");
        let finding = Finding::at(view, self.about(), node, cause)
            .with("rows", rows, Unit::Rows)
            .with("rows removed", removed, Unit::Rows)
            // An index that only gives the order is still read from its begin.
            .advise(match extends {
                true => format!("extend the index by the columns of the filter: {columns}"),
                false => index,
            })
            .advise("a partial index, if the filter is the same constant in most calls");
        Some(finding)
    }
}

/// Whether the index holds the columns of the filter already.
fn is_included(view: &View<'_>, node: &PlanNode, filter: &Condition) -> bool {
    let child_index = || {
        node.children
            .first()
            .and_then(|child| child.target.index.as_deref())
    };
    let index = node.target.index.as_deref().or_else(child_index);
    let known = index.and_then(|index| view.facts.indexes.get(index));
    known.is_some_and(|index| {
        let columns = filter.columns();
        let plain = |column: &String| column.rsplit('.').next().unwrap_or_default().to_owned();
        !columns.is_empty()
            && columns
                .iter()
                .all(|column| index.included.contains(&plain(column)))
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fires, silent};
    use super::*;
    use crate::plan::rules::{IndexFacts, PlanFacts};

    const PLAN: &str = "\
Index Scan using t_a on t  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..90.0 rows=10 loops=1)
  Index Cond: (a = 1)
  Filter: (b = 2)
  Rows Removed by Filter: 99990
Execution Time: 91.0 ms
";

    #[test]
    fn a_filter_that_removes_nearly_all_is_found() {
        let finding = fires(&FilterAfterIndex, PLAN, &PlanFacts::default());
        assert!(finding.advice[0].starts_with("extend the index by"));
        assert!(finding.advice[0].ends_with(": b"));
        let ordered = PLAN.replace("  Index Cond: (a = 1)\n", "");
        let finding = fires(&FilterAfterIndex, &ordered, &PlanFacts::default());
        assert!(finding.advice[0].starts_with("an index that leads with"));
    }

    #[test]
    fn a_filter_that_no_index_serves_is_left_alone() {
        let none = PlanFacts::default();
        silent(
            &FilterAfterIndex,
            "not equal",
            &PLAN.replace("b = 2", "b <> 2"),
            &none,
        );
        silent(
            &FilterAfterIndex,
            "few",
            &PLAN.replace("99990", "900"),
            &none,
        );
        silent(
            &FilterAfterIndex,
            "keeps",
            &PLAN.replace("rows=10 ", "rows=10000 "),
            &none,
        );
        let index = IndexFacts {
            included: ["b".to_owned()].into(),
        };
        let facts = PlanFacts {
            indexes: [("t_a".to_owned(), index)].into(),
            ..none
        };
        silent(&FilterAfterIndex, "included", PLAN, &facts);
    }
}
