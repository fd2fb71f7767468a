//! Sums of charted tables over hours and days: made in the flush's transaction.
//! [`crate::query::Series`] reads them.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::Client;
use uuid::Uuid;

use super::pg_time::PgTime;
use crate::store::Retention;
use crate::store::catalogue::TableId;
use crate::store::relation_sums::frozen;
use crate::store::series_rollup::{DAY, Dialect, HOUR, Mark, Plan, Statements, Touched, charted};

type PgResult<T> = Result<T, tokio_postgres::Error>;

/// Seals the hours that the flush completed or changed.
pub(super) async fn seal(
    client: &Client,
    touched: &BTreeMap<(Uuid, TableId), Touched>,
) -> PgResult<()> {
    let collectors = touched.keys().map(|(collector, _)| *collector).collect();
    let marks = marks(client, collectors).await?;
    for ((collector, table), touched) in touched {
        let before = marks.get(&(*collector, table.table().name.to_owned()));
        if let Some(plan) = Plan::new(before.copied(), touched) {
            seal_one(client, *collector, *table, &plan).await?;
        }
    }
    Ok(())
}

/// What is sealed of these collectors, by table.
pub(super) async fn marks(
    client: &Client,
    collectors: BTreeSet<Uuid>,
) -> PgResult<BTreeMap<(Uuid, String), Mark>> {
    if collectors.is_empty() {
        return Ok(BTreeMap::new());
    }
    let collectors: Vec<Uuid> = collectors.into_iter().collect();
    let sql = "SELECT collector_id, table_name, since, sealed, frozen \
        FROM metrics.series_rollup_marks WHERE collector_id = ANY ($1)";
    let mut marks = BTreeMap::new();
    for row in client.query(sql, &[&collectors]).await? {
        let mark = Mark {
            since: row.try_get(2)?,
            sealed: row.try_get(3)?,
            frozen: row.try_get(4)?,
        };
        marks.insert((row.try_get(0)?, row.try_get(1)?), mark);
    }
    Ok(marks)
}

async fn seal_one(client: &Client, collector: Uuid, table: TableId, plan: &Plan) -> PgResult<()> {
    let sql = Statements::new(Dialect::Postgres, table.table());
    let mut hours = plan.again.clone();
    let (from, to) = plan.over;
    if from < to {
        let over = client
            .query(&sql.hours(), &[&collector, &from, &to])
            .await?;
        for row in over {
            hours.insert(row.try_get(0)?);
        }
    }
    let spans = hours.iter().map(|hour| (HOUR, *hour));
    let days = plan.days(&hours);
    for (seconds, start) in spans.chain(days.iter().map(|day| (DAY, *day))) {
        client
            .execute(&sql.forget(seconds), &[&collector, &start])
            .await?;
        let seal = match seconds {
            DAY => sql.seal_day(),
            _ => sql.seal_hour(),
        };
        client.execute(&seal, &[&collector, &start]).await?;
    }
    keep_mark(client, collector, table.table().name, plan.mark).await
}

/// Notes what is sealed now.
pub(super) async fn keep_mark(
    client: &Client,
    collector: Uuid,
    table: &str,
    mark: Mark,
) -> PgResult<()> {
    let keep = "INSERT INTO metrics.series_rollup_marks VALUES ($1, $2, $3, $4, $5) \
        ON CONFLICT (collector_id, table_name) DO UPDATE SET since = excluded.since, \
        sealed = excluded.sealed, frozen = greatest(metrics.series_rollup_marks.frozen, excluded.frozen)";
    let Mark {
        since,
        sealed,
        frozen,
    } = mark;
    client
        .execute(keep, &[&collector, &table, &since, &sealed, &frozen])
        .await
        .map(drop)
}

/// Before rows are dropped: what may lose some is not sealed anew.
pub(super) async fn freeze(client: &Client, retention: &Retention) -> PgResult<()> {
    for (table, frozen) in frozen(retention) {
        let sql = "UPDATE metrics.series_rollup_marks SET frozen = $1 \
            WHERE table_name = $2 AND frozen < $1";
        client.execute(sql, &[&frozen, &table]).await?;
    }
    Ok(())
}

/// Deletes sums that are too old; how many.
pub(super) async fn drop_old(client: &Client, retention: &Retention) -> PgResult<u64> {
    let mut dropped = 0;
    for id in charted() {
        let table = id.table();
        let sql = "DELETE FROM metrics.series_rollups \
            WHERE table_name = $1 AND to_timestamp(start + seconds) <= $2";
        let before = PgTime(retention.sums_of(table.kind));
        dropped += client.execute(sql, &[&table.name, &before]).await?;
    }
    Ok(dropped)
}
