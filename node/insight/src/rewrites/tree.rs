//! Walks over parse trees: what is below a node, which queries a statement holds, where conditions
//! stand.

use pg_query::NodeEnum;
use pg_query::protobuf::{BoolExprType, JoinType, Node, SelectStmt};

/// Trees that are deeper, in nodes, are left alone: walks recurse.
const MAX_DEPTH: usize = 2_000;

/// Where a node is below another: the place among the children, level by level.
pub(super) type Path = Vec<usize>;

/// The expressions and queries directly below a node, or nothing if the walk does not know its
/// kind.
macro_rules! children_of {
    ($name:ident, $select:ident, $node:ty, $stmt:ty, $iter:ident, $deref:ident, $as:ident) => {
        pub(super) fn $name(node: $node) -> Option<Vec<$node>> {
            let mut all = Vec::new();
            match node.node.$as()? {
                NodeEnum::SelectStmt(it) => $select(it, &mut all),
                NodeEnum::AExpr(it) => {
                    all.extend(it.lexpr.$deref());
                    all.extend(it.rexpr.$deref());
                }
                NodeEnum::BoolExpr(it) => all.extend(it.args.$iter()),
                NodeEnum::SubLink(it) => {
                    all.extend(it.testexpr.$deref());
                    all.extend(it.subselect.$deref());
                }
                NodeEnum::FuncCall(it) => {
                    all.extend(it.args.$iter());
                    all.extend(it.agg_order.$iter());
                    all.extend(it.agg_filter.$deref());
                    if let Some(over) = it.over.$deref() {
                        all.extend(over.partition_clause.$iter());
                        all.extend(over.order_clause.$iter());
                        all.extend(over.start_offset.$deref());
                        all.extend(over.end_offset.$deref());
                    }
                }
                NodeEnum::WindowDef(it) => {
                    all.extend(it.partition_clause.$iter());
                    all.extend(it.order_clause.$iter());
                    all.extend(it.start_offset.$deref());
                    all.extend(it.end_offset.$deref());
                }
                NodeEnum::TypeCast(it) => all.extend(it.arg.$deref()),
                NodeEnum::CollateClause(it) => all.extend(it.arg.$deref()),
                NodeEnum::NullTest(it) => all.extend(it.arg.$deref()),
                NodeEnum::BooleanTest(it) => all.extend(it.arg.$deref()),
                NodeEnum::NamedArgExpr(it) => all.extend(it.arg.$deref()),
                NodeEnum::CaseExpr(it) => {
                    all.extend(it.arg.$deref());
                    all.extend(it.args.$iter());
                    all.extend(it.defresult.$deref());
                }
                NodeEnum::CaseWhen(it) => {
                    all.extend(it.expr.$deref());
                    all.extend(it.result.$deref());
                }
                NodeEnum::CoalesceExpr(it) => all.extend(it.args.$iter()),
                NodeEnum::MinMaxExpr(it) => all.extend(it.args.$iter()),
                NodeEnum::RowExpr(it) => all.extend(it.args.$iter()),
                NodeEnum::AArrayExpr(it) => all.extend(it.elements.$iter()),
                NodeEnum::GroupingSet(it) => all.extend(it.content.$iter()),
                NodeEnum::List(it) => all.extend(it.items.$iter()),
                NodeEnum::AIndirection(it) => {
                    all.extend(it.arg.$deref());
                    all.extend(it.indirection.$iter());
                }
                NodeEnum::AIndices(it) => {
                    all.extend(it.lidx.$deref());
                    all.extend(it.uidx.$deref());
                }
                NodeEnum::JoinExpr(it) => {
                    all.extend(it.larg.$deref());
                    all.extend(it.rarg.$deref());
                    all.extend(it.quals.$deref());
                }
                NodeEnum::RangeSubselect(it) => all.extend(it.subquery.$deref()),
                NodeEnum::RangeFunction(it) => all.extend(it.functions.$iter()),
                NodeEnum::ResTarget(it) => all.extend(it.val.$deref()),
                NodeEnum::SortBy(it) => all.extend(it.node.$deref()),
                NodeEnum::CommonTableExpr(it) => all.extend(it.ctequery.$deref()),
                NodeEnum::InsertStmt(it) => {
                    all.extend(it.select_stmt.$deref());
                    all.extend(
                        it.with_clause
                            .$as()
                            .into_iter()
                            .flat_map(|it| it.ctes.$iter()),
                    );
                }
                NodeEnum::UpdateStmt(it) => {
                    all.extend(it.target_list.$iter());
                    all.extend(it.from_clause.$iter());
                    all.extend(it.where_clause.$deref());
                    all.extend(
                        it.with_clause
                            .$as()
                            .into_iter()
                            .flat_map(|it| it.ctes.$iter()),
                    );
                }
                NodeEnum::DeleteStmt(it) => {
                    all.extend(it.using_clause.$iter());
                    all.extend(it.where_clause.$deref());
                    all.extend(
                        it.with_clause
                            .$as()
                            .into_iter()
                            .flat_map(|it| it.ctes.$iter()),
                    );
                }
                NodeEnum::ColumnRef(_)
                | NodeEnum::ParamRef(_)
                | NodeEnum::AConst(_)
                | NodeEnum::AStar(_)
                | NodeEnum::RangeVar(_)
                | NodeEnum::String(_)
                | NodeEnum::Integer(_)
                | NodeEnum::SqlvalueFunction(_)
                | NodeEnum::LockingClause(_)
                | NodeEnum::SetToDefault(_) => {}
                _ => return None,
            }
            Some(all)
        }
    };
}

