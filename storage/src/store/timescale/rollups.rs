//! Sealed spans of statements: made in the flush's transaction. [`crate::query::TopQueries`] reads
//! them.

use std::collections::BTreeMap;
use std::pin::pin;

use futures::TryStreamExt;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};
use uuid::Uuid;

use super::failure;
use super::pg_time::PgTime;
use crate::store::query_rollup::{
    COUNTERS, Changes, Difference, LEVELS, LONGEST_SECONDS, Level, Plan, Rollup, Span,
    difference_columns, span,
};
use crate::{Error, Result, Timestamp};

const SEALED: &str = "SELECT sealed FROM metrics.query_rollup_marks WHERE collector_id = $1";
/// Time of the first row after a moment.
const FIRST_AFTER: &str = "SELECT time FROM public.metrics_pg_stats_query \
    WHERE collector_id = $1 AND time > $2 ORDER BY time LIMIT 1";
const PARTS: &str = "SELECT content FROM metrics.query_rollups \
    WHERE collector_id = $1 AND seconds = $2 AND start >= $3 AND start < $4 ORDER BY start";

/// Seals what the flush completed or changed.
pub(super) async fn seal(client: &Client, changes: &BTreeMap<Uuid, Changes>) -> Result<()> {
    for (collector, changes) in changes {
        seal_one(client, *collector, changes).await?;
    }
    Ok(())
}

async fn seal_one(client: &Client, collector: Uuid, changes: &Changes) -> Result<()> {
    let before = match sealed(client, collector).await? {
        Some(sealed) => sealed,
        None => match row_after(client, collector, Timestamp::from_micros(i64::MIN)).await? {
            Some(first) => span(first.micros().div_euclid(1_000_000), LEVELS[0]).begin_seconds(),
            None => return Ok(()),
        },
    };
    let mut plan = Plan::from(before);
    while let Some(after) = plan.asks(changes.newest) {
        let row = row_after(client, collector, after).await?;
        plan.go_on(row);
    }
    plan.starts
        .extend(changes.starts.range(..plan.sealed).copied());
    for start in &plan.starts {
        let mut rollup = Rollup::default();
        rows(client, collector, span(*start, LEVELS[0]), &mut rollup).await?;
        keep(client, collector, (LEVELS[0], *start), &rollup).await?;
    }
    for [below, level] in LEVELS.array_windows() {
        for start in plan.parents(*level, before) {
            let mut rollup = Rollup::default();
            parts(
                client,
                collector,
                (*below, start, start + level),
                &mut rollup,
            )
            .await?;
            keep(client, collector, (*level, start), &rollup).await?;
        }
    }
    if plan.sealed == before && plan.starts.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO metrics.query_rollup_marks (collector_id, sealed) VALUES ($1, $2) \
        ON CONFLICT (collector_id) DO UPDATE SET sealed = excluded.sealed";
    let marked = client.execute(sql, &[&collector, &plan.sealed]).await;
    marked.map(drop).map_err(flush_failed)
}

async fn sealed(client: &Client, collector: Uuid) -> Result<Option<i64>> {
    let row = client.query_opt(SEALED, &[&collector]).await;
    let row = row.map_err(read_failed)?;
    row.map(|row| row.try_get(0))
        .transpose()
        .map_err(read_failed)
}

async fn row_after(client: &Client, collector: Uuid, time: Timestamp) -> Result<Option<Timestamp>> {
    let row = client
        .query_opt(FIRST_AFTER, &[&collector, &PgTime(time)])
        .await;
    let time = |row: Row| row.try_get::<_, PgTime>(0).map(|time| time.0);
    row.and_then(|row| row.map(time).transpose())
        .map_err(read_failed)
}

