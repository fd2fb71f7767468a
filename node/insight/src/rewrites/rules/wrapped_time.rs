//! Comparisons of days, truncated times and years as ranges over the column.

use pg_query::protobuf::Node;

use super::wrapped::{Bare, Wrapped};
use crate::rewrites::schema::TypeClass;
use crate::rewrites::text::{call, cast, column, integer, operand, string, text};
use crate::rewrites::view::View;

/// Units whose length `interval` can tell.
const UNITS: [&str; 7] = ["minute", "hour", "day", "week", "month", "quarter", "year"];

/// The range that a comparison of a time means.
pub(super) fn bare<'a>(view: &View<'_>, of: &Wrapped<'a>) -> Option<Bare<'a>> {
    let (column_node, mut bare) = day(of).or_else(|| truncated(of)).or_else(|| year(of))?;
    let zone = "which zone? the day begins where the session's TimeZone says".to_owned();
    let question = match view.scope.column(column_node).map(|known| known.class()) {
        Some(TypeClass::Timestamp) => None,
        Some(TypeClass::TimestampTz) => Some(zone),
        Some(_) => return None,
        None => {
            let name = text(column_node)?;
            Some(format!(
                "is {name} a timestamp without time zone? else: which zone?"
            ))
        }
    };
    bare.question = question.or(bare.question);
    Some(bare)
}

/// A range of a column; `from` and `until` are expressions, `until` is not in it.
fn range(operator: &str, name: &str, from: &str, until: &str) -> Option<String> {
    Some(match operator {
        "=" => format!("{name} >= {from} AND {name} < {until}"),
        "<" => format!("{name} < {from}"),
        "<=" => format!("{name} < {until}"),
        ">" => format!("{name} >= {until}"),
        ">=" => format!("{name} >= {from}"),
        _ => return None,
    })
}

/// `c::date = d` and `date(c) = d`.
fn day<'a>(of: &Wrapped<'a>) -> Option<(&'a Node, Bare<'a>)> {
    let inner = match (cast(of.left), call(of.left)) {
        (Some(("date", inner)), _) => inner,
        (_, Some(("date", [inner]))) => inner,
        _ => return None,
    };
    let name = text(inner).filter(|_| column(inner).is_some())?;
    let sql = match of.right.as_slice() {
        [value] => {
            let from = as_date(value)?;
            range(of.operator, &name, &from, &format!("{from} + 1"))?
        }
        [first, last] if of.operator == "between" => {
            let (first, last) = (as_date(first)?, as_date(last)?);
            format!("{name} >= {first} AND {name} < {last} + 1")
        }
        _ => return None,
    };
    let (_, plain) = column(inner)?;
    let bare = Bare {
        column: inner,
        sql,
        question: None,
        safety: "a time lies in a day if it is not before the day's start and before the next \
                 one's; for every finite day",
        expressions: vec![format!("{plain}::date"), format!("date({plain})")],
    };
    Some((inner, bare))
}

/// A constant as a date; nothing if it is cast to something else.
fn as_date(value: &Node) -> Option<String> {
    match cast(value) {
        Some(("date", _)) => operand(value),
        Some(_) => None,
        None => Some(format!("{}::date", operand(value)?)),
    }
}

/// `date_trunc('day', c) = d`.
fn truncated<'a>(of: &Wrapped<'a>) -> Option<(&'a Node, Bare<'a>)> {
    let ("date_trunc", [unit, inner]) = call(of.left)? else {
        return None;
    };
    let (name, unit) = (
        text(inner).filter(|_| column(inner).is_some())?,
        string(unit)?,
    );
    let ([value], true) = (of.right.as_slice(), UNITS.contains(&unit)) else {
        return None;
    };
    if of.operator != "=" || cast(value).is_some_and(|(name, _)| name != "timestamp") {
        return None;
    }
    let from = match cast(value) {
        Some(_) => operand(value)?,
        None => format!("{}::timestamp", operand(value)?),
    };
    let length = if unit == "quarter" {
        "3 months".to_owned()
    } else {
        format!("1 {unit}")
    };
    // A time inside the unit equals no truncated time: the last term says so, once a call.
    let sql = format!(
        "{name} >= {from} AND {name} < {from} + '{length}'::interval \
         AND date_trunc('{unit}', {from}) = {from}"
    );
    let (_, plain) = column(inner)?;
    let bare = Bare {
        column: inner,
        sql,
        question: None,
        safety: "a time is truncated to the start of its unit if it is in the unit; the last term \
                 keeps values out that no time is truncated to",
        expressions: vec![
            format!("date_trunc('{unit}', {plain})"),
            format!("date_trunc('{unit}'::text, {plain})"),
        ],
    };
    Some((inner, bare))
}

