//! W7: counting only to see whether there is a row.

use pg_query::NodeEnum;
use pg_query::protobuf::{BoolExpr, BoolExprType, Node, SelectStmt, SubLinkType};

use super::exists::exists_node;
use crate::rewrites::about::About;
use crate::rewrites::finding::Draft;
use crate::rewrites::nodes::only_target;
use crate::rewrites::rule::Rule;
use crate::rewrites::text::{comparison, integer, mirrored, parameter, query, word};
use crate::rewrites::tree::{as_select, node};
use crate::rewrites::view::{View, is_plain};

/// `(SELECT count(*) …) > 0`.
#[derive(Debug)]
pub(super) struct CountExists;

impl Rule for CountExists {
    fn about(&self) -> About {
        About {
            id: "w7",
            name: "subquery_optimization",
            title: "count(*) only to see whether there is a row",
        }
    }

    fn judges_writes(&self) -> bool {
        true
    }

    fn evaluates_otherwise(&self) -> bool {
        true
    }

    fn check(&self, view: &View<'_>) -> Vec<Draft> {
        view.places()
            .filter_map(|(site, of)| {
                let (counted, is_any, question) = tested(of)?;
                let relation = view
                    .scope_of(counted)
                    .bases
                    .first()
                    .and_then(|base| base.relation)
                    .map(|of| of.name.clone());
                let mut inner = counted.clone();
                inner.target_list = query("SELECT 1")?.target_list;
                inner.sort_clause.clear();
                let exists = exists_node(inner)?;
                let new = if is_any { exists } else { not(exists) };
                let (place, replaced) = view.replaced(site, new)?;
                Some(
                    Draft::safe(place, replaced)
                        .asking(question)
                        .saving(beyond_first(view, relation.as_deref()))
                        .because(
                            "EXISTS stops at the first row; count reads them all",
                            "a count without groups is never null and is 0 exactly if there is no \
                             row",
                        ),
                )
            })
            .collect()
    }
}

/// The counting query, whether a row is wanted, and what is open.
fn tested(of: &Node) -> Option<(&SelectStmt, bool, Option<String>)> {
    let (operator, left, right) = comparison(of)?;
    let (operator, inner, value) = match (counting(left), counting(right)) {
        (Some(inner), None) => (operator, inner, right),
        (None, Some(inner)) => (mirrored(operator)?, inner, left),
        _ => return None,
    };
    // A normalised text has a parameter in the place of the number.
    let (number, question) = match (integer(value), parameter(value)) {
        (Some(number), _) => (number, None),
        (None, Some(parameter)) => {
            let number = i32::from(matches!(operator, ">=" | "<"));
            (number, Some(format!("is ${parameter} always {number}?")))
        }
        _ => return None,
    };
    let is_any = match (operator, number) {
        (">" | "<>", 0) | (">=", 1) => true,
        ("=" | "<=", 0) | ("<", 1) => false,
        _ => return None,
    };
    Some((inner, is_any, question))
}

/// A subquery that is an ungrouped `count(*)` and nothing else.
fn counting(of: &Node) -> Option<&SelectStmt> {
    let NodeEnum::SubLink(link) = of.node.as_ref()? else {
        return None;
    };
    let inner = as_select(link.subselect.as_deref()?)?;
    let NodeEnum::FuncCall(call) = only_target(inner)?.node.as_ref()? else {
        return None;
    };
    let is_count = call.agg_star
        && call.agg_filter.is_none()
        && call.over.is_none()
        && call.funcname.last().and_then(word) == Some("count");
    let is_whole = is_plain(inner)
        && inner.distinct_clause.is_empty()
        && inner.limit_count.is_none()
        && inner.limit_offset.is_none()
        && !inner.from_clause.is_empty();
    let is_value = link.sub_link_type == SubLinkType::ExprSublink as i32;
    (is_value && is_count && is_whole).then_some(inner)
}

