//! From an element to rows of the typed tables, as the catalogue says.
//!
//! Nothing is lost here: a part that no typed table can take is left out of the typed tables and
//! reported ([`Mapped::Partly`]), and stands whole in the table of elements.

mod convert;
mod parts;
mod rows;

use serde_json::Value as Json;

pub use self::convert::parse_time;
pub(crate) use self::convert::{value_of, when_missing as zero};
pub use self::rows::{Rows, TableRows, Value};

use self::convert::Conversion;
use self::parts::{Part, parts};
use super::FlushElement;
use super::catalogue::{self, Column, Missing, Source, TableId, Written};
use crate::Element;

/// How much of an element the typed tables took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mapped {
    /// All that they have columns for.
    Whole,
    /// A part had the wrong shape, or no typed table is for its type.
    Partly,
}

impl Mapped {
    fn and(self, other: Self) -> Self {
        if self == Self::Whole { other } else { self }
    }
}

/// Whose inventory rows [`rows()`] writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inventory {
    /// The content is new: rows are written.
    Changed,
    /// The collector sent the same content last time: no rows.
    Unchanged,
}

/// Adds the typed rows of `element` to `out`. A plain sample has none: it lives in `series` and
/// `samples`.
///
/// Differences to previous samples are left NULL, and so are counters that the payload does not
/// have, whatever their column demands; [`super::counter_deltas`] fills them.
pub fn rows(element: &FlushElement, inventory: Inventory, out: &mut Rows) -> Mapped {
    let Element::Document(document) = &element.element else {
        return Mapped::Whole;
    };
    let mut tables = catalogue::tables_of(&document.kind).peekable();
    if tables.peek().is_none() {
        return match catalogue::view_of(&document.kind) {
            Some(_) => Mapped::Whole,
            None => Mapped::Partly,
        };
    }
    if inventory == Inventory::Unchanged && catalogue::is_inventory(&document.kind) {
        return Mapped::Whole;
    }
    let Ok(Json::Object(body)) = serde_json::from_slice(&document.body) else {
        return Mapped::Partly;
    };
    let mut mapped = Mapped::Whole;
    for id in tables {
        debug_assert!(inventory == Inventory::Changed || id.table().written == Written::Always);
        let items = id.table().items;
        mapped = mapped.and(parts(element, document, &body, items, &mut |part| {
            add_row(element, id, part, out)
        }));
    }
    mapped
}

/// Adds the row of one part, if it is one.
fn add_row(element: &FlushElement, id: TableId, part: &Part<'_>, out: &mut Rows) -> Mapped {
    let table = id.table();
    let mut row = Vec::with_capacity(table.width());
    let mut mapped = Mapped::Whole;
    let mut has_payload = false;
    for column in table.columns() {
        let value = match column.source {
            Source::Time => Value::Time(part.time),
            Source::Collector => Value::Uuid(element.collector.get()),
            Source::LogIndex => Value::Int(i64::try_from(element.index).unwrap_or(i64::MAX)),
            Source::Ordinal => Value::Int(i64::from(element.ordinal)),
            Source::Database => Value::Text(part.database.to_owned()),
            Source::DiskSum(_) | Source::PerSecond(_) => {
                let sum = parts::disk_sum(part.object, column);
                has_payload |= sum != Value::Null;
                sum
            }
            Source::Delta(_)
            | Source::Squares(_)
            | Source::Interval
            | Source::Usual
            | Source::MissingCounters => Value::Null,
            Source::Payload(path) => match payload(part, column, path) {
                Conversion::Missing if column.missing == Missing::NoRow => return Mapped::Partly,
                Conversion::Missing if table.is_counter(column.name) => Value::Null,
                Conversion::Missing => convert::when_missing(column),
                Conversion::Wrong if column.missing == Missing::NoRow => return Mapped::Partly,
                Conversion::Wrong => {
                    mapped = Mapped::Partly;
                    convert::when_missing(column)
                }
                Conversion::Value(value) => {
                    has_payload = true;
                    value
                }
            },
        };
        row.push(value);
    }
    if has_payload {
        out.push(id, row);
    }
    mapped
}

fn payload(part: &Part<'_>, column: Column, path: &str) -> Conversion {
    let mut found = parts::at(part.object, path)
        .or_else(|| column.alias.and_then(|alias| parts::at(part.object, alias)));
    if column.is_shared {
        found = found.or_else(|| parts::at(part.owner?, path));
    }
    found.map_or(Conversion::Missing, |json| convert::convert(json, column))
}

#[cfg(test)]
mod tests;
