//! What is dropped, and how much is there.

use tokio_postgres::Client;

use super::failure;
use super::pg_time::PgTime;
use crate::store::catalogue;
use crate::{Error, Result, Timestamp};

/// Drops the chunks that end before `before`, then what nothing refers to any more; returns how
/// many chunks and rows.
pub(super) async fn drop_before(client: &Client, before: Timestamp) -> Result<u64> {
    let typed = catalogue::tables().map(|id| id.table().qualified());
    let own = ["metrics.samples", "metrics.elements"].map(str::to_owned);
    let mut dropped = 0;
    for table in typed.chain(own) {
        let chunks = client
            .query(
                "SELECT drop_chunks($1::text::regclass, older_than => $2::timestamptz)",
                &[&table, &PgTime(before)],
            )
            .await
            .map_err(failed)?;
        dropped += chunks.len() as u64;
    }
    // Series stay: an id must not go while a flush may use it, and they are few.
    dropped += client
        .execute(
            "DELETE FROM metrics.inventory i WHERE i.first_seen < $1 \
             AND NOT EXISTS (SELECT FROM metrics.inventory_current c \
                 WHERE c.collector_id = i.collector_id AND c.hash = i.hash) \
             AND NOT EXISTS (SELECT FROM metrics.elements e \
                 WHERE e.collector_id = i.collector_id AND e.inventory = i.hash)",
            &[&PgTime(before)],
        )
        .await
        .map_err(failed)?;
    dropped += client
        .execute(
            "DELETE FROM pganalytics.dead_letter WHERE stored_at < $1",
            &[&PgTime(before)],
        )
        .await
        .map_err(failed)?;
    let sql = "DELETE FROM metrics.query_rollups WHERE to_timestamp(start + seconds) <= $1";
    let spans = client.execute(sql, &[&PgTime(before)]).await;
    dropped += spans.map_err(failed)?;
    Ok(dropped)
}

/// Bytes the database takes on disk.
pub(super) async fn size_bytes(client: &Client) -> Result<u64> {
    let size: i64 = client
        .query_one("SELECT pg_database_size(current_database())", &[])
        .await
        .and_then(|row| row.try_get(0))
        .map_err(failed)?;
    Ok(u64::try_from(size).unwrap_or_default())
}

fn failed(error: tokio_postgres::Error) -> Error {
    failure::unavailable("clean up", error)
}
