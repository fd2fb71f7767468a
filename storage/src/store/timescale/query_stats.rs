//! Top queries, from the differences that the flush computed (design D6).

use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

use super::failure;
use super::pg_time::PgTime;
use super::rollups;
use crate::store::query_rollup::Span;
use crate::store::top_queries;
use crate::store::{CollectorQuery, QueryStats};
use crate::{Error, Result};

/// The newest text of each statement: hashes, databases and users in three arrays.
const TEXTS: &str = "SELECT coalesce(t.query_text, '') FROM \
    unnest($2::bigint[], $3::text[], $4::text[]) WITH ORDINALITY AS s (hash, db, usr, n) \
    LEFT JOIN LATERAL (SELECT query_text FROM public.metrics_pg_stats_query \
        WHERE query_hash = s.hash AND collector_id = $1 AND database_name = s.db \
        AND user_name = s.usr AND time <= $5 ORDER BY time DESC LIMIT 1) t ON true ORDER BY s.n";

/// Queries of a collector that ran in the window.
pub(super) async fn top(client: &Client, query: &CollectorQuery) -> Result<Vec<QueryStats>> {
    let window = Span {
        begin: query.from,
        end: query.to,
    };
    let collector = query.collector.get();
    let rollup = rollups::window(client, collector, window).await?;
    let only = query.database.as_deref();
    let stats = rollup.stats(&collector.to_string(), window, only);
    let mut top = top_queries::rank(stats, query.order, query.limit);
    let hashes: Vec<i64> = top.iter().map(|stats| stats.query_hash).collect();
    let databases: Vec<&str> = top.iter().map(|stats| &*stats.database_name).collect();
    let users: Vec<&str> = top.iter().map(|stats| &*stats.user_name).collect();
    let newest = top.iter().map(|stats| stats.time).max().unwrap_or_default();
    let parameters: [&(dyn ToSql + Sync); 5] =
        [&collector, &hashes, &databases, &users, &PgTime(newest)];
    let texts = client
        .query(TEXTS, &parameters)
        .await
        .map_err(read_failed)?;
    for (stats, row) in top.iter_mut().zip(texts) {
        stats.query_text = row.try_get(0).map_err(read_failed)?;
    }
    Ok(top)
}

fn read_failed(error: tokio_postgres::Error) -> Error {
    failure::unavailable("read from", error)
}