/// `extract(year FROM c) = 2026`.
fn year<'a>(of: &Wrapped<'a>) -> Option<(&'a Node, Bare<'a>)> {
    let ("extract" | "date_part", [unit, inner]) = call(of.left)? else {
        return None;
    };
    let (name, unit) = (
        text(inner).filter(|_| column(inner).is_some())?,
        string(unit)?,
    );
    let ([value], "year") = (of.right.as_slice(), unit) else {
        return None;
    };
    let (from, until, question) = match integer(value) {
        Some(year @ 1..=9998) => (
            format!("'{year:04}-01-01'::date"),
            format!("'{:04}-01-01'::date", year + 1),
            None,
        ),
        Some(_) => return None,
        None => {
            let year = operand(value)?;
            (
                format!("make_date({year}::integer, 1, 1)"),
                format!("make_date({year}::integer + 1, 1, 1)"),
                Some(format!("is {year} always a whole number above 0?")),
            )
        }
    };
    let (_, plain) = column(inner)?;
    let bare = Bare {
        column: inner,
        sql: range(of.operator, &name, &from, &until)?,
        question,
        safety: "a time lies in a year if it is not before the year's start and before the next \
                 one's",
        expressions: vec![
            format!("extract(year from {plain})"),
            format!("date_part('year', {plain})"),
            format!("date_part('year'::text, {plain})"),
        ],
    };
    Some((inner, bare))
}

#[cfg(test)]
mod tests {
    use super::super::wrapped_column::WrappedColumn;
    use crate::rewrites::testing::{asks, offers, quiet};

    #[test]
    fn times_become_ranges() {
        for (sql, want) in [
            (
                "SELECT id FROM t WHERE created::date = '2026-01-02'",
                "SELECT id FROM t WHERE created >= '2026-01-02'::date AND created < '2026-01-02'::date + 1",
            ),
            (
                "SELECT id FROM t WHERE b = $1 AND date(created) <= $2",
                "SELECT id FROM t WHERE b = $1 AND created < $2::date + 1",
            ),
            (
                "SELECT id FROM t WHERE created::date BETWEEN $1 AND $2",
                "SELECT id FROM t WHERE created >= $1::date AND created < $2::date + 1",
            ),
            (
                "SELECT id FROM t WHERE date_trunc('month', created) = $1",
                "SELECT id FROM t WHERE created >= $1::timestamp AND created < $1::timestamp + '1 month'::interval AND date_trunc('month', $1::timestamp) = $1::timestamp",
            ),
            (
                "SELECT id FROM t WHERE extract(year FROM created) = 2026",
                "SELECT id FROM t WHERE created >= '2026-01-01'::date AND created < '2027-01-01'::date",
            ),
        ] {
            offers(&WrappedColumn, sql, want);
        }
    }

    #[test]
    fn zones_and_parameters_are_asked_about() {
        for (sql, part) in [
            ("SELECT id FROM l WHERE at::date = $1", "which zone"),
            (
                "SELECT id FROM q WHERE at::date = $1",
                "is at a timestamp without time zone",
            ),
            (
                "SELECT id FROM t WHERE extract(year FROM created) = $1",
                "whole number",
            ),
        ] {
            assert!(asks(&WrappedColumn, sql, part).rewritten.is_some(), "{sql}");
        }
    }

    #[test]
    fn indexed_expressions_and_unknown_units_are_left_alone() {
        for sql in [
            "SELECT id FROM t WHERE seen::date = '2026-01-02'",
            "SELECT id FROM t WHERE day::date = '2026-01-02'",
            "SELECT id FROM t WHERE date_trunc($1, created) = $2",
            "SELECT id FROM t WHERE extract(month FROM created) = 1",
            "SELECT id FROM t WHERE created::date = '2026-01-02 10:00'::timestamp",
            "SELECT id FROM t WHERE created::date <> '2026-01-02'",
        ] {
            quiet(&WrappedColumn, sql);
        }
    }
}
