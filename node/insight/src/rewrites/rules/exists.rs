//! `x IN (SELECT y …)` as EXISTS.

use pg_query::NodeEnum;
use pg_query::protobuf::{Node, SelectStmt, SubLink, SubLinkType};

use crate::rewrites::functions::may_aggregate;
use crate::rewrites::nodes::only_target;
use crate::rewrites::text::{add_condition, expression, is_constant, operand, query, word};
use crate::rewrites::tree::{as_select, select_node};
use crate::rewrites::view::{View, is_plain};

/// An IN over a subquery and what it becomes.
pub(super) struct Membership<'a> {
    /// What is looked for.
    pub(super) left: &'a Node,
    /// The value of the subquery.
    pub(super) right: &'a Node,
    pub(super) inner: &'a SelectStmt,
    /// `EXISTS (SELECT 1 …)`.
    pub(super) exists: Node,
}

/// The subquery of a node that is `x IN (SELECT …)`, and what is looked for.
pub(super) fn in_subquery(node: &Node) -> Option<(&SubLink, &Node, &SelectStmt)> {
    let NodeEnum::SubLink(link) = node.node.as_ref()? else {
        return None;
    };
    let is_in = link.oper_name.is_empty() || link.oper_name.iter().filter_map(word).eq(["="]);
    if link.sub_link_type != SubLinkType::AnySublink as i32 || !is_in {
        return None;
    }
    let inner = as_select(link.subselect.as_deref()?)?;
    Some((link, link.testexpr.as_deref()?, inner))
}

/// Reads a node as an IN that EXISTS can say too.
///
/// The subquery has no groups, no LIMIT and no DISTINCT ON, so that each of its rows has a value.
/// What is looked for is a column of the query or a constant, and no table of the subquery hides
/// its name.
pub(super) fn membership<'a>(view: &View<'_>, node: &'a Node) -> Option<Membership<'a>> {
    let (_, left, inner) = in_subquery(node)?;
    let is_whole = inner.limit_count.is_none() && inner.limit_offset.is_none();
    let picks = inner.distinct_clause.iter().any(|of| of.node.is_some());
    if !is_plain(inner) || !is_whole || picks {
        return None;
    }
    let right = only_target(inner).filter(|of| !may_aggregate(of))?;
    let outer = outer_text(view, left, inner)?;
    let mut exists = inner.clone();
    exists.distinct_clause.clear();
    exists.sort_clause.clear();
    exists.target_list = query("SELECT 1")?.target_list;
    add_condition(
        &mut exists,
        expression(&format!("{} = {outer}", operand(right)?))?,
    );
    Some(Membership {
        left,
        right,
        inner,
        exists: exists_node(exists)?,
    })
}

/// `EXISTS` over a query.
pub(super) fn exists_node(select: SelectStmt) -> Option<Node> {
    let mut exists = expression("EXISTS (SELECT 1)")?;
    if let Some(NodeEnum::SubLink(link)) = exists.node.as_mut() {
        link.subselect = Some(Box::new(select_node(select)));
    }
    Some(exists)
}

/// A column of the query as its subquery has to name it.
fn outer_text(view: &View<'_>, left: &Node, inner: &SelectStmt) -> Option<String> {
    if is_constant(left) {
        return operand(left);
    }
    let (alias, text) = view.qualified(left)?;
    (!view.scope_of(inner).has_alias(alias)).then_some(text)
}
