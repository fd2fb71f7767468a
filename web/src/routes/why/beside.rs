//! What a server did beside its sessions' statements, from what its collector told.

use std::collections::BTreeMap;

use pga_insight::why::{Beside, Reads, Standby, Vacuum};
use pga_storage::Timestamp;
use serde_json::Value;

use super::Window;
use crate::analyses::relation_names;
use crate::refusal::Refusal;
use crate::routes::request_context::RequestContext;

/// Reads it of a window, and the reads of the time that it is compared with.
pub(super) async fn beside(
    ask: &RequestContext,
    window: Window,
    then: Option<Window>,
) -> Result<Beside, Refusal> {
    let usual_reads = match then {
        Some(then) => reads(&then.elements(ask, "pg_database").await?),
        None => None,
    };
    let progress = window.elements(ask, "pg_progress").await?;
    let autovacuum = window.elements(ask, "pg_autovacuum").await?;
    Ok(Beside {
        vacuums: vacuums(ask, window, &progress).await?,
        prevents_wraparound: autovacuum
            .iter()
            .any(|element| element["wraparound_workers"].as_u64() > Some(0)),
        requested_checkpoints: requested(&window.elements(ask, "pg_checkpointer").await?),
        standbys: standbys(&window.elements(ask, "pg_sender").await?),
        reads: reads(&window.elements(ask, "pg_database").await?),
        usual_reads,
    })
}

fn time(element: &Value) -> Option<Timestamp> {
    crate::timestamps::parse_text(element["timestamp"].as_str()?).ok()
}

/// Minutes between two elements.
fn minutes(first: &Value, last: &Value) -> Option<f64> {
    let micros = time(last)?.micros() - time(first)?.micros();
    (micros > 0).then_some(micros as f64 / 60e6)
}

fn rows(element: &Value) -> impl Iterator<Item = &Value> {
    element["rows"].as_array().into_iter().flatten()
}

/// Each VACUUM by its process, from the first to the last time that it was seen.
async fn vacuums(
    ask: &RequestContext,
    window: Window,
    progress: &[Value],
) -> Result<Vec<Vacuum>, Refusal> {
    let mut seen = BTreeMap::<(i64, i64), (Timestamp, Timestamp, &Value)>::new();
    for element in progress {
        let Some(at) = time(element) else { continue };
        for row in rows(element).filter(|row| row["command"] == "vacuum") {
            // PostgreSQL writes an oid as a text.
            let table = &row["progress"]["relid"];
            let table = table.as_i64().or_else(|| table.as_str()?.parse().ok());
            let pid = row["pid"].as_i64();
            let Some(key) = pid.zip(table) else { continue };
            let known = seen.entry(key).or_insert((at, at, row));
            (known.1, known.2) = (at, row);
        }
    }
    let mut all = Vec::new();
    for ((_, table), (first, last, row)) in seen {
        let database = row["datname"].as_str().unwrap_or_default();
        let api = &*ask.context.api;
        let names = relation_names(api, window.collector, database, window.to).await?;
        let name = names.get(&table).cloned();
        all.push(Vacuum {
            relation: name.unwrap_or_else(|| format!("the table with oid {table}")),
            database: database.to_owned(),
            phase: (row["progress"]["phase"].as_str().unwrap_or_default()).to_owned(),
            seconds: (last.micros() - first.micros()) as f64 / 1e6,
        });
    }
    Ok(all)
}

/// Requested checkpoints and the minutes in which; nothing after a reset of the counter.
fn requested(checkpoints: &[Value]) -> Option<(f64, f64)> {
    let (first, last) = (checkpoints.first()?, checkpoints.last()?);
    let count = |element: &Value| element["num_requested"].as_f64();
    let requested = count(last)? - count(first)?;
    (requested >= 0.0)
        .then(|| Some((requested, minutes(first, last)?)))
        .flatten()
}

fn standbys(senders: &[Value]) -> Vec<Standby> {
    let mut all = BTreeMap::<String, Standby>::new();
    for row in senders.iter().flat_map(rows) {
        let name = row["application"].as_str().unwrap_or_default();
        let lag = row["replay_lag_seconds"].as_f64().unwrap_or(0.0);
        let one = all.entry(name.to_owned()).or_insert_with(|| Standby {
            name: name.to_owned(),
            ..Standby::default()
        });
        one.replay_lag = one.replay_lag.max(lag);
        one.is_synchronous = matches!(row["sync_state"].as_str(), Some("sync" | "quorum"));
    }
    all.into_values().collect()
}

/// Blocks that all databases read, and how long a block took. Nothing without `track_io_timing`,
/// and after a reset.
fn reads(databases: &[Value]) -> Option<Reads> {
    let (first, last) = (databases.first()?, databases.last()?);
    let sum = |element: &Value, name: &str| -> f64 {
        rows(element).filter_map(|row| row[name].as_f64()).sum()
    };
    let blocks = sum(last, "blks_read") - sum(first, "blks_read");
    let ms = sum(last, "blk_read_time") - sum(first, "blk_read_time");
    let are_known = blocks > 0.0 && ms > 0.0;
    let minutes = minutes(first, last)?;
    are_known.then(|| Reads {
        ms: ms / blocks,
        per_minute: blocks / minutes,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(minute: u32) -> String {
        format!("2026-11-30T10:{minute:02}:00Z")
    }

    #[test]
    fn counters_are_compared_and_a_reset_tells_nothing() {
        let of = |minute, requested| json!({ "timestamp": at(minute), "num_requested": requested });
        assert_eq!(
            requested(&[of(0, 3), of(5, 5), of(10, 9)]),
            Some((6.0, 10.0))
        );
        assert_eq!(requested(&[of(0, 3), of(10, 1)]), None);
        assert_eq!(requested(&[of(0, 3)]), None);
        let of = |minute, blocks, ms| {
            json!({ "timestamp": at(minute),
                    "rows": [{ "blks_read": blocks, "blk_read_time": ms }] })
        };
        let found = reads(&[of(0, 100, 10.0), of(2, 300, 410.0)]).unwrap();
        assert_eq!((found.ms, found.per_minute), (2.0, 100.0));
        assert_eq!(reads(&[of(0, 100, 0.0), of(2, 300, 0.0)]), None);
    }

    #[test]
    fn the_greatest_lag_of_a_standby_is_told() {
        let of = |lag| {
            json!({ "timestamp": at(0), "rows": [
                { "application": "db2", "replay_lag_seconds": lag, "sync_state": "sync" }] })
        };
        let found = standbys(&[of(1.0), of(30.0), of(5.0)]);
        assert_eq!((found.len(), found[0].replay_lag), (1, 30.0));
        assert!(found[0].is_synchronous);
    }
}
