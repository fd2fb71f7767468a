//! Orders that a query wants of one relation.

use std::ops::Range;

use pg_query::NodeEnum;
use pg_query::protobuf::{Node, SelectStmt, SortBy, SortByDir, SortByNulls, a_const};

use super::Walker;
use super::children::children;
use super::operand::Operand;
use super::scope::{Scope, string};
use super::target::target_name;
use crate::index_advice::demand::{Key, Limit, Order, OrderKey, Test, Value};

/// Functions that make one row of many.
const AGGREGATES: [&str; 14] = [
    "count",
    "sum",
    "avg",
    "min",
    "max",
    "array_agg",
    "string_agg",
    "json_agg",
    "jsonb_agg",
    "bool_and",
    "bool_or",
    "every",
    "stddev",
    "variance",
];

impl Walker<'_> {
    /// Notes order and limit at the one relation whose rows a query returns.
    pub(super) fn order(&mut self, select: &SelectStmt, scope: &Scope<'_>, own: Range<usize>) {
        let mut kept = own.clone().filter(|access| !self.nullable.contains(access));
        let (Some(access), None) = (kept.next(), kept.next()) else {
            return;
        };
        let aggregates = aggregate(select);
        let is_folded = aggregates.is_some() || !select.group_clause.is_empty();
        let mut limit = self.limit(select);
        let order = if is_folded && select.group_clause.is_empty() {
            limit = Limit::Rows(1.0);
            self.extreme(select, scope, access)
        } else {
            self.wanted(select, scope, access)
        };
        let is_distinct = !select.distinct_clause.is_empty();
        let is_whole = limit == Limit::None && !is_folded && !is_distinct;
        if order.is_none() && (is_folded || is_distinct) || self.joins(access, own.start) {
            limit = Limit::None;
        }
        if order.as_ref().is_some_and(|order| order.is_grouping) {
            limit = Limit::None;
        }
        if let Some(found) = self.reading.accesses.get_mut(access) {
            found.order = order.unwrap_or_default();
            found.limit = limit;
            found.gives_rows = is_whole;
        }
        self.nearest(select, scope, access);
    }

    /// Whether rows of an access must find partners in this query: how many do is not known.
    fn joins(&self, access: usize, first: usize) -> bool {
        let terms = self
            .reading
            .accesses
            .get(access)
            .map(|access| &access.terms);
        terms.into_iter().flatten().any(|term| {
            matches!(term.test, Test::Join(partner, _) if partner >= first
                && !self.nullable.contains(&partner))
        })
    }

    fn limit(&self, select: &SelectStmt) -> Limit {
        let Some(count) = select.limit_count.as_deref() else {
            return Limit::None;
        };
        let number = |node: &Node| match self.literal(node) {
            Some(Value::Known(text)) => text.parse::<f64>().ok(),
            _ => None,
        };
        let offset = select
            .limit_offset
            .as_deref()
            .and_then(number)
            .unwrap_or(0.0);
        let is_all = matches!(&count.node, Some(NodeEnum::AConst(constant)) if constant.isnull);
        match number(count) {
            Some(rows) => Limit::Rows(rows + offset),
            None if is_all => Limit::None,
            None => Limit::Parameter,
        }
    }

    /// ORDER BY, else DISTINCT and DISTINCT ON, GROUP BY, or the window.
    fn wanted(&mut self, select: &SelectStmt, scope: &Scope<'_>, access: usize) -> Option<Order> {
        let is_grouped = !select.group_clause.is_empty();
        if !select.sort_clause.is_empty() && !is_grouped {
            let keys = self.keys(&select.sort_clause, select, scope, access)?;
            return Some(Order {
                keys,
                is_grouping: false,
            });
        }
        let (nodes, is_grouping): (Vec<&Node>, bool) = if is_grouped {
            (select.group_clause.iter().collect(), true)
        } else if select
            .distinct_clause
            .iter()
            .any(|node| node.node.is_some())
        {
            (select.distinct_clause.iter().collect(), false)
        } else if !select.distinct_clause.is_empty() {
            (select.target_list.iter().collect(), true)
        } else {
            (window(select)?, false)
        };
        let mut keys = Vec::new();
        for node in nodes {
            keys.push(self.key(node, select, scope, access)?);
        }
        Some(Order { keys, is_grouping })
    }

    /// The single min or max of a query is the first row of an order.
    fn extreme(&mut self, select: &SelectStmt, scope: &Scope<'_>, access: usize) -> Option<Order> {
        let [target] = select.target_list.as_slice() else {
            return None;
        };
        let NodeEnum::FuncCall(call) = value(target)?.node.as_ref()? else {
            return None;
        };
        let name = call.funcname.last().and_then(string)?;
        let is_descending = match name {
            "min" => false,
            "max" => true,
            _ => return None,
        };
        let mut key = self.key(call.args.first()?, select, scope, access)?;
        key.is_descending = is_descending;
        // Nulls do not count, so either end of them serves.
        key.has_nulls_first = is_descending;
        Some(Order {
            keys: vec![key],
            is_grouping: false,
        })
    }

    fn keys(
        &mut self,
        nodes: &[Node],
        select: &SelectStmt,
        scope: &Scope<'_>,
        access: usize,
    ) -> Option<Vec<OrderKey>> {
        nodes
            .iter()
            .map(|node| self.key(node, select, scope, access))
            .collect()
    }

    /// One key of an order; nothing if it is not of this access.
    fn key(
        &mut self,
        node: &Node,
        select: &SelectStmt,
        scope: &Scope<'_>,
        access: usize,
    ) -> Option<OrderKey> {
        let sort = match node.node.as_ref()? {
            NodeEnum::SortBy(sort) => Some(sort.as_ref()),
            _ => None,
        };
        let inner = match sort {
            Some(sort) => sort.node.as_deref()?,
            None => node,
        };
        let target = output(inner, select).unwrap_or(inner);
        let target = value(target).unwrap_or(target);
        let key = match self.operand(target, scope) {
            Operand::Column(found) if found.access == access => Key::column(&found.column),
            Operand::Wrapped(found, text) if found.access == access => Key {
                column: found.column,
                expression: Some(text),
            },
            _ => return None,
        };
        let (is_descending, has_nulls_first) = sort.map_or((false, false), direction);
        Some(OrderKey {
            key,
            is_descending,
            has_nulls_first,
        })
    }

    /// `ORDER BY c <-> point`: the rows nearest to a value.
    fn nearest(&mut self, select: &SelectStmt, scope: &Scope<'_>, access: usize) {
        let Some(NodeEnum::SortBy(sort)) = select.sort_clause.first().and_then(|s| s.node.as_ref())
        else {
            return;
        };
        let Some(NodeEnum::AExpr(expr)) = sort.node.as_ref().and_then(|node| node.node.as_ref())
        else {
            return;
        };
        let is_distance = expr.name.last().and_then(string) == Some("<->");
        let Some(left) = expr.lexpr.as_deref().filter(|_| is_distance) else {
            return;
        };
        if let Operand::Column(found) = self.operand(left, scope)
            && found.access == access
            && let Some(access) = self.reading.accesses.get_mut(access)
        {
            access.nearest = Some(found.column);
        }
    }
}

