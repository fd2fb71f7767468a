//! What comes back in the load of each database: hours, days, weeks, jobs.

use std::collections::{BTreeMap, BTreeSet};

use pga_config::CollectorId;
use pga_insight::anomalies::Minute;
use pga_insight::fingerprint;
use pga_insight::patterns::{Bucket, Kept, Load, MIN_CONFIDENCE, Question as Asked, detect};
use pga_storage::{Position, Timestamp};
use serde_json::{Value, json};

use super::findings::{Run, finding_id, keep, newest};
use super::spans::{self, Entry, Sink, Spans};
use super::workload::{Window, statements};
use super::{Done, Order, collectors};
use crate::{ApiError, NodeApi};

/// Type of its elements.
pub(crate) const KIND: &str = "analysis_patterns";
/// Days that the job looks back at.
pub(crate) const DAYS: i64 = 30;
/// Seconds of a bucket.
const BUCKET: i64 = 300;
/// Statements that jobs are looked for among: those that take most time, and as many that are
/// called most seldom.
const STATEMENTS: usize = 200;
/// Share of the buckets in which a statement may run and still be a job.
const SELDOM: f64 = 0.25;

/// Judges all databases of all servers.
pub(crate) async fn all(api: &dyn NodeApi, order: &Order) -> Result<Done, ApiError> {
    let mut done = Done::default();
    for collector in collectors(api)? {
        done.join(of_server(api, collector, None, DAYS, order).await?);
    }
    Ok(done)
}

/// Judges a database wherever one of this name is.
pub(crate) async fn analyze(
    api: &dyn NodeApi,
    database: &str,
    days: i64,
    order: &Order,
) -> Result<Done, ApiError> {
    let mut done = Done::default();
    for collector in collectors(api)? {
        done.join(of_server(api, collector, Some(database), days, order).await?);
    }
    Ok(done)
}

/// The loads of a server by database and statement.
#[derive(Debug, Default)]
struct Loads {
    first: i64,
    buckets: usize,
    databases: BTreeMap<String, Vec<Option<Bucket>>>,
    statements: BTreeMap<(String, i64), Vec<(usize, Bucket)>>,
    rows_read: usize,
}

impl Loads {
    /// The loads of a database's statements that may be jobs, or that matter.
    fn families(&self, database: &str) -> BTreeMap<i64, Load> {
        let known = self.databases.get(database);
        let of_it = self.statements.iter();
        let mut of_it: Vec<_> = of_it.filter(|((name, _), _)| name == database).collect();
        let time = |buckets: &[(usize, Bucket)]| -> f64 {
            buckets.iter().map(|(_, bucket)| bucket.time_ms).sum()
        };
        of_it.sort_by(|(_, one), (_, other)| time(other).total_cmp(&time(one)));
        let seldom = (self.buckets as f64 * SELDOM) as usize;
        let heavy = of_it.iter().take(STATEMENTS);
        let jobs = of_it
            .iter()
            .skip(STATEMENTS)
            .filter(|(_, buckets)| (5..seldom).contains(&buckets.len()))
            .take(STATEMENTS);
        let load = |buckets: &[(usize, Bucket)]| {
            // It was not called where its database was seen.
            let seen = |bucket: &Option<Bucket>| bucket.map(|_| Bucket::default());
            let mut of: Vec<Option<Bucket>> = known.into_iter().flatten().map(seen).collect();
            for (place, bucket) in buckets {
                if let Some(held) = of.get_mut(*place) {
                    *held = Some(*bucket);
                }
            }
            Load {
                first: self.first_minute(),
                buckets: of,
            }
        };
        heavy
            .chain(jobs)
            .map(|((_, hash), buckets)| (*hash, load(buckets)))
            .collect()
    }

    fn first_minute(&self) -> Minute {
        Minute::of_micros(self.first.saturating_mul(1_000_000))
    }
}

impl Sink for Loads {
    fn take(&mut self, begin: i64, entry: &Entry<'_>) {
        let place = usize::try_from((begin - self.first) / BUCKET);
        let Some(place) = place.ok().filter(|place| *place < self.buckets) else {
            return;
        };
        let bucket = Bucket {
            calls: entry.calls,
            time_ms: entry.ms,
        };
        self.rows_read += 1;
        if !self.databases.contains_key(entry.database) {
            let none = vec![None; self.buckets];
            self.databases.insert(entry.database.to_owned(), none);
        }
        let of = self.databases.get_mut(entry.database);
        if let Some(sum) = of.and_then(|of| of.get_mut(place)) {
            let sum = sum.get_or_insert_with(Bucket::default);
            sum.calls += bucket.calls;
            sum.time_ms += bucket.time_ms;
        }
        if bucket.calls <= 0.0 {
            return;
        }
        let key = (entry.database.to_owned(), entry.hash);
        let of = self.statements.entry(key).or_default();
        match of.last_mut() {
            // The same statement of another user.
            Some((last, sum)) if *last == place => {
                sum.calls += bucket.calls;
                sum.time_ms += bucket.time_ms;
            }
            _ => of.push((place, bucket)),
        }
    }
}

async fn loads(
    api: &dyn NodeApi,
    collector: CollectorId,
    days: i64,
    at: Timestamp,
) -> Result<Loads, ApiError> {
    let to = at.micros().div_euclid(1_000_000).div_euclid(BUCKET) * BUCKET;
    let from = to - days * 86_400;
    let loads = Loads {
        first: from,
        buckets: usize::try_from((to - from) / BUCKET).unwrap_or(0),
        ..Loads::default()
    };
    let spans = Spans {
        seconds: BUCKET,
        from,
        to,
    };
    spans::read(api, collector, spans, loads).await
}

