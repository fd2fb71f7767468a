//! Sums of what relations did over hours and days: made in the flush's transaction.
//! [`crate::query::RelationActivity`] reads them.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;

use futures::TryStreamExt;
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::copy::CopyRows;
use super::pg_time::PgTime;
use super::series_rollups::{keep_mark, marks};
use super::table_copy::put_values;
use crate::Timestamp;
use crate::store::Retention;
use crate::store::relation_sums::{
    BASELINE, Changes, RELATION_SUMS, RelationSum, RelationSums, Statements,
};
use crate::store::series_rollup::{DAY, Dialect, HOUR, Plan, Touched};

type PgResult<T> = Result<T, tokio_postgres::Error>;

const MICROS: i64 = 1_000_000;

/// What makes the tables. Since version 8.
pub(super) fn create() -> String {
    let all = RELATION_SUMS.iter();
    let all = all.map(|of| Statements::new(Dialect::Postgres, of).create());
    all.collect::<Vec<_>>().join("; ")
}

/// Seals the hours that the flush completed or changed.
pub(super) async fn seal(
    client: &Client,
    touched: &BTreeMap<(Uuid, usize), Touched>,
) -> PgResult<()> {
    let collectors = touched.keys().map(|(collector, _)| *collector).collect();
    let marks = marks(client, collectors).await?;
    for ((collector, place), touched) in touched {
        let Some(of) = RELATION_SUMS.get(*place) else {
            continue;
        };
        let before = marks.get(&(*collector, of.name.to_owned()));
        if let Some(plan) = Plan::new(before.copied(), touched) {
            let lists = Lists {
                client,
                collector: *collector,
                of,
                sql: Statements::new(Dialect::Postgres, of),
            };
            lists.seal(&plan).await?;
        }
    }
    Ok(())
}

/// The lists of one type of one collector.
struct Lists<'a> {
    client: &'a Client,
    collector: Uuid,
    of: &'static RelationSums,
    sql: Statements,
}

const fn time(seconds: i64) -> PgTime {
    PgTime(Timestamp::from_micros(seconds.saturating_mul(MICROS)))
}

impl Lists<'_> {
    async fn seal(&self, plan: &Plan) -> PgResult<()> {
        let mut hours = plan.again.clone();
        for hour in &plan.again {
            // The list after one that came late compares with it.
            let next = self.next(hour + HOUR).await?;
            hours.extend(next.filter(|next| plan.is_sealed(*next)));
        }
        let (from, to) = plan.over;
        let mut hour = from;
        while let Some(next) = self.next(hour).await?.filter(|next| *next < to) {
            hours.insert(next);
            hour = next + HOUR;
        }
        self.seal_hours(&hours).await?;
        for day in plan.days(&hours) {
            let of_day: [&(dyn ToSql + Sync); 2] = [&self.collector, &day];
            self.client.execute(&self.sql.forget(DAY), &of_day).await?;
            self.client.execute(&self.sql.seal_day(), &of_day).await?;
        }
        keep_mark(self.client, self.collector, self.of.name, plan.mark).await
    }

    async fn seal_hours(&self, hours: &BTreeSet<i64>) -> PgResult<()> {
        let mut before: Option<(i64, Changes)> = None;
        for hour in hours {
            let mut changes = match before.take() {
                Some((end, changes)) if end == *hour => changes,
                _ => self.baseline(*hour).await?,
            };
            let range = (time(*hour), time(hour + HOUR));
            self.add(&mut changes, range, Some(*hour)).await?;
            let forget = self.sql.forget(HOUR);
            self.client
                .execute(&forget, &[&self.collector, hour])
                .await?;
            self.insert(changes.take()).await?;
            before = Some((hour + HOUR, changes));
        }
        Ok(())
    }

    /// What relations had counted before an hour.
    async fn baseline(&self, hour: i64) -> PgResult<Changes> {
        let mut changes = Changes::new(self.of);
        let sql = "SELECT time FROM metrics.elements WHERE collector_id = $1 AND kind = $2 \
            AND time < $3 ORDER BY time DESC LIMIT 1";
        let newest = self
            .client
            .query_opt(sql, &[&self.collector, &self.of.kind, &time(hour)])
            .await?;
        if let Some(row) = newest {
            let PgTime(newest) = row.try_get(0)?;
            let from = Timestamp::from_micros(newest.micros() - BASELINE);
            self.add(&mut changes, (PgTime(from), time(hour)), None)
                .await?;
        }
        Ok(changes)
    }

    /// The hour of the first list that is not before `from`.
    async fn next(&self, from: i64) -> PgResult<Option<i64>> {
        let sql = "SELECT time FROM metrics.elements WHERE collector_id = $1 AND kind = $2 \
            AND time >= $3 ORDER BY time LIMIT 1";
        let first = self
            .client
            .query_opt(sql, &[&self.collector, &self.of.kind, &time(from)])
            .await?;
        let Some(row) = first else {
            return Ok(None);
        };
        let PgTime(first) = row.try_get(0)?;
        Ok(Some(first.micros().div_euclid(HOUR * MICROS) * HOUR))
    }

    /// Goes through the lists of a range of times, the oldest first.
    async fn add(
        &self,
        changes: &mut Changes,
        (from, to): (PgTime, PgTime),
        span: Option<i64>,
    ) -> PgResult<()> {
        let sql = "SELECT time, body FROM metrics.elements WHERE collector_id = $1 AND kind = $2 \
            AND time >= $3 AND time < $4 AND body IS NOT NULL ORDER BY time, log_index, ordinal";
        let parameters: [&(dyn ToSql + Sync); 4] = [&self.collector, &self.of.kind, &from, &to];
        let rows = self.client.query_raw(sql, parameters).await?;
        let mut rows = pin!(rows);
        while let Some(row) = rows.try_next().await? {
            let PgTime(time) = row.try_get(0)?;
            let body: &str = row.try_get(1)?;
            changes.add(time, body.as_bytes(), span);
        }
        Ok(())
    }

    async fn insert(&self, sums: Vec<RelationSum>) -> PgResult<()> {
        let types = self.sql.types();
        let mut rows = CopyRows::default();
        for sum in sums {
            put_values(&mut rows, &types, &sum.into_row(self.collector, HOUR));
        }
        let (table, columns) = (self.sql.table(), self.sql.columns());
        let sql = format!("COPY {table} ({columns}) FROM STDIN BINARY");
        rows.send(self.client, &sql).await.map(drop)
    }
}

/// Deletes sums that are too old; how many.
pub(super) async fn drop_old(client: &Client, retention: &Retention) -> PgResult<u64> {
    let mut dropped = 0;
    for of in RELATION_SUMS {
        let sql = Statements::new(Dialect::Postgres, of).drop_before();
        let before = retention.sums_of(of.kind).micros();
        dropped += client.execute(&sql, &[&before]).await?;
    }
    Ok(dropped)
}
