//! W9: tables joined only to filter, and DISTINCT to take out what the join made double.

use pg_query::NodeEnum;
use pg_query::protobuf::{JoinType, Node, SelectStmt};

use super::exists::exists_node;
use super::keys::{identifies, output_columns};
use crate::plan::PlanNode;
use crate::rewrites::about::About;
use crate::rewrites::finding::Draft;
use crate::rewrites::nodes::{columns_of, has_subquery, is_star, star_alias, target_value};
use crate::rewrites::rule::Rule;
use crate::rewrites::scope;
use crate::rewrites::text::{add_condition, all_of, conjuncts, query, text};
use crate::rewrites::tree::select_node;
use crate::rewrites::view::{View, is_plain};

/// `SELECT DISTINCT o.* FROM o JOIN l …`.
#[derive(Debug)]
pub(super) struct DistinctJoin;

impl Rule for DistinctJoin {
    fn about(&self) -> About {
        About {
            id: "w9",
            name: "inefficient_join_detected",
            title: "DISTINCT over a join that only filters",
        }
    }

    fn evaluates_otherwise(&self) -> bool {
        true
    }

    fn check(&self, view: &View<'_>) -> Vec<Draft> {
        check(view).into_iter().collect()
    }
}

/// Tables and conditions of a FROM and WHERE that are inner joins alone.
struct Flat<'a> {
    tables: Vec<(&'a Node, String)>,
    terms: Vec<&'a Node>,
}

fn check(view: &View<'_>) -> Option<Draft> {
    let select = view.select;
    let is_distinct = matches!(select.distinct_clause.as_slice(), [only] if only.node.is_none());
    if !is_distinct || !is_plain(select) || view.scope.has_using || view.aggregates() {
        return None;
    }
    let flat = flat(view)?;
    let wanted = wanted(view)?;
    let (kept, filters): (Vec<_>, Vec<_>) = flat
        .tables
        .iter()
        .partition(|(_, alias)| wanted.contains(alias));
    if kept.is_empty() || filters.is_empty() {
        return None;
    }
    let is_filter = |alias: &String| filters.iter().any(|(_, of)| of == alias);
    let (mut outside, mut inside) = (Vec::new(), Vec::new());
    for term in &flat.terms {
        let touches = aliases(view, term)?.iter().any(is_filter);
        let side = if touches { &mut inside } else { &mut outside };
        side.push((*term).clone());
    }
    let kept_names: Vec<&str> = kept.iter().map(|(_, alias)| alias.as_str()).collect();
    let has_key = identifies(&view.scope, select, &kept_names) == Some(true);
    let mut exists = query("SELECT 1")?;
    exists.from_clause = filters.iter().map(|(table, _)| (*table).clone()).collect();
    exists.where_clause = all_of(inside).map(Box::new);
    let mut rewritten: SelectStmt = select.clone();
    rewritten.from_clause = kept.iter().map(|(table, _)| (*table).clone()).collect();
    rewritten.where_clause = all_of(outside).map(Box::new);
    add_condition(&mut rewritten, exists_node(exists)?);
    if has_key {
        rewritten.distinct_clause.clear();
    }
    let names: Vec<String> = filters
        .iter()
        .filter_map(|(table, _)| text_of(table))
        .collect();
    let safety = if has_key {
        "the select list holds a key of every table that stays, so no row comes twice"
    } else {
        "DISTINCT stays, since the select list holds no key of the tables that stay"
    };
    let draft = Draft::safe(names.join(", "), select_node(rewritten)).because(
        "a semi join finds one partner a row, instead of all of them only to drop the copies",
        safety,
    );
    let saved = view.self_share(&drops_copies).filter(|_| has_key);
    Some(draft.saving(saved))
}

/// The inner joins of a query as one list.
fn flat<'a>(view: &View<'a>) -> Option<Flat<'a>> {
    let mut flat = Flat {
        tables: Vec::new(),
        terms: Vec::new(),
    };
    let mut pending: Vec<&Node> = view.select.from_clause.iter().rev().collect();
    while let Some(item) = pending.pop() {
        match item.node.as_ref()? {
            NodeEnum::RangeVar(range) => {
                let alias = scope::alias(range).to_owned();
                flat.tables.push((item, alias));
            }
            NodeEnum::JoinExpr(join) => {
                if join.jointype != JoinType::JoinInner as i32 || join.alias.is_some() {
                    return None;
                }
                flat.terms.extend(conjuncts(join.quals.as_deref()));
                pending.extend(join.rarg.as_deref());
                pending.extend(join.larg.as_deref());
            }
            _ => return None,
        }
    }
    flat.terms
        .extend(conjuncts(view.select.where_clause.as_deref()));
    Some(flat)
}

