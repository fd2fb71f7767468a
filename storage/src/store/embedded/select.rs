//! Running any [`Select`].

use rusqlite::types::ValueRef;
use rusqlite::{Connection, params_from_iter};
use uuid::Uuid;

use super::files::FILE_NAME;
use super::packing::unpack;
use super::values::failed;
use crate::query::{Dialect, Row, Select};
use crate::store::catalogue::ColumnType;
use crate::store::mapper::Value;
use crate::{Error, Result, Timestamp};

/// The rows of a statement.
pub(super) fn rows(db: &Connection, select: &Select) -> Result<Vec<Row>> {
    let sql = select.render(Dialect::Sqlite);
    let mut statement = db.prepare_cached(&sql).map_err(failed("read"))?;
    let mut found = statement
        .query(params_from_iter(select.parameters()))
        .map_err(failed("read"))?;
    let (mut rows, mut bytes) = (Vec::new(), 0);
    while let Some(row) = found.next().map_err(failed("read"))? {
        let columns = select.columns().iter().enumerate();
        let values = columns.map(|(at, ty)| {
            let stored = row.get_ref(at).map_err(failed("read"))?;
            value(stored, *ty)
        });
        let row = Row::new(values.collect::<Result<_>>()?);
        if !select.take(row, &mut rows, &mut bytes) {
            break;
        }
    }
    Ok(rows)
}

/// What a column of this type holds; NULL for what it cannot hold. A text that is kept as bytes is
/// packed.
fn value(stored: ValueRef<'_>, ty: ColumnType) -> Result<Value> {
    Ok(match (ty, stored) {
        (ColumnType::Timestamptz, ValueRef::Integer(micros)) => {
            Value::Time(Timestamp::from_micros(micros))
        }
        (ColumnType::Uuid, ValueRef::Blob(bytes)) => {
            Uuid::from_slice(bytes).map_or(Value::Null, Value::Uuid)
        }
        (ColumnType::Text, ValueRef::Text(text)) => {
            Value::Text(String::from_utf8_lossy(text).into_owned())
        }
        (ColumnType::Text, ValueRef::Blob(packed)) => {
            let text = String::from_utf8(unpack(packed)?);
            Value::Text(text.map_err(|_| Error::Damaged {
                path: FILE_NAME.into(),
                what: "a text is not UTF-8".to_owned(),
            })?)
        }
        (ColumnType::Bytea, ValueRef::Blob(bytes)) => Value::Bytes(bytes.to_vec()),
        (ColumnType::Bigint | ColumnType::Int, ValueRef::Integer(number)) => Value::Int(number),
        (ColumnType::Bool, ValueRef::Integer(number)) => Value::Bool(number != 0),
        (ColumnType::Float8, ValueRef::Real(number)) => Value::Float(number),
        (ColumnType::Float8, ValueRef::Integer(number)) => Value::Float(number as f64),
        _ => Value::Null,
    })
}
