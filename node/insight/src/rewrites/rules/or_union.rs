//! W4: OR over several columns or tables reads a table from end to end.

use pg_query::NodeEnum;
use pg_query::protobuf::{BoolExprType, Node, SelectStmt, SetOperation};

use super::keys::{identifies_all, output_columns};
use crate::plan::PlanNode;
use crate::rewrites::about::About;
use crate::rewrites::finding::Draft;
use crate::rewrites::functions::may_aggregate;
use crate::rewrites::nodes::{column_node, columns_of, has_subquery, is_star, target_value};
use crate::rewrites::rule::Rule;
use crate::rewrites::schema::TypeClass;
use crate::rewrites::text::{column, disjuncts, text};
use crate::rewrites::tree::{as_select, select_node};
use crate::rewrites::view::{View, is_plain};

/// Least share of the time that sequential scans take.
const MIN_SHARE: f64 = 0.5;

/// `a = 5 OR b = 6`, an index for each.
#[derive(Debug)]
pub(super) struct OrUnion;

impl Rule for OrUnion {
    fn about(&self) -> About {
        About {
            id: "w4",
            name: "inefficient_join_detected",
            title: "OR over several indexed columns",
        }
    }

    fn evaluates_otherwise(&self) -> bool {
        true
    }

    fn check(&self, view: &View<'_>) -> Vec<Draft> {
        let conjuncts = view.places().filter(|(site, _)| site.is_conjunct);
        conjuncts
            .filter_map(|(site, of)| {
                let terms = branches(view, of)?;
                let share = scan_share(view)?;
                let place = text(of)?;
                let faster = "each branch uses its own index; the OR as a whole can use none";
                let Some(union) = union(view, &site.path, &terms) else {
                    let question = "does the select list hold a key of every table, and may the \
                                    rows come in another order?";
                    let draft = Draft::advice(place).asking(Some(question.to_owned()));
                    let safety = "UNION drops equal rows, so only rows with a key are safe from it";
                    return Some(draft.seen().because(faster, safety));
                };
                let wasted = view
                    .scope
                    .bases
                    .iter()
                    .filter_map(|base| wasted_share(view, &base.relation?.name));
                let wasted: f64 = wasted.sum();
                Some(
                    Draft::safe(place, union)
                        .saving((wasted > 0.0).then_some(wasted.min(share)))
                        .seen()
                        .because(
                            faster,
                            "the select list holds a key of every table, so UNION drops only rows \
                             that meet both branches",
                        ),
                )
            })
            .collect()
    }
}

/// The terms of an OR, each with an index of its own, not all on one column.
fn branches(view: &View<'_>, of: &Node) -> Option<Vec<Node>> {
    let is_or = match of.node.as_ref()? {
        NodeEnum::BoolExpr(it) => it.boolop == BoolExprType::OrExpr as i32,
        _ => false,
    };
    let terms = disjuncts(of);
    let mut indexed: Vec<(String, String)> = Vec::new();
    for term in &terms {
        let columns = columns_of(term).filter(|_| is_or && !has_subquery(term))?;
        let lead = columns.iter().find_map(|column| {
            let (base, name) = view.scope.resolve(column)?;
            let serves = base.relation?.has_index_on(name);
            serves.then(|| (base.alias.clone(), name.to_owned()))
        })?;
        indexed.push(lead);
    }
    indexed.sort();
    indexed.dedup();
    (indexed.len() > 1).then(|| terms.into_iter().cloned().collect())
}

/// Share of the time that sequential scans take, if it is large and no bitmap serves the OR.
fn scan_share(view: &View<'_>) -> Option<f64> {
    let plan = view.plan?;
    let has_bitmap = plan
        .root
        .preorder()
        .iter()
        .any(|node| node.kind == "BitmapOr");
    let is_scan = |node: &PlanNode| {
        let reads = |name: &str| {
            let named = view.scope.bases.iter().filter_map(|base| base.relation);
            named.into_iter().any(|relation| relation.name == name)
        };
        node.kind.ends_with("Seq Scan") && node.target.relation.as_deref().is_some_and(reads)
    };
    view.self_share(&is_scan)
        .filter(|share| !has_bitmap && *share >= MIN_SHARE)
}

