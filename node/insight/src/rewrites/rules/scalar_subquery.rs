//! W8: a correlated aggregate runs once for every row.

use pg_query::NodeEnum;
use pg_query::protobuf::{Node, SelectStmt, SubLinkType};

use crate::plan::PlanNode;
use crate::rewrites::about::About;
use crate::rewrites::finding::Draft;
use crate::rewrites::nodes::{columns_of, has_subquery, only_target, star_alias, target_value};
use crate::rewrites::rule::Rule;
use crate::rewrites::text::{
    all_of, column, comparison, conjuncts, expression, query, statement_text, text, word,
};
use crate::rewrites::tree::{as_select, select_node};
use crate::rewrites::view::{View, is_plain};

/// Fewer runs do no harm.
const MIN_LOOPS: f64 = 1_000.0;
/// Rows of a table that is read whole, if no plan tells the runs.
const MIN_ROWS: f64 = 100_000.0;
/// Name of the grouped query.
const NAME: &str = "grouped";

/// `SELECT id, (SELECT sum(x) FROM l WHERE l.o = o.id) FROM o`.
#[derive(Debug)]
pub(super) struct ScalarSubquery;

impl Rule for ScalarSubquery {
    fn about(&self) -> About {
        About {
            id: "w8",
            name: "subquery_optimization",
            title: "an aggregate in a subquery for every row",
        }
    }

    fn evaluates_otherwise(&self) -> bool {
        true
    }

    fn check(&self, view: &View<'_>) -> Vec<Draft> {
        let targets = view.select.target_list.iter().enumerate();
        targets
            .filter_map(|(at, target)| {
                let value = target_value(target)?;
                let correlated = correlated(view, value)?;
                let relation = correlated.relation.as_deref();
                let is_plain = is_plain(view.select) && !view.aggregates();
                if !runs_often(view, relation) || !is_plain || reads_order(view) {
                    return None;
                }
                let replaced = joined(view, at, &correlated)?;
                let draft = Draft::safe(text(value)?, replaced);
                Some(draft.saving(view.subplan_share(relation)).because(
                    "the groups are made once, instead of one aggregate for each row",
                    "each row meets at most one group; a row without one gets what the aggregate \
                     of no rows is",
                ))
            })
            .collect()
    }
}

/// A subquery that aggregates the rows of an inner table that belong to a row of the query.
struct Correlated {
    relation: Option<String>,
    /// Text of the aggregate.
    aggregate: String,
    /// Name that PostgreSQL gives the value.
    name: String,
    is_count: bool,
    /// Inner column and outer column of each equality, as texts.
    keys: Vec<(String, String)>,
    /// The subquery without these equalities.
    rest: SelectStmt,
}

fn correlated(view: &View<'_>, value: &Node) -> Option<Correlated> {
    let NodeEnum::SubLink(link) = value.node.as_ref()? else {
        return None;
    };
    let inner = as_select(link.subselect.as_deref()?)?;
    let target = only_target(inner)?;
    let NodeEnum::FuncCall(call) = target.node.as_ref()? else {
        return None;
    };
    let name = call.funcname.last().and_then(word)?;
    let is_known = matches!(name, "sum" | "min" | "max" | "avg" | "count") && call.over.is_none();
    let is_whole = is_plain(inner)
        && inner.limit_count.is_none()
        && inner.limit_offset.is_none()
        && inner.with_clause.is_none()
        && inner.distinct_clause.is_empty();
    if link.sub_link_type != SubLinkType::ExprSublink as i32 || !is_known || !is_whole {
        return None;
    }
    let scope = view.scope_of(inner);
    let is_inner = |of: &Node| {
        let (alias, name) = column(of)?;
        match alias {
            Some(alias) => Some(scope.has_alias(alias)),
            None => Some(scope.resolve(of)?.0.relation?.column(name).is_some()),
        }
    };
    let mut keys = Vec::new();
    let mut rest = Vec::new();
    for term in conjuncts(inner.where_clause.as_deref()) {
        match equality(term) {
            Some((one, other)) if is_inner(one) == Some(true) && is_inner(other) != Some(true) => {
                keys.push((text(one)?, view.qualified(other)?.1));
            }
            Some((one, other)) if is_inner(other) == Some(true) && is_inner(one) != Some(true) => {
                keys.push((text(other)?, view.qualified(one)?.1));
            }
            _ => rest.push(term.clone()),
        }
    }
    // What stays inside must know nothing of the query.
    let stays = rest.iter().chain([target]).chain(&inner.from_clause);
    for part in stays {
        let columns = columns_of(part).filter(|_| !has_subquery(part))?;
        if !columns.iter().all(|of| is_inner(of) == Some(true)) {
            return None;
        }
    }
    let mut plain = inner.clone();
    plain.where_clause = all_of(rest).map(Box::new);
    plain.sort_clause.clear();
    let relation = scope.bases.first().and_then(|base| base.relation);
    (!keys.is_empty()).then_some(Correlated {
        relation: relation.map(|of| of.name.clone()),
        aggregate: text(target)?,
        name: name.to_owned(),
        is_count: name == "count",
        keys,
        rest: plain,
    })
}

