//! W13: a subquery sorts what nobody reads in order.

use pg_query::NodeEnum;
use pg_query::protobuf::{Node, SelectStmt, SubLinkType};

use crate::plan::PlanNode;
use crate::rewrites::about::About;
use crate::rewrites::finding::Draft;
use crate::rewrites::nodes::target_value;
use crate::rewrites::rule::Rule;
use crate::rewrites::text::{text, word};
use crate::rewrites::tree::{as_select, children, select_node};
use crate::rewrites::view::View;

/// `… IN (SELECT id FROM t ORDER BY d)`.
#[derive(Debug)]
pub(super) struct InnerOrder;

impl Rule for InnerOrder {
    fn about(&self) -> About {
        About {
            id: "w13",
            name: "subquery_optimization",
            title: "ORDER BY in a subquery that nobody reads in order",
        }
    }

    fn judges_writes(&self) -> bool {
        true
    }

    fn check(&self, view: &View<'_>) -> Vec<Draft> {
        let ignores = ignores_order(view);
        view.places()
            .filter_map(|(site, of)| {
                let inner = unordered(of, ignores)?;
                let keys: Vec<String> = inner.sort_clause.iter().filter_map(sort_text).collect();
                let plain: Vec<String> = keys.iter().map(|key| bare(key)).collect();
                let sorts = |node: &PlanNode| {
                    let own: Vec<String> = node.keys.sort.iter().map(|key| bare(key)).collect();
                    node.kind == "Sort" && own == plain
                };
                let mut new = inner.clone();
                new.sort_clause.clear();
                let mut path = site.path.clone();
                path.push(position(of, inner)?);
                let replaced = view.copy_with(&path, select_node(new))?;
                let draft = Draft::safe(format!("ORDER BY {}", keys.join(", ")), replaced);
                Some(draft.saving(view.self_share(&sorts)).because(
                    "the sort is work, and the order of its rows is lost at once",
                    "what is around the subquery does not depend on the order of its rows",
                ))
            })
            .collect()
    }
}

/// The subquery of a node whose order is not read.
fn unordered(of: &Node, is_from_free: bool) -> Option<&SelectStmt> {
    let inner = match of.node.as_ref()? {
        NodeEnum::SubLink(link) => {
            let kinds = [
                SubLinkType::ExistsSublink,
                SubLinkType::AnySublink,
                SubLinkType::AllSublink,
            ];
            let is_set = kinds.iter().any(|kind| link.sub_link_type == *kind as i32);
            as_select(link.subselect.as_deref().filter(|_| is_set)?)?
        }
        NodeEnum::RangeSubselect(it) if is_from_free => as_select(it.subquery.as_deref()?)?,
        _ => return None,
    };
    let picks = inner.distinct_clause.iter().any(|of| of.node.is_some());
    let is_cut = inner.limit_count.is_some() || inner.limit_offset.is_some();
    let is_plain = !picks && !is_cut && inner.locking_clause.is_empty();
    (is_plain && !inner.sort_clause.is_empty()).then_some(inner)
}

/// Place of a subquery among the children of its node.
fn position(of: &Node, inner: &SelectStmt) -> Option<usize> {
    let is_it = |child: &&Node| as_select(child).is_some_and(|it| std::ptr::eq(it, inner));
    children(of)?.iter().position(is_it)
}

/// Whether the query's result is the same in whatever order FROM gives its rows: it sorts all rows
/// itself, or it makes one row of aggregates that do not care.
fn ignores_order(view: &View<'_>) -> bool {
    let select = view.select;
    let is_cut = select.limit_count.is_some() || select.limit_offset.is_some();
    let picks = select.distinct_clause.iter().any(|of| of.node.is_some());
    if is_cut || picks || !select.window_clause.is_empty() {
        return false;
    }
    let values = || select.target_list.iter().filter_map(target_value);
    let is_free = values().all(is_free_of_order);
    let is_one_row = select.group_clause.is_empty()
        && values().count() > 0
        && values().all(|value| matches!(value.node.as_ref(), Some(NodeEnum::FuncCall(_))));
    is_free && (!select.sort_clause.is_empty() || (is_one_row && view.aggregates()))
}

