//! P21: rows travel from another server to be thrown away here.

use super::view::{SELF_SHARE, View};
use super::{About, Finding, Rule, Unit};
use crate::plan::condition::Place;
use crate::plan::node::PlanNode;

/// Rows removed by rows kept.
const RATIO: f64 = 10.0;
/// Least rows removed.
const MIN_REMOVED: f64 = 1_000.0;

/// A filter or a join that the other server could have done.
#[derive(Debug)]
pub(super) struct ForeignNoPushdown;

impl Rule for ForeignNoPushdown {
    fn about(&self) -> About {
        About {
            id: "P21",
            name: "foreign_no_pushdown",
            disproved_by: "the other server takes as long for the whole condition",
        }
    }

    fn check(&self, view: &View<'_>, node: &PlanNode) -> Option<Finding> {
        if !view.takes_with_children(node, SELF_SHARE) {
            return None;
        }
        let finding = filtered_here(view, self.about(), node)
            .or_else(|| joined_here(view, self.about(), node))?;
        Some(
            finding
                .advise("the extensions option of the server, for functions that it has too")
                .advise("immutable functions in the condition")
                .advise("use_remote_estimate, and a larger fetch_size"),
        )
    }
}

fn filtered_here(view: &View<'_>, about: About, node: &PlanNode) -> Option<Finding> {
    node.condition(Place::Filter)
        .filter(|_| node.kind == "Foreign Scan")?;
    let (rows, removed) = (node.rows()?, node.removed_by_filter());
    let is_large = removed > RATIO * rows.max(1.0) && removed >= MIN_REMOVED;
    if !is_large || has_no_pushdown(view, node) {
        return None;
    }
    let cause = format!("{removed:.0} rows travelled to be thrown away");
    let finding = Finding::at(view, about, node, cause)
        .with("rows", rows, Unit::Rows)
        .with("rows removed", removed, Unit::Rows);
    Some(finding)
}

fn joined_here(view: &View<'_>, about: About, node: &PlanNode) -> Option<Finding> {
    let sides: Vec<&PlanNode> = node.children.iter().filter_map(foreign_below).collect();
    let [one, other] = sides.as_slice() else {
        return None;
    };
    let server = |side| view.table(side).and_then(|table| table.server.as_deref());
    let same = server(one).is_some() && server(one) == server(other);
    if !node.is_join() || !same || has_no_pushdown(view, one) {
        return None;
    }
    let travelled = one.rows()? + other.rows()?;
    let cause = "two tables of one server are joined here".to_owned();
    let finding = Finding::at(view, about, node, cause)
        .with("rows", node.rows()?, Unit::Rows)
        .with("rows that travelled", travelled, Unit::Rows)
        .about_relation(one.target.relation.as_deref());
    Some(finding)
}

/// The Foreign Scan that is one side of a join.
fn foreign_below(side: &PlanNode) -> Option<&PlanNode> {
    let mut node = side;
    while matches!(
        node.kind.as_str(),
        "Hash" | "Sort" | "Materialize" | "Memoize"
    ) {
        node = node.children.first()?;
    }
    (node.kind == "Foreign Scan").then_some(node)
}

/// Whether the wrapper, such as `file_fdw`, leaves nothing to the other side.
fn has_no_pushdown(view: &View<'_>, node: &PlanNode) -> bool {
    view.table(node)
        .is_some_and(|table| table.has_pushdown == Some(false))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fires, silent};
    use super::*;
    use crate::plan::rules::{PlanFacts, TableFacts};

    const FILTER: &str = "\
Foreign Scan on far  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..90.0 rows=10 loops=1)
  Filter: (f(a) = 1)
  Rows Removed by Filter: 99990
Execution Time: 91.0 ms
";
    const JOIN: &str = "\
Hash Join  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..90.0 rows=10 loops=1)
  ->  Foreign Scan on far  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..40.0 rows=10 loops=1)
  ->  Hash  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..40.0 rows=10 loops=1)
        ->  Foreign Scan on off  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..40.0 rows=10 loops=1)
Execution Time: 91.0 ms
";

    fn on(servers: [&str; 2]) -> PlanFacts {
        let table = |server: &str| TableFacts {
            server: Some(server.into()),
            ..TableFacts::default()
        };
        let [far, off] = servers;
        let tables = [
            ("far".to_owned(), table(far)),
            ("off".to_owned(), table(off)),
        ]
        .into();
        PlanFacts {
            tables,
            ..PlanFacts::default()
        }
    }

    #[test]
    fn filters_and_joins_done_here_are_found() {
        fires(&ForeignNoPushdown, FILTER, &PlanFacts::default());
        fires(&ForeignNoPushdown, JOIN, &on(["s", "s"]));
    }

    #[test]
    fn what_the_other_side_cannot_do_is_left_alone() {
        let none = PlanFacts::default();
        silent(
            &ForeignNoPushdown,
            "few",
            &FILTER.replace("99990", "900"),
            &none,
        );
        silent(&ForeignNoPushdown, "servers unknown", JOIN, &none);
        silent(&ForeignNoPushdown, "two servers", JOIN, &on(["s", "t"]));
        let file = TableFacts {
            has_pushdown: Some(false),
            ..TableFacts::default()
        };
        let facts = PlanFacts {
            tables: [("far".to_owned(), file)].into(),
            ..none
        };
        silent(&ForeignNoPushdown, "file", FILTER, &facts);
    }
}