fn equality(term: &Node) -> Option<(&Node, &Node)> {
    let (_, one, other) = comparison(term).filter(|(operator, ..)| *operator == "=")?;
    (column(one).is_some() && column(other).is_some()).then_some((one, other))
}

/// Whether the subquery runs for many rows, by the plan or by the size of what is read whole.
fn runs_often(view: &View<'_>, relation: Option<&str>) -> bool {
    if view.plan.is_some() {
        let loops = |node: &PlanNode| node.actual.map_or(0.0, |of| of.loops);
        return view
            .subplans(relation)
            .into_iter()
            .any(|node| loops(node) > MIN_LOOPS);
    }
    let is_whole = view.select.where_clause.is_none() && view.select.limit_count.is_none();
    let rows = view.only_table().and_then(|table| table.rows);
    is_whole && rows.is_some_and(|rows| rows >= MIN_ROWS)
}

/// Whether the result may rest on the order in which FROM gives its rows, which a join changes.
fn reads_order(view: &View<'_>) -> bool {
    let select = view.select;
    let is_cut = select.limit_count.is_some() || select.limit_offset.is_some();
    let may_be_ordered = view.scope.bases.iter().any(|base| !base.is_table);
    select.sort_clause.is_empty() && (is_cut || may_be_ordered)
}

/// Whether the columns of another table would change what the query says: a bare `*` would list
/// them, and a bare name may be one of theirs.
fn is_in_the_way(view: &View<'_>) -> bool {
    let mut values = view.select.target_list.iter().filter_map(target_value);
    let is_ours = |name: &str| name == "value" || name.starts_with("key_");
    let Some(columns) = columns_of(view.query) else {
        return true;
    };
    let mut bare = columns.into_iter().filter_map(column);
    values.any(|value| star_alias(value) == Some(""))
        || bare.any(|(alias, name)| alias.is_none() && is_ours(name))
}

