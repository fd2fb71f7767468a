//! Which share of a table's rows a predicate keeps.
//!
//! # Source
//! PostgreSQL's `selfuncs.c`, with its default figures for values that are not known. For an
//! unknown value of an equality the *expected* share over all callers is taken, who ask for common
//! values more often; the planner takes `1/n`.

mod values;

use super::catalog::{Column, Relation};
use super::demand::{Key, Other, Test, Value};

use self::values::{Bound, share_below};

/// Values of an `= ANY` whose number is unknown.
const UNKNOWN_LIST: f64 = 10.0;
/// A comparison with an unknown value.
const UNKNOWN_RANGE: f64 = 1.0 / 3.0;
/// Two comparisons, a prefix, or a test of an expression.
const UNKNOWN_NARROW: f64 = 0.005;
/// A pattern that starts anywhere.
const UNKNOWN_PATTERN: f64 = 0.01;

/// Functions that keep values apart, so that the column's statistics tell theirs.
const ONE_TO_ONE: [&str; 6] = ["lower", "upper", "md5", "btrim", "reverse", "("];

/// Distinct values of a column; nothing without statistics.
pub(super) fn distinct(column: &Column, rows: f64) -> Option<f64> {
    let n = column.n_distinct.filter(|n| *n != 0.0)?;
    let count = if n < 0.0 { -n * rows } else { n };
    Some(count.clamp(1.0, rows.max(1.0)))
}

/// Share of rows that a predicate keeps, from 0 to 1; nothing if the column has no statistics.
pub(super) fn selectivity(relation: &Relation, key: &Key, test: &Test) -> Option<f64> {
    let rows = relation.known_rows()?;
    let column = relation.column(&key.column)?;
    let nulls = null_share(column);
    if let Some(expression) = &key.expression {
        return expression_share(expression, column, rows, test);
    }
    let share = match test {
        Test::IsNull => column.null_frac?,
        Test::Other(Other::NotNull) => 1.0 - nulls,
        Test::Other(Other::Filter) => 1.0,
        Test::Other(_) => UNKNOWN_PATTERN,
        Test::Is(wanted) => boolean_share(column, *wanted),
        Test::Equal(value) => equal_share(column, rows, value)?,
        Test::In(None) => {
            (UNKNOWN_LIST * equal_share(column, rows, &Value::Parameter)?).min(1.0 - nulls)
        }
        Test::In(Some(values)) => {
            let mut sum = 0.0;
            for value in values {
                sum += equal_share(column, rows, value)?;
            }
            f64::min(sum, 1.0 - nulls)
        }
        Test::Join(..) => (1.0 - nulls) / distinct(column, rows)?,
        Test::Period(_) => ((1.0 - nulls) / distinct(column, rows)?).max(UNKNOWN_NARROW),
        Test::Above(value) => 1.0 - nulls - below_or(column, value, 1.0 - nulls - UNKNOWN_RANGE),
        Test::Below(value) => below_or(column, value, UNKNOWN_RANGE),
        Test::Between(low, high) => between_share(column, low, high),
        Test::Prefix(value) => prefix_share(column, value),
    };
    // A test keeps something: less than one row is no use to a cost.
    Some(share.clamp(1.0 / rows.max(1.0), 1.0))
}

/// Share of pairs of rows that an equality of two columns keeps.
pub(super) fn join_share(one: (&Relation, &str), other: (&Relation, &str)) -> Option<f64> {
    let (rows, other_rows) = (one.0.known_rows()?, other.0.known_rows()?);
    let (a, b) = (one.0.column(one.1)?, other.0.column(other.1)?);
    let (n_a, n_b) = (distinct(a, rows)?, distinct(b, other_rows)?);
    let (mut product, mut sum_a, mut sum_b, mut matches) = (0.0, 0.0, 0.0, 0.0);
    for common in a.most_common.iter().filter(|common| common.value.is_some()) {
        let same = b
            .most_common
            .iter()
            .find(|other| other.value == common.value);
        if let Some(same) = same {
            product += common.frequency * same.frequency;
            sum_a += common.frequency;
            sum_b += same.frequency;
            matches += 1.0;
        }
    }
    let rest_a = (1.0 - null_share(a) - sum_a).max(0.0);
    let rest_b = (1.0 - null_share(b) - sum_b).max(0.0);
    let rest = rest_a * rest_b / (n_a.max(n_b) - matches).max(1.0);
    Some((product + rest).clamp(0.0, 1.0))
}

