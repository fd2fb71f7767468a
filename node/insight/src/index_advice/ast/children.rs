//! The parts of an expression.

use pg_query::NodeEnum;
use pg_query::protobuf::Node;

/// The expressions right below one. Queries inside are not entered.
pub(super) fn children(node: &NodeEnum) -> Vec<&Node> {
    match node {
        NodeEnum::AExpr(expr) => boxed([&expr.lexpr, &expr.rexpr]),
        NodeEnum::BoolExpr(expr) => expr.args.iter().collect(),
        NodeEnum::NullTest(test) => boxed([&test.arg]),
        NodeEnum::BooleanTest(test) => boxed([&test.arg]),
        NodeEnum::TypeCast(cast) => boxed([&cast.arg]),
        NodeEnum::CollateClause(clause) => boxed([&clause.arg]),
        NodeEnum::CoalesceExpr(expr) => expr.args.iter().collect(),
        NodeEnum::MinMaxExpr(expr) => expr.args.iter().collect(),
        NodeEnum::RowExpr(row) => row.args.iter().collect(),
        NodeEnum::AArrayExpr(array) => array.elements.iter().collect(),
        NodeEnum::List(list) => list.items.iter().collect(),
        NodeEnum::AIndirection(expr) => boxed([&expr.arg]),
        NodeEnum::NamedArgExpr(expr) => boxed([&expr.arg]),
        NodeEnum::ResTarget(target) => boxed([&target.val]),
        NodeEnum::SortBy(sort) => boxed([&sort.node]),
        NodeEnum::SubLink(link) => boxed([&link.testexpr]),
        NodeEnum::GroupingSet(set) => set.content.iter().collect(),
        NodeEnum::CaseWhen(when) => boxed([&when.expr, &when.result]),
        NodeEnum::CaseExpr(case) => {
            let mut parts = boxed([&case.arg, &case.defresult]);
            parts.extend(&case.args);
            parts
        }
        NodeEnum::FuncCall(call) => {
            let mut parts = boxed([&call.agg_filter]);
            parts.extend(call.args.iter().chain(&call.agg_order));
            if let Some(window) = &call.over {
                parts.extend(window.partition_clause.iter().chain(&window.order_clause));
            }
            parts
        }
        NodeEnum::WindowDef(window) => {
            let parts = window.partition_clause.iter().chain(&window.order_clause);
            parts.collect()
        }
        _ => Vec::new(),
    }
}

fn boxed<const N: usize>(parts: [&Option<Box<Node>>; N]) -> Vec<&Node> {
    parts.into_iter().filter_map(Option::as_deref).collect()
}
