//! W5: a long list is a statement of its own for every length.

use pg_query::NodeEnum;
use pg_query::protobuf::{AExprKind, Node};

use crate::rewrites::about::About;
use crate::rewrites::finding::Draft;
use crate::rewrites::rule::Rule;
use crate::rewrites::text::{column, expression, is_constant, parameter, text, word};
use crate::rewrites::view::View;

/// More constants make planning long.
const MAX_CONSTANTS: usize = 100;
/// Planning is long above this share.
const MAX_PLANNING_SHARE: f64 = 0.2;
/// More families that differ in length alone are one statement in the application.
const MAX_FAMILIES: u32 = 20;

/// `a IN (1, 2, …)`.
#[derive(Debug)]
pub(super) struct LongIn;

impl Rule for LongIn {
    fn about(&self) -> About {
        About {
            id: "w5",
            name: "in_vs_any_optimization",
            title: "a long list of constants",
        }
    }

    fn judges_writes(&self) -> bool {
        true
    }

    fn check(&self, view: &View<'_>) -> Vec<Draft> {
        view.places()
            .filter_map(|(site, of)| {
                let (place, replaced) = view.replaced(site, as_array(view, of)?)?;
                Some(Draft::safe(place, replaced).seen().because(
                    "one parameter instead of a constant for each value: one statement to plan, \
                     to prepare and to count, whatever the length",
                    "an array holds the same values; the application passes them as one parameter",
                ))
            })
            .collect()
    }
}

/// A list that is worth it, as array.
fn as_array(view: &View<'_>, of: &Node) -> Option<Node> {
    let NodeEnum::AExpr(it) = of.node.as_ref()? else {
        return None;
    };
    let left = it.lexpr.as_deref().filter(|left| column(left).is_some())?;
    let NodeEnum::List(list) = it.rexpr.as_deref()?.node.as_ref()? else {
        return None;
    };
    let is_in = it.kind == AExprKind::AexprIn as i32 && list.items.iter().all(is_constant);
    if !is_in || !is_worth_it(view, list.items.len()) {
        return None;
    }
    let number = match list.items.first().and_then(parameter) {
        Some(number) => number,
        None => view.highest_parameter().checked_add(1)?,
    };
    let operator = it.name.first().and_then(word)?;
    let quantifier = if operator == "=" { "ANY" } else { "ALL" };
    let kind = view.scope.column(left);
    let kind = kind.map_or_else(String::new, |of| format!("::{}[]", of.type_name));
    expression(&format!(
        "{} {operator} {quantifier} (${number}{kind})",
        text(left)?
    ))
}

fn is_worth_it(view: &View<'_>, constants: usize) -> bool {
    let calls = view.calls;
    let plans_long = calls
        .planning_share
        .is_some_and(|share| share > MAX_PLANNING_SHARE);
    let many = calls
        .families_by_length
        .is_some_and(|families| families > MAX_FAMILIES);
    (constants > MAX_CONSTANTS && plans_long) || many
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rewrites::testing::{found_with, quiet, with_plan};
    use crate::rewrites::{Calls, Verdict};

    fn rewritten(sql: &str, calls: Calls) -> Option<String> {
        with_plan(None, calls, |facts| {
            let found = found_with(&LongIn, sql, facts);
            assert!(
                found.iter().all(|of| of.verdict == Verdict::Safe),
                "{found:?}"
            );
            found.into_iter().next().and_then(|of| of.rewritten)
        })
    }

    fn list(first: usize, last: usize, mark: &str) -> String {
        let items: Vec<String> = (first..=last).map(|at| format!("{mark}{at}")).collect();
        items.join(", ")
    }

    #[test]
    fn long_lists_become_a_parameter() {
        let planned = Calls {
            planning_share: Some(0.3),
            ..Calls::default()
        };
        let many = Calls {
            families_by_length: Some(21),
            ..Calls::default()
        };
        for (sql, calls, want) in [
            (
                format!(
                    "SELECT a FROM t WHERE b = $1 AND id IN ({})",
                    list(2, 102, "$")
                ),
                planned,
                "SELECT a FROM t WHERE b = $1 AND id = ANY($2::int[])",
            ),
            (
                format!("DELETE FROM q WHERE id NOT IN ({})", list(1, 101, "")),
                planned,
                "DELETE FROM q WHERE id <> ALL($1)",
            ),
            (
                "SELECT a FROM q WHERE id IN ($1, $2)".to_owned(),
                many,
                "SELECT a FROM q WHERE id = ANY($1)",
            ),
        ] {
            assert_eq!(rewritten(&sql, calls).as_deref(), Some(want));
        }
    }

    #[test]
    fn short_lists_and_quick_planning_are_left_alone() {
        let long = format!("SELECT a FROM t WHERE id IN ({})", list(1, 101, "$"));
        let quick = Calls {
            planning_share: Some(0.1),
            families_by_length: Some(20),
            ..Calls::default()
        };
        let planned = Calls {
            planning_share: Some(0.3),
            ..Calls::default()
        };
        assert_eq!(rewritten(&long, quick), None);
        assert_eq!(
            rewritten("SELECT a FROM t WHERE id IN (1, 2)", planned),
            None
        );
        quiet(&LongIn, &long);
    }
}