/// Adds the differences of rows, but for the long ones.
async fn rows(client: &Client, collector: Uuid, span: Span, rollup: &mut Rollup) -> Result<()> {
    let sql = format!(
        "SELECT {} FROM public.metrics_pg_stats_query \
         WHERE collector_id = $1 AND time > $2 AND time <= $3 AND calls_delta IS NOT NULL \
         AND interval_seconds <= {LONGEST_SECONDS} \
         AND (time <= $4 OR time - make_interval(secs => interval_seconds) < $4)",
        difference_columns()
    );
    let latest = span.end.micros() + LONGEST_SECONDS * 1_000_000;
    let latest = PgTime(Timestamp::from_micros(latest));
    let (begin, end) = (PgTime(span.begin), PgTime(span.end));
    add(
        client,
        &sql,
        &[&collector, &begin, &latest, &end],
        span,
        rollup,
    )
    .await
}

async fn add(
    client: &Client,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
    span: Span,
    rollup: &mut Rollup,
) -> Result<()> {
    let parameters = parameters.iter().copied();
    let rows = client
        .query_raw(sql, parameters)
        .await
        .map_err(read_failed)?;
    let mut rows = pin!(rows);
    let mut difference = Difference::default();
    while let Some(row) = rows.try_next().await.map_err(read_failed)? {
        read(&row, &mut difference).map_err(read_failed)?;
        rollup.add(&difference, span);
    }
    Ok(())
}

fn read(row: &Row, into: &mut Difference) -> Result<(), tokio_postgres::Error> {
    into.time = row.try_get::<_, PgTime>(0)?.0;
    into.interval = row.try_get(1)?;
    for (name, at) in into.names.iter_mut().zip(2..) {
        let text: &str = row.try_get(at)?;
        if name != text {
            text.clone_into(name);
        }
    }
    into.hash = row.try_get(4)?;
    for (value, at) in into.lifetime.iter_mut().zip(5..) {
        *value = row.try_get(at)?;
    }
    into.usual = row.try_get(8)?;
    let since = row.try_get::<_, Option<PgTime>>(9)?;
    into.minmax_since = since.map(|since| since.0);
    into.squares = row.try_get(10)?;
    into.level = Level::new(row.try_get(11)?);
    let counters = into.counters.iter_mut().zip(COUNTERS);
    for ((counter, name), at) in counters.zip(12..) {
        *counter = if name.ends_with("_time") {
            row.try_get(at)?
        } else {
            let count: Option<i64> = row.try_get(at)?;
            count.map(|count| count as f64)
        };
    }
    Ok(())
}

/// Adds sealed spans: their seconds, the first begin, and the first that is not added.
async fn parts(
    client: &Client,
    collector: Uuid,
    (seconds, from, to): (i64, i64, i64),
    rollup: &mut Rollup,
) -> Result<()> {
    let level = i32::try_from(seconds).unwrap_or(i32::MAX);
    let parameters: [&(dyn ToSql + Sync); 4] = [&collector, &level, &from, &to];
    let parts = client.query(PARTS, &parameters).await;
    for row in parts.map_err(read_failed)? {
        rollup.merge(row.try_get(0).map_err(read_failed)?)?;
    }
    Ok(())
}

async fn keep(
    client: &Client,
    collector: Uuid,
    (seconds, start): (i64, i64),
    rollup: &Rollup,
) -> Result<()> {
    let level = i32::try_from(seconds).unwrap_or(i32::MAX);
    let done = match rollup.encode()? {
        Some(content) => {
            let sql = "INSERT INTO metrics.query_rollups (collector_id, seconds, start, content) \
                VALUES ($1, $2, $3, $4) ON CONFLICT (collector_id, seconds, start) \
                DO UPDATE SET content = excluded.content";
            client
                .execute(sql, &[&collector, &level, &start, &content])
                .await
        }
        None => {
            let sql = "DELETE FROM metrics.query_rollups \
                WHERE collector_id = $1 AND seconds = $2 AND start = $3";
            client.execute(sql, &[&collector, &level, &start]).await
        }
    };
    done.map(drop).map_err(flush_failed)
}

fn read_failed(error: tokio_postgres::Error) -> Error {
    failure::unavailable("read from", error)
}

fn flush_failed(error: tokio_postgres::Error) -> Error {
    failure::unavailable("flush to", error)
}
