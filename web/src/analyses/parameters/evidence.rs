//! Gathers what is known of a server when its settings are judged. What was not measured is left
//! out, and makes no proposal.

use std::collections::{BTreeMap, BTreeSet};

use pga_config::CollectorId;
use pga_insight::parameters::{
    Autovacuum, Cache, Checkpoints, Connections, Evidence, JitLoad, ReadCost, Role, Server,
    Setting, Spill, SpillKind, TableVacuum,
};
use pga_insight::plan::Plan;
use pga_insight::plan::rules::{PlanFacts, findings};
use pga_storage::Timestamp;
use pga_storage::query::{ElementOrder, Elements, QueryOrder, QueryStats, TopQueries};
use serde_json::Value;

use super::sessions::{self, Sessions};
use crate::analyses::inventory;
use crate::analyses::workload::{Window, plans};
use crate::questions;
use crate::{ApiError, NodeApi};

/// Statements that are looked at.
const MAX_STATEMENTS: u32 = 2_000;
/// Spilling statements that are told, those that write most first.
const MAX_SPILLS: usize = 100;
/// Calls in the window that make a load: what ran once since the server is watched, such as a table
/// that was filled, tells nothing about a day.
const LEAST_CALLS: i64 = 5;
const BLOCK: f64 = 8_192.0;
const DAY: f64 = 86_400.0;
/// Least part of a day, in seconds, that counters have to cover.
const LEAST: f64 = 3_600.0;

/// What is known, and how much was read for it.
pub(super) struct Gathered {
    pub(super) evidence: Evidence,
    /// Texts of the statements that it names.
    pub(super) texts: BTreeMap<i64, String>,
    pub(super) rows_read: usize,
}

struct Reader<'a> {
    api: &'a dyn NodeApi,
    collector: CollectorId,
    window: Window,
}

impl Reader<'_> {
    /// The first element of a type in the window, in an order.
    async fn one(&self, kind: &str, order: ElementOrder) -> Result<Option<Value>, ApiError> {
        let query = Elements {
            collector: self.collector,
            kind: Some(kind.to_owned()),
            from: Some(self.window.from),
            to: Some(self.window.to),
            order,
            limit: 1,
            cursor: None,
        };
        let page = questions::ask(self.api, query.collector, &query).await?;
        let text = page.data.first();
        Ok(text.and_then(|text| serde_json::from_str(text).ok()))
    }

    /// The oldest and the newest element of a type, and the seconds between them; nothing if they
    /// are less than an hour apart.
    async fn pair(&self, kind: &str) -> Result<Option<(Value, Value, f64)>, ApiError> {
        let oldest = self.one(kind, ElementOrder::Ascending).await?;
        let newest = self.one(kind, ElementOrder::Descending).await?;
        let (Some(oldest), Some(newest)) = (oldest, newest) else {
            return Ok(None);
        };
        let time = |element: &Value| {
            let text = element["timestamp"].as_str()?;
            crate::timestamps::parse_text(text).ok()
        };
        let apart = time(&oldest).zip(time(&newest));
        let seconds = apart.map(|(from, to)| (to.micros() - from.micros()) as f64 / 1e6);
        Ok(seconds
            .filter(|seconds| *seconds >= LEAST)
            .map(|seconds| (oldest, newest, seconds)))
    }

    async fn elements(&self, kind: &str, limit: u32) -> Result<Vec<Value>, ApiError> {
        let query = Elements {
            collector: self.collector,
            kind: Some(kind.to_owned()),
            from: Some(self.window.from),
            to: Some(self.window.to),
            order: ElementOrder::Descending,
            limit,
            cursor: None,
        };
        let page = questions::ask(self.api, query.collector, &query).await?;
        let read = page.data.iter();
        Ok(read
            .filter_map(|text| serde_json::from_str(text).ok())
            .collect())
    }
}

