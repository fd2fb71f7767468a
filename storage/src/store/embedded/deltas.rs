//! Differences of counters in the flush's transaction: the states, and rows around late samples.

use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};
use uuid::Uuid;

use super::insert::insert;
use crate::Timestamp;
use crate::store::catalogue::{ColumnType, TableId};
use crate::store::counter_deltas::sql::{Dialect, Statements, TIMES};
use crate::store::counter_deltas::{self, Chain, CounterState, Late, Listed, States};
use crate::store::mapper::{Rows, Value};

/// What [`fill`] did beside filling.
#[derive(Debug)]
pub(super) struct Filled {
    /// How many counters fell although counting had not begun anew, by table.
    pub(super) anomalies: Vec<(TableId, u64)>,
    /// The stored rows that were replaced, for they have other differences now.
    pub(super) replaced: Vec<(TableId, Vec<Value>)>,
}

/// Fills the computed columns of `rows`, and moves the stored states.
pub(super) fn fill(tx: &Connection, rows: &mut Rows) -> rusqlite::Result<Filled> {
    let mut states = States::default();
    let mut find = tx.prepare_cached("SELECT state FROM rate_state WHERE key = ?1")?;
    for key in counter_deltas::keys(rows) {
        let state: Option<Vec<u8>> = find
            .query_row([key.to_bytes()], |row| row.get(0))
            .optional()?;
        if let Some(state) = state.as_deref().and_then(CounterState::decode) {
            states.insert(key, state);
        }
    }
    let mut replaced = Vec::new();
    for late in counter_deltas::late(rows, &states) {
        let changed = derive(tx, &late, rows, &mut states)?;
        replaced.extend(changed.into_iter().map(|row| (late.table, row)));
    }
    let anomalies = counter_deltas::fill(rows, &mut states);
    let mut keep = tx.prepare_cached(
        "INSERT OR REPLACE INTO rate_state (key, time, state) VALUES (?1, ?2, ?3)",
    )?;
    for (key, state) in states.changed() {
        let encoded = state.encode();
        let encoded =
            encoded.map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        keep.execute(params![key.to_bytes(), state.time.micros(), encoded])?;
    }
    Ok(Filled {
        anomalies,
        replaced,
    })
}

/// Derives late samples, and replaces the stored rows that this changes.
fn derive(
    tx: &Connection,
    late: &Late,
    rows: &mut Rows,
    states: &mut States,
) -> rusqlite::Result<Vec<Vec<Value>>> {
    let sql = Statements::new(Dialect::Sqlite, late.table.table());
    let times = times(tx, &sql, late)?;
    let mut listed = Vec::new();
    for time in late.followers(&times) {
        let arguments = late.arguments(&[time], &late.history);
        listed.extend(read(tx, late, &sql.listed(&late.history), arguments)?);
    }
    let mut chains = Vec::new();
    for key in late.keys(rows, &listed) {
        let around = |sql: String, times: &[Timestamp]| {
            let arguments = late.arguments(times, &key);
            read(tx, late, &sql, arguments)
        };
        chains.push(Chain {
            before: around(sql.before(&key), &[late.from()])?,
            within: around(sql.within(&key), &[late.from(), late.to()])?,
            after: around(sql.after(&key), &[late.to()])?,
        });
    }
    let changed = counter_deltas::derive(late, rows, states, &times, chains);
    for row in &changed {
        let mut delete = tx.prepare_cached(&sql.delete(&late.key_of(row)))?;
        delete.execute(params_from_iter(late.place_of(row)))?;
    }
    insert(tx, late.table, changed.iter().map(Vec::as_slice))?;
    Ok(changed)
}

fn times(
    tx: &Connection,
    sql: &Statements<'_>,
    late: &Late,
) -> rusqlite::Result<Vec<(Timestamp, Listed)>> {
    let arguments = late.arguments(&[late.from(), late.to()], &late.history);
    let rows = cells(tx, &TIMES, &sql.times(&late.history), arguments)?;
    Ok(rows.iter().filter_map(|row| Listed::read(row)).collect())
}

/// Whole rows of the table.
fn read(
    tx: &Connection,
    late: &Late,
    sql: &str,
    arguments: Vec<Value>,
) -> rusqlite::Result<Vec<Vec<Value>>> {
    let types: Vec<ColumnType> = late
        .table
        .table()
        .columns()
        .map(|column| column.ty)
        .collect();
    cells(tx, &types, sql, arguments)
}

fn cells(
    tx: &Connection,
    types: &[ColumnType],
    sql: &str,
    arguments: Vec<Value>,
) -> rusqlite::Result<Vec<Vec<Value>>> {
    let mut find = tx.prepare_cached(sql)?;
    let rows = find.query_map(params_from_iter(arguments), |row| {
        let cells = types.iter().enumerate();
        cells.map(|(at, ty)| value(row, at, *ty)).collect()
    })?;
    rows.collect()
}

fn value(row: &Row<'_>, at: usize, ty: ColumnType) -> rusqlite::Result<Value> {
    let null = |value: Option<Value>| value.unwrap_or(Value::Null);
    Ok(null(match ty {
        ColumnType::Timestamptz => row
            .get::<_, Option<i64>>(at)?
            .map(|micros| Value::Time(Timestamp::from_micros(micros))),
        ColumnType::Uuid => row
            .get::<_, Option<[u8; 16]>>(at)?
            .map(|id| Value::Uuid(Uuid::from_bytes(id))),
        ColumnType::Bytea => row.get::<_, Option<Vec<u8>>>(at)?.map(Value::Bytes),
        ColumnType::Text => row.get::<_, Option<String>>(at)?.map(Value::Text),
        ColumnType::Bigint | ColumnType::Int => row.get::<_, Option<i64>>(at)?.map(Value::Int),
        ColumnType::Float8 => row.get::<_, Option<f64>>(at)?.map(Value::Float),
        ColumnType::Bool => row.get::<_, Option<bool>>(at)?.map(Value::Bool),
    }))
}
