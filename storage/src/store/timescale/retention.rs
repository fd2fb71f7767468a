//! What is dropped, and how much is there.

use tokio_postgres::Client;

use super::failure;
use super::pg_time::PgTime;
use super::{relation_sums, series_rollups};
use crate::store::{Retention, catalogue};
use crate::{Element, Error, Result};

/// Drops the chunks that end too early, elements whose type is kept for less long than others in
/// their chunk, then what nothing refers to any more; returns how many chunks and rows.
pub(super) async fn drop_old(client: &Client, retention: &Retention) -> Result<u64> {
    series_rollups::freeze(client, retention)
        .await
        .map_err(failed)?;
    let typed = catalogue::tables().map(|id| {
        let table = id.table();
        (table.qualified(), retention.before(table.kind))
    });
    let own = [
        ("metrics.samples", retention.before(Element::SAMPLES)),
        ("metrics.elements", retention.oldest()),
    ];
    let own = own.map(|(table, before)| (table.to_owned(), before));
    let mut dropped = 0;
    for (table, before) in typed.chain(own) {
        let chunks = client
            .query(
                "SELECT drop_chunks($1::text::regclass, older_than => $2::timestamptz)",
                &[&table, &PgTime(before)],
            )
            .await
            .map_err(failed)?;
        dropped += chunks.len() as u64;
    }
    dropped += drop_elements(client, retention).await?;
    let before = retention.oldest();
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
    let statements = catalogue::statements().map_or("", |id| id.table().kind);
    let before = PgTime(retention.sums_of(statements));
    let spans = client.execute(sql, &[&before]).await;
    dropped += spans.map_err(failed)?;
    let sums = series_rollups::drop_old(client, retention).await;
    dropped += sums.map_err(failed)?;
    let sums = relation_sums::drop_old(client, retention).await;
    dropped += sums.map_err(failed)?;
    Ok(dropped)
}

/// Deletes elements of types that are kept for less long than another: all types share a chunk.
async fn drop_elements(client: &Client, retention: &Retention) -> Result<u64> {
    let mut dropped = 0;
    for (kind, before) in retention.exceptions() {
        if before > retention.oldest() {
            let sql = "DELETE FROM metrics.elements WHERE time < $1 AND kind = $2";
            let gone = client.execute(sql, &[&PgTime(before), &kind]).await;
            dropped += gone.map_err(failed)?;
        }
    }
    if retention.usual() > retention.oldest() {
        let kinds: Vec<&str> = retention.exceptions().map(|(kind, _)| kind).collect();
        let sql = "DELETE FROM metrics.elements WHERE time < $1 AND kind <> ALL ($2)";
        let before = PgTime(retention.usual());
        let gone = client.execute(sql, &[&before, &kinds]).await;
        dropped += gone.map_err(failed)?;
    }
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
