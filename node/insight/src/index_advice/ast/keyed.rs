//! What an operator asks of a column or an expression.

use super::operand::Operand;
use super::terms::Terms;
use crate::index_advice::demand::{Key, Other, Term, Test, Value};

/// A test of a key by an operator.
pub(super) fn keyed(key: Operand, op: &str, value: Value) -> Terms {
    let test = match op {
        "=" => Test::Equal(value),
        ">" | ">=" => Test::Above(value),
        "<" | "<=" => Test::Below(value),
        "^@" => Test::Prefix(value),
        "@>" | "<@" | "&&" | "@@" | "?" | "?|" | "?&" => {
            Test::Other(Other::Inverted(op.to_owned()))
        }
        _ => Test::Other(Other::Filter),
    };
    of_key(key, test)
}

pub(super) fn of_key(key: Operand, test: Test) -> Terms {
    let (found, key, test) = match key {
        Operand::Column(found) => {
            let key = Key::column(&found.column);
            (found, key, test)
        }
        Operand::Wrapped(found, text) => {
            let key = Key {
                column: found.column.clone(),
                expression: Some(text),
            };
            (found, key, test)
        }
        Operand::Period(found, function) => {
            let key = Key::column(&found.column);
            let is_period = test.is_equality() || test.is_range();
            let other = Test::Other(Other::Filter);
            (
                found,
                key,
                if is_period {
                    Test::Period(function)
                } else {
                    other
                },
            )
        }
        Operand::Value(_) | Operand::Mixed => return Terms::none(),
    };
    if found.can_push {
        Terms::of(vec![(found.access, Term { key, test })])
    } else {
        Terms::none()
    }
}

/// The operator with its sides changed.
pub(super) fn swapped(op: &str) -> &str {
    match op {
        ">" => "<",
        ">=" => "<=",
        "<" => ">",
        "<=" => ">=",
        "=" | "&&" => op,
        "@>" => "<@",
        "<@" => "@>",
        _ => "",
    }
}

/// The literal text before the first wildcard.
pub(super) fn prefix(pattern: &str) -> String {
    pattern
        .chars()
        .take_while(|c| !matches!(c, '%' | '_' | '\\'))
        .collect()
}

/// The longest literal text between wildcards.
pub(super) fn longest_part(pattern: &str) -> String {
    let parts = pattern.split(['%', '_']);
    let longest = parts.max_by_key(|part| part.chars().count());
    longest.unwrap_or_default().to_owned()
}
