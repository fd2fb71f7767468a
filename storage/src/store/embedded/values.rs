//! Values and errors between this crate and SQLite.

use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, Value as Sql, ValueRef};

use crate::Error;
use crate::store::mapper::Value;

/// Wraps an error of SQLite.
pub(super) fn failed(action: &'static str) -> impl Fn(rusqlite::Error) -> Error {
    move |source| Error::Embedded { action, source }
}

/// A term or log index as SQLite stores it: a signed number that never reaches the sign.
pub(super) fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// A stored term or log index.
pub(super) fn unsigned(n: i64) -> u64 {
    u64::try_from(n).unwrap_or_default()
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Owned(Sql::Null),
            Self::Int(n) => ToSqlOutput::Owned(Sql::Integer(*n)),
            Self::Float(n) => ToSqlOutput::Owned(Sql::Real(*n)),
            Self::Bool(flag) => ToSqlOutput::Owned(Sql::Integer(i64::from(*flag))),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::Time(time) => ToSqlOutput::Owned(Sql::Integer(time.micros())),
            Self::Uuid(id) => ToSqlOutput::Borrowed(ValueRef::Blob(id.as_bytes())),
            Self::Bytes(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
        })
    }
}