/// Share of the time in which sequential scans of a table read rows that they throw away.
pub(super) fn wasted_share(view: &View<'_>, relation: &str) -> Option<f64> {
    let plan = view.plan?;
    let scans = plan.root.preorder().into_iter().filter(|node| {
        node.kind.ends_with("Seq Scan") && node.target.relation.as_deref() == Some(relation)
    });
    let mut wasted = None;
    for scan in scans {
        let removed = scan.removed_by_filter();
        let read = removed + scan.rows()?;
        if read > 0.0 {
            wasted = Some(wasted.unwrap_or(0.0) + plan.self_share(scan)? * removed / read);
        }
    }
    wasted
}

/// The query as UNION of its branches; nothing unless that is proven to give the same rows.
fn union(view: &View<'_>, path: &[usize], terms: &[Node]) -> Option<Node> {
    let select = view.select;
    let is_whole = is_plain(select) && select.distinct_clause.is_empty() && !view.aggregates();
    let is_cut = select.limit_count.is_some() || select.limit_offset.is_some();
    let is_ordered = !select.sort_clause.is_empty();
    let condition = select.where_clause.as_deref()?;
    let is_pure = !may_aggregate(condition);
    if !is_whole || !is_pure || (is_cut && !is_ordered) || !is_comparable(view) {
        return None;
    }
    identifies_all(&view.scope, select).filter(|holds| *holds)?;
    let mut whole: Option<SelectStmt> = None;
    for term in terms {
        let branch = view.copy_with(path, term.clone())?;
        let mut branch = as_select(&branch)?.clone();
        branch.sort_clause.clear();
        branch.limit_count = None;
        branch.limit_offset = None;
        branch.with_clause = None;
        whole = Some(match whole {
            None => branch,
            Some(left) => SelectStmt {
                op: SetOperation::SetopUnion as i32,
                limit_option: branch.limit_option,
                larg: Some(Box::new(left)),
                rarg: Some(Box::new(branch)),
                ..SelectStmt::default()
            },
        });
    }
    let mut whole = whole?;
    whole.sort_clause = sort_by_output(select)?;
    whole.limit_count.clone_from(&select.limit_count);
    whole.limit_offset.clone_from(&select.limit_offset);
    whole.limit_option = select.limit_option;
    whole.with_clause.clone_from(&select.with_clause);
    Some(select_node(whole))
}

/// Whether every value of the select list has equality: a known column that is no JSON.
fn is_comparable(view: &View<'_>) -> bool {
    let Some(columns) = output_columns(&view.scope, view.select) else {
        return false;
    };
    let known = |(alias, name): &(String, &str)| {
        let base = view.scope.bases.iter().find(|base| base.alias == *alias);
        let column = base.and_then(|base| base.relation?.column(name));
        column.is_some_and(|of| of.class() != TypeClass::Incomparable)
    };
    let are_columns = view
        .select
        .target_list
        .iter()
        .filter_map(target_value)
        .all(|value| is_star(value) || column(value).is_some());
    are_columns && columns.iter().all(known)
}

