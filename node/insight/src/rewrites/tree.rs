//! Walks over parse trees: what is below a node, which queries a statement holds, where conditions
//! stand.

mod children;

use pg_query::NodeEnum;
use pg_query::protobuf::{BoolExprType, JoinType, Node, SelectStmt};

pub(super) use self::children::{children, children_mut};

use self::children::{own, own_mut};

/// Trees that are deeper, in nodes, are left alone: walks recurse.
const MAX_DEPTH: usize = 2_000;

/// Where a node is below another: the place among the children, level by level.
pub(super) type Path = Vec<usize>;

/// Whether a tree is shallow enough for walks that recurse.
pub(super) fn is_shallow(root: &Node) -> bool {
    let mut pending = vec![(root, 0)];
    while let Some((node, depth)) = pending.pop() {
        if depth > MAX_DEPTH {
            return false;
        }
        let below = children(node).unwrap_or_default();
        pending.extend(below.into_iter().map(|child| (child, depth + 1)));
    }
    true
}

/// The query of a node.
pub(super) fn as_select(node: &Node) -> Option<&SelectStmt> {
    match node.node.as_ref()? {
        NodeEnum::SelectStmt(select) => Some(select),
        _ => None,
    }
}

/// A node of a query.
pub(super) fn select_node(select: SelectStmt) -> Node {
    node(NodeEnum::SelectStmt(Box::new(select)))
}

pub(super) fn node(of: NodeEnum) -> Node {
    Node { node: Some(of) }
}

/// The query of a number, in preorder; both sides of a set operation come after the whole. The flag
/// tells such a side. The walk that replaces gives the numbers, so it wants a tree of its own.
pub(super) fn select_at(root: &mut Node, number: usize) -> Option<(SelectStmt, bool)> {
    let mut found = None;
    let mut at = 0;
    each_select(root, &mut |select, is_side| {
        if at == number {
            found = Some((select.clone(), is_side));
        }
        at += 1;
    });
    found
}

/// Puts another query in the place of the one of a number.
pub(super) fn replace_select(root: &mut Node, number: usize, with: &SelectStmt) {
    let mut at = 0;
    each_select(root, &mut |select, _| {
        if at == number {
            *select = with.clone();
        }
        at += 1;
    });
}

fn each_select(root: &mut Node, visit: &mut dyn FnMut(&mut SelectStmt, bool)) {
    if let Some(NodeEnum::SelectStmt(select)) = root.node.as_mut() {
        return each_side(select, false, visit);
    }
    for child in children_mut(root).unwrap_or_default() {
        each_select(child, visit);
    }
}

fn each_side(select: &mut SelectStmt, is_side: bool, visit: &mut dyn FnMut(&mut SelectStmt, bool)) {
    visit(select, is_side);
    let mut parts = Vec::new();
    let sides = own_mut(select, &mut parts);
    for part in parts {
        each_select(part, visit);
    }
    for side in sides.into_iter().flatten() {
        each_side(side, true, visit);
    }
}

/// A place in a query.
#[derive(Clone, Debug)]
pub(super) struct Site<'a> {
    /// What stands there.
    pub(super) node: &'a Node,
    /// The way from the query's node.
    pub(super) path: Path,
    /// Whether the query keeps no row for which the expression here is false or null, or does so
    /// through AND and OR alone: there null and false are the same.
    pub(super) is_condition: bool,
    /// Whether every AND and OR above is an AND.
    pub(super) is_conjunct: bool,
}

/// All places of a query's own level: subqueries are places, what is in them is not.
pub(super) fn sites(query: &Node) -> Vec<Site<'_>> {
    let mut found = Vec::new();
    let Some(select) = as_select(query) else {
        return found;
    };
    let conditions = [
        select.where_clause.as_deref(),
        select.having_clause.as_deref(),
    ];
    let mut parts = Vec::new();
    own(select, &mut parts);
    for (at, child) in parts.into_iter().enumerate() {
        let is_condition = conditions
            .iter()
            .flatten()
            .any(|condition| std::ptr::eq(*condition, child));
        let site = Site {
            node: child,
            path: vec![at],
            is_condition,
            is_conjunct: is_condition,
        };
        walk(site, true, &mut found);
    }
    found
}

/// `is_inner` says that no outer join is above.
fn walk<'a>(site: Site<'a>, is_inner: bool, found: &mut Vec<Site<'a>>) {
    let at = site.node;
    let kind = at.node.as_ref();
    let (mut condition, mut conjunct, mut inner) = (false, false, is_inner);
    let mut quals: Option<&Node> = None;
    match kind {
        Some(NodeEnum::BoolExpr(it)) if it.boolop == BoolExprType::AndExpr as i32 => {
            (condition, conjunct) = (site.is_condition, site.is_conjunct);
        }
        Some(NodeEnum::BoolExpr(it)) if it.boolop == BoolExprType::OrExpr as i32 => {
            condition = site.is_condition;
        }
        Some(NodeEnum::JoinExpr(it)) => {
            inner = is_inner && it.jointype == JoinType::JoinInner as i32;
            quals = it.quals.as_deref().filter(|_| inner);
        }
        _ => {}
    }
    let is_query = matches!(kind, Some(NodeEnum::SelectStmt(_)));
    let path = site.path.clone();
    found.push(site);
    if is_query {
        return;
    }
    for (number, child) in children(at).unwrap_or_default().into_iter().enumerate() {
        let is_qual = quals.is_some_and(|quals| std::ptr::eq(quals, child));
        let mut path = path.clone();
        path.push(number);
        let site = Site {
            node: child,
            path,
            is_condition: condition || is_qual,
            is_conjunct: conjunct || is_qual,
        };
        walk(site, inner, found);
    }
}

/// A copy of a tree with another node at a path.
pub(super) fn with_replaced(root: &Node, path: &[usize], new: Node) -> Option<Node> {
    let mut copy = root.clone();
    let mut here = &mut copy;
    for number in path {
        here = children_mut(here)?.into_iter().nth(*number)?;
    }
    *here = new;
    Some(copy)
}

/// Whether a predicate holds for a node or any below it, subqueries included. A kind that the walk
/// does not know counts as holding.
pub(super) fn any(root: &Node, holds: &dyn Fn(&Node) -> bool) -> bool {
    if holds(root) {
        return true;
    }
    children(root).is_none_or(|below| below.into_iter().any(|child| any(child, holds)))
}
