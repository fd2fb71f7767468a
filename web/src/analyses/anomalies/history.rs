//! What is stored of anomalies and of what is usual.

use std::collections::{BTreeMap, BTreeSet};

use pga_config::CollectorId;
use pga_insight::anomalies::{HourSummary, Kind, Minute, Peaks};
use pga_storage::{Position, Timestamp};
use serde_json::{Value, json};

use super::record::{KIND, Record};
use super::server::Hour;
use super::subject::Subject;
use crate::analyses::findings::{Newest, Run, keep, newest, walk};
use crate::analyses::{Order, collectors};
use crate::{ApiError, NodeApi};

/// Types of the elements that hold hours, and their peaks.
const HOURS: &str = "analysis_hours";
const PEAKS: &str = "analysis_peaks";
/// Series in one element.
const IN_ONE: usize = 400;
/// Days that are looked back at for hours, and for peaks.
const DAYS: (i64, i64) = (56, 14);
/// Elements that are read of them.
const MAX_READ: usize = 20_000;

/// A figure of a summary as text: four digits after the point are enough, and short.
fn short(figure: f32) -> f64 {
    (f64::from(figure) * 1e4).round() / 1e4
}

fn run(kind: &'static str, server: CollectorId, order: &Order, findings: Vec<Value>) -> Run {
    Run {
        kind,
        collector: Some(server),
        database: String::new(),
        judged: Vec::new(),
        by: order.by.clone(),
        started: order.at,
        ended: Timestamp::now(),
        rows_read: 0,
        findings,
        notes: Vec::new(),
    }
}

/// Keeps what is open on a server, and what ended lately.
pub(super) async fn keep_records(
    api: &dyn NodeApi,
    server: CollectorId,
    order: &Order,
    records: &[Record],
) -> Result<Position, ApiError> {
    let rows = records.iter().map(serde_json::to_value);
    let rows = rows.collect::<Result<Vec<Value>, _>>();
    let rows = rows.map_err(|_| ApiError::Internal)?;
    keep(api, run(KIND, server, order, rows)).await
}

/// Keeps the summaries of hours that are over.
pub(super) async fn keep_hours(
    api: &dyn NodeApi,
    server: CollectorId,
    order: &Order,
    hours: &[Hour],
) -> Result<(), ApiError> {
    for part in hours.chunks(IN_ONE) {
        let figures = part.iter().map(|(subject, kind, hour, _)| {
            let figures = [hour.median_x, hour.mad_r, hour.mad_y].map(short);
            json!([subject.to_string(), kind, hour.hour, figures])
        });
        keep(api, run(HOURS, server, order, figures.collect())).await?;
        let worst = part.iter().map(|(subject, kind, _, peaks)| {
            let worst = peaks.worst_y.map(|worst| worst.map(short));
            json!([subject.to_string(), kind, peaks.hour, worst])
        });
        keep(api, run(PEAKS, server, order, worst.collect())).await?;
    }
    Ok(())
}

/// What is stored of the hours of servers' series.
pub(super) type Hours = BTreeMap<(CollectorId, Subject, Kind), (Vec<HourSummary>, Vec<Peaks>)>;

fn of_row<T: serde::de::DeserializeOwned>(row: &Value) -> Option<(Subject, Kind, Minute, T)> {
    let subject = Subject::parse(row[0].as_str()?)?;
    let kind = serde_json::from_value(row[1].clone()).ok()?;
    let hour = serde_json::from_value(row[2].clone()).ok()?;
    let figures = serde_json::from_value(row[3].clone()).ok()?;
    Some((subject, kind, hour, figures))
}

fn server_of(run: &Value) -> Option<CollectorId> {
    Some(CollectorId::from_external(run["collector_id"].as_str()?))
}

/// Reads the hours of the last weeks; of one server, or of all.
pub(super) async fn hours(
    api: &dyn NodeApi,
    only: Option<CollectorId>,
    now: Timestamp,
) -> Result<Hours, ApiError> {
    let since = |days: i64| Timestamp::from_micros(now.micros() - days * 86_400_000_000);
    let mut all = Hours::new();
    // A question and the leader may both have closed an hour.
    let mut seen = BTreeSet::new();
    let is_wanted = |server: CollectorId| only.is_none_or(|only| only == server);
    walk(api, HOURS, since(DAYS.0), MAX_READ, |run| {
        let Some(server) = server_of(run).filter(|server| is_wanted(*server)) else {
            return;
        };
        for row in run["findings"].as_array().into_iter().flatten() {
            let Some((subject, kind, hour, figures)) = of_row::<[f32; 3]>(row) else {
                continue;
            };
            let [median_x, mad_r, mad_y] = figures;
            let summary = HourSummary {
                hour,
                median_x,
                mad_r,
                mad_y,
            };
            let key = (server, subject, kind);
            if seen.insert((key.clone(), hour)) {
                all.entry(key).or_default().0.push(summary);
            }
        }
    })
    .await?;
    walk(api, PEAKS, since(DAYS.1), MAX_READ, |run| {
        let Some(server) = server_of(run).filter(|server| is_wanted(*server)) else {
            return;
        };
        for row in run["findings"].as_array().into_iter().flatten() {
            if let Some((subject, kind, hour, worst_y)) = of_row(row) {
                let of = all.entry((server, subject, kind)).or_default();
                of.1.push(Peaks { hour, worst_y });
            }
        }
    })
    .await?;
    Ok(all)
}

fn records_of(run: &Value) -> Vec<Record> {
    let rows = run["findings"].as_array().into_iter().flatten();
    rows.filter_map(|row| serde_json::from_value(row.clone()).ok())
        .collect()
}

/// What is open on each server, and what ended less than an hour before it was stored.
pub(crate) async fn records(
    api: &dyn NodeApi,
    min_position: Option<Position>,
) -> Result<BTreeMap<CollectorId, Vec<Record>>, ApiError> {
    // What is open is kept again each day.
    let wanted = Newest::of(KIND).at(min_position).days(2);
    let wanted = wanted.enough(collectors(api)?.len());
    let runs = newest(api, wanted, |_| true).await?;
    let of_run = |run: &Value| Some((server_of(run)?, records_of(run)));
    Ok(runs.iter().filter_map(of_run).collect())
}

/// All anomalies since a time as they stand, the newest first.
pub(crate) async fn since(api: &dyn NodeApi, from: Timestamp) -> Result<Vec<Record>, ApiError> {
    let (mut all, mut seen) = (Vec::new(), BTreeSet::new());
    walk(api, KIND, from, MAX_READ, |run| {
        let new = records_of(run).into_iter();
        all.extend(new.filter(|record| seen.insert(record.id)));
    })
    .await?;
    all.sort_by_key(|record: &Record| std::cmp::Reverse((record.anomaly.detected_at, record.id)));
    Ok(all)
}