/// Names of the tables that the result is made of.
fn wanted(view: &View<'_>) -> Option<Vec<String>> {
    let mut wanted: Vec<String> = output_columns(&view.scope, view.select)
        .or_else(|| stars(view))?
        .into_iter()
        .map(|(alias, _)| alias)
        .collect();
    let parts = view
        .select
        .target_list
        .iter()
        .chain(&view.select.sort_clause);
    for part in parts {
        if has_subquery(part) {
            return None;
        }
        wanted.extend(star_or_columns(view, part)?);
    }
    Some(wanted)
}

/// Tables of `t.*` where nobody knows the columns.
fn stars<'a>(view: &View<'a>) -> Option<Vec<(String, &'a str)>> {
    let mut named = Vec::new();
    for target in &view.select.target_list {
        let value = target_value(target)?;
        if let Some(alias) = star_alias(value) {
            if alias.is_empty() {
                return None;
            }
            named.push((alias.to_owned(), ""));
        }
    }
    Some(named)
}

fn star_or_columns(view: &View<'_>, part: &Node) -> Option<Vec<String>> {
    let is_star = target_value(part).is_some_and(is_star);
    if is_star {
        Some(Vec::new())
    } else {
        aliases(view, part)
    }
}

/// Names of the tables whose columns stand in an expression; nothing if one is unclear.
fn aliases(view: &View<'_>, of: &Node) -> Option<Vec<String>> {
    columns_of(of)?
        .into_iter()
        .map(|column| {
            view.scope
                .resolve(column)
                .map(|(base, _)| base.alias.clone())
        })
        .collect()
}

/// Whether a node drops equal rows.
fn drops_copies(node: &PlanNode) -> bool {
    matches!(node.kind.as_str(), "Unique" | "HashAggregate")
        || (node.kind == "Aggregate" && node.shape.strategy.as_deref() == Some("Hashed"))
}

fn text_of(table: &Node) -> Option<String> {
    match table.node.as_ref()? {
        NodeEnum::RangeVar(range) => Some(range.relname.clone()),
        _ => text(table),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rewrites::testing::{offers, offers_by_plan, quiet};

    const PLAN: &str = "\
HashAggregate  (cost=0.00..9.00 rows=9 width=4) (actual time=80.0..90.0 rows=50 loops=1)
  Group Key: t.id
  ->  Seq Scan on t  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..60.0 rows=5000 loops=1)
Execution Time: 100.0 ms
";

    #[test]
    fn filtering_tables_move_into_exists() {
        for (sql, want) in [
            (
                "SELECT DISTINCT t.* FROM t JOIN l ON l.t_id = t.id WHERE l.x = $1 AND t.a = $2",
                "SELECT t.* FROM t WHERE t.a = $2 AND EXISTS (SELECT 1 FROM l WHERE l.t_id = t.id AND l.x = $1)",
            ),
            (
                "SELECT DISTINCT o.id, o.a FROM t o, l WHERE t_id = o.id ORDER BY o.a LIMIT 5",
                "SELECT o.id, o.a FROM t o WHERE EXISTS (SELECT 1 FROM l WHERE t_id = o.id) ORDER BY o.a LIMIT 5",
            ),
            (
                "SELECT DISTINCT t.kind FROM t JOIN l ON l.t_id = t.id",
                "SELECT DISTINCT t.kind FROM t WHERE EXISTS (SELECT 1 FROM l WHERE l.t_id = t.id)",
            ),
        ] {
            offers(&DistinctJoin, sql, want);
        }
    }

    #[test]
    fn the_step_that_drops_copies_is_saved() {
        let finding = offers_by_plan(
            &DistinctJoin,
            "SELECT DISTINCT t.id FROM t JOIN l ON l.t_id = t.id",
            PLAN,
            "SELECT t.id FROM t WHERE EXISTS (SELECT 1 FROM l WHERE l.t_id = t.id)",
        );
        assert!((finding.improvement_percent.unwrap() - 30.0).abs() < 1e-6);
    }

    #[test]
    fn tables_that_the_result_needs_are_left_alone() {
        for sql in [
            "SELECT DISTINCT l.x FROM t JOIN l ON l.t_id = t.id WHERE t.a = l.y AND t.id = t.a ORDER BY t.b",
            "SELECT DISTINCT t.id, l.x FROM t JOIN l ON l.t_id = t.id",
            "SELECT DISTINCT * FROM t JOIN l ON l.t_id = t.id",
            "SELECT DISTINCT t.id FROM t LEFT JOIN l ON l.t_id = t.id",
            "SELECT DISTINCT ON (t.a) t.id FROM t JOIN l ON l.t_id = t.id",
            "SELECT t.id FROM t JOIN l ON l.t_id = t.id",
            "SELECT DISTINCT t.id FROM t",
        ] {
            quiet(&DistinctJoin, sql);
        }
    }
}