/// Share of rows that all of several predicates keep: the most selective counts in full, each
/// further one by the square root of the one before, because columns are seldom independent.
pub(super) fn combined(shares: &[f64]) -> f64 {
    let mut sorted = shares.to_vec();
    sorted.sort_by(f64::total_cmp);
    let mut power = 1.0;
    let mut product = 1.0;
    for share in sorted {
        product *= share.powf(power);
        power /= 2.0;
    }
    product
}

fn null_share(column: &Column) -> f64 {
    column.null_frac.unwrap_or(0.0).clamp(0.0, 1.0)
}

/// Share of an equality with a value, or with those that callers ask for.
fn equal_share(column: &Column, rows: f64, value: &Value) -> Option<f64> {
    let n = distinct(column, rows)?;
    let common: f64 = column
        .most_common
        .iter()
        .map(|common| common.frequency)
        .sum();
    let rest = (1.0 - null_share(column) - common).max(0.0);
    let others = (n - count(column.most_common.len())).max(1.0);
    let has_values = column
        .most_common
        .iter()
        .all(|common| common.value.is_some());
    if let Some(text) = value.known().filter(|_| has_values) {
        let mut all = column.most_common.iter();
        let same = all.find(|common| common.value.as_deref() == Some(text));
        return Some(same.map_or(rest / others, |same| same.frequency));
    }
    let squares: f64 = column
        .most_common
        .iter()
        .map(|common| common.frequency.powi(2))
        .sum();
    Some(squares + rest * rest / others)
}

fn boolean_share(column: &Column, wanted: bool) -> f64 {
    let is_wanted = |value: &str| match value {
        "t" | "true" => Some(wanted),
        "f" | "false" => Some(!wanted),
        _ => None,
    };
    for common in &column.most_common {
        match common.value.as_deref().and_then(is_wanted) {
            Some(true) => return common.frequency,
            Some(false) => return (1.0 - null_share(column) - common.frequency).max(0.0),
            None => {}
        }
    }
    0.5
}

/// Share of rows below a value.
fn below_or(column: &Column, value: &Value, unknown: f64) -> f64 {
    let known = value
        .known()
        .and_then(|text| below(column, text, Bound::Value));
    known.unwrap_or(unknown)
}

/// Share of rows below a value, from common values and the histogram.
fn below(column: &Column, text: &str, bound: Bound) -> Option<f64> {
    let common: f64 = column
        .most_common
        .iter()
        .map(|common| common.frequency)
        .sum();
    let rest = (1.0 - null_share(column) - common).max(0.0);
    let mut sum = 0.0;
    for common in &column.most_common {
        let value = common.value.as_deref()?;
        if values::is_below(&column.type_name, value, text, bound) {
            sum += common.frequency;
        }
    }
    match share_below(&column.type_name, &column.histogram, text, bound) {
        Some(share) => Some(sum + rest * share),
        None if rest < 0.01 && !column.most_common.is_empty() => Some(sum),
        None => None,
    }
}

fn between_share(column: &Column, low: &Value, high: &Value) -> f64 {
    let shares = low.known().zip(high.known()).and_then(|(low, high)| {
        Some((
            below(column, low, Bound::Value)?,
            below(column, high, Bound::Value)?,
        ))
    });
    shares.map_or(UNKNOWN_NARROW, |(low, high)| (high - low).max(0.0))
}

fn prefix_share(column: &Column, value: &Value) -> f64 {
    let shares = value.known().and_then(|text| {
        let low = below(column, text, Bound::Value)?;
        Some(below(column, text, Bound::AfterPrefix)? - low)
    });
    shares.map_or(UNKNOWN_NARROW, |share| share.max(0.0))
}

/// Share of a test of an expression, which has no statistics before its index exists.
fn expression_share(text: &str, column: &Column, rows: f64, test: &Test) -> Option<f64> {
    let is_field = text.contains("->>") || text.contains("#>>");
    let keeps_apart = ONE_TO_ONE.iter().any(|name| text.starts_with(name)) && !is_field;
    let one = if keeps_apart {
        equal_share(column, rows, &Value::Parameter)?
    } else {
        UNKNOWN_NARROW
    };
    let share = match test {
        Test::Equal(_) | Test::Join(..) | Test::Period(_) => one,
        Test::In(Some(values)) => one * count(values.len()),
        Test::In(None) => one * UNKNOWN_LIST,
        Test::Above(_) | Test::Below(_) => UNKNOWN_RANGE,
        Test::Other(Other::Filter | Other::NotNull) | Test::Is(_) => 1.0,
        _ => UNKNOWN_NARROW,
    };
    Some(share.clamp(1.0 / rows.max(1.0), 1.0))
}

/// A count as a number to reckon with.
pub(super) fn count(items: usize) -> f64 {
    u32::try_from(items).map_or(f64::MAX, f64::from)
}