/// Whether a value has no function that may read rows in order.
fn is_free_of_order(value: &Node) -> bool {
    match value.node.as_ref() {
        Some(NodeEnum::FuncCall(call)) => {
            let name = call.funcname.last().and_then(word).unwrap_or_default();
            let is_free = matches!(
                name,
                "count" | "sum" | "min" | "max" | "avg" | "bool_and" | "bool_or" | "every"
            );
            is_free && call.over.is_none() && call.args.iter().all(is_free_of_order)
        }
        Some(NodeEnum::SubLink(_)) => false,
        _ => children(value).is_some_and(|below| below.into_iter().all(is_free_of_order)),
    }
}

fn sort_text(key: &Node) -> Option<String> {
    match key.node.as_ref()? {
        NodeEnum::SortBy(sort) => text(sort.node.as_deref()?),
        _ => None,
    }
}

/// A sort key without the name of its table and its direction.
fn bare(key: &str) -> String {
    let first = key.split(' ').next().unwrap_or_default();
    first.rsplit('.').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rewrites::testing::{offers, offers_by_plan, quiet};

    const PLAN: &str = "\
Hash Join  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..90.0 rows=50 loops=1)
  Hash Cond: (l.t_id = t.id)
  ->  Seq Scan on l  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..20.0 rows=50 loops=1)
  ->  Sort  (cost=0.00..9.00 rows=9 width=4) (actual time=50.0..60.0 rows=50 loops=1)
        Sort Key: t.created
        ->  Seq Scan on t  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..20.0 rows=50 loops=1)
Execution Time: 100.0 ms
";

    #[test]
    fn orders_that_are_lost_are_removed() {
        for (sql, want) in [
            (
                "SELECT x FROM l WHERE t_id IN (SELECT id FROM t ORDER BY created)",
                "SELECT x FROM l WHERE t_id IN (SELECT id FROM t)",
            ),
            (
                "DELETE FROM l WHERE EXISTS (SELECT 1 FROM t WHERE t.id = l.t_id ORDER BY a DESC)",
                "DELETE FROM l WHERE EXISTS (SELECT 1 FROM t WHERE t.id = l.t_id)",
            ),
            (
                "SELECT count(*), max(a) FROM (SELECT a FROM t ORDER BY a) s",
                "SELECT count(*), max(a) FROM (SELECT a FROM t) s",
            ),
            (
                "SELECT a FROM (SELECT a, b FROM t ORDER BY b) s ORDER BY a",
                "SELECT a FROM (SELECT a, b FROM t) s ORDER BY a",
            ),
        ] {
            offers(&InnerOrder, sql, want);
        }
        let finding = offers_by_plan(
            &InnerOrder,
            "SELECT x FROM l WHERE t_id IN (SELECT id FROM t ORDER BY created)",
            PLAN,
            "SELECT x FROM l WHERE t_id IN (SELECT id FROM t)",
        );
        assert!((finding.improvement_percent.unwrap() - 40.0).abs() < 1e-6);
    }

    #[test]
    fn orders_that_are_read_are_left_alone() {
        for sql in [
            "SELECT string_agg(st, ',') FROM (SELECT st FROM t ORDER BY a) s",
            "SELECT x FROM l WHERE t_id IN (SELECT id FROM t ORDER BY created LIMIT 5)",
            "SELECT x FROM l WHERE t_id IN (SELECT DISTINCT ON (a) id FROM t ORDER BY a, created)",
            "SELECT ARRAY(SELECT id FROM t ORDER BY a)",
            "delete from l using (select id from t order by a) s where s.id = l.t_id",
            "SELECT a FROM (SELECT a FROM t ORDER BY a) s",
            "SELECT a FROM (SELECT a, b FROM t ORDER BY b) s ORDER BY a LIMIT 5",
            "SELECT row_number() OVER () FROM (SELECT a FROM t ORDER BY a) s ORDER BY 1",
            "SELECT x FROM l WHERE t_id IN (SELECT id FROM t ORDER BY created FOR UPDATE)",
        ] {
            quiet(&InnerOrder, sql);
        }
    }
}