/// Direction, and whether nulls come first.
fn direction(sort: &SortBy) -> (bool, bool) {
    let is_descending = sort.sortby_dir() == SortByDir::SortbyDesc;
    let has_nulls_first = match sort.sortby_nulls() {
        SortByNulls::SortbyNullsFirst => true,
        SortByNulls::SortbyNullsLast => false,
        _ => is_descending,
    };
    (is_descending, has_nulls_first)
}

/// What a position or an alias of ORDER BY stands for.
fn output<'a>(node: &Node, select: &'a SelectStmt) -> Option<&'a Node> {
    match node.node.as_ref()? {
        NodeEnum::AConst(constant) => match constant.val.as_ref()? {
            a_const::Val::Ival(number) => {
                let place = usize::try_from(number.ival).ok()?.checked_sub(1)?;
                select.target_list.get(place)
            }
            _ => None,
        },
        NodeEnum::ColumnRef(column) => match column.fields.as_slice() {
            [only] => {
                let name = string(only)?;
                let mut targets = select.target_list.iter();
                targets.find(|target| target_name(target).as_deref() == Some(name))
            }
            _ => None,
        },
        _ => None,
    }
}

fn value(target: &Node) -> Option<&Node> {
    match target.node.as_ref()? {
        NodeEnum::ResTarget(target) => target.val.as_deref(),
        _ => None,
    }
}

/// Partition and order of the first window.
fn window(select: &SelectStmt) -> Option<Vec<&Node>> {
    let targets = select.target_list.iter().filter_map(value);
    let mut windows = targets.filter_map(|node| match node.node.as_ref()? {
        NodeEnum::FuncCall(call) => call.over.as_deref(),
        _ => None,
    });
    let window = windows.next()?;
    let parts = window.partition_clause.iter().chain(&window.order_clause);
    Some(parts.collect())
}

/// Whether a query computes over windows.
pub(super) fn has_window(select: &SelectStmt) -> bool {
    window(select).is_some()
}

/// The first aggregate in the output.
fn aggregate(select: &SelectStmt) -> Option<&Node> {
    let mut pending: Vec<&Node> = select.target_list.iter().filter_map(value).collect();
    while let Some(node) = pending.pop() {
        let Some(inner) = node.node.as_ref() else {
            continue;
        };
        if let NodeEnum::FuncCall(call) = inner
            && call.over.is_none()
            && let Some(name) = call.funcname.last().and_then(string)
            && AGGREGATES.contains(&name)
        {
            return Some(node);
        }
        pending.extend(children(inner));
    }
    None
}
