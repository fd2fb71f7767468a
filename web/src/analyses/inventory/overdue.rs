//! Tables that autovacuum should have looked after.

use pga_config::CollectorId;
use pga_storage::Timestamp;
use serde_json::Value;

use super::{Reader, number, text};
use crate::analyses::workload::Window;
use crate::{ApiError, NodeApi};

/// A table that autovacuum should have looked after.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Overdue {
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) rows: f64,
    pub(crate) dead: f64,
    /// Minutes that it has been over its trigger at least.
    pub(crate) minutes: f64,
}

/// Tables that were over their trigger now and two hours before, without a vacuum in between.
pub(crate) async fn overdue(
    api: &dyn NodeApi,
    collector: CollectorId,
    database: &str,
    now: Timestamp,
    trigger: impl Fn(f64) -> f64,
) -> Result<Vec<Overdue>, ApiError> {
    let reader = Reader {
        api,
        collector,
        database,
    };
    let (tables, at) = reader
        .rows("pg_table", Window::hours_before(now, 6))
        .await?;
    let earlier = Timestamp::from_micros(now.micros() - 7_200_000_000);
    let (before, then) = reader
        .rows("pg_table", Window::hours_before(earlier, 6))
        .await?;
    let Some(minutes) = at
        .zip(then)
        .map(|(at, then)| (at.micros() - then.micros()) as f64 / 60e6)
    else {
        return Ok(Vec::new());
    };
    let over = |row: &Value| {
        let rows = number(row, "reltuples").filter(|rows| *rows >= 0.0)?;
        let dead = number(row, "n_dead_tup")?;
        (dead > trigger(rows)).then_some((rows, dead))
    };
    let found = tables.iter().filter_map(|(key, row)| {
        let earlier = before.get(key)?;
        over(earlier)?;
        let (rows, dead) = over(row)?;
        let untouched = ["last_vacuum", "last_autovacuum"]
            .iter()
            .all(|name| row[*name] == earlier[*name]);
        untouched.then(|| Overdue {
            schema: text(row, "schemaname"),
            name: text(row, "relname"),
            rows,
            dead,
            minutes,
        })
    });
    Ok(found.collect())
}
