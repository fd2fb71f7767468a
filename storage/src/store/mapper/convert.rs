//! From a JSON value to the value of a column.

use serde_json::Value as Json;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset};

use super::Value;
use crate::Timestamp;
use crate::store::catalogue::{Column, ColumnType, Missing};

/// Numbers from here on are milliseconds, below they are seconds (the year 5138 in seconds).
const MILLIS_FROM: f64 = 1e11;

/// What became of a payload value.
pub(super) enum Conversion {
    /// Not there, or null.
    Missing,
    /// Another type than the column's.
    Wrong,
    /// It fits.
    Value(Value),
}

/// The value of `column` if the payload has none.
pub(crate) fn when_missing(column: Column) -> Value {
    match (column.missing, column.ty) {
        (Missing::Null, _)
        | (_, ColumnType::Uuid | ColumnType::Timestamptz | ColumnType::Bytea) => Value::Null,
        (_, ColumnType::Bigint | ColumnType::Int) => Value::Int(0),
        (_, ColumnType::Float8) => Value::Float(0.0),
        (_, ColumnType::Bool) => Value::Bool(false),
        (_, ColumnType::Text) => Value::Text(String::new()),
    }
}

/// `json` as a value of a view's column: what `column` would hold in a table, but for a text of
/// which there are several: they stand one after the other, with commas between. NULL if it does
/// not fit.
pub(crate) fn value_of(json: &Json, column: Column) -> Value {
    match (json, column.ty) {
        (Json::Array(items), ColumnType::Text) => {
            let texts = items.iter().filter_map(text).collect::<Vec<_>>();
            match texts.is_empty() {
                true => Value::Null,
                false => Value::Text(texts.join(", ")),
            }
        }
        _ => match convert(json, column) {
            Conversion::Value(value) => value,
            Conversion::Missing | Conversion::Wrong => Value::Null,
        },
    }
}

/// `json` as a value of `column`.
pub(super) fn convert(json: &Json, column: Column) -> Conversion {
    if json.is_null() {
        return Conversion::Missing;
    }
    let value = match column.ty {
        ColumnType::Bigint => integer(json, column.scale).map(Value::Int),
        ColumnType::Int => integer(json, column.scale)
            .filter(|n| i32::try_from(*n).is_ok())
            .map(Value::Int),
        ColumnType::Float8 => number(json).map(|n| Value::Float(n * column.scale)),
        ColumnType::Bool => json.as_bool().map(Value::Bool),
        ColumnType::Text => text(json).map(Value::Text),
        ColumnType::Timestamptz => match json {
            Json::String(text) if is_never(text) => return Conversion::Missing,
            _ => parse_time(json).map(Value::Time),
        },
        ColumnType::Uuid | ColumnType::Bytea => None,
    };
    value.map_or(Conversion::Wrong, Conversion::Value)
}

fn is_never(text: &str) -> bool {
    let text = text.trim();
    text.is_empty() || text == "never"
}

fn number(json: &Json) -> Option<f64> {
    match json {
        Json::Number(n) => n.as_f64(),
        Json::String(text) => text.trim().parse().ok().filter(|n: &f64| n.is_finite()),
        _ => None,
    }
}

fn integer(json: &Json, scale: f64) -> Option<i64> {
    let exact = match json {
        Json::Number(n) => n.as_i64(),
        Json::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    if let Some(n) = exact {
        // INVARIANT: scales of integer columns are whole powers of two below 2^31.
        return n.checked_mul(scale as i64);
    }
    let scaled = number(json)? * scale;
    let is_whole = scale > 1.0 || scaled.fract() == 0.0;
    // 2^63 is the first double that an i64 does not hold.
    (is_whole && scaled.abs() < 9.223_372_036_854_775e18).then_some(scaled as i64)
}

fn text(json: &Json) -> Option<String> {
    match json {
        Json::String(text) => Some(text.clone()),
        Json::Number(n) => Some(n.to_string()),
        Json::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// A point in time in any form that clients send: RFC 3339 or PostgreSQL text with or without zone
/// (none is UTC), Unix seconds or milliseconds. `None` for anything else, and for the empty text
/// and `never`.
pub fn parse_time(json: &Json) -> Option<Timestamp> {
    match json {
        Json::Number(n) => {
            let n = n.as_f64()?;
            let seconds = if n.abs() >= MILLIS_FROM { n / 1e3 } else { n };
            let micros = (seconds * 1e6).round();
            (micros.abs() < 9e18).then_some(Timestamp::from_micros(micros as i64))
        }
        Json::String(text) => time_text(text.trim()),
        _ => None,
    }
}

fn time_text(text: &str) -> Option<Timestamp> {
    let (date, rest) = text.split_at_checked(10)?;
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let zone_at = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at_checked(zone_at)?;
    let clock = clock.trim_end();
    let local = format!("{date} {clock}");
    let whole = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    let split = format_description!("[year]-[month]-[day] [hour]:[minute]:[second].[subsecond]");
    let local = PrimitiveDateTime::parse(&local, &whole)
        .or_else(|_| PrimitiveDateTime::parse(&local, &split))
        .ok()?;
    let time: OffsetDateTime = local.assume_offset(offset(zone)?);
    Some(time.into())
}

/// `Z`, nothing, `+00`, `+0530`, `+05:30`, `+05:30:10`.
fn offset(zone: &str) -> Option<UtcOffset> {
    let sign = match zone.as_bytes().first() {
        None | Some(b'Z' | b'z') => {
            return (zone.len() <= 1).then_some(UtcOffset::UTC);
        }
        Some(b'-') => -1,
        Some(_) => 1,
    };
    let digits: String = zone.get(1..)?.chars().filter(|c| *c != ':').collect();
    if !digits.len().is_multiple_of(2) || digits.len() > 6 || digits.is_empty() {
        return None;
    }
    let part = |at: usize| -> Option<i8> {
        digits
            .get(at..at + 2)
            .map_or(Some(0), |two| two.parse().ok())
    };
    UtcOffset::from_hms(sign * part(0)?, sign * part(2)?, sign * part(4)?).ok()
}
