//! Running any [`Select`].

use std::error::Error as StdError;
use std::pin::pin;

use bytes::BytesMut;
use futures::TryStreamExt;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Row as PgRow};
use uuid::Uuid;

use super::failure;
use super::pg_time::PgTime;
use crate::query::{Dialect, Row, Select};
use crate::store::catalogue::ColumnType;
use crate::store::mapper::Value;
use crate::{Error, Result};

/// The rows of a statement.
pub(super) async fn rows(client: &Client, select: &Select) -> Result<Vec<Row>> {
    let sql = select.render(Dialect::Postgres);
    let parameters: Vec<Parameter<'_>> = select.parameters().iter().map(Parameter).collect();
    let parameters: Vec<&(dyn ToSql + Sync)> = parameters
        .iter()
        .map(|parameter| parameter as &(dyn ToSql + Sync))
        .collect();
    let found = client.query_raw(&sql, parameters).await.map_err(failed)?;
    let mut found = pin!(found);
    let (mut rows, mut bytes) = (Vec::new(), 0);
    while let Some(row) = found.try_next().await.map_err(failed)? {
        let row = values(&row, select.columns()).map_err(failed)?;
        if !select.take(row, &mut rows, &mut bytes) {
            break;
        }
    }
    Ok(rows)
}

fn failed(error: tokio_postgres::Error) -> Error {
    failure::unavailable("read from", error)
}

fn values(row: &PgRow, columns: &[ColumnType]) -> Result<Row, tokio_postgres::Error> {
    let values = columns
        .iter()
        .enumerate()
        .map(|(at, ty)| value(row, at, *ty));
    values.collect::<Result<Vec<_>, _>>().map(Row::new)
}

/// The value of one column; `Null` where there is none.
pub(super) fn value(
    row: &PgRow,
    at: usize,
    ty: ColumnType,
) -> Result<Value, tokio_postgres::Error> {
    let value = match ty {
        ColumnType::Timestamptz => {
            let time: Option<PgTime> = row.try_get(at)?;
            time.map(|time| Value::Time(time.0))
        }
        ColumnType::Uuid => row.try_get::<_, Option<Uuid>>(at)?.map(Value::Uuid),
        ColumnType::Bytea => row.try_get::<_, Option<Vec<u8>>>(at)?.map(Value::Bytes),
        ColumnType::Text => row.try_get::<_, Option<String>>(at)?.map(Value::Text),
        ColumnType::Bigint => row.try_get::<_, Option<i64>>(at)?.map(Value::Int),
        ColumnType::Int => {
            let number: Option<i32> = row.try_get(at)?;
            number.map(|number| Value::Int(i64::from(number)))
        }
        ColumnType::Float8 => row.try_get::<_, Option<f64>>(at)?.map(Value::Float),
        ColumnType::Bool => row.try_get::<_, Option<bool>>(at)?.map(Value::Bool),
    };
    Ok(value.unwrap_or(Value::Null))
}

/// A parameter of whatever type the statement wants it to be.
#[derive(Debug)]
struct Parameter<'a>(&'a Value);

impl ToSql for Parameter<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self.0 {
            Value::Null => Ok(IsNull::Yes),
            Value::Int(number) if *ty == Type::INT4 => i32::try_from(*number)?.to_sql(ty, out),
            Value::Int(number) if *ty == Type::FLOAT8 => (*number as f64).to_sql(ty, out),
            Value::Int(number) => number.to_sql(ty, out),
            Value::Float(number) => number.to_sql(ty, out),
            Value::Bool(flag) => flag.to_sql(ty, out),
            Value::Text(text) => text.to_sql(ty, out),
            Value::Time(time) => PgTime(*time).to_sql(ty, out),
            Value::Uuid(id) => id.to_sql(ty, out),
            Value::Bytes(bytes) => bytes.to_sql(ty, out),
        }
    }

    /// Any: a type that does not fit is the statement's fault, and fails above.
    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}
