//! Questions about trees that several rules ask.

use pg_query::NodeEnum;
use pg_query::protobuf::{ColumnRef, Node, SelectStmt, SetOperation};

use super::text::word;
use super::tree::{any, as_select, children, node, select_node};

/// Names of all CTEs of a statement: such a name may hide a table.
pub(super) fn cte_names(root: &Node) -> Vec<String> {
    let mut names = Vec::new();
    let mut pending = vec![root];
    while let Some(node) = pending.pop() {
        if let Some(NodeEnum::CommonTableExpr(cte)) = node.node.as_ref() {
            names.push(cte.ctename.clone());
        }
        pending.extend(children(node).unwrap_or_default());
    }
    names
}

/// The highest number of a parameter; 0 if there is none.
pub(super) fn highest_parameter(root: &Node) -> i32 {
    let mut highest = 0;
    let mut pending = vec![root];
    while let Some(node) = pending.pop() {
        if let Some(NodeEnum::ParamRef(it)) = node.node.as_ref() {
            highest = highest.max(it.number);
        }
        pending.extend(children(node).unwrap_or_default());
    }
    highest
}

/// The columns that stand in an expression, subqueries included; nothing if the walk does not know
/// all of it.
pub(super) fn columns_of(expression: &Node) -> Option<Vec<&Node>> {
    let mut columns = Vec::new();
    let mut pending = vec![expression];
    while let Some(node) = pending.pop() {
        if matches!(node.node.as_ref(), Some(NodeEnum::ColumnRef(_))) {
            columns.push(node);
        }
        pending.extend(children(node)?);
    }
    Some(columns)
}

/// Whether an expression holds a subquery.
pub(super) fn has_subquery(expression: &Node) -> bool {
    any(expression, &|node| {
        matches!(node.node.as_ref(), Some(NodeEnum::SubLink(_)))
    })
}

/// The one value of a subquery's select list.
pub(super) fn only_target(select: &SelectStmt) -> Option<&Node> {
    match select.target_list.as_slice() {
        [only] => target_value(only).filter(|value| !is_star(value)),
        _ => None,
    }
}

/// The value of an item of a select list.
pub(super) fn target_value(target: &Node) -> Option<&Node> {
    match target.node.as_ref()? {
        NodeEnum::ResTarget(it) => it.val.as_deref(),
        _ => None,
    }
}

/// Whether an item of a select list is `*` or `t.*`.
pub(super) fn is_star(value: &Node) -> bool {
    match value.node.as_ref() {
        Some(NodeEnum::ColumnRef(it)) => it
            .fields
            .last()
            .is_some_and(|last| matches!(last.node.as_ref(), Some(NodeEnum::AStar(_)))),
        _ => false,
    }
}

/// The alias of a `t.*`; empty for `*`.
pub(super) fn star_alias(value: &Node) -> Option<&str> {
    match value.node.as_ref()? {
        NodeEnum::ColumnRef(it) if is_star(value) => match it.fields.as_slice() {
            [_] => Some(""),
            [alias, _] => word(alias),
            _ => None,
        },
        _ => None,
    }
}

/// The condition of an UPDATE or DELETE as a query over the same tables.
pub(super) fn condition_of_write(root: &Node) -> Option<Node> {
    let (relation, more, condition) = match root.node.as_ref()? {
        NodeEnum::UpdateStmt(it) => (&it.relation, &it.from_clause, &it.where_clause),
        NodeEnum::DeleteStmt(it) => (&it.relation, &it.using_clause, &it.where_clause),
        _ => return None,
    };
    let mut from = vec![node(NodeEnum::RangeVar(relation.clone()?))];
    from.extend(more.iter().cloned());
    Some(select_node(SelectStmt {
        from_clause: from,
        where_clause: condition.clone(),
        op: SetOperation::SetopNone as i32,
        limit_option: pg_query::protobuf::LimitOption::Default as i32,
        ..SelectStmt::default()
    }))
}

/// An UPDATE or DELETE with the condition of a query of [`condition_of_write`].
pub(super) fn write_with_condition(root: &Node, query: &Node) -> Option<Node> {
    let condition = as_select(query)?.where_clause.clone();
    let mut copy = root.clone();
    match copy.node.as_mut()? {
        NodeEnum::UpdateStmt(it) => it.where_clause = condition,
        NodeEnum::DeleteStmt(it) => it.where_clause = condition,
        _ => return None,
    }
    Some(copy)
}

/// A column; without alias if that is empty.
pub(super) fn column_node(alias: &str, name: &str) -> Node {
    let words = [alias, name].into_iter().filter(|word| !word.is_empty());
    let string = |sval: &str| {
        node(NodeEnum::String(pg_query::protobuf::String {
            sval: sval.to_owned(),
        }))
    };
    node(NodeEnum::ColumnRef(ColumnRef {
        fields: words.map(string).collect(),
        location: 0,
    }))
}
