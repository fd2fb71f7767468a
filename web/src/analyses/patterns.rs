//! What comes back in the load of each database: hours, days, weeks, jobs.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use pga_config::CollectorId;
use pga_insight::anomalies::Minute;
use pga_insight::fingerprint;
use pga_insight::patterns::{Bucket, Kept, Load, MIN_CONFIDENCE, Question as Asked, detect};
use pga_storage::{Position, Timestamp};
use serde_json::{Value, json};

use super::findings::{Newest, Run, finding_id, keep, newest};
use super::spans::{self, Entry, Sink, Spans, Times};
use super::workload::{Window, statements};
use super::{Done, Order, collectors};
use crate::{ApiError, NodeApi};

/// Type of its elements.
pub(crate) const KIND: &str = "analysis_patterns";
/// Days that the job looks back at.
pub(crate) const DAYS: i64 = 30;
/// Seconds of a bucket.
const BUCKET: i64 = 300;
/// Statements that take most time, of a database and of a server.
const HEAVY: (usize, usize) = (200, 500);
/// Statements of a server that jobs are looked for among, those that take most time first.
const MAX_STATEMENTS: usize = 2_000;
/// Statements of a database that may be jobs and do not take most time.
const JOBS: usize = 200;
/// Share of the buckets in which a statement may run and still be a job, and least of them.
const SELDOM: f64 = 0.25;
const LEAST_RUNS: usize = 5;
/// Buckets by which what is kept of a statement grows.
const GROWN_BY: usize = 256;

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

/// What a statement did in five minutes: the number of the bucket, calls and milliseconds.
type Short = (u32, f32, f32);

/// The loads of a server by database, and of those of its statements that are looked at.
#[derive(Debug, Default)]
struct Loads {
    first: i64,
    buckets: usize,
    databases: BTreeMap<String, Vec<Option<Bucket>>>,
    /// Those that take most time; the others are looked at as long as they may be jobs.
    heavy: BTreeSet<(String, i64)>,
    statements: BTreeMap<String, HashMap<i64, Vec<Short>>>,
    rows_read: usize,
    cut: Option<String>,
}

impl Loads {
    /// None yet, with the statements that are to be looked at.
    fn new((first, to): (i64, i64), times: &Times) -> Self {
        let mut loads = Self {
            first,
            buckets: usize::try_from((to - first) / BUCKET).unwrap_or(0),
            ..Self::default()
        };
        let of_heavy = times.most(HEAVY.0, HEAVY.1).into_iter();
        let heavy = of_heavy.map(|(database, hash)| (database.to_owned(), hash));
        loads.heavy = heavy.collect();
        let all = times.most(MAX_STATEMENTS, MAX_STATEMENTS);
        let left_out = times.len() - all.len();
        loads.cut = (left_out > 0)
            .then(|| format!("statements: {left_out} that take little time were not looked at"));
        for (database, hash) in all {
            let of = loads.statements.entry(database.to_owned()).or_default();
            of.insert(hash, Vec::new());
        }
        loads
    }

    /// The buckets that a statement may run in and still be a job.
    fn seldom(&self) -> usize {
        (self.buckets as f64 * SELDOM) as usize
    }

    /// The load of a database, and those of its statements that matter or may be jobs.
    fn take_out(&mut self, database: &str) -> (Load, BTreeMap<i64, Load>) {
        let whole = Load {
            first: self.first_minute(),
            buckets: self.databases.remove(database).unwrap_or_default(),
        };
        let time = |short: &[Short]| short.iter().map(|(.., ms)| f64::from(*ms)).sum::<f64>();
        let of_it = self.statements.remove(database).unwrap_or_default();
        let is_heavy = |hash: i64| self.heavy.contains(&(database.to_owned(), hash));
        let (heavy, mut jobs): (Vec<_>, Vec<_>) =
            of_it.into_iter().partition(|(hash, _)| is_heavy(*hash));
        jobs.retain(|(_, short)| short.len() >= LEAST_RUNS);
        jobs.sort_by(|(_, one), (_, other)| time(other).total_cmp(&time(one)));
        jobs.truncate(JOBS);
        let load = |(hash, short): (i64, Vec<Short>)| {
            // It was not called where its database was seen.
            let seen = |bucket: &Option<Bucket>| bucket.map(|_| Bucket::default());
            let mut buckets: Vec<Option<Bucket>> = whole.buckets.iter().map(seen).collect();
            for (place, calls, time_ms) in short {
                if let Some(held) = buckets.get_mut(place as usize) {
                    let (calls, time_ms) = (calls.into(), time_ms.into());
                    *held = Some(Bucket { calls, time_ms });
                }
            }
            let first = whole.first;
            (hash, Load { first, buckets })
        };
        let families = heavy.into_iter().chain(jobs).map(load).collect();
        (whole, families)
    }