/// The query with the grouped query joined, and its value in the place of the subquery.
fn joined(view: &View<'_>, at: usize, of: &Correlated) -> Option<Node> {
    let [_] = view.select.from_clause.as_slice() else {
        return None;
    };
    if view.scope.has_alias(NAME) || is_in_the_way(view) {
        return None;
    }
    let mut grouped = of.rest.clone();
    let names: Vec<String> = (1..=of.keys.len())
        .map(|number| format!("key_{number}"))
        .collect();
    let keys: Vec<&str> = of.keys.iter().map(|(inner, _)| inner.as_str()).collect();
    let list: Vec<String> = keys
        .iter()
        .zip(&names)
        .map(|(key, name)| format!("{key} AS {name}"))
        .collect();
    let shell = format!(
        "SELECT {}, {} AS value GROUP BY {}",
        list.join(", "),
        of.aggregate,
        keys.join(", ")
    );
    let shell = query(&shell)?;
    grouped.target_list = shell.target_list;
    grouped.group_clause = shell.group_clause;
    let inner = statement_text(select_node(grouped))?;
    let pairs = names.iter().zip(&of.keys);
    let on: Vec<String> = pairs
        .map(|(name, (_, outer))| format!("{NAME}.{name} = {outer}"))
        .collect();
    let on = on.join(" AND ");
    let joined = format!("SELECT 1 FROM base LEFT JOIN ({inner}) AS {NAME} ON {on}");
    let mut from = query(&joined)?.from_clause;
    let mut select = view.select.clone();
    if let Some(NodeEnum::JoinExpr(join)) = from.first_mut().and_then(|of| of.node.as_mut()) {
        join.larg = select.from_clause.pop().map(Box::new);
    }
    select.from_clause = from;
    let value = if of.is_count {
        format!("coalesce({NAME}.value, 0)")
    } else {
        format!("{NAME}.value")
    };
    if let Some(NodeEnum::ResTarget(target)) = select.target_list.get_mut(at)?.node.as_mut() {
        if target.name.is_empty() {
            target.name.clone_from(&of.name);
        }
        target.val = expression(&value).map(Box::new);
    }
    Some(select_node(select))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rewrites::testing::{offers, offers_by_plan, quiet, quiet_by_plan};

    const PLAN: &str = "\
Seq Scan on t  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..90.0 rows=5000 loops=1)
  SubPlan 1
    ->  Aggregate  (cost=0.00..9.00 rows=9 width=4) (actual time=0.01..0.016 rows=1 loops=5000)
          ->  Index Scan using l_t on l  (cost=0.00..9.00 rows=9 width=4) (actual time=0.01..0.01 rows=10 loops=5000)
Execution Time: 100.0 ms
";

    #[test]
    fn aggregates_are_grouped_and_joined() {
        offers(
            &ScalarSubquery,
            "SELECT id, (SELECT sum(x) FROM l WHERE l.t_id = t.id) FROM t",
            "SELECT id, grouped.value AS sum FROM t LEFT JOIN (SELECT l.t_id AS key_1, sum(x) AS value FROM l GROUP BY l.t_id) grouped ON grouped.key_1 = t.id",
        );
        let finding = offers_by_plan(
            &ScalarSubquery,
            "SELECT t.a, (SELECT count(*) FROM l WHERE l.y > $1 AND t.id = l.t_id) AS n FROM t WHERE a = $2",
            PLAN,
            "SELECT t.a, COALESCE(grouped.value, 0) AS n FROM t LEFT JOIN (SELECT l.t_id AS key_1, count(*) AS value FROM l WHERE l.y > $1 GROUP BY l.t_id) grouped ON grouped.key_1 = t.id WHERE a = $2",
        );
        assert!((finding.improvement_percent.unwrap() - 80.0).abs() < 1e-6);
    }

    #[test]
    fn few_runs_and_other_correlations_are_left_alone() {
        let sum = "SELECT id, (SELECT sum(x) FROM l WHERE l.t_id = t.id) FROM t";
        quiet_by_plan(
            &ScalarSubquery,
            sum,
            &PLAN.replace("loops=5000", "loops=20"),
        );
        for sql in [
            format!("{sum} LIMIT 20"),
            sum.replace("FROM t", "FROM (SELECT * FROM t ORDER BY a) t"),
        ] {
            quiet_by_plan(&ScalarSubquery, &sql, PLAN);
        }
        for sql in [
            format!("{sum} ORDER BY id LIMIT 20"),
            format!("{sum} GROUP BY id"),
            sum.replace("l.t_id = t.id", "l.t_id > t.id"),
            sum.replace("l.t_id = t.id", "l.t_id = t.id AND l.x > t.a"),
            sum.replace("sum(x)", "sum(x + t.a)"),
            sum.replace("sum(x)", "x"),
            sum.replace("SELECT id", "SELECT *"),
            sum.replace("SELECT id", "SELECT id, value"),
            sum.replace(" l.t_id = t.id", " l.t_id = 5"),
        ] {
            quiet(&ScalarSubquery, &sql);
        }
    }
}
