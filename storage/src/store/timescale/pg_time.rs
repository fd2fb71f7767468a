//! `timestamptz` as the driver sends and receives it.

use std::error::Error;

use bytes::{BufMut, BytesMut};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked};

use super::copy::POSTGRES_EPOCH_MICROS;
use crate::Timestamp;

/// A point in time as a parameter or a column.
#[derive(Clone, Copy, Debug)]
pub(super) struct PgTime(pub(super) Timestamp);

impl ToSql for PgTime {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let micros = self.0.micros().saturating_sub(POSTGRES_EPOCH_MICROS);
        // Times outside of what PostgreSQL knows select the same rows as its infinities.
        out.put_i64(match micros {
            ..EARLIEST => i64::MIN,
            LATEST.. => i64::MAX,
            known => known,
        });
        Ok(IsNull::No)
    }

    accepts!(TIMESTAMPTZ);
    to_sql_checked!();
}

impl<'a> FromSql<'a> for PgTime {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let micros = i64::from_be_bytes(raw.try_into()?);
        Ok(Self(Timestamp::from_micros(
            micros.saturating_add(POSTGRES_EPOCH_MICROS),
        )))
    }

    accepts!(TIMESTAMPTZ);
}

/// The years -4000 and 290000, as microseconds around 2000: a little inside of what PostgreSQL and
/// TimescaleDB take.
const EARLIEST: i64 = -189_000_000_000_000_000;
const LATEST: i64 = 9_088_000_000_000_000_000;
