//! Minutes of what grows or lags: databases, WAL, standbys.

use std::collections::BTreeMap;

use pga_config::CollectorId;
use pga_insight::anomalies::Minute;
use pga_storage::Timestamp;
use pga_storage::query::{Aggregate, ElementOrder, Elements, Measure, Series};
use serde_json::Value;

use super::measured::Measured;
use super::minutes::Minutes;
use super::read::{MAX_ROWS, table};
use crate::analyses::workload::Window;
use crate::questions;
use crate::{ApiError, NodeApi};

/// Elements of one page, and of one kind: more than eight hours of samples each ten seconds.
const PAGE: u32 = 500;
const MAX_ELEMENTS: usize = 3_200;
/// A difference needs the sample before the window, in microseconds.
const BEFORE: i64 = 180_000_000;

/// Reads them.
pub(super) async fn read(
    api: &dyn NodeApi,
    collector: CollectorId,
    window: Window,
    measured: &mut Measured,
) -> Result<(), ApiError> {
    let window = Window {
        from: Timestamp::from_micros(window.from.micros() - BEFORE),
        to: window.to,
    };
    measured.growth = sizes(api, collector, window).await?;
    measured.wal = written(&elements(api, collector, "pg_wal", window).await?);
    measured.standbys = lags(&elements(api, collector, "pg_sender", window).await?);
    Ok(())
}

/// What each database grew by.
async fn sizes(
    api: &dyn NodeApi,
    collector: CollectorId,
    window: Window,
) -> Result<BTreeMap<String, Minutes<1>>, ApiError> {
    let question = Series {
        table: table().ok_or(ApiError::Internal)?,
        measures: vec![Measure {
            column: "database_size",
            aggregate: Aggregate::Max,
        }],
        collector,
        database: None,
        from: window.from,
        to: window.to,
        step_micros: 1_000_000,
        limit: MAX_ROWS,
    };
    let mut points = BTreeMap::<String, Vec<(i64, f64)>>::new();
    for point in questions::ask(api, collector, &question).await? {
        if let Some(Some(size)) = point.values.first() {
            let second = point.time.micros().div_euclid(1_000_000);
            points
                .entry(point.database)
                .or_default()
                .push((second, *size));
        }
    }
    let grown = points.into_iter();
    Ok(grown
        .map(|(name, points)| (name, growth(&points)))
        .collect())
}

/// What something grew by between samples (second, size), the oldest first: less is no growth.
fn growth(points: &[(i64, f64)]) -> Minutes<1> {
    let mut minutes = Minutes::default();
    for ((then, before), (now, after)) in points.iter().zip(points.iter().skip(1)) {
        minutes.add(*now, (now - then) as f64, [(after - before).max(0.0)]);
    }
    minutes
}

/// Elements of a kind with their seconds, the oldest first.
async fn elements(
    api: &dyn NodeApi,
    collector: CollectorId,
    kind: &str,
    window: Window,
) -> Result<Vec<(i64, Value)>, ApiError> {
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let query = Elements {
            collector,
            kind: Some(kind.to_owned()),
            from: Some(window.from),
            to: Some(window.to),
            order: ElementOrder::Descending,
            limit: PAGE,
            cursor: cursor.take(),
        };
        let page = questions::ask(api, collector, &query).await?;
        for text in &page.data {
            let Ok(element) = serde_json::from_str::<Value>(text) else {
                continue;
            };
            let time = element["timestamp"].as_str();
            let time = time.and_then(|text| crate::timestamps::parse_text(text).ok());
            all.extend(time.map(|time| (time.micros().div_euclid(1_000_000), element)));
        }
        cursor = page.next_cursor;
        if cursor.is_none() || all.len() >= MAX_ELEMENTS {
            break;
        }
    }
    all.reverse();
    Ok(all)
}

/// Bytes of WAL, by where the log is.
fn written(elements: &[(i64, Value)]) -> Minutes<1> {
    let at = |(second, one): &(i64, Value)| Some((*second, one["lsn_bytes"].as_f64()?));
    growth(&elements.iter().filter_map(at).collect::<Vec<(i64, f64)>>())
}

/// Seconds that each standby is behind, the mean of a minute's samples; one that waits for nothing
/// has no lag.
fn lags(elements: &[(i64, Value)]) -> BTreeMap<String, BTreeMap<Minute, f64>> {
    let mut sums = BTreeMap::<(String, Minute), (f64, f64)>::new();
    for (second, element) in elements {
        let minute = Minute::of_micros(second.saturating_mul(1_000_000));
        for row in element["rows"].as_array().into_iter().flatten() {
            let name = row["slot"].as_str().or_else(|| row["application"].as_str());
            // A base backup is no standby.
            if row["state"] == "backup" {
                continue;
            }
            let key = (name.unwrap_or_default().to_owned(), minute);
            let (sum, count) = sums.entry(key).or_default();
            *sum += row["replay_lag_seconds"].as_f64().unwrap_or(0.0);
            *count += 1.0;
        }
    }
    let mut lags = BTreeMap::<String, BTreeMap<Minute, f64>>::new();
    for ((name, minute), (sum, count)) in sums {
        lags.entry(name).or_default().insert(minute, sum / count);
    }
    lags
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn growth_is_what_came_between_samples_and_never_less_than_nothing() {
        let minutes = growth(&[(0, 100.0), (60, 400.0), (120, 50.0), (180, 60.0)]);
        let of = |minute: i64| minutes.at(Minute::new(minute));
        assert_eq!(
            (of(0), of(1), of(2)),
            (Some([300.0]), Some([0.0]), Some([10.0]))
        );
        assert_eq!(of(3), None);
    }

    #[test]
    fn wal_is_told_by_its_position() {
        let wal = |second: i64, bytes: i64| (second, json!({ "lsn_bytes": bytes }));
        let minutes = written(&[
            wal(0, 1_000),
            wal(60, 61_000),
            (90, json!({})),
            wal(120, 61_500),
        ]);
        let of = |minute: i64| minutes.at(Minute::new(minute));
        assert_eq!((of(0), of(1)), (Some([60_000.0]), Some([500.0])));
    }

    #[test]
    fn a_standby_lags_by_the_mean_of_its_samples() {
        let sample = |second: i64, lag: Value| {
            let rows = json!([
                { "application": "walreceiver", "slot": "s1", "state": "streaming", "replay_lag_seconds": lag },
                { "application": "pg_basebackup", "slot": null, "state": "backup" },
            ]);
            (second, json!({ "rows": rows }))
        };
        let told = lags(&[
            sample(0, json!(4.0)),
            sample(10, json!(8.0)),
            sample(60, Value::Null),
        ]);
        assert_eq!(told.len(), 1, "{told:?}");
        let of: Vec<f64> = told["s1"].values().copied().collect();
        assert_eq!(of, [6.0, 0.0]);
    }
}
