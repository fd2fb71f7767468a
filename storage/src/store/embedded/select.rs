//! Running any [`Select`].

use rusqlite::types::ValueRef;
use rusqlite::{Connection, params_from_iter};
use uuid::Uuid;

use super::values::failed;
use crate::query::{Dialect, Row, Select};
use crate::store::catalogue::ColumnType;
use crate::store::mapper::Value;
use crate::{Result, Timestamp};

/// The rows of a statement.
pub(super) fn rows(db: &Connection, select: &Select) -> Result<Vec<Row>> {
    let sql = select.render(Dialect::Sqlite);
    let mut statement = db.prepare_cached(&sql).map_err(failed("read"))?;
    let row = |row: &rusqlite::Row<'_>| {
        let columns = select.columns().iter().enumerate();
        let values = columns.map(|(at, ty)| Ok(value(row.get_ref(at)?, *ty)));
        values.collect::<rusqlite::Result<Vec<_>>>().map(Row::new)
    };
    let rows = statement.query_map(params_from_iter(select.parameters()), row);
    let rows = rows.map_err(failed("read"))?;
    rows.collect::<rusqlite::Result<_>>()
        .map_err(failed("read"))
}

/// What a column of this type holds; NULL for what it cannot hold.
fn value(stored: ValueRef<'_>, ty: ColumnType) -> Value {
    match (ty, stored) {
        (ColumnType::Timestamptz, ValueRef::Integer(micros)) => {
            Value::Time(Timestamp::from_micros(micros))
        }
        (ColumnType::Uuid, ValueRef::Blob(bytes)) => {
            Uuid::from_slice(bytes).map_or(Value::Null, Value::Uuid)
        }
        (ColumnType::Text, ValueRef::Text(text)) => {
            Value::Text(String::from_utf8_lossy(text).into_owned())
        }
        (ColumnType::Bigint | ColumnType::Int, ValueRef::Integer(number)) => Value::Int(number),
        (ColumnType::Bool, ValueRef::Integer(number)) => Value::Bool(number != 0),
        (ColumnType::Float8, ValueRef::Real(number)) => Value::Float(number),
        (ColumnType::Float8, ValueRef::Integer(number)) => Value::Float(number as f64),
        _ => Value::Null,
    }
}
