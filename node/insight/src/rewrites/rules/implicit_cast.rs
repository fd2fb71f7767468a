//! W3b: a comparison in another type than the column's keeps its index out.

use pg_query::NodeEnum;
use pg_query::protobuf::{Node, a_const};

use crate::rewrites::about::About;
use crate::rewrites::finding::Draft;
use crate::rewrites::rule::Rule;
use crate::rewrites::schema::TypeClass;
use crate::rewrites::text::{
    cast, column, comparison, expression, is_constant, operand, string, text,
};
use crate::rewrites::view::View;

/// `id::text = $1`, `id = 5.0`, `id = $1::numeric`.
#[derive(Debug)]
pub(super) struct ImplicitCast;

impl Rule for ImplicitCast {
    fn about(&self) -> About {
        About {
            id: "w3b",
            name: "implicit_cast",
            title: "a comparison in another type than the column's",
        }
    }

    fn judges_writes(&self) -> bool {
        true
    }

    fn check(&self, view: &View<'_>) -> Vec<Draft> {
        view.conditions()
            .filter_map(|(site, of)| {
                let (column, value) = compared(view, of)?;
                let kind = view.scope.column(column)?.type_name.clone();
                let (name, value) = (text(column)?, operand(value)?);
                let new = expression(&format!("{name} = {value}::{kind}"))?;
                let (place, replaced) = view.replaced(site, new)?;
                let question = format!(
                    "is {value} always a {kind}? other values then raise an error, where the \
                     original returns no row"
                );
                Some(Draft::safe(place, replaced).asking(Some(question)).because(
                    "the cast of the constant happens once, and an index on the column serves",
                    "values of the column's type compare the same in both types",
                ))
            })
            .collect()
    }
}

/// The column and the constant of an equality in another type.
fn compared<'a>(view: &View<'_>, of: &'a Node) -> Option<(&'a Node, &'a Node)> {
    let (_, left, right) = comparison(of).filter(|(operator, ..)| *operator == "=")?;
    let (left, right) = if is_constant(left) {
        (right, left)
    } else {
        (left, right)
    };
    if !is_constant(right) {
        return None;
    }
    if let Some((kind, inner)) = cast(left) {
        let is_text = matches!(kind, "text" | "varchar" | "bpchar");
        let is_other = view.scope.column(inner)?.class() != TypeClass::Text;
        let value = cast(right).map_or(right, |(_, value)| value);
        return (is_text && is_other && column(inner).is_some()).then_some((inner, value));
    }
    if view.scope.column(left)?.class() != TypeClass::Integer {
        return None;
    }
    match cast(right) {
        Some(("numeric" | "float8" | "float4", value)) if string(value).is_none() => {
            Some((left, value))
        }
        None if is_whole_fraction(right) => Some((left, right)),
        _ => None,
    }
}

/// Whether a literal such as `5.0` has a point, but no fraction.
fn is_whole_fraction(value: &Node) -> bool {
    let Some(NodeEnum::AConst(it)) = value.node.as_ref() else {
        return false;
    };
    match it.val.as_ref() {
        Some(a_const::Val::Fval(of)) => {
            let number: Option<f64> = of.fval.parse().ok();
            of.fval.contains('.') && number.is_some_and(|number| number.fract() == 0.0)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rewrites::testing::{asks, quiet};

    #[test]
    fn constants_take_the_type_of_the_column() {
        for (sql, want) in [
            (
                "SELECT a FROM t WHERE id::text = $1",
                "SELECT a FROM t WHERE id = $1::int",
            ),
            (
                "SELECT a FROM t WHERE '5'::text = t.id::text",
                "SELECT a FROM t WHERE t.id = '5'::int",
            ),
            (
                "SELECT a FROM t WHERE id = $1::numeric",
                "SELECT a FROM t WHERE id = $1::int",
            ),
            (
                "DELETE FROM t WHERE id = 5.0",
                "DELETE FROM t WHERE id = (5.0)::int",
            ),
        ] {
            let finding = asks(&ImplicitCast, sql, "raise an error");
            assert_eq!(finding.rewritten.as_deref(), Some(want));
        }
    }

    #[test]
    fn columns_of_the_type_are_left_alone() {
        for sql in [
            "SELECT a FROM t WHERE st::text = $1",
            "SELECT a FROM t WHERE id = $1",
            "SELECT a FROM t WHERE id = 5.5",
            "SELECT a FROM t WHERE amount = $1::numeric",
            "SELECT a FROM q WHERE id::text = $1",
        ] {
            quiet(&ImplicitCast, sql);
        }
    }
}
