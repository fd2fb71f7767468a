//! Reads the minutes of a server.

use std::collections::{BTreeMap, BTreeSet};

use pga_config::CollectorId;
use pga_insight::anomalies::Minute;
use pga_insight::why::Sample;
use pga_storage::query::{
    Aggregate, ElementOrder, Elements, Measure, Series, Starts, StatementSeconds,
};
use pga_storage::store::catalogue::{Table, TableId, tables_of};
use serde_json::Value;

use super::measured::Measured;
use crate::analyses::workload::Window;
use crate::questions;
use crate::{ApiError, NodeApi};

/// Statements of one question.
const AT_ONCE: usize = 100;
/// Rows of one answer.
pub(super) const MAX_ROWS: u32 = 200_000;
/// Elements of one page.
const PAGE: u32 = 500;
/// Elements of sessions that are read: more than eight hours of them.
const MAX_SAMPLES: usize = 3_200;

/// Counters of databases, in the order of [`Measured::databases`].
pub(super) const COUNTERS: [&str; 7] = [
    "xact_commit_delta",
    "xact_rollback_delta",
    "blks_read_delta",
    "blks_hit_delta",
    "temp_bytes_delta",
    "deadlocks_delta",
    "interval_seconds",
];

/// Reads the minutes of a window.
pub(super) async fn measured(
    api: &dyn NodeApi,
    collector: CollectorId,
    wanted: &BTreeSet<(String, i64)>,
    window: Window,
) -> Result<Measured, ApiError> {
    let mut measured = Measured::default();
    let hashes: BTreeSet<i64> = wanted.iter().map(|(_, hash)| *hash).collect();
    let hashes: Vec<i64> = hashes.into_iter().collect();
    let mut asked: Vec<Vec<i64>> = hashes.chunks(AT_ONCE).map(<[i64]>::to_vec).collect();
    asked.push(Vec::new());
    for hashes in asked {
        let is_total = hashes.is_empty();
        let question = StatementSeconds {
            collector,
            hashes,
            from: window.from,
            to: window.to,
            limit: MAX_ROWS,
        };
        let rows = questions::ask(api, collector, &question).await?;
        for row in rows {
            let (second, interval) = (row.second, row.interval_seconds);
            let key = (row.database, row.query_hash);
            if is_total {
                measured.total.add(second, interval, [row.total_ms]);
            } else if wanted.contains(&key) {
                let amounts = [row.calls, row.total_ms, row.rows, row.reads, row.io_ms];
                let of = measured.statements.entry(key).or_default();
                of.add(second, interval, amounts);
            }
        }
    }
    databases(api, collector, window, &mut measured).await?;
    sessions(api, collector, window, &mut measured).await?;
    Ok(measured)
}

/// The starts of a server that its samples in a window tell.
pub(super) async fn starts(
    api: &dyn NodeApi,
    collector: CollectorId,
    window: Window,
) -> Result<Vec<Minute>, ApiError> {
    let Window { from, to } = window;
    let question = Starts {
        collector,
        from,
        to,
    };
    let told = questions::ask(api, collector, &question).await?;
    let minutes = told.into_iter().map(|at| Minute::of_micros(at.micros()));
    Ok(minutes.collect())
}

pub(super) fn table() -> Option<&'static Table> {
    let mut tables = tables_of("pg_stats").map(TableId::table);
    tables.find(|table| table.name == "metrics_pg_stats_database")
}

async fn databases(
    api: &dyn NodeApi,
    collector: CollectorId,
    window: Window,
    measured: &mut Measured,
) -> Result<(), ApiError> {
    let question = Series {
        table: table().ok_or(ApiError::Internal)?,
        measures: COUNTERS
            .iter()
            .map(|column| Measure {
                column,
                aggregate: Aggregate::Max,
            })
            .collect(),
        collector,
        database: None,
        from: window.from,
        to: window.to,
        step_micros: 1_000_000,
        limit: MAX_ROWS,
    };
    for point in questions::ask(api, collector, &question).await? {
        // A counter that the server does not tell is none: it cannot be half of a figure.
        let values: Option<Vec<f64>> = point.values.iter().copied().collect();
        let Some([commits, rollbacks, reads, hits, temp, deadlocks, interval]) =
            values.and_then(|values| <[f64; 7]>::try_from(values).ok())
        else {
            continue;
        };
        let second = point.time.micros().div_euclid(1_000_000);
        let amounts = [commits + rollbacks, reads, hits, temp, deadlocks];
        let of = measured.databases.entry(point.database).or_default();
        of.add(second, interval, amounts);
    }
    Ok(())
}

/// Active sessions by what they wait for, the mean of a minute's samples.
async fn sessions(
    api: &dyn NodeApi,
    collector: CollectorId,
    window: Window,
    measured: &mut Measured,
) -> Result<(), ApiError> {
    let (mut cursor, mut read) = (None, 0);
    let mut sums = BTreeMap::<Minute, (BTreeMap<String, f64>, f64)>::new();
    loop {
        let query = Elements {
            collector,
            kind: Some("pg_activity_sample".to_owned()),
            from: Some(window.from),
            to: Some(window.to),
            order: ElementOrder::Descending,
            limit: PAGE,
            cursor: cursor.take(),
        };
        let page = questions::ask(api, query.collector, &query).await?;
        read += page.data.len();
        for text in &page.data {
            let Ok(element) = serde_json::from_str::<Value>(text) else {
                continue;
            };
            let time = element["timestamp"].as_str();
            let time = time.and_then(|text| crate::timestamps::parse_text(text).ok());
            let (Some(time), Ok(sample)) = (time, serde_json::from_value::<Sample>(element)) else {
                continue;
            };
            let minute = sums.entry(Minute::of_micros(time.micros())).or_default();
            minute.1 += 1.0;
            for (class, count) in sample.load_by_wait_class() {
                *minute.0.entry(class).or_default() += f64::from(count);
            }
        }
        cursor = page.next_cursor;
        if cursor.is_none() || read >= MAX_SAMPLES {
            break;
        }
    }
    for (minute, (classes, samples)) in sums {
        measured.looked_at.insert(minute);
        for (class, count) in classes {
            let of = measured.waits.entry(class).or_default();
            of.insert(minute, count / samples);
        }
    }
    Ok(())
}
