//! What statements cost in two windows of time.

use std::collections::BTreeMap;

use pga_config::CollectorId;
use pga_insight::comparison::{
    Comparison, FiveMinutes, Key, Row, Tolerance, Window as Sums, compare,
};
use pga_storage::query::StatementParts;

use super::workload::{self, Statement, Window};
use crate::questions;
use crate::{ApiError, NodeApi};

/// Shortest part of a window, in microseconds, and most parts.
const PART: i64 = 300_000_000;
const MAX_PARTS: i64 = 24;
/// Rows that are read of the parts of one window.
const MAX_ROWS: u32 = 60_000;

/// Compares all statements of a server in two windows.
pub(crate) async fn of_server(
    api: &dyn NodeApi,
    collector: CollectorId,
    (before, after): (Window, Window),
    tolerance: Tolerance,
) -> Result<Comparison, ApiError> {
    let before = sums(api, collector, before).await?;
    let after = sums(api, collector, after).await?;
    let compared = pga_runtime::spawn_blocking(move || compare(&before, &after, &tolerance));
    compared.await.map_err(|_| ApiError::Internal)
}

/// Compares one statement of a server in two windows; nothing if it is in neither.
pub(crate) async fn of_statement(
    api: &dyn NodeApi,
    collector: CollectorId,
    (database, hash): (&str, i64),
    (before, after): (Window, Window),
) -> Result<Option<Row>, ApiError> {
    let key = Key {
        database: database.to_owned(),
        query_hash: hash,
    };
    let mut sides = Vec::new();
    for window in [before, after] {
        let mut all = sums(api, collector, window).await?;
        all.retain(|one, _| *one == key);
        sides.push(all);
    }
    let (Some(after), Some(before)) = (sides.pop(), sides.pop()) else {
        return Ok(None);
    };
    let compared = compare(&before, &after, &Tolerance::default());
    Ok(compared.comparisons.into_iter().next())
}

async fn sums(
    api: &dyn NodeApi,
    collector: CollectorId,
    window: Window,
) -> Result<BTreeMap<Key, Sums>, ApiError> {
    let all = workload::sums(api, collector, window, None).await?;
    let length = window.to.micros() - window.from.micros();
    let question = StatementParts {
        collector,
        from: window.from,
        to: window.to,
        step_micros: (length / MAX_PARTS).max(PART),
        limit: MAX_ROWS,
    };
    let rows = questions::ask(api, collector, &question).await?;
    let mut parts = BTreeMap::<(String, i64), Vec<FiveMinutes>>::new();
    for row in rows {
        let of = parts.entry((row.database, row.query_hash)).or_default();
        of.push(FiveMinutes {
            calls: row.calls as f64,
            total_ms: row.total_ms,
            rows: row.rows as f64,
            blocks: row.blocks as f64,
        });
    }
    let expected = usize::try_from(length / question.step_micros).unwrap_or(usize::MAX);
    let sums = all.into_iter().map(|(key, one)| {
        let mut of = parts.remove(&key).unwrap_or_default();
        // Parts without calls have no row.
        if of.len() < expected && one.coverage > 0.0 {
            let seen = (expected as f64 * one.coverage).floor() as usize;
            of.resize(of.len().max(seen), FiveMinutes::default());
        }
        let (database, query_hash) = key;
        let key = Key {
            database,
            query_hash,
        };
        (key, sum(&one, window, of))
    });
    Ok(sums.collect())
}

fn sum(one: &Statement, window: Window, five_minutes: Vec<FiveMinutes>) -> Sums {
    Sums {
        calls: one.calls as f64,
        total_ms: one.total_ms,
        sd_ms: one.deviation_ms(),
        max_ms: Some(one.max_ms),
        rows: one.rows as f64,
        blocks_hit: one.blocks_hit as f64,
        blocks_read: one.blocks_read as f64,
        temp_blocks: one.temp_written as f64,
        wal_bytes: one.wal_bytes.unwrap_or(0) as f64,
        exposure_seconds: window.seconds() * one.coverage,
        coverage: one.coverage,
        five_minutes,
    }
}