    fn first_minute(&self) -> Minute {
        Minute::of_micros(self.first.saturating_mul(1_000_000))
    }

    fn add_to_database(&mut self, place: usize, entry: &Entry<'_>) {
        if !self.databases.contains_key(entry.database) {
            let none = vec![None; self.buckets];
            self.databases.insert(entry.database.to_owned(), none);
        }
        let of = self.databases.get_mut(entry.database);
        if let Some(sum) = of.and_then(|of| of.get_mut(place)) {
            let sum = sum.get_or_insert_with(Bucket::default);
            sum.calls += entry.calls;
            sum.time_ms += entry.ms;
        }
    }
}

impl Sink for Loads {
    fn take(&mut self, begin: i64, entry: &Entry<'_>) {
        let place = u32::try_from((begin - self.first) / BUCKET);
        let Some(place) = place.ok().filter(|place| (*place as usize) < self.buckets) else {
            return;
        };
        self.rows_read += 1;
        self.add_to_database(place as usize, entry);
        if entry.calls <= 0.0 {
            return;
        }
        let seldom = self.seldom();
        let Some(of) = self.statements.get_mut(entry.database) else {
            return;
        };
        let Some(short) = of.get_mut(&entry.hash) else {
            return;
        };
        let (calls, ms) = (entry.calls as f32, entry.ms as f32);
        match short.last_mut() {
            // The same statement of another user.
            Some((last, sum, time)) if *last == place => {
                *sum += calls;
                *time += ms;
            }
            _ => {
                // Twice as much would be most of what the job takes.
                if short.len() == short.capacity() {
                    short.reserve_exact(GROWN_BY);
                }
                short.push((place, calls, ms));
            }
        }
        if short.len() == seldom
            && !self
                .heavy
                .contains(&(entry.database.to_owned(), entry.hash))
        {
            // It runs too often to be a job.
            of.remove(&entry.hash);
        }
    }
}

async fn loads(
    api: &dyn NodeApi,
    collector: CollectorId,
    days: i64,
    order: &Order,
) -> Result<Loads, ApiError> {
    let to = order.at.micros().div_euclid(1_000_000).div_euclid(BUCKET) * BUCKET;
    let from = to - days * 86_400;
    let spans = Spans {
        seconds: BUCKET,
        from,
        to,
        is_paced: order.is_paced,
    };
    let times = Times::read(api, collector, spans).await?;
    spans::read(api, collector, spans, Loads::new((from, to), &times)).await
}

/// Patterns that are stored of a server's databases.
async fn stored(
    api: &dyn NodeApi,
    collector: CollectorId,
) -> Result<BTreeMap<String, Vec<Kept>>, ApiError> {
    let server = collector.to_string();
    let runs = newest(api, Newest::of(KIND).daily(), |run| {
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
    let mut loads = loads(api, collector, days, order).await?;
    let mut stored = stored(api, collector).await?;
    let names: Vec<String> = loads.databases.keys().cloned().collect();
    let mut done = Done::default();
    done.cut(loads.cut.take());
    let rows_read = loads.rows_read;
    for name in names
        .into_iter()
        .filter(|name| only.is_none_or(|only| only == name))
    {
        let before = stored.remove(&name).unwrap_or_default();
        let (load, families) = loads.take_out(&name);
        let database = name.clone();
        let minute = Minute::of_micros(order.at.micros());
        let detected = pga_runtime::spawn_blocking(move || {
            let asked = Asked {
                database: &database,
                load,
                families,
                zone: None,
                now: minute,
            };
            pga_insight::patterns::keep(before, detect(asked))
        });
        let kept: Vec<Kept> = detected.await.map_err(|_| ApiError::Internal)?;
        let families = fingerprints(api, (collector, &name), &kept, order).await?;
        done.join(store(api, (collector, name, rows_read), &kept, &families, order).await?);
    }
    Ok(done)
}

/// The fingerprints of the statements that patterns name, as far as they ran in the last day.
async fn fingerprints(
    api: &dyn NodeApi,
    (collector, database): (CollectorId, &str),
    kept: &[Kept],
    order: &Order,
) -> Result<BTreeMap<i64, i64>, ApiError> {
    let named = kept
        .iter()
        .flat_map(|kept| &kept.pattern.pattern_metadata.families);
    let named: BTreeSet<i64> = named.copied().collect();
    if named.is_empty() {
        return Ok(BTreeMap::new());
    }
    let window = Window::hours_before(order.at, 24);
    let mut all = statements(api, collector, window, Some(database)).await?;
    all.retain(|(_, hash), _| named.contains(hash));
    let made = pga_runtime::spawn_blocking(move || {
        let all = all.into_values();
        all.map(|one| (one.hash, fingerprint(&one.text).hash))
            .collect()
    });
    made.await.map_err(|_| ApiError::Internal)
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
