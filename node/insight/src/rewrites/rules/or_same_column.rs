//! W2: OR of equalities over one column.

use std::collections::BTreeMap;

use pg_query::NodeEnum;
use pg_query::protobuf::{BoolExprType, Node, a_const};

use crate::rewrites::about::About;
use crate::rewrites::finding::Draft;
use crate::rewrites::rule::Rule;
use crate::rewrites::schema::TypeClass;
use crate::rewrites::text::{
    any_of, column, comparison, disjuncts, expression, integer, is_constant, text,
};
use crate::rewrites::view::View;

/// Least equalities.
const MIN_TERMS: usize = 3;

/// `a = 1 OR a = 2 OR a = 3`.
#[derive(Debug)]
pub(super) struct OrSameColumn;

impl Rule for OrSameColumn {
    fn about(&self) -> About {
        About {
            id: "w2",
            name: "in_vs_any_optimization",
            title: "OR over one column",
        }
    }

    fn judges_writes(&self) -> bool {
        true
    }

    fn check(&self, view: &View<'_>) -> Vec<Draft> {
        let is_or = |of: &Node| match of.node.as_ref() {
            Some(NodeEnum::BoolExpr(it)) => it.boolop == BoolExprType::OrExpr as i32,
            _ => false,
        };
        view.places()
            .filter(|(_, of)| is_or(of))
            .filter_map(|(site, of)| {
                let (place, replaced) = view.replaced(site, shortened(view, of)?)?;
                Some(Draft::safe(place, replaced).because(
                    "one condition over a list is one index scan; before PostgreSQL 18 each term \
                     of an OR is a scan of its own or a filter",
                    "a list is defined as the OR of its equalities, nulls included",
                ))
            })
            .collect()
    }
}

/// The OR with its first group of equalities as one list.
fn shortened(view: &View<'_>, or: &Node) -> Option<Node> {
    let terms = disjuncts(or);
    let equalities: Vec<Option<(&Node, &Node)>> = terms.iter().map(|term| equality(term)).collect();
    let name = |of: &Option<(&Node, &Node)>| of.as_ref().and_then(|(column, _)| text(column));
    let names: Vec<Option<String>> = equalities.iter().map(name).collect();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for name in names.iter().flatten() {
        *counts.entry(name).or_default() += 1;
    }
    let is_group = |of: &&String| {
        counts
            .get(of.as_str())
            .is_some_and(|count| *count >= MIN_TERMS)
    };
    let group = names.iter().flatten().find(is_group)?;
    let is_member = |at: &Option<String>| at.as_ref() == Some(group);
    let values: Vec<(&Node, &Node)> = equalities
        .iter()
        .zip(&names)
        .filter(|(_, name)| is_member(name))
        .filter_map(|(equality, _)| *equality)
        .collect();
    let list = list(view, &values)?;
    let mut kept = Vec::new();
    let mut is_placed = false;
    for (term, name) in terms.iter().zip(&names) {
        if !is_member(name) {
            kept.push((*term).clone());
        } else if !is_placed {
            kept.push(list.clone());
            is_placed = true;
        }
    }
    any_of(kept)
}

/// Column and constant of an equality.
fn equality(term: &Node) -> Option<(&Node, &Node)> {
    let (_, left, right) = comparison(term).filter(|(operator, ..)| *operator == "=")?;
    match (column(left), column(right)) {
        (Some(_), None) if is_constant(right) => Some((left, right)),
        (None, Some(_)) if is_constant(left) => Some((right, left)),
        _ => None,
    }
}

/// The condition over a list: an array where its type is sure, else IN, which takes the column's.
fn list(view: &View<'_>, values: &[(&Node, &Node)]) -> Option<Node> {
    let (column, first) = values.first()?;
    if values.iter().any(|(_, value)| kind(value) != kind(first)) {
        return None;
    }
    let texts: Vec<String> = values.iter().filter_map(|(_, value)| text(value)).collect();
    let (name, texts) = (text(column)?, texts.join(", "));
    let known = view.scope.column(column);
    let is_text = known.is_some_and(|of| of.class() == TypeClass::Text);
    let is_plain = integer(first).is_some() || (is_text && kind(first) == Kind::Text);
    let sql = match known {
        _ if is_plain => format!("{name} = ANY (ARRAY[{texts}])"),
        Some(of) if kind(first) != Kind::Other => {
            format!("{name} = ANY (ARRAY[{texts}]::{}[])", of.type_name)
        }
        _ => format!("{name} IN ({texts})"),
    };
    expression(&sql)
}

/// What a constant is written as; constants of one list have one type.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Parameter,
    Integer,
    Text,
    Other,
}

fn kind(value: &Node) -> Kind {
    match value.node.as_ref() {
        Some(NodeEnum::ParamRef(_)) => Kind::Parameter,
        Some(NodeEnum::AConst(it)) => match it.val {
            Some(a_const::Val::Ival(_)) => Kind::Integer,
            Some(a_const::Val::Sval(_)) => Kind::Text,
            _ => Kind::Other,
        },
        _ => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rewrites::testing::{found_with, offers, quiet};
    use crate::rewrites::{Facts, Verdict};

    #[test]
    fn equalities_become_a_list() {
        for (sql, want) in [
            (
                "SELECT id FROM t WHERE st='a' OR st='b' OR st='c'",
                "SELECT id FROM t WHERE st = ANY(ARRAY['a', 'b', 'c'])",
            ),
            (
                "SELECT id FROM t WHERE a = $1 OR b = 1 OR a = $2 OR $3 = a",
                "SELECT id FROM t WHERE a = ANY(ARRAY[$1, $2, $3]::int[]) OR b = 1",
            ),
            (
                "UPDATE t SET b = $1 WHERE a = 1 OR a = 2 OR a = 3",
                "UPDATE t SET b = $1 WHERE a = ANY(ARRAY[1, 2, 3])",
            ),
            (
                "SELECT id FROM t WHERE day = '2026-01-01' OR day = '2026-01-02' OR day = '2026-01-05'",
                "SELECT id FROM t WHERE day = ANY(ARRAY['2026-01-01', '2026-01-02', '2026-01-05']::date[])",
            ),
        ] {
            offers(&OrSameColumn, sql, want);
        }
    }

    #[test]
    fn without_a_type_the_list_takes_that_of_the_column() {
        let sql = "SELECT id FROM q WHERE s = $1 OR s = $2 OR s = $3";
        let found = found_with(&OrSameColumn, sql, &Facts::default());
        assert_eq!(found[0].verdict, Verdict::Safe);
        assert_eq!(
            found[0].rewritten.as_deref(),
            Some("SELECT id FROM q WHERE s IN ($1, $2, $3)")
        );
    }

    #[test]
    fn few_terms_and_mixed_types_are_left_alone() {
        for sql in [
            "SELECT id FROM t WHERE a = 1 OR b = 2",
            "SELECT id FROM t WHERE a = 1 OR a = 2",
            "SELECT id FROM t WHERE a = 1 OR b = 2 OR amount = 3",
            "SELECT id FROM t WHERE a = 1 OR a = 2 OR a = 2.5",
            "SELECT id FROM t WHERE a > 1 OR a > 2 OR a > 3",
        ] {
            quiet(&OrSameColumn, sql);
        }
    }
}
