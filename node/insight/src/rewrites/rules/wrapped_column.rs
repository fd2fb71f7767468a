//! W3: an expression around a column keeps its index out.

use pg_query::NodeEnum;
use pg_query::protobuf::{AExprKind, Node};

use super::wrapped::{Bare, Wrapped};
use super::wrapped_time;
use crate::rewrites::about::About;
use crate::rewrites::finding::Draft;
use crate::rewrites::rule::Rule;
use crate::rewrites::schema::Relation;
use crate::rewrites::schema::TypeClass;
use crate::rewrites::text::{
    column, comparison, expression, integer, is_constant, mirrored, operand, parameter, string,
    text,
};
use crate::rewrites::view::View;

/// `created::date = $1`, `c + 1 = 5`, `coalesce(c, 0) = 5` and the like.
#[derive(Debug)]
pub(super) struct WrappedColumn;

impl Rule for WrappedColumn {
    fn about(&self) -> About {
        About {
            id: "w3",
            name: "wrapped_column",
            title: "a column inside an expression",
        }
    }

    fn judges_writes(&self) -> bool {
        true
    }

    fn check(&self, view: &View<'_>) -> Vec<Draft> {
        view.conditions()
            .filter_map(|(site, of)| {
                let wrapped = read(of)?;
                let bare = shift(view, &wrapped)
                    .or_else(|| coalesce(view, &wrapped))
                    .or_else(|| wrapped_time::bare(view, &wrapped))?;
                let (base, name) = view.scope.resolve(bare.column)?;
                let has = base
                    .relation
                    .is_some_and(|it| it.has_index_on_expression(&bare.expressions));
                if has {
                    return None;
                }
                let share = share(view, base.relation, name);
                let (place, replaced) = view.replaced(site, expression(&bare.sql)?)?;
                let draft = Draft::safe(place, replaced).asking(bare.question);
                Some(draft.saving(share).because(
                    "an index on the column serves only where the column stands by itself, and the \
                     planner knows the column's statistics",
                    bare.safety,
                ))
            })
            .collect()
    }
}

/// Reads a comparison with constants, the constants on the right.
fn read(of: &Node) -> Option<Wrapped<'_>> {
    if let Some((operator, left, right)) = comparison(of) {
        let (operator, left, right) = if is_constant(left) {
            (mirrored(operator)?, right, left)
        } else {
            (operator, left, right)
        };
        let is_ours = is_constant(right) && column(left).is_none();
        return is_ours.then_some(Wrapped {
            operator,
            left,
            right: vec![right],
        });
    }
    let NodeEnum::AExpr(it) = of.node.as_ref()? else {
        return None;
    };
    let NodeEnum::List(bounds) = it.rexpr.as_deref()?.node.as_ref()? else {
        return None;
    };
    let right: Vec<&Node> = bounds.items.iter().filter(|of| is_constant(of)).collect();
    let is_between = it.kind == AExprKind::AexprBetween as i32 && right.len() == 2;
    is_between.then_some(Wrapped {
        operator: "between",
        left: it.lexpr.as_deref()?,
        right,
    })
}

/// `c + 1 = 5` as `c = 4`.
fn shift<'a>(view: &View<'_>, of: &Wrapped<'a>) -> Option<Bare<'a>> {
    let (sign, inner, by) = comparison(of.left).filter(|(sign, ..)| matches!(*sign, "+" | "-"))?;
    let [value] = of.right.as_slice() else {
        return None;
    };
    let (column_node, by) = match (column(inner), column(by)) {
        (Some(_), None) if is_constant(by) => (inner, by),
        (None, Some(_)) if is_constant(inner) && sign == "+" => (by, inner),
        _ => return None,
    };
    let known = view.scope.column(column_node)?;
    mirrored(of.operator)?;
    if known.class() != TypeClass::Integer {
        return None;
    }
    let name = text(column_node)?;
    let (moved, question) = match (integer(value), integer(by)) {
        (Some(value), Some(by)) => {
            let by = if sign == "+" { by.checked_neg()? } else { by };
            (value.checked_add(by)?.to_string(), None)
        }
        _ => {
            let back = if sign == "+" { "-" } else { "+" };
            let (value, by) = (operand(value)?, operand(by)?);
            let kind = &known.type_name;
            let question = format!("are {value} and {by} always whole numbers that fit {kind}?");
            (
                format!("{value}::{kind} {back} {by}::{kind}"),
                Some(question),
            )
        }
    };
    Some(Bare {
        column: column_node,
        sql: format!("{name} {} {moved}", of.operator),
        question,
        safety: "whole numbers keep their order when the same number is taken from both sides; \
                 where the sum was too large, the original fails and the rewrite does not",
        expressions: vec![text(of.left)?],
    })
}

