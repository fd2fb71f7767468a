//! Differences of counters in the flush's transaction: the states, kept from batch to batch in
//! `metrics.rate_state`, and rows around late samples.

use bytes::BytesMut;
use futures::future::try_join_all;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Row};
use uuid::Uuid;

use super::copy::CopyRows;
use super::failure::Failure;
use super::pg_time::PgTime;
use super::select::value;
use super::table_copy::{put_row, statement};
use crate::store::catalogue::{Column, ColumnType, TableId};
use crate::store::counter_deltas::sql::{Dialect, Statements, TIMES};
use crate::store::counter_deltas::{self, Chain, CounterKey, CounterState, Late, Listed, States};
use crate::store::mapper::{Rows, Value};
use crate::{Error, Timestamp};

/// Keys of one statement.
const STATEMENT_ROWS: usize = 5_000;
/// Keys whose rows are asked for at once.
const CHAINS_AT_ONCE: usize = 64;

/// What [`fill`] did beside filling.
#[derive(Debug, Default)]
pub(super) struct Filled {
    /// How many counters fell although counting had not begun anew, by table.
    pub(super) anomalies: Vec<(TableId, u64)>,
    /// The stored rows that were replaced, for they have other differences now.
    pub(super) replaced: Vec<(TableId, Vec<Value>)>,
}

/// Fills the computed columns of `rows`, and moves the stored states in the open transaction.
///
/// The states are read anew for every batch: a rollback or a failover takes them back together with
/// the rows.
pub(super) async fn fill(client: &Client, rows: &mut Rows) -> Result<Filled, Failure> {
    let mut states = load(client, rows).await?;
    let mut replaced = Vec::new();
    for late in counter_deltas::late(rows, &states) {
        let changed = derive(client, &late, rows, &mut states).await?;
        replaced.extend(changed.into_iter().map(|row| (late.table, row)));
    }
    let anomalies = counter_deltas::fill(rows, &mut states);
    let mut changed: Vec<(Uuid, Vec<u8>)> = Vec::new();
    for (key, state) in states.changed() {
        let encoded = state.encode();
        let encoded = encoded.map_err(|error| Error::Unavailable {
            action: "encode for",
            source: Box::new(error),
        })?;
        changed.push((to_sql(key), encoded));
    }
    for part in changed.chunks(STATEMENT_ROWS) {
        let keys: Vec<Uuid> = part.iter().map(|(key, _)| *key).collect();
        let encoded: Vec<&[u8]> = part.iter().map(|(_, state)| state.as_slice()).collect();
        client
            .execute(
                "INSERT INTO metrics.rate_state (key, state) SELECT * FROM unnest($1::uuid[], $2::bytea[]) \
                 ON CONFLICT (key) DO UPDATE SET state = excluded.state, updated_at = now()",
                &[&keys, &encoded],
            )
            .await?;
    }
    Ok(Filled {
        anomalies,
        replaced,
    })
}

async fn load(client: &Client, rows: &Rows) -> Result<States, tokio_postgres::Error> {
    let keys: Vec<Uuid> = counter_deltas::keys(rows).into_iter().map(to_sql).collect();
    let mut states = States::default();
    for part in keys.chunks(STATEMENT_ROWS) {
        let sql = "SELECT key, state FROM metrics.rate_state WHERE key = ANY($1)";
        for row in client.query(sql, &[&part]).await? {
            let (key, state): (Uuid, &[u8]) = (row.try_get(0)?, row.try_get(1)?);
            if let Some(state) = CounterState::decode(state) {
                states.insert(CounterKey::from_bytes(*key.as_bytes()), state);
            }
        }
    }
    Ok(states)
}

fn to_sql(key: CounterKey) -> Uuid {
    Uuid::from_bytes(key.to_bytes())
}