/// The sort keys by names of the select list, as a set operation wants them.
fn sort_by_output(select: &SelectStmt) -> Option<Vec<Node>> {
    let mut keys = select.sort_clause.clone();
    for key in &mut keys {
        let Some(NodeEnum::SortBy(sort)) = key.node.as_mut() else {
            return None;
        };
        let (_, name) = column(sort.node.as_deref()?)?;
        let names_it = |target: &Node| match target.node.as_ref() {
            Some(NodeEnum::ResTarget(it)) if it.name.is_empty() => it
                .val
                .as_deref()
                .and_then(column)
                .is_some_and(|(_, own)| own == name),
            Some(NodeEnum::ResTarget(it)) => it.name == name,
            _ => false,
        };
        if select
            .target_list
            .iter()
            .filter(|target| names_it(target))
            .count()
            != 1
        {
            return None;
        }
        let plain = column_node("", name);
        sort.node = Some(Box::new(plain));
    }
    Some(keys)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rewrites::testing::{found_with, offers_by_plan, quiet, quiet_by_plan, with_plan};
    use crate::rewrites::{Calls, Verdict};

    const PLAN: &str = "\
Seq Scan on t  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..80.0 rows=100 loops=1)
  Filter: ((a = 5) OR (b = 6))
  Rows Removed by Filter: 300
Execution Time: 100.0 ms
";
    const BITMAP: &str = "\
Bitmap Heap Scan on t  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..80.0 rows=100 loops=1)
  Recheck Cond: ((a = 5) OR (b = 6))
  ->  BitmapOr  (cost=0.00..9.00 rows=9 width=0) (actual time=0.1..1.0 rows=0 loops=1)
        ->  Bitmap Index Scan on t_a  (cost=0.00..9.00 rows=9 width=0) (actual time=0.1..0.2 rows=9 loops=1)
Execution Time: 100.0 ms
";

    #[test]
    fn indexed_branches_become_a_union() {
        let finding = offers_by_plan(
            &OrUnion,
            "SELECT t.id, st FROM t WHERE kind = $1 AND (a = 5 OR b = 6) ORDER BY t.id LIMIT 20",
            PLAN,
            "SELECT t.id, st FROM t WHERE kind = $1 AND a = 5 UNION SELECT t.id, st FROM t WHERE kind = $1 AND b = 6 ORDER BY id LIMIT 20",
        );
        assert!((finding.improvement_percent.unwrap() - 60.0).abs() < 1e-6);
        offers_by_plan(
            &OrUnion,
            "SELECT t.id, l.id FROM t JOIN l ON l.t_id = t.id WHERE t.a = 5 OR l.t_id = 6",
            PLAN,
            "SELECT t.id, l.id FROM t JOIN l ON l.t_id = t.id WHERE t.a = 5 UNION SELECT t.id, l.id FROM t JOIN l ON l.t_id = t.id WHERE l.t_id = 6",
        );
    }

    #[test]
    fn lists_without_a_key_are_asked_about() {
        for sql in [
            "SELECT st FROM t WHERE a = 5 OR b = 6",
            "SELECT id FROM t WHERE a = 5 OR b = 6 LIMIT 3",
            "SELECT id, doc FROM l WHERE id = 5 OR t_id = 6",
        ] {
            with_plan(
                Some(&PLAN.replace(
                    "on t ",
                    if sql.contains("doc") {
                        "on l "
                    } else {
                        "on t "
                    },
                )),
                Calls::default(),
                |facts| {
                    let found = found_with(&OrUnion, sql, facts);
                    assert_eq!(found.len(), 1, "{sql}");
                    assert!(matches!(found[0].verdict, Verdict::Question(_)), "{sql}");
                    assert_eq!(found[0].rewritten, None, "{sql}");
                },
            );
        }
    }

    #[test]
    fn bitmaps_and_unindexed_branches_are_left_alone() {
        quiet(&OrUnion, "SELECT id FROM t WHERE a = 5 OR b = 6");
        quiet_by_plan(&OrUnion, "SELECT id FROM t WHERE a = 5 OR b = 6", BITMAP);
        quiet_by_plan(&OrUnion, "SELECT id FROM t WHERE a = 5 OR st = 'x'", PLAN);
        quiet_by_plan(&OrUnion, "SELECT id FROM t WHERE a = 5 OR a = 6", PLAN);
        quiet_by_plan(&OrUnion, "SELECT id FROM t WHERE a = 5 AND b = 6", PLAN);
    }
}