/// `coalesce(c, 0) = 5` as `c = 5`.
fn coalesce<'a>(view: &View<'_>, of: &Wrapped<'a>) -> Option<Bare<'a>> {
    let NodeEnum::CoalesceExpr(it) = of.left.node.as_ref()? else {
        return None;
    };
    let ([inner, default], [value]) = (it.args.as_slice(), of.right.as_slice()) else {
        return None;
    };
    column(inner)?;
    if of.operator != "=" || !is_constant(default) {
        return None;
    }
    let question = match differ(view, inner, default, value) {
        Some(true) => None,
        Some(false) => return None,
        None => Some(format!(
            "may {} ever equal {}?",
            text(value)?,
            text(default)?
        )),
    };
    Some(Bare {
        column: inner,
        sql: format!("{} = {}", text(inner)?, operand(value)?),
        question,
        safety: "the value differs from the default, so no row without a value is meant",
        expressions: vec![text(of.left)?],
    })
}

/// Whether two constants differ; nothing if that depends on parameters or types.
fn differ(view: &View<'_>, column: &Node, one: &Node, other: &Node) -> Option<bool> {
    if let (Some(one), Some(other)) = (parameter(one), parameter(other)) {
        return (one == other).then_some(false);
    }
    if let (Some(one), Some(other)) = (integer(one), integer(other)) {
        return Some(one != other);
    }
    let is_text = view
        .scope
        .column(column)
        .is_some_and(|of| of.class() == TypeClass::Text);
    match (string(one), string(other)) {
        (Some(one), Some(other)) if one == other => Some(false),
        (Some(_), Some(_)) if is_text => Some(true),
        _ => None,
    }
}

/// Share of the time in which scans of the table throw rows away, if an index on the column waits.
fn share(view: &View<'_>, relation: Option<&Relation>, column: &str) -> Option<f64> {
    let relation = relation.filter(|of| of.has_index_on(column))?;
    super::or_union::wasted_share(view, &relation.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rewrites::testing::{asks, offers, offers_by_plan, quiet};

    const PLAN: &str = "\
Seq Scan on t  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..80.0 rows=100 loops=1)
  Filter: ((a + 1) = 5)
  Rows Removed by Filter: 9900
Execution Time: 100.0 ms
";

    #[test]
    fn numbers_move_to_the_other_side() {
        for (sql, want) in [
            (
                "SELECT id FROM t WHERE a + 1 = 5",
                "SELECT id FROM t WHERE a = 4",
            ),
            (
                "SELECT id FROM t WHERE 5 > t.a - 1",
                "SELECT id FROM t WHERE t.a < 6",
            ),
            (
                "DELETE FROM t WHERE 1 + a >= 5 AND b = $1",
                "DELETE FROM t WHERE a >= 4 AND b = $1",
            ),
            (
                "SELECT id FROM t WHERE coalesce(a, 0) = 5",
                "SELECT id FROM t WHERE a = 5",
            ),
            (
                "SELECT id FROM t WHERE coalesce(st, '') = 'x'",
                "SELECT id FROM t WHERE st = 'x'",
            ),
        ] {
            offers(&WrappedColumn, sql, want);
        }
    }

    #[test]
    fn what_scans_throw_away_is_saved() {
        let sql = "SELECT id FROM t WHERE a + 1 = 5";
        let want = "SELECT id FROM t WHERE a = 4";
        let finding = offers_by_plan(&WrappedColumn, sql, PLAN, want);
        let improvement = finding.improvement_percent.unwrap();
        assert!((improvement - 79.2).abs() < 1e-6, "{improvement}");
        assert_eq!(finding.confidence, 0.9);
    }

    #[test]
    fn parameters_are_asked_about() {
        for (sql, part, want) in [
            (
                "SELECT id FROM t WHERE a + $1 = $2",
                "whole numbers",
                "SELECT id FROM t WHERE a = $2::int - $1::int",
            ),
            (
                "SELECT id FROM t WHERE coalesce(a, $1) = $2",
                "may $2 ever equal $1",
                "SELECT id FROM t WHERE a = $2",
            ),
        ] {
            let finding = asks(&WrappedColumn, sql, part);
            assert_eq!(finding.rewritten.as_deref(), Some(want));
        }
    }

    #[test]
    fn other_expressions_are_left_alone() {
        for sql in [
            "SELECT id FROM t WHERE lower(st) = 'a'",
            "SELECT id FROM t WHERE coalesce(a, 5) = 5",
            "SELECT id FROM t WHERE amount + 1 = 5",
            "SELECT id FROM t WHERE a + b = 5",
            "SELECT id FROM t WHERE a * 2 = 4",
            "SELECT id FROM t WHERE NOT coalesce(a, 0) = 5",
            "SELECT id FROM t WHERE a - 2147483647 = 5",
        ] {
            quiet(&WrappedColumn, sql);
        }
    }
}
