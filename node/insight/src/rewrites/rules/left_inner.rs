//! W10: a LEFT JOIN whose rows without a partner the WHERE drops again.

use pg_query::NodeEnum;
use pg_query::protobuf::{AExprKind, JoinType, Node, NullTestType};

use crate::rewrites::about::About;
use crate::rewrites::finding::Draft;
use crate::rewrites::rule::Rule;
use crate::rewrites::scope;
use crate::rewrites::text::{column, comparison, conjuncts, is_constant, mirrored, text};
use crate::rewrites::view::View;

/// `LEFT JOIN b … WHERE b.x = 1`.
#[derive(Debug)]
pub(super) struct LeftInner;

impl Rule for LeftInner {
    fn about(&self) -> About {
        About {
            id: "w10",
            name: "inefficient_join_detected",
            title: "a LEFT JOIN that is an inner one",
        }
    }

    fn check(&self, view: &View<'_>) -> Vec<Draft> {
        // The planner says it too where it can: then the plan has no outer join left.
        let is_outer = |kind: Option<&str>| matches!(kind, Some("Left" | "Right"));
        let stays = view.plan.is_none_or(|plan| {
            let nodes = plan.root.preorder();
            nodes
                .iter()
                .any(|node| is_outer(node.shape.join_type.as_deref()))
        });
        let terms = conjuncts(view.select.where_clause.as_deref());
        let is_ours = |node: &Node| match node.node.as_ref() {
            Some(NodeEnum::JoinExpr(join)) => {
                join.jointype == JoinType::JoinLeft as i32 && !join.is_natural
            }
            _ => false,
        };
        view.places()
            .filter(|(_, of)| stays && is_ours(of))
            .filter_map(|(site, of)| {
                let alias = right_alias(of)?;
                let term = terms.iter().find(|term| rejects_null(view, term, &alias))?;
                let mut inner = of.clone();
                if let Some(NodeEnum::JoinExpr(join)) = inner.node.as_mut() {
                    join.jointype = JoinType::JoinInner as i32;
                }
                let replaced = view.copy_with(&site.path, inner)?;
                let draft = Draft::safe(text(term)?, replaced);
                Some(draft.because(
                    "an inner join may be done in any order; PostgreSQL sees that by itself only \
                     where the condition is strict in its eyes",
                    "the condition is never true for a row without a partner",
                ))
            })
            .collect()
    }
}

/// Name of the table on the right of a join.
fn right_alias(join: &Node) -> Option<String> {
    let Some(NodeEnum::JoinExpr(join)) = join.node.as_ref() else {
        return None;
    };
    match join.rarg.as_deref()?.node.as_ref()? {
        NodeEnum::RangeVar(range) => Some(scope::alias(range).to_owned()),
        NodeEnum::RangeSubselect(of) => of.alias.as_ref().map(|alias| alias.aliasname.clone()),
        _ => None,
    }
}

/// Whether a term is never true where a table has no row.
fn rejects_null(view: &View<'_>, term: &Node, alias: &str) -> bool {
    let is_strict = |of: Option<&Node>| of.is_some_and(|of| is_strict(view, of, alias));
    if let Some((operator, left, right)) = comparison(term) {
        return mirrored(operator).is_some() && (is_strict(Some(left)) || is_strict(Some(right)));
    }
    match term.node.as_ref() {
        Some(NodeEnum::NullTest(it)) => {
            let is_not = it.nulltesttype == NullTestType::IsNotNull as i32;
            is_not
                && it
                    .arg
                    .as_deref()
                    .is_some_and(|arg| belongs(view, arg, alias))
        }
        Some(NodeEnum::AExpr(it)) => {
            let kinds = [
                AExprKind::AexprIn,
                AExprKind::AexprLike,
                AExprKind::AexprIlike,
                AExprKind::AexprBetween,
                AExprKind::AexprOpAny,
            ];
            let is_known = kinds.iter().any(|kind| it.kind == *kind as i32);
            is_known && is_strict(it.lexpr.as_deref())
        }
        Some(NodeEnum::ColumnRef(_)) => belongs(view, term, alias),
        _ => false,
    }
}

/// Whether an expression is null where a table has no row: its column, cast or reckoned with.
fn is_strict(view: &View<'_>, of: &Node, alias: &str) -> bool {
    if belongs(view, of, alias) {
        return true;
    }
    match of.node.as_ref() {
        Some(NodeEnum::TypeCast(it)) => it
            .arg
            .as_deref()
            .is_some_and(|arg| is_strict(view, arg, alias)),
        _ => comparison(of).is_some_and(|(operator, left, right)| {
            let is_sum = matches!(operator, "+" | "-" | "*" | "/");
            let left_only = is_constant(right) && is_strict(view, left, alias);
            let right_only = is_constant(left) && is_strict(view, right, alias);
            is_sum && (left_only || right_only)
        }),
    }
}

fn belongs(view: &View<'_>, of: &Node, alias: &str) -> bool {
    column(of).is_some()
        && view
            .scope
            .resolve(of)
            .is_some_and(|(base, _)| base.alias == alias)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rewrites::testing::{offers, offers_by_plan, quiet, quiet_by_plan};

    #[test]
    fn strict_conditions_make_the_join_an_inner_one() {
        for (condition, _) in [
            ("l.x = 1", ()),
            ("t.a < l.x + 1", ()),
            ("l.x::text LIKE $1", ()),
            ("l.x IN (1, 2)", ()),
            ("l.x IS NOT NULL", ()),
            ("x = $1", ()),
        ] {
            let sql = format!("SELECT t.id FROM t LEFT JOIN l ON l.t_id = t.id WHERE {condition}");
            offers(&LeftInner, &sql, &sql.replace("LEFT JOIN", "JOIN"));
        }
    }

    #[test]
    fn other_conditions_are_left_alone() {
        let sql = "SELECT t.id FROM t LEFT JOIN l ON l.t_id = t.id AND l.x = 1";
        quiet(&LeftInner, sql);
        for condition in [
            "l.id IS NULL",
            "coalesce(l.x, 0) = 0",
            "l.x = 1 OR t.a = 1",
            "l.x IS DISTINCT FROM 1",
            "t.a = 1",
        ] {
            quiet(&LeftInner, &format!("{sql} WHERE {condition}"));
        }
    }

    #[test]
    fn joins_that_the_planner_turned_by_itself_are_left_alone() {
        let sql = "SELECT t.id FROM t LEFT JOIN l ON l.t_id = t.id";
        let plan = "\
Hash Join  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..90.0 rows=50 loops=1)
  Hash Cond: (t.id = l.t_id)
Execution Time: 100.0 ms
";
        let sql = format!("{sql} WHERE l.x = 1");
        quiet_by_plan(&LeftInner, &sql, plan);
        for stays in ["Hash Left Join", "Hash Right Join"] {
            let plan = plan.replace("Hash Join", stays);
            offers_by_plan(&LeftInner, &sql, &plan, &sql.replace("LEFT JOIN", "JOIN"));
        }
    }
}
