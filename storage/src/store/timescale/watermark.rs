//! The watermark row: what this cluster's database holds, and who may write to it (design D3).
//!
//! `pganalytics.watermark` has one row. It changes last in a flush's transaction, on condition that
//! nobody else moved or took it, so that a paused flusher holds no lock while it copies and cannot
//! commit afterwards (FLUSH-2).

use tokio_postgres::{Client, Row};

use super::failure;
use super::holding::Holding;
use super::options::StoreOwner;
use crate::store::{FlushBatch, Watermark};
use crate::{Error, GroupId, Position, Result};

/// Reads the watermark.
///
/// # Errors
/// `Schema` if the database is not migrated or belongs to another cluster, `Unavailable` if it does
/// not answer.
pub(super) async fn read(client: &Client, owner: StoreOwner) -> Result<Watermark> {
    let row = row(client).await?;
    check_owner(&row, owner)?;
    decode(&row)
}

/// Whose the database is, and what it holds.
///
/// # Errors
/// As [`read`], but for another cluster's.
pub(super) async fn holding(client: &Client) -> Result<Option<Holding>> {
    let row = row(client).await?;
    Ok(Some(Holding {
        owner: get(&row, 0)?,
        watermark: decode(&row)?,
    }))
}

/// Makes a database that is as `found` says one of `owner`, at `at`.
///
/// # Errors
/// `Schema` if it is not as `found` says.
pub(super) async fn hand_over(
    client: &Client,
    found: &Holding,
    owner: StoreOwner,
    at: Position,
) -> Result<()> {
    let position = found.watermark.position;
    let moved = client
        .execute(
            "UPDATE pganalytics.watermark \
             SET cluster_id = $1, term = $2, index = $3, log_group = $4, owner_term = $2, updated_at = now() \
             WHERE cluster_id = $5 AND term = $6 AND index = $7",
            &[
                &owner.to_string(),
                &to_sql(at.term)?,
                &to_sql(at.index)?,
                &group(at),
                &found.owner,
                &to_sql(position.term)?,
                &to_sql(position.index)?,
            ],
        )
        .await
        .map_err(|error| failure::schema_or_unavailable("hand over", error))?;
    if moved == 1 {
        return Ok(());
    }
    Err(Error::Schema {
        what: format!("the database is no longer at {position}: somebody writes to it"),
    })
}

async fn row(client: &Client) -> Result<Row> {
    client
        .query_opt(
            "SELECT cluster_id, term, index, owner_term, log_group FROM pganalytics.watermark",
            &[],
        )
        .await
        .map_err(|error| failure::schema_or_unavailable("read the watermark of", error))?
        .ok_or_else(|| Error::Schema {
            what: "the watermark row is missing; it was removed by hand".to_owned(),
        })
}

/// Makes `term` the owner unless a newer one is.
///
/// # Errors
/// `Fenced` if a newer term owns the row.
pub(super) async fn take(client: &Client, owner: StoreOwner, term: u64) -> Result<Watermark> {
    let taken = client
        .query_opt(
            "UPDATE pganalytics.watermark SET owner_term = $2, updated_at = now() \
             WHERE cluster_id = $1 AND owner_term <= $2 RETURNING cluster_id, term, index, owner_term, log_group",
            &[&owner.to_string(), &to_sql(term)?],
        )
        .await
        .map_err(|error| failure::schema_or_unavailable("fence", error))?;
    match taken {
        Some(row) => decode(&row),
        None => Err(fenced(read(client, owner).await?)),
    }
}

/// Moves the watermark over `batch`, inside the batch's transaction. Returns whether it was still
/// in its place.
pub(super) async fn advance(
    client: &Client,
    owner: StoreOwner,
    batch: &FlushBatch,
) -> Result<bool> {
    let moved = client
        .execute(
            "UPDATE pganalytics.watermark \
             SET term = $2, index = $3, log_group = $7, owner_term = $6, updated_at = now() \
             WHERE cluster_id = $1 AND term = $4 AND index = $5 AND owner_term <= $6 AND log_group = $8",
            &[
                &owner.to_string(),
                &to_sql(batch.upto.term)?,
                &to_sql(batch.upto.index)?,
                &to_sql(batch.after.term)?,
                &to_sql(batch.after.index)?,
                &to_sql(batch.term)?,
                &group(batch.upto),
                &group(batch.after),
            ],
        )
        .await
        .map_err(|error| failure::unavailable("move the watermark of", error))?;
    Ok(moved == 1)
}

/// Ends the sessions of this cluster's flushers of terms before `term`; returns how many there
/// were.
///
/// Best effort: the watermark's condition is what keeps them from committing; this frees what they
/// hold.
pub(super) async fn end_older(client: &Client, owner: StoreOwner, term: u64) -> Result<u64> {
    let ended = client
        .query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid() \
             AND application_name ~ '^pganalytics n[0-9]+ term [0-9]{1,18} cluster ' \
             AND split_part(application_name, ' ', 6) = $1 \
             AND split_part(application_name, ' ', 4)::bigint < $2",
            &[&owner.short(), &to_sql(term)?],
        )
        .await
        .map_err(|error| failure::unavailable("end older flushers of", error))?;
    Ok(ended.len() as u64)
}

/// The refusal that `found` means.
pub(super) fn fenced(found: Watermark) -> Error {
    Error::Fenced {
        found: found.position,
        owner_term: found.owner_term,
    }
}

fn check_owner(row: &Row, owner: StoreOwner) -> Result<()> {
    let found: String = get(row, 0)?;
    if found == owner.to_string() {
        return Ok(());
    }
    Err(Error::Schema {
        what: format!(
            "the database belongs to cluster {found}, this is cluster {owner}; give each cluster a database of its own"
        ),
    })
}

fn decode(row: &Row) -> Result<Watermark> {
    Ok(Watermark {
        position: Position {
            group: GroupId::new(get::<i32>(row, 4)?.unsigned_abs()),
            term: from_sql(row, 1)?,
            index: from_sql(row, 2)?,
        },
        owner_term: from_sql(row, 3)?,
    })
}

fn get<'a, T: tokio_postgres::types::FromSql<'a>>(row: &'a Row, column: usize) -> Result<T> {
    row.try_get(column).map_err(|error| Error::Schema {
        what: format!("the watermark row has another form: {error}"),
    })
}

fn from_sql(row: &Row, column: usize) -> Result<u64> {
    let value: i64 = get(row, column)?;
    u64::try_from(value).map_err(|_| Error::Schema {
        what: format!("the watermark row holds {value}"),
    })
}

fn group(position: Position) -> i32 {
    i32::try_from(position.group.get()).unwrap_or(i32::MAX)
}

fn to_sql(value: u64) -> Result<i64> {
    i64::try_from(value).map_err(|_| Error::Argument {
        key: "position",
        what: format!("{value} is too large"),
    })
}