fn not(of: Node) -> Node {
    node(NodeEnum::BoolExpr(Box::new(BoolExpr {
        boolop: BoolExprType::NotExpr as i32,
        args: vec![of],
        ..BoolExpr::default()
    })))
}

/// Share of the time that subplans spend on rows beyond the first of each run.
fn beyond_first(view: &View<'_>, relation: Option<&str>) -> Option<f64> {
    let plan = view.plan?;
    let mut saved = None;
    for subplan in view.subplans(relation) {
        let counted = subplan.children.first().and_then(|child| child.actual)?;
        let each = counted.rows / counted.loops.max(1.0);
        if each > 1.0 {
            let share = plan.total_share(subplan)? * (1.0 - 1.0 / each);
            saved = Some(saved.unwrap_or(0.0) + share);
        }
    }
    saved
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rewrites::testing::{asks, offers, offers_by_plan, quiet};

    const PLAN: &str = "\
Seq Scan on t  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..90.0 rows=50 loops=1)
  Filter: ((SubPlan 1) > 0)
  SubPlan 1
    ->  Aggregate  (cost=0.00..9.00 rows=9 width=4) (actual time=0.04..0.05 rows=1 loops=1000)
          ->  Seq Scan on l  (cost=0.00..9.00 rows=9 width=4) (actual time=0.01..0.03 rows=10 loops=1000)
Execution Time: 100.0 ms
";

    #[test]
    fn counts_become_exists() {
        for (sql, want) in [
            (
                "SELECT id FROM t WHERE (SELECT count(*) FROM l WHERE l.t_id = t.id) > 0",
                "SELECT id FROM t WHERE EXISTS (SELECT 1 FROM l WHERE l.t_id = t.id)",
            ),
            (
                "SELECT id FROM t WHERE 1 > (SELECT count(*) FROM l WHERE l.t_id = t.id) AND a = $1",
                "SELECT id FROM t WHERE NOT EXISTS (SELECT 1 FROM l WHERE l.t_id = t.id) AND a = $1",
            ),
            (
                "SELECT id, (SELECT count(*) FROM l WHERE l.t_id = t.id) = 0 AS alone FROM t",
                "SELECT id, NOT EXISTS (SELECT 1 FROM l WHERE l.t_id = t.id) AS alone FROM t",
            ),
        ] {
            offers(&CountExists, sql, want);
        }
    }

    #[test]
    fn rows_beyond_the_first_are_saved() {
        let sql = "SELECT id FROM t WHERE (SELECT count(*) FROM l WHERE l.t_id = t.id) > 0";
        let want = "SELECT id FROM t WHERE EXISTS (SELECT 1 FROM l WHERE l.t_id = t.id)";
        let finding = offers_by_plan(&CountExists, sql, PLAN, want);
        assert!((finding.improvement_percent.unwrap() - 45.0).abs() < 1e-6);
    }

    #[test]
    fn parameters_are_asked_about() {
        let sql =
            "SELECT id FROM t WHERE (SELECT count(*) FROM l WHERE l.t_id = $1) > $2 AND a = $3";
        let finding = asks(&CountExists, sql, "is $2 always 0?");
        assert_eq!(
            finding.rewritten.as_deref(),
            Some("SELECT id FROM t WHERE EXISTS (SELECT 1 FROM l WHERE l.t_id = $1) AND a = $3")
        );
    }

    #[test]
    fn other_counts_are_left_alone() {
        for test in [
            "(SELECT count(*) FROM l) > 1",
            "(SELECT count(*) FROM l) = 1",
            "(SELECT count(x) FROM l) > 0",
            "(SELECT count(*) FROM l GROUP BY x) > 0",
            "(SELECT count(*) FILTER (WHERE x = 1) FROM l) > 0",
            "(SELECT count(*) FROM l OFFSET 1) > 0",
        ] {
            quiet(&CountExists, &format!("SELECT id FROM t WHERE {test}"));
        }
    }
}
