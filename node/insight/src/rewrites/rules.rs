//! One file a rule, all registered in one list.

mod count_exists;
mod distinct_join;
mod exists;
mod implicit_cast;
mod in_subquery;
mod inner_order;
mod keys;
mod leading_wildcard;
mod left_inner;
mod long_in;
mod not_in_null;
mod offset_paging;
mod or_same_column;
mod or_union;
mod scalar_subquery;
mod select_star;
mod union_all;
mod wrapped;
mod wrapped_column;
mod wrapped_time;

use super::rule::Rule;

/// The rules that judge a statement by itself, in the order of their numbers.
pub(super) const RULES: [&dyn Rule; 16] = [
    &not_in_null::NotInNull,
    &or_same_column::OrSameColumn,
    &wrapped_column::WrappedColumn,
    &implicit_cast::ImplicitCast,
    &or_union::OrUnion,
    &long_in::LongIn,
    &in_subquery::InSubquery,
    &count_exists::CountExists,
    &scalar_subquery::ScalarSubquery,
    &distinct_join::DistinctJoin,
    &left_inner::LeftInner,
    &offset_paging::OffsetPaging,
    &union_all::UnionAll,
    &inner_order::InnerOrder,
    &select_star::SelectStar,
    &leading_wildcard::LeadingWildcard,
];
