//! The functions that the views on elements are made of (see `catalogue/view_ddl.rs`).

use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;
use serde_json::Value as Json;

use super::packing::unpack;
use crate::store::catalogue::{Column, ColumnType};
use crate::store::mapper::{Value, value_of};

const FLAGS: FunctionFlags = FunctionFlags::SQLITE_UTF8
    .union(FunctionFlags::SQLITE_DETERMINISTIC)
    .union(FunctionFlags::SQLITE_INNOCUOUS);

/// Makes the functions known to a connection.
pub(super) fn add(db: &Connection) -> rusqlite::Result<()> {
    db.create_scalar_function("unpacked", 1, FLAGS, |context| {
        let packed = context.get_raw(0).as_blob()?;
        let failed = |error| rusqlite::Error::UserFunctionError(error);
        let body = unpack(packed).map_err(|error| failed(Box::new(error)))?;
        String::from_utf8(body).map_err(|error| failed(Box::new(error)))
    })?;
    for (name, ty) in [
        ("metric_bigint", ColumnType::Bigint),
        ("metric_double", ColumnType::Float8),
        ("metric_boolean", ColumnType::Bool),
        ("metric_time", ColumnType::Timestamptz),
        ("metric_text", ColumnType::Text),
    ] {
        let column = Column::new(name, ty);
        db.create_scalar_function(name, 1, FLAGS, move |context| {
            Ok(converted(context, column))
        })?;
    }
    Ok(())
}

/// The argument, a JSON text, as a value of `column`.
fn converted(context: &Context<'_>, column: Column) -> Value {
    let ValueRef::Text(json) = context.get_raw(0) else {
        return Value::Null;
    };
    let json: Option<Json> = serde_json::from_slice(json).ok();
    json.map_or(Value::Null, |json| value_of(&json, column))
}