fn number(row: &Value, name: &str) -> Option<f64> {
    let value = &row[name];
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

/// What a counter grew by; nothing if it began anew in between.
fn grown(oldest: &Value, newest: &Value, name: &str) -> Option<f64> {
    let (from, to) = (number(oldest, name)?, number(newest, name)?);
    (to >= from && oldest["stats_reset"] == newest["stats_reset"]).then_some(to - from)
}

/// Gathers what is known of the last day.
pub(super) async fn gather(
    api: &dyn NodeApi,
    collector: CollectorId,
    at: Timestamp,
) -> Result<Gathered, ApiError> {
    let reader = Reader {
        api,
        collector,
        window: Window::hours_before(at, 24),
    };
    let query = TopQueries {
        collector,
        database: None,
        order: QueryOrder::Total,
        from: reader.window.from,
        to: reader.window.to,
        limit: MAX_STATEMENTS,
        has_texts: true,
    };
    let mut statements = questions::ask(api, query.collector, &query).await?;
    let plans = plans(api, collector).await?;
    let lately = Window::hours_before(at, 6);
    let sessions = sessions::read(api, collector, lately).await?;
    // Our collector adds the rows of a statement's users, and names none.
    for one in statements.iter_mut().filter(|one| one.user_name.is_empty()) {
        let caller = sessions.caller(one.query_hash);
        one.user_name = caller.unwrap_or_default().to_owned();
    }
    let server = server(&reader).await?;
    let checkpoints = checkpoints(&reader, &server).await?;
    let cache = cache(&reader, &statements).await?;
    let spills = spills(&statements, &plans);
    let jit = jit(&statements, &plans);
    let named = spills.iter().map(|spill| spill.fingerprint);
    let named = named.chain(
        jit.iter()
            .flat_map(|load| load.fingerprints.iter().copied()),
    );
    let named: BTreeSet<i64> = named.collect();
    let texts = statements
        .iter()
        .filter(|one| named.contains(&one.query_hash));
    let evidence = Evidence {
        roles: roles(&statements, &sessions),
        cache,
        read_cost: read_cost(&reader).await?,
        checkpoints,
        autovacuum: autovacuum(&reader, &server, &sessions, &statements, at).await?,
        connections: connections(&reader, &server).await?,
        statements_given_up: given_up(&reader).await?,
        spills,
        jit,
        server,
        ..Evidence::default()
    };
    Ok(Gathered {
        evidence,
        texts: texts
            .map(|one| (one.query_hash, one.query_text.clone()))
            .collect(),
        rows_read: statements.len() + plans.len() + sessions.len(),
    })
}

async fn server(reader: &Reader<'_>) -> Result<Server, ApiError> {
    let mut settings = BTreeMap::new();
    for element in reader.elements("pg_setting", 400).await? {
        for row in element["rows"].as_array().into_iter().flatten() {
            let (Some(name), Some(value)) = (row["name"].as_str(), row["setting"].as_str()) else {
                continue;
            };
            let unit = row["unit"].as_str().unwrap_or_default();
            let setting = || Setting::new(value, unit);
            settings.entry(name.to_owned()).or_insert_with(setting);
        }
        if element["changed_only"] == Value::Bool(false) {
            break;
        }
    }
    let identity = reader.one("pg_identity", ElementOrder::Descending).await?;
    let version = identity.and_then(|one| number(&one, "server_version_num"));
    let hosts = reader.elements("sysstat", 400).await?;
    let newest = hosts.first();
    let memory = newest.and_then(|host| host.pointer("/memory/total_mb")?.as_f64());
    let cores = newest.and_then(|host| host.pointer("/cpu/cores")?.as_u64());
    let idle: Vec<f64> = hosts
        .iter()
        .filter_map(|host| host.pointer("/cpu/idle")?.as_f64())
        .collect();
    let busy =
        (!idle.is_empty()).then(|| 1.0 - idle.iter().sum::<f64>() / idle.len() as f64 / 100.0);
    Ok(Server {
        settings,
        major: version.map(|version| (version / 10_000.0) as u32),
        memory_bytes: memory.map(|mib| mib * 1_048_576.0),
        cores: cores.and_then(|cores| u32::try_from(cores).ok()),
        cpu_busy: busy,
    })
}

fn roles(statements: &[QueryStats], sessions: &Sessions) -> Vec<Role> {
    let all: f64 = statements.iter().map(|one| one.total_time).sum();
    let mut time = BTreeMap::<String, f64>::new();
    for one in statements {
        *time.entry(one.user_name.clone()).or_default() += one.total_time;
    }
    let p99 = sessions.p99();
    let names: BTreeSet<&String> = time.keys().chain(p99.keys()).collect();
    let role = |name: &String| Role {
        name: name.clone(),
        sessions_p99: p99.get(name).copied(),
        load_share: (all > 0.0).then(|| time.get(name).copied().unwrap_or(0.0) / all),
        settings: BTreeMap::new(),
    };
    let named = names.into_iter().filter(|name| !name.is_empty());
    named.map(role).collect()
}

fn calls_per_day(one: &QueryStats) -> f64 {
    let known = one.coverage.unwrap_or(1.0);
    if known > 0.0 {
        one.calls as f64 / known
    } else {
        0.0
    }
}

/// The largest sort that a plan did on disk: bytes of one process, and workers that did the same.
fn sort_on_disk(plan: &Plan) -> Option<(f64, f64)> {
    let sizes = plan.root.preorder().into_iter().filter_map(|node| {
        let processes = node.actual.map_or(1.0, |actual| actual.processes);
        Some((
            node.work.sort_disk_kib? * 1_024.0,
            (processes - 1.0).max(0.0),
        ))
    });
    sizes.max_by(|(one, _), (other, _)| one.total_cmp(other))
}

/// Statements that write temporary files. What spilled is known if a plan shows it.
fn spills(statements: &[QueryStats], plans: &BTreeMap<i64, Plan>) -> Vec<Spill> {
    let mut spilling: Vec<&QueryStats> = statements
        .iter()
        .filter(|one| one.temp_blks_written > 0 && one.calls >= LEAST_CALLS)
        .collect();
    spilling.sort_by_key(|one| std::cmp::Reverse(one.temp_blks_written));
    spilling.truncate(MAX_SPILLS);
    let spill = |one: &QueryStats| {
        let plan = plans.get(&one.query_hash);
        let found = plan.map(|plan| {
            let found = findings(plan, &PlanFacts::default());
            let of = |id: &str| found.iter().any(|finding| finding.about.id == id);
            match (of("P5"), of("P6"), of("P7")) {
                (true, ..) => SpillKind::Sort,
                (_, true, _) => SpillKind::Hash,
                (_, _, true) => SpillKind::Aggregate,
                _ => SpillKind::Unknown,
            }
        });
        let written = one.temp_blks_written as f64 * BLOCK / one.calls as f64;
        // A sort that merges in several passes writes its rows as often: the plan knows its size.
        let sort = plan.and_then(sort_on_disk);
        let (bytes, workers) = sort.unwrap_or((written, 0.0));
        Spill {
            fingerprint: one.query_hash,
            role: one.user_name.clone(),
            kind: found.unwrap_or_default(),
            bytes,
            calls_per_day: calls_per_day(one),
            nodes: 1.0,
            workers,
            share: None,
            mean_ms: Some(one.total_time / one.calls as f64),
        }
    };
    spilling.into_iter().map(spill).collect()
}

/// Roles whose statements wait for compilation, by plans that tell its time.
fn jit(statements: &[QueryStats], plans: &BTreeMap<i64, Plan>) -> Vec<JitLoad> {
    let mut roles = BTreeMap::<&str, JitLoad>::new();
    for one in statements.iter().filter(|one| one.calls > 0) {
        let Some(plan) = plans.get(&one.query_hash) else {
            continue;
        };
        let found = findings(plan, &PlanFacts::default());
        let told = found.iter().any(|finding| finding.about.id == "P14");
        let (Some(ms), true) = (plan.jit.map(|jit| jit.total_ms), told) else {
            continue;
        };
        let mean = one.total_time / one.calls as f64;
        let of = roles.entry(&one.user_name).or_insert_with(|| JitLoad {
            role: one.user_name.clone(),
            ..JitLoad::default()
        });
        let calls = calls_per_day(one);
        let all = of.calls_per_day + calls;
        let joined =
            |known: f64, new: f64| (known * of.calls_per_day + new * calls) / all.max(1e-9);
        (of.ms_per_call, of.mean_ms) = (joined(of.ms_per_call, ms), joined(of.mean_ms, mean));
        of.calls_per_day = all;
        of.share = (of.ms_per_call / of.mean_ms.max(1e-9)).min(1.0);
        of.fingerprints.push(one.query_hash);
    }
    roles.into_values().collect()
}

async fn cache(reader: &Reader<'_>, statements: &[QueryStats]) -> Result<Option<Cache>, ApiError> {
    let sum = |of: fn(&QueryStats) -> f64| -> f64 { statements.iter().map(of).sum() };
    let hits = sum(|one| one.shared_blks_hit as f64);
    let reads = sum(|one| one.shared_blks_read as f64);
    let read_ms = sum(|one| one.blk_read_time);
    let host = reader.one("sysstat", ElementOrder::Descending).await?;
    let cached = host.and_then(|host| host.pointer("/memory/cached_mb")?.as_f64());
    let tablespaces = reader
        .one("pg_tablespace", ElementOrder::Descending)
        .await?;
    let data = tablespaces.and_then(|told| {
        let mut sizes = told["rows"].as_array()?.iter();
        sizes.try_fold(0.0, |sum, row| Some(sum + number(row, "size_bytes")?))
    });
    let evictions = io(reader).await?.map(|(rows, seconds)| {
        let of = rows.iter().filter(|row| row.backend == "client backend");
        of.map(|row| row.evictions).sum::<f64>() / seconds
    });
    let wanted = hits + reads;
    let known = wanted > 0.0 || cached.is_some();
    Ok(known.then(|| Cache {
        hit_share: (wanted > 0.0).then(|| hits / wanted),
        // Without track_io_timing all times are 0.
        read_ms: (reads > 0.0 && read_ms > 0.0).then(|| read_ms / reads),
        evictions_per_second: evictions,
        page_cache_bytes: cached.map(|mib| mib * 1_048_576.0),
        data_bytes: data,
    }))
}

/// What a row of `pg_stat_io` grew by.
struct Io {
    backend: String,
    context: String,
    reads: f64,
    read_ms: f64,
    evictions: f64,
}

async fn io(reader: &Reader<'_>) -> Result<Option<(Vec<Io>, f64)>, ApiError> {
    // Rows come when they change: the newest of each against its oldest.
    let mut rows = BTreeMap::<(String, String, String), (Value, Value)>::new();
    let (mut first, mut last) = (i64::MAX, 0);
    for element in reader.elements("pg_io", 1_500).await? {
        let time = element["timestamp"].as_str();
        let Some(time) = time.and_then(|text| crate::timestamps::parse_text(text).ok()) else {
            continue;
        };
        (first, last) = (first.min(time.micros()), last.max(time.micros()));
        for row in element["rows"].as_array().into_iter().flatten() {
            let of = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
            let key = (of("backend_type"), of("object"), of("context"));
            let newest = (row.clone(), row.clone());
            rows.entry(key).or_insert(newest).0 = row.clone();
        }
    }
    let seconds = (last - first) as f64 / 1e6;
    let grew = rows
        .into_iter()
        .filter_map(|((backend, _, context), (oldest, newest))| {
            let of = |name: &str| grown(&oldest, &newest, name);
            Some(Io {
                backend,
                context,
                reads: of("reads")?,
                read_ms: of("read_time").unwrap_or(0.0),
                evictions: of("evictions").unwrap_or(0.0),
            })
        });
    let rows: Vec<Io> = grew.collect();
    Ok((seconds >= LEAST).then_some((rows, seconds)))
}

/// Time of a read that the planner takes for random, and of one that it takes for sequential.
async fn read_cost(reader: &Reader<'_>) -> Result<Option<ReadCost>, ApiError> {
    let Some((rows, seconds)) = io(reader).await? else {
        return Ok(None);
    };
    let cost = |context: &str| {
        let of = rows.iter().filter(|row| row.context == context);
        let (reads, ms) = of.fold((0.0, 0.0), |(reads, ms), row| {
            (reads + row.reads, ms + row.read_ms)
        });
        (reads > 10_000.0 && ms > 0.0).then(|| ms / reads)
    };
    let both = cost("normal").zip(cost("bulkread"));
    Ok(both.map(|(random_ms, sequential_ms)| ReadCost {
        random_ms,
        sequential_ms,
        days: seconds / DAY,
    }))
}

async fn checkpoints(
    reader: &Reader<'_>,
    server: &Server,
) -> Result<Option<Checkpoints>, ApiError> {
    let Some((oldest, newest, _)) = reader.pair("pg_checkpointer").await? else {
        return Ok(None);
    };
    let counted =
        grown(&oldest, &newest, "num_timed").zip(grown(&oldest, &newest, "num_requested"));
    let Some((timed, requested)) = counted else {
        return Ok(None);
    };
    let timeout = server.settings.get("checkpoint_timeout");
    let timeout = timeout.and_then(|setting| {
        let value: f64 = setting.value.parse().ok()?;
        Some(if setting.unit.as_deref() == Some("min") {
            value * 60.0
        } else {
            value
        })
    });
    let wal = reader.pair("pg_wal").await?;
    let bytes = wal.as_ref().and_then(|(oldest, newest, seconds)| {
        Some((grown(oldest, newest, "lsn_bytes")?, *seconds))
    });
    let full_pages = wal.as_ref().and_then(|(oldest, newest, _)| {
        let pages = grown(oldest, newest, "wal_fpi")?;
        let all = grown(oldest, newest, "wal_bytes").filter(|bytes| *bytes > 0.0)?;
        Some((pages * BLOCK / all).min(1.0))
    });
    Ok(Some(Checkpoints {
        timed,
        requested,
        wal_bytes_per_timeout: bytes
            .zip(timeout)
            .map(|((bytes, seconds), timeout)| bytes / seconds * timeout),
        full_page_share: full_pages,
    }))
}

async fn autovacuum(
    reader: &Reader<'_>,
    server: &Server,
    sessions: &Sessions,
    statements: &[QueryStats],
    at: Timestamp,
) -> Result<Option<Autovacuum>, ApiError> {
    let setting = |name: &str| -> Option<f64> { server.settings.get(name)?.value.parse().ok() };
    let (Some(threshold), Some(scale), Some(workers)) = (
        setting("autovacuum_vacuum_threshold"),
        setting("autovacuum_vacuum_scale_factor"),
        setting("autovacuum_max_workers"),
    ) else {
        return Ok(None);
    };
    let Some(all_busy_share) = sessions.all_busy_share(workers) else {
        return Ok(None);
    };
    let names: BTreeSet<&str> = statements
        .iter()
        .map(|one| one.database_name.as_str())
        .collect();
    let mut tables = Vec::new();
    for database in names {
        let found = inventory::overdue(reader.api, reader.collector, database, at, |rows| {
            threshold + scale * rows
        });
        let found = found.await?.into_iter().map(|one| TableVacuum {
            schema: one.schema,
            name: one.name,
            rows: one.rows,
            dead: one.dead,
            overdue_minutes: one.minutes,
            scale_factor: None,
        });
        tables.extend(found);
    }
    Ok(Some(Autovacuum {
        tables,
        all_busy_share,
    }))
}

/// Sessions at their most, and how many of these were idle.
async fn connections(
    reader: &Reader<'_>,
    server: &Server,
) -> Result<Option<Connections>, ApiError> {
    let limit = server.settings.get("max_connections");
    let Some(limit) = limit.and_then(|setting| setting.value.parse::<f64>().ok()) else {
        return Ok(None);
    };
    let mut most: Option<(f64, f64)> = None;
    for element in reader.elements("pg_connection", 1_500).await? {
        let (mut all, mut idle) = (0.0, 0.0);
        for row in element["rows"].as_array().into_iter().flatten() {
            let sessions = number(row, "sessions").unwrap_or(0.0);
            all += sessions;
            idle += if row["state"] == "idle" {
                sessions
            } else {
                0.0
            };
        }
        if most.is_none_or(|(known, _)| all > known) {
            most = Some((all, idle));
        }
    }
    Ok(most
        .filter(|(all, _)| *all > 0.0 && limit > 0.0)
        .map(|(all, idle)| Connections {
            used_share: all / limit,
            idle_share: idle / all,
        }))
}

async fn given_up(reader: &Reader<'_>) -> Result<Option<f64>, ApiError> {
    let pair = reader.pair("pg_statement_health").await?;
    Ok(pair.and_then(|(oldest, newest, _)| grown(&oldest, &newest, "dealloc")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ran_once_since_the_server_is_watched_is_no_load() {
        let of = |calls: i64| QueryStats {
            query_hash: calls,
            calls,
            temp_blks_written: calls * 1_000,
            coverage: Some(0.001),
            ..QueryStats::default()
        };
        let told = spills(&[of(1), of(4), of(5)], &BTreeMap::new());
        let told: Vec<i64> = told.iter().map(|spill| spill.fingerprint).collect();
        assert_eq!(told, [5]);
    }
}