/// Patterns that are stored of a server's databases.
async fn stored(
    api: &dyn NodeApi,
    collector: CollectorId,
) -> Result<BTreeMap<String, Vec<Kept>>, ApiError> {
    let server = collector.to_string();
    let runs = newest(api, KIND, None, |run| {
        run["collector_id"] == server.as_str()
    })
    .await?;
    let of_run = |run: &Value| {
        let rows = run["findings"].as_array().into_iter().flatten();
        let kept = rows.filter_map(|row| serde_json::from_value(row["kept"].clone()).ok());
        let database = run["database"].as_str().unwrap_or_default();
        (database.to_owned(), kept.collect())
    };
    Ok(runs.iter().map(of_run).collect())
}

async fn of_server(
    api: &dyn NodeApi,
    collector: CollectorId,
    only: Option<&str>,
    days: i64,
    order: &Order,
) -> Result<Done, ApiError> {
    let loads = loads(api, collector, days, order.at).await?;
    let mut stored = stored(api, collector).await?;
    let names: BTreeSet<String> = loads.databases.keys().cloned().collect();
    let window = Window::hours_before(order.at, 24);
    let texts = statements(api, collector, window, only).await?;
    let families: BTreeMap<i64, i64> = texts
        .values()
        .map(|one| (one.hash, fingerprint(&one.text).hash))
        .collect();
    let mut done = Done::default();
    let rows_read = loads.rows_read;
    let loads = std::sync::Arc::new(loads);
    for name in names
        .into_iter()
        .filter(|name| only.is_none_or(|only| only == name))
    {
        let before = stored.remove(&name).unwrap_or_default();
        let (loads, database) = (std::sync::Arc::clone(&loads), name.clone());
        let minute = Minute::of_micros(order.at.micros());
        let detected = pga_runtime::spawn_blocking(move || {
            let none = Load::default();
            let whole = Load {
                first: loads.first_minute(),
                buckets: loads.databases.get(&database).cloned().unwrap_or_default(),
            };
            let asked = Asked {
                database: &database,
                load: if whole.buckets.is_empty() {
                    &none
                } else {
                    &whole
                },
                families: &loads.families(&database),
                zone: None,
                now: minute,
            };
            pga_insight::patterns::keep(before, detect(&asked))
        });
        let kept: Vec<Kept> = detected.await.map_err(|_| ApiError::Internal)?;
        done.join(store(api, (collector, name, rows_read), &kept, &families, order).await?);
    }
    Ok(done)
}

async fn store(
    api: &dyn NodeApi,
    (collector, database, rows_read): (CollectorId, String, usize),
    kept: &[Kept],
    families: &BTreeMap<i64, i64>,
    order: &Order,
) -> Result<Done, ApiError> {
    let kinds: Vec<String> = kept
        .iter()
        .filter(|kept| kept.missed_runs == 0)
        .filter_map(|kept| serde_json::to_value(kept.pattern.pattern_type).ok())
        .filter_map(|kind| kind.as_str().map(str::to_owned))
        .collect();
    let findings = kept
        .iter()
        .map(|kept| show(collector, kept, families, order));
    let run = Run {
        kind: KIND,
        collector: Some(collector),
        database,
        judged: Vec::new(),
        by: order.by.clone(),
        started: order.at,
        ended: Timestamp::now(),
        rows_read,
        findings: findings.collect(),
        notes: Vec::new(),
    };
    let position: Position = keep(api, run).await?;
    let mut done = Done::default();
    done.add(position, rows_read, kinds);
    Ok(done)
}

/// The contract's WorkloadPattern, and what the next run goes on from.
fn show(
    collector: CollectorId,
    kept: &Kept,
    families: &BTreeMap<i64, i64>,
    order: &Order,
) -> Value {
    let pattern = &kept.pattern;
    let key = serde_json::to_string(&pattern.key()).unwrap_or_default();
    let server = collector.to_string();
    let metadata = &pattern.pattern_metadata;
    let mut shown = json!(metadata);
    let time = |minute: Minute| Timestamp::from_micros(minute.micros()).to_string();
    for (name, at) in [
        ("next_occurrence", metadata.next_occurrence),
        ("last_seen", metadata.last_seen),
    ] {
        if let Some(at) = at {
            shown[name] = json!(time(at));
        }
    }
    // Jobs are found by statement; their fingerprints are for who follows them over servers.
    let prints: BTreeSet<i64> = metadata
        .families
        .iter()
        .filter_map(|hash| families.get(hash).copied())
        .collect();
    shown["query_hashes"] = json!(metadata.families);
    shown["families"] = json!(prints);
    json!({
        "id": finding_id(&[KIND, &server, &pattern.database_name, &key]),
        "database_name": pattern.database_name,
        "pattern_type": pattern.pattern_type,
        "pattern_metadata": shown,
        "detection_timestamp": order.at.to_string(),
        "description": pattern.description,
        "affected_query_count": pattern.affected_query_count,
        "collector_id": server,
        "missed_runs": kept.missed_runs,
        "kept": kept,
    })
}

/// Patterns of at least this confidence are told.
pub(crate) const LEAST: f64 = MIN_CONFIDENCE;
