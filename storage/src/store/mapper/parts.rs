//! The parts of an element that become rows.
//!
//! Database parts come in three forms (contract 3.1, 3.2, 3.8): the element itself, objects in an
//! array `databases`, or objects in an object `databases` keyed by name. Test fixtures mix the
//! first two.

use serde_json::{Map, Value as Json};

use super::convert::{Conversion, convert};
use super::{Mapped, Value, parse_time};
use crate::store::FlushElement;
use crate::store::catalogue::{Column, ColumnType, Items, Source};
use crate::{Document, Timestamp};

/// How far a part's own time may be before its element's, and after: a day, and five minutes.
const PART_BEFORE_MICROS: i64 = 86_400_000_000;
const PART_AFTER_MICROS: i64 = 300_000_000;

/// One part of an element, a row in the making.
pub(super) struct Part<'a> {
    pub(super) time: Timestamp,
    pub(super) database: &'a str,
    pub(super) object: &'a Map<String, Json>,
    /// The part whose array `object` stands in.
    pub(super) owner: Option<&'a Map<String, Json>>,
}

/// Calls `each` for every part of the element that `items` names.
pub(super) fn parts<'a>(
    element: &FlushElement,
    document: &'a Document,
    body: &'a Map<String, Json>,
    items: Items,
    each: &mut dyn FnMut(&Part<'a>) -> Mapped,
) -> Mapped {
    let whole = Part {
        time: element.element.time(),
        database: &document.database,
        object: body,
        owner: None,
    };
    match items {
        Items::Element("") => each(&whole),
        Items::Element(path) => match at(body, path) {
            None | Some(Json::Null) => Mapped::Whole,
            Some(Json::Object(object)) => each(&Part { object, ..whole }),
            Some(_) => Mapped::Partly,
        },
        Items::ElementArray(path) => array(&whole, path, each),
        Items::Rows => array(&whole, "rows", each),
        Items::Database => databases(whole, each),
        Items::DatabaseArray(path) => databases(whole, &mut |part| array(part, path, each)),
    }
}

fn array<'a>(part: &Part<'a>, path: &str, each: &mut dyn FnMut(&Part<'a>) -> Mapped) -> Mapped {
    let items = match at(part.object, path) {
        None | Some(Json::Null) => return Mapped::Whole,
        Some(Json::Array(items)) => items,
        Some(_) => return Mapped::Partly,
    };
    items.iter().fold(Mapped::Whole, |mapped, item| {
        mapped.and(match item {
            Json::Object(object) => each(&Part {
                object,
                owner: Some(part.object),
                ..*part
            }),
            _ => Mapped::Partly,
        })
    })
}

fn databases<'a>(whole: Part<'a>, each: &mut dyn FnMut(&Part<'a>) -> Mapped) -> Mapped {
    match whole.object.get("databases") {
        None | Some(Json::Null) => each(&whole),
        Some(Json::Array(items)) => {
            let mut mapped = Mapped::Whole;
            if !whole.database.is_empty() {
                mapped = each(&whole);
            }
            for item in items {
                mapped = mapped.and(listed_database(&whole, item, each));
            }
            mapped
        }
        Some(Json::Object(by_name)) => {
            by_name
                .iter()
                .fold(Mapped::Whole, |mapped, (database, item)| {
                    mapped.and(match item {
                        Json::Object(object) => each(&Part {
                            database,
                            object,
                            ..whole
                        }),
                        _ => Mapped::Partly,
                    })
                })
        }
        Some(_) => Mapped::Partly,
    }
}

/// Whether a part's own time can be its time: a node has checked the time of the element only.
fn is_near(part: Timestamp, element: Timestamp) -> bool {
    let at = element.micros();
    (at.saturating_sub(PART_BEFORE_MICROS)..=at.saturating_add(PART_AFTER_MICROS))
        .contains(&part.micros())
}

fn listed_database<'a>(
    whole: &Part<'a>,
    item: &'a Json,
    each: &mut dyn FnMut(&Part<'a>) -> Mapped,
) -> Mapped {
    let Json::Object(object) = item else {
        return Mapped::Partly;
    };
    let name = object.get("database").or_else(|| object.get("name"));
    let database = name.and_then(Json::as_str).unwrap_or(whole.database);
    let time = object
        .get("timestamp")
        .and_then(parse_time)
        .filter(|time| is_near(*time, whole.time))
        .unwrap_or(whole.time);
    each(&Part {
        time,
        database,
        object,
        owner: None,
    })
}

/// The value at `path` (names joined by dots) below `object`.
pub(super) fn at<'a>(object: &'a Map<String, Json>, path: &str) -> Option<&'a Json> {
    let Some((first, rest)) = path.split_once('.') else {
        return object.get(path);
    };
    at(object.get(first)?.as_object()?, rest)
}

/// Sum over the whole disks in `disk_io` of the field behind `column`; NULL if none has it.
/// Counters are summed as such; some clients send rates instead, which are the sums of the columns
/// that are rates.
pub(super) fn disk_sum(object: &Map<String, Json>, column: Column) -> Value {
    let field = match column.source {
        Source::DiskSum(field) => field,
        _ => column.name.trim_start_matches("io_"),
    };
    let Some(Json::Array(disks)) = object.get("disk_io") else {
        return Value::Null;
    };
    let number = Column::new(column.name, ColumnType::Float8);
    let mut sum = None;
    for disk in disks.iter().filter_map(Json::as_object) {
        if is_partition(disk, disks) {
            continue;
        }
        let value = disk.get(field).map(|json| convert(json, number));
        if let Some(Conversion::Value(Value::Float(value))) = value {
            sum = Some(sum.unwrap_or(0.0) + value);
        }
    }
    match (sum, column.ty) {
        (None, _) => Value::Null,
        // Counters stay below 2^53, where doubles are exact.
        (Some(sum), ColumnType::Bigint) => Value::Int(sum as i64),
        (Some(sum), _) => Value::Float(sum),
    }
}

/// Whether `disk` is a part of another listed disk: `sda1` of `sda`, `nvme0n1p2` of `nvme0n1`.
fn is_partition(disk: &Map<String, Json>, disks: &[Json]) -> bool {
    let device = |disk: &Map<String, Json>| -> Option<String> {
        disk.get("device")?.as_str().map(str::to_owned)
    };
    let Some(name) = device(disk) else {
        return false;
    };
    disks
        .iter()
        .filter_map(Json::as_object)
        .filter_map(device)
        .any(|whole| {
            let Some(rest) = name.strip_prefix(whole.as_str()) else {
                return false;
            };
            let after_digit = whole.ends_with(|c: char| c.is_ascii_digit());
            let digits = if after_digit {
                rest.strip_prefix('p')
            } else {
                Some(rest)
            };
            digits.is_some_and(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit()))
        })
}
