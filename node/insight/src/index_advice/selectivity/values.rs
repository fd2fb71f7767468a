//! Where a value stands among others of its type.

use std::cmp::Ordering;

/// Which end of a value is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    /// The value itself.
    Value,
    /// After the last text that starts with it.
    AfterPrefix,
}

/// Whether a value is below another.
pub(super) fn is_below(type_name: &str, value: &str, other: &str, bound: Bound) -> bool {
    order(type_name, value, other, bound) == Ordering::Less
}

/// Share of a histogram below a value, linear inside of a bin; nothing without a histogram.
pub(super) fn share_below(
    type_name: &str,
    histogram: &[String],
    value: &str,
    bound: Bound,
) -> Option<f64> {
    let bins = super::count(histogram.len().checked_sub(1)?);
    if bins < 1.0 {
        return None;
    }
    let below = histogram
        .iter()
        .take_while(|edge| is_below(type_name, edge, value, bound));
    let below = below.count();
    let Some(before) = below.checked_sub(1) else {
        return Some(0.0);
    };
    let (Some(low), Some(high)) = (histogram.get(before), histogram.get(below)) else {
        return Some(1.0);
    };
    let inside = inside(type_name, low, high, value).unwrap_or(0.5);
    Some((super::count(before) + inside) / bins)
}

/// Place of a value between two others, from 0 to 1; nothing if they are no numbers.
fn inside(type_name: &str, low: &str, high: &str, value: &str) -> Option<f64> {
    let number = |text| number(type_name, text);
    let (low, high, value) = (number(low)?, number(high)?, number(value)?);
    let width = high - low;
    (width > 0.0).then(|| ((value - low) / width).clamp(0.0, 1.0))
}

fn order(type_name: &str, value: &str, other: &str, bound: Bound) -> Ordering {
    if bound == Bound::AfterPrefix {
        let is_after = value > other && !value.starts_with(other);
        return if is_after {
            Ordering::Greater
        } else {
            Ordering::Less
        };
    }
    match (number(type_name, value), number(type_name, other)) {
        (Some(value), Some(other)) => value.total_cmp(&other),
        _ => value.cmp(other),
    }
}

/// A number that keeps the order of a type's values; nothing for texts.
fn number(type_name: &str, text: &str) -> Option<f64> {
    let is_time = type_name.starts_with("timestamp") || type_name == "date";
    if is_time {
        return seconds(text);
    }
    let is_text = type_name.contains("char") || matches!(type_name, "text" | "uuid" | "name");
    if is_text { None } else { text.parse().ok() }
}

/// Seconds of a time such as `2026-01-31 12:30:00.5+00`, without its zone.
///
/// # Source
/// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`.
fn seconds(text: &str) -> Option<f64> {
    let (date, time) = text.split_once([' ', 'T']).unwrap_or((text, ""));
    let mut parts = date.split('-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = i32::try_from(era * 146_097 + day_of_era).ok()?;
    let clock = time.split(['+', '-', 'Z']).next().unwrap_or_default();
    let mut units = clock
        .split(':')
        .map(|unit| unit.parse::<f64>().unwrap_or(0.0));
    let mut unit = || units.next().unwrap_or(0.0);
    Some(f64::from(days) * 86_400.0 + unit() * 3_600.0 + unit() * 60.0 + unit())
}
