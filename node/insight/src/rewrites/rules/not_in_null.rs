//! W1: NOT IN over a subquery keeps the planner from an anti join.

use pg_query::NodeEnum;
use pg_query::protobuf::{BoolExpr, BoolExprType, Node};

use super::exists::{Membership, membership};
use crate::rewrites::about::About;
use crate::rewrites::finding::Draft;
use crate::rewrites::rule::Rule;
use crate::rewrites::text::{conjuncts, is_constant, parameter, text};
use crate::rewrites::tree::node;
use crate::rewrites::view::View;

/// `x NOT IN (SELECT y …)`.
#[derive(Debug)]
pub(super) struct NotInNull;

impl Rule for NotInNull {
    fn about(&self) -> About {
        About {
            id: "w1",
            name: "subquery_optimization",
            title: "NOT IN over a subquery",
        }
    }

    fn judges_writes(&self) -> bool {
        true
    }

    fn evaluates_otherwise(&self) -> bool {
        true
    }

    fn check(&self, view: &View<'_>) -> Vec<Draft> {
        let mut found = Vec::new();
        for (site, of) in view.conditions() {
            let Some(member) = negated(of).and_then(|inner| membership(view, inner)) else {
                continue;
            };
            let question = question(view, &member);
            let relation = view
                .scope_of(member.inner)
                .bases
                .first()
                .and_then(|base| base.relation)
                .map(|of| of.name.clone());
            let not = node(NodeEnum::BoolExpr(Box::new(BoolExpr {
                boolop: BoolExprType::NotExpr as i32,
                args: vec![member.exists],
                ..BoolExpr::default()
            })));
            let Some((place, replaced)) = view.replaced(site, not) else {
                continue;
            };
            found.push(
                Draft::safe(place, replaced)
                    .asking(question)
                    .because(
                        "NOT IN must remember nulls, so PostgreSQL tests the subquery row by row; \
                         NOT EXISTS becomes an anti join",
                        "both sides are NOT NULL by the schema, where NOT IN and NOT EXISTS agree",
                    )
                    .saving(view.subplan_share(relation.as_deref())),
            );
        }
        found
    }
}

/// What a NOT denies.
fn negated(of: &Node) -> Option<&Node> {
    match of.node.as_ref()? {
        NodeEnum::BoolExpr(it) if it.boolop == BoolExprType::NotExpr as i32 => it.args.first(),
        _ => None,
    }
}

/// What is open about nulls.
fn question(view: &View<'_>, member: &Membership<'_>) -> Option<String> {
    let inner = view.scope_of(member.inner);
    let right = text(member.right)?;
    let is_tested = conjuncts(member.inner.where_clause.as_deref())
        .into_iter()
        .any(|term| text(term) == Some(format!("{right} IS NOT NULL")));
    if !is_tested && inner.is_never_null(member.right) != Some(true) {
        return Some(format!(
            "may {right} be null? then the original returns no row"
        ));
    }
    let left = text(member.left)?;
    let is_literal = is_constant(member.left) && parameter(member.left).is_none();
    if is_literal || view.scope.is_never_null(member.left) == Some(true) {
        return None;
    }
    Some(format!(
        "may {left} be null? the original drops those rows, the rewrite keeps them"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rewrites::testing::{asks, offers, quiet};

    const SQL: &str = "SELECT a FROM t WHERE id NOT IN (SELECT t_id FROM l WHERE l.x = $1)";

    #[test]
    fn keys_that_are_never_null_become_an_anti_join() {
        offers(
            &NotInNull,
            SQL,
            "SELECT a FROM t WHERE NOT EXISTS (SELECT 1 FROM l WHERE l.x = $1 AND t_id = t.id)",
        );
        offers(
            &NotInNull,
            "DELETE FROM t WHERE id NOT IN (SELECT y FROM l WHERE y IS NOT NULL ORDER BY y)",
            "DELETE FROM t WHERE NOT EXISTS (SELECT 1 FROM l WHERE y IS NOT NULL AND y = t.id)",
        );
    }

    #[test]
    fn columns_that_may_be_null_are_asked_about() {
        for (sql, part) in [
            (
                "SELECT a FROM t WHERE id NOT IN (SELECT y FROM l)",
                "may y be null",
            ),
            (
                "SELECT a FROM t WHERE b NOT IN (SELECT t_id FROM l)",
                "may b be null",
            ),
            (
                "SELECT a FROM t WHERE id NOT IN (SELECT l.t_id FROM t u LEFT JOIN l ON l.x = u.b)",
                "may l.t_id be null",
            ),
        ] {
            let finding = asks(&NotInNull, sql, part);
            assert!(finding.rewritten.is_some(), "{sql}");
        }
    }

    #[test]
    fn other_forms_are_left_alone() {
        for sql in [
            "SELECT a FROM t WHERE id NOT IN (1, 2)",
            "SELECT a FROM t WHERE id IN (SELECT t_id FROM l)",
            "SELECT a FROM t WHERE id NOT IN (SELECT max(t_id) FROM l)",
            "SELECT a FROM t WHERE id NOT IN (SELECT t_id FROM l ORDER BY x LIMIT 3)",
            "SELECT a FROM t WHERE (id NOT IN (SELECT t_id FROM l)) IS NULL",
            // The column may be one of the outer query.
            "SELECT 1 FROM t WHERE EXISTS (SELECT 1 FROM q WHERE b NOT IN (SELECT x FROM l))",
            // The subquery hides the table that holds the column.
            "SELECT a FROM t WHERE t.id NOT IN (SELECT t.t_id FROM l AS t)",
        ] {
            quiet(&NotInNull, sql);
        }
    }
}