/// What stands directly in a query, both sides of a set operation included.
macro_rules! children_of_select {
    ($name:ident, $node:ty, $stmt:ty, $iter:ident, $deref:ident, $as:ident, ($($life:tt)*)) => {
        fn $name<'a>(it: $($life)* SelectStmt, all: &mut Vec<$($life)* Node>) {
            all.extend(it.distinct_clause.$iter());
            all.extend(it.target_list.$iter());
            all.extend(it.from_clause.$iter());
            all.extend(it.where_clause.$deref());
            all.extend(it.group_clause.$iter());
            all.extend(it.having_clause.$deref());
            all.extend(it.window_clause.$iter());
            all.extend(it.values_lists.$iter());
            all.extend(it.sort_clause.$iter());
            all.extend(it.limit_offset.$deref());
            all.extend(it.limit_count.$deref());
            all.extend(it.with_clause.$as().into_iter().flat_map(|it| it.ctes.$iter()));
            for side in [it.larg.$deref(), it.rarg.$deref()].into_iter().flatten() {
                $name(side, all);
            }
        }
    };
}

children_of!(
    children,
    below_select,
    &Node,
    &SelectStmt,
    iter,
    as_deref,
    as_ref
);
children_of_select!(below_select, &Node, &SelectStmt, iter, as_deref, as_ref, (&'a));
children_of!(
    children_mut,
    below_select_mut,
    &mut Node,
    &mut SelectStmt,
    iter_mut,
    as_deref_mut,
    as_mut
);
children_of_select!(below_select_mut, &mut Node, &mut SelectStmt, iter_mut, as_deref_mut, as_mut, (&'a mut));

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

/// All queries of a statement, in preorder; both sides of a set operation after the whole.
pub(super) fn selects(root: &Node) -> Vec<SelectStmt> {
    let mut all = Vec::new();
    // The walk that replaces gives the numbers, so the copy that it needs is paid here.
    let mut copy = root.clone();
    each_select(&mut copy, &mut |select| all.push(select.clone()));
    all
}

/// Puts another query in the place of the one of a number.
pub(super) fn replace_select(root: &mut Node, number: usize, with: &SelectStmt) {
    let mut at = 0;
    each_select(root, &mut |select| {
        if at == number {
            *select = with.clone();
        }
        at += 1;
    });
}

fn each_select(root: &mut Node, visit: &mut dyn FnMut(&mut SelectStmt)) {
    if let Some(NodeEnum::SelectStmt(select)) = root.node.as_mut() {
        return each_side(select, visit);
    }
    for child in children_mut(root).unwrap_or_default() {
        each_select(child, visit);
    }
}

fn each_side(select: &mut SelectStmt, visit: &mut dyn FnMut(&mut SelectStmt)) {
    visit(select);
    let (larg, rarg) = (select.larg.take(), select.rarg.take());
    let mut own = Vec::new();
    below_select_mut(select, &mut own);
    for child in own {
        each_select(child, visit);
    }
    (select.larg, select.rarg) = (larg, rarg);
    for side in [select.larg.as_deref_mut(), select.rarg.as_deref_mut()] {
        if let Some(side) = side {
            each_side(side, visit);
        }
    }
}

/// A place in a query.
#[derive(Clone, Debug)]
pub(super) struct Site {
    /// The way from the query's node.
    pub(super) path: Path,
    /// Whether the query keeps no row for which the expression here is false or null, or does so
    /// through AND and OR alone: there null and false are the same.
    pub(super) is_condition: bool,
    /// Whether every AND and OR above is an AND.
    pub(super) is_conjunct: bool,
}

/// All places of a query's own level: subqueries are places, what is in them is not.
pub(super) fn sites(query: &Node) -> Vec<Site> {
    let mut found = Vec::new();
    let Some(select) = as_select(query) else {
        return found;
    };
    let conditions = [
        select.where_clause.as_deref(),
        select.having_clause.as_deref(),
    ];
    for (at, child) in children(query).unwrap_or_default().into_iter().enumerate() {
        let is_condition = conditions
            .iter()
            .flatten()
            .any(|condition| std::ptr::eq(*condition, child));
        let site = Site {
            path: vec![at],
            is_condition,
            is_conjunct: is_condition,
        };
        walk(child, site, true, &mut found);
    }
    found
}

/// `is_inner` says that no outer join is above.
fn walk(at: &Node, site: Site, is_inner: bool, found: &mut Vec<Site>) {
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
            path,
            is_condition: condition || is_qual,
            is_conjunct: conjunct || is_qual,
        };
        walk(child, site, inner, found);
    }
}

/// The node at a path.
pub(super) fn at<'a>(root: &'a Node, path: &[usize]) -> Option<&'a Node> {
    let mut here = root;
    for number in path {
        here = children(here)?.into_iter().nth(*number)?;
    }
    Some(here)
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
