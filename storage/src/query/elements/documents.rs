//! The documents of a page.

use super::{ElementOrder, ElementRange, PAGE_BYTES, Placed, place};
use crate::query::{Row, Select};
use crate::store::catalogue::ColumnType;
use crate::store::inventory;
use crate::store::mapper::Value;
use crate::{Error, Result};

const COLUMNS: [ColumnType; 7] = [
    ColumnType::Timestamptz,
    ColumnType::Bigint,
    ColumnType::Int,
    ColumnType::Text,
    ColumnType::Text,
    ColumnType::Text,
    ColumnType::Int,
];

/// Reads the documents of a range, of one type if that is given.
pub(super) fn select(range: &ElementRange, kind: Option<&str>) -> Select {
    let mut select = Select::new("", COLUMNS.to_vec()).until_bytes(PAGE_BYTES);
    let (from, to) = range.times();
    let (time, index, ordinal) = range.start;
    let collector = select.bind(Value::Uuid(range.collector.get()));
    let from = select.bind(Value::Time(from));
    let to = select.bind(Value::Time(to));
    let time = select.bind(Value::Time(time));
    let index = select.bind(Value::Int(index));
    let ordinal = select.bind(Value::Int(ordinal));
    let kind = kind.map(|kind| select.bind(Value::Text(kind.to_owned())));
    let kind = kind.map_or(String::new(), |kind| format!(" AND kind = {kind}"));
    let limit = select.bind(Value::Int(i64::from(range.limit)));
    let (before_end, beyond, end) = match range.order {
        ElementOrder::Ascending => ("<", ">", ""),
        ElementOrder::Descending => ("<=", "<", " DESC"),
    };
    select.push(&format!(
        "SELECT time, log_index, ordinal, body, [inventory content], sent_timestamp, \
         [inventory cut_at] FROM [elements] WHERE collector_id = {collector} AND time >= {from} \
         AND time {before_end} {to} \
         AND (time, log_index, ordinal) {beyond} ({time}, {index}, {ordinal}){kind} \
         ORDER BY time{end}, log_index{end}, ordinal{end} LIMIT {limit}"
    ));
    select
}

/// The document that a row holds: whole, or for an inventory as a content and the text of its own
/// timestamp, which belongs into it.
pub(super) fn placed(row: Row) -> Result<Placed> {
    let place = place(&row);
    let cut_at = row.int(6).and_then(|at| usize::try_from(at).ok());
    let mut values = row.into_values().into_iter().skip(3);
    let mut text = || match values.next() {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    };
    let (body, content, timestamp) = (text(), text(), text());
    let joined = || {
        let body = inventory::join(content?.as_bytes(), cut_at?, &timestamp?);
        String::from_utf8(body).ok()
    };
    let text = body.or_else(joined).ok_or_else(|| Error::Schema {
        what: format!("the content of the element at {place} is missing in the inventory"),
    })?;
    Ok(Placed { place, text })
}
