//! Rows of a table as one COPY.

use super::copy::CopyRows;
use crate::store::catalogue::{Column, ColumnType, TableId};
use crate::store::mapper::Value;

/// Rows for one COPY.
#[derive(Debug)]
pub(super) struct TableCopy {
    pub(super) statement: String,
    pub(super) rows: CopyRows,
}

pub(super) fn put_row(rows: &mut CopyRows, columns: &[Column], row: &[Value]) {
    let types = columns.iter().map(|column| column.ty);
    put(rows, types, row);
}

pub(super) fn put_values(rows: &mut CopyRows, types: &[ColumnType], row: &[Value]) {
    put(rows, types.iter().copied(), row);
}

fn put(rows: &mut CopyRows, types: impl ExactSizeIterator<Item = ColumnType>, row: &[Value]) {
    rows.row(i16::try_from(types.len()).unwrap_or(i16::MAX));
    for (ty, value) in types.zip(row) {
        match value {
            Value::Null => rows.null(),
            Value::Int(n) if ty == ColumnType::Int => match i32::try_from(*n) {
                Ok(n) => rows.int4(n),
                Err(_) => rows.null(),
            },
            Value::Int(n) => rows.int8(*n),
            Value::Float(x) => rows.float8(*x),
            Value::Bool(flag) => rows.bool(*flag),
            Value::Text(text) => rows.text(text),
            Value::Time(time) => rows.timestamptz(*time),
            Value::Uuid(id) => rows.uuid(*id),
            Value::Bytes(bytes) => rows.bytea(bytes),
        }
    }
}

pub(super) fn statement(id: TableId, columns: &[Column]) -> String {
    let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
    format!(
        "COPY {} ({}) FROM STDIN BINARY",
        id.table().qualified(),
        names.join(", ")
    )
}
