//! What stands directly below a node, to read and to change.

use pg_query::NodeEnum;
use pg_query::protobuf::{Node, SelectStmt};

/// The expressions and queries directly below a node, or nothing if the walk does not know its
/// kind.
macro_rules! children_of {
    (
        $name:ident, $clause:ident, $call:ident, $select:ident,
        $iter:ident, $deref:ident, $as:ident, ($($life:tt)*)
    ) => {
        pub(in super::super) fn $name<'a>(node: $($life)* Node) -> Option<Vec<$($life)* Node>> {
            let mut all = Vec::new();
            let of = node.node.$as()?;
            match of {
                NodeEnum::SelectStmt(it) => $select(it, &mut all),
                NodeEnum::FuncCall(_) | NodeEnum::WindowDef(_) | NodeEnum::CaseExpr(_) => {
                    $call(of, &mut all);
                }
                NodeEnum::JoinExpr(_)
                | NodeEnum::InsertStmt(_)
                | NodeEnum::UpdateStmt(_)
                | NodeEnum::DeleteStmt(_) => $clause(of, &mut all),
                NodeEnum::AExpr(it) => {
                    all.extend(it.lexpr.$deref().into_iter().chain(it.rexpr.$deref()));
                }
                NodeEnum::SubLink(it) => {
                    all.extend(it.testexpr.$deref().into_iter().chain(it.subselect.$deref()));
                }
                NodeEnum::CaseWhen(it) => {
                    all.extend(it.expr.$deref().into_iter().chain(it.result.$deref()));
                }
                NodeEnum::AIndices(it) => {
                    all.extend(it.lidx.$deref().into_iter().chain(it.uidx.$deref()));
                }
                NodeEnum::AIndirection(it) => {
                    all.extend(it.arg.$deref().into_iter().chain(it.indirection.$iter()));
                }
                NodeEnum::BoolExpr(it) => all.extend(it.args.$iter()),
                NodeEnum::CoalesceExpr(it) => all.extend(it.args.$iter()),
                NodeEnum::MinMaxExpr(it) => all.extend(it.args.$iter()),
                NodeEnum::RowExpr(it) => all.extend(it.args.$iter()),
                NodeEnum::AArrayExpr(it) => all.extend(it.elements.$iter()),
                NodeEnum::GroupingSet(it) => all.extend(it.content.$iter()),
                NodeEnum::List(it) => all.extend(it.items.$iter()),
                NodeEnum::RangeFunction(it) => all.extend(it.functions.$iter()),
                NodeEnum::TypeCast(it) => all.extend(it.arg.$deref()),
                NodeEnum::CollateClause(it) => all.extend(it.arg.$deref()),
                NodeEnum::NullTest(it) => all.extend(it.arg.$deref()),
                NodeEnum::BooleanTest(it) => all.extend(it.arg.$deref()),
                NodeEnum::NamedArgExpr(it) => all.extend(it.arg.$deref()),
                NodeEnum::RangeSubselect(it) => all.extend(it.subquery.$deref()),
                NodeEnum::ResTarget(it) => all.extend(it.val.$deref()),
                NodeEnum::SortBy(it) => all.extend(it.node.$deref()),
                NodeEnum::CommonTableExpr(it) => all.extend(it.ctequery.$deref()),
                _ if is_leaf(of) => {}
                _ => return None,
            }
            Some(all)
        }

        fn $call<'a>(of: $($life)* NodeEnum, all: &mut Vec<$($life)* Node>) {
            match of {
                NodeEnum::CaseExpr(it) => {
                    all.extend(it.arg.$deref());
                    all.extend(it.args.$iter());
                    all.extend(it.defresult.$deref());
                }
                NodeEnum::FuncCall(it) => {
                    all.extend(it.args.$iter());
                    all.extend(it.agg_order.$iter());
                    all.extend(it.agg_filter.$deref());
                    if let Some(over) = it.over.$deref() {
                        all.extend(over.partition_clause.$iter().chain(over.order_clause.$iter()));
                        all.extend(over.start_offset.$deref());
                        all.extend(over.end_offset.$deref());
                    }
                }
                NodeEnum::WindowDef(it) => {
                    all.extend(it.partition_clause.$iter().chain(it.order_clause.$iter()));
                    all.extend(it.start_offset.$deref());
                    all.extend(it.end_offset.$deref());
                }
                _ => {}
            }
        }

        fn $clause<'a>(of: $($life)* NodeEnum, all: &mut Vec<$($life)* Node>) {
            let with = match of {
                NodeEnum::JoinExpr(it) => {
                    all.extend(it.larg.$deref());
                    all.extend(it.rarg.$deref());
                    all.extend(it.quals.$deref());
                    None
                }
                NodeEnum::InsertStmt(it) => {
                    all.extend(it.select_stmt.$deref());
                    it.with_clause.$as()
                }
                NodeEnum::UpdateStmt(it) => {
                    all.extend(it.target_list.$iter().chain(it.from_clause.$iter()));
                    all.extend(it.where_clause.$deref());
                    it.with_clause.$as()
                }
                NodeEnum::DeleteStmt(it) => {
                    all.extend(it.using_clause.$iter());
                    all.extend(it.where_clause.$deref());
                    it.with_clause.$as()
                }
                _ => None,
            };
            all.extend(with.into_iter().flat_map(|it| it.ctes.$iter()));
        }
    };
}

/// What stands directly in a query: its own, and then that of both sides of a set operation.
macro_rules! children_of_select {
    ($name:ident, $own:ident, $iter:ident, $deref:ident, $as:ident, ($($life:tt)*)) => {
        /// Adds what a query holds by itself, and answers its sides.
        pub(super) fn $own<'a>(
            it: $($life)* SelectStmt,
            all: &mut Vec<$($life)* Node>,
        ) -> [Option<$($life)* SelectStmt>; 2] {
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
            [it.larg.$deref(), it.rarg.$deref()]
        }

        fn $name<'a>(it: $($life)* SelectStmt, all: &mut Vec<$($life)* Node>) {
            for side in $own(it, all).into_iter().flatten() {
                $name(side, all);
            }
        }
    };
}

children_of!(children, clause, call, below_select, iter, as_deref, as_ref, (&'a));
children_of_select!(below_select, own, iter, as_deref, as_ref, (&'a));
children_of!(
    children_mut, clause_mut, call_mut, below_select_mut, iter_mut, as_deref_mut, as_mut, (&'a mut)
);
children_of_select!(below_select_mut, own_mut, iter_mut, as_deref_mut, as_mut, (&'a mut));

/// Whether nothing that a walk looks for can stand below a node.
fn is_leaf(of: &NodeEnum) -> bool {
    matches!(
        of,
        NodeEnum::ColumnRef(_)
            | NodeEnum::ParamRef(_)
            | NodeEnum::AConst(_)
            | NodeEnum::AStar(_)
            | NodeEnum::RangeVar(_)
            | NodeEnum::String(_)
            | NodeEnum::Integer(_)
            | NodeEnum::SqlvalueFunction(_)
            | NodeEnum::LockingClause(_)
            | NodeEnum::SetToDefault(_)
    )
}