/// Derives late samples, and replaces the stored rows that this changes.
async fn derive(
    client: &Client,
    late: &Late,
    rows: &mut Rows,
    states: &mut States,
) -> Result<Vec<Vec<Value>>, Failure> {
    let sql = Statements::new(Dialect::Postgres, late.table.table());
    let window = [late.from(), late.to()];
    let arguments = late.arguments(&window, &late.history);
    let times = cells(client, &TIMES, &sql.times(&late.history), &arguments).await?;
    let times: Vec<(Timestamp, Listed)> =
        times.iter().filter_map(|row| Listed::read(row)).collect();
    let mut listed = Vec::new();
    for time in late.followers(&times) {
        let arguments = late.arguments(&[time], &late.history);
        listed.extend(read(client, late, &sql.listed(&late.history), &arguments).await?);
    }
    let mut chains = Vec::new();
    // The driver sends these without waiting for each answer.
    for keys in late.keys(rows, &listed).chunks(CHAINS_AT_ONCE) {
        let part = keys.iter().map(|key| chain(client, &sql, late, key));
        chains.extend(try_join_all(part).await?);
    }
    let changed = counter_deltas::derive(late, rows, states, &times, chains);
    replace(client, &sql, late, &changed).await?;
    Ok(changed)
}

async fn chain(
    client: &Client,
    sql: &Statements<'_>,
    late: &Late,
    key: &[(&'static str, Value)],
) -> Result<Chain, tokio_postgres::Error> {
    let (from, to) = (late.from(), late.to());
    Ok(Chain {
        before: read(
            client,
            late,
            &sql.before(key),
            &late.arguments(&[from], key),
        )
        .await?,
        within: read(
            client,
            late,
            &sql.within(key),
            &late.arguments(&[from, to], key),
        )
        .await?,
        after: read(client, late, &sql.after(key), &late.arguments(&[to], key)).await?,
    })
}

async fn replace(
    client: &Client,
    sql: &Statements<'_>,
    late: &Late,
    rows: &[Vec<Value>],
) -> Result<(), Failure> {
    for row in rows {
        let delete = sql.delete(&late.key_of(row));
        let arguments = late.place_of(row);
        client.execute(&delete, &parameters(&arguments)).await?;
    }
    let columns: Vec<Column> = late.table.table().columns().collect();
    let mut copy = CopyRows::default();
    for row in rows {
        put_row(&mut copy, &columns, row);
    }
    copy.send(client, &statement(late.table, &columns)).await?;
    Ok(())
}

/// Whole rows of the table.
async fn read(
    client: &Client,
    late: &Late,
    sql: &str,
    arguments: &[Value],
) -> Result<Vec<Vec<Value>>, tokio_postgres::Error> {
    let types: Vec<_> = late
        .table
        .table()
        .columns()
        .map(|column| column.ty)
        .collect();
    cells(client, &types, sql, arguments).await
}

async fn cells(
    client: &Client,
    types: &[ColumnType],
    sql: &str,
    arguments: &[Value],
) -> Result<Vec<Vec<Value>>, tokio_postgres::Error> {
    let rows = query(client, sql, arguments).await?;
    let row = |row: &Row| {
        let cells = types.iter().enumerate();
        cells.map(|(at, ty)| value(row, at, *ty)).collect()
    };
    rows.iter().map(row).collect()
}

async fn query(
    client: &Client,
    sql: &str,
    arguments: &[Value],
) -> Result<Vec<Row>, tokio_postgres::Error> {
    client.query(sql, &parameters(arguments)).await
}

/// As parameters of a statement.
fn parameters(values: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    values.iter().map(|value| value as _).collect()
}

impl ToSql for Value {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(n) if *ty == Type::INT4 => i32::try_from(*n)?.to_sql(ty, out),
            Self::Int(n) => n.to_sql(ty, out),
            Self::Float(n) => n.to_sql(ty, out),
            Self::Bool(flag) => flag.to_sql(ty, out),
            Self::Text(text) => text.to_sql(ty, out),
            Self::Time(time) => PgTime(*time).to_sql(ty, out),
            Self::Uuid(id) => id.to_sql(ty, out),
            Self::Bytes(bytes) => bytes.to_sql(ty, out),
        }
    }

    fn accepts(ty: &Type) -> bool {
        matches!(
            *ty,
            Type::INT4
                | Type::INT8
                | Type::FLOAT8
                | Type::BOOL
                | Type::TEXT
                | Type::TIMESTAMPTZ
                | Type::UUID
        )
    }

    to_sql_checked!();
}
