//! What only the pattern of calls tells: one query for each row of another, and rows inserted one
//! by one.

use std::collections::BTreeMap;

use pga_config::CollectorId;
use pga_insight::fingerprint;
use pga_insight::rewrites::{
    CallSeries, CallShape, Finding, InsertLoad, NPlusOne, Schema, call_shapes, n_plus_one,
    single_inserts,
};
use pga_storage::Timestamp;
use pga_storage::query::{ElementOrder, Elements};
use serde_json::{Value, json};

use super::Order;
use super::findings::finding_id;
use super::recent_calls::RecentCalls;
use super::rewrite_row::{KIND, show};
use super::spans::{self, Entry, Sink, Spans};
use super::workload::Statement;
use crate::{ApiError, NodeApi, questions};

/// Length of a step in seconds.
const STEP: i64 = 300;
/// Minutes of a step.
const STEP_MINUTES: f64 = 5.0;
/// How far back calls are counted, in seconds: two days.
const BACK: i64 = 172_800;
/// Look-ups of one role that are judged, those that are called most.
const LOOKUPS: usize = 100;
/// Statements of one role that a look-up is compared with, those that are called most.
const PARENTS: usize = 400;
/// Least calls of a look-up in the time that is read: one a minute.
const LEAST_CALLS: f64 = 2_880.0;
/// Most of the other statement's text that is told, in characters.
const TOLD: usize = 200;
/// Families of inserts of one database that are judged, the fastest first.
const INSERTS: usize = 20;
/// Least inserts a second that are looked at.
const LEAST_INSERTS: f64 = 100.0;

/// How often the statements of a server were called.
#[derive(Debug, Default)]
pub(super) struct CallCounts {
    /// Unix second at which the first step begins.
    first: i64,
    steps: usize,
    /// Of each database, the steps in which something was seen.
    seen: BTreeMap<String, Vec<bool>>,
    /// By database, user and statement.
    of: BTreeMap<(String, String), BTreeMap<i64, Counted>>,
    recent: RecentCalls,
}

#[derive(Clone, Debug, Default)]
struct Counted {
    /// Steps in which it was called, ascending, with the calls.
    calls: Vec<(usize, f64)>,
    total: f64,
    ms: f64,
    rows: f64,
}

impl Sink for CallCounts {
    fn take(&mut self, begin: i64, entry: &Entry<'_>) {
        let place = usize::try_from((begin - self.first) / STEP);
        // Without a user it is not known who called what.
        let (Some(place), Some(user)) = (place.ok().filter(|at| *at < self.steps), entry.user)
        else {
            return;
        };
        let none = || vec![false; self.steps];
        let seen = self.seen.entry(entry.database.to_owned());
        if let Some(seen) = seen.or_insert_with(none).get_mut(place) {
            *seen = true;
        }
        if entry.calls <= 0.0 {
            return;
        }
        let role = (entry.database.to_owned(), user.to_owned());
        let of = self.of.entry(role).or_default();
        let counted = of.entry(entry.hash).or_default();
        counted.total += entry.calls;
        counted.ms += entry.ms;
        counted.rows += entry.rows;
        match counted.calls.last_mut() {
            Some((last, calls)) if *last == place => *calls += entry.calls,
            _ => counted.calls.push((place, entry.calls)),
        }
    }
}

impl CallCounts {
    /// Reads the last two days of a server.
    pub(super) async fn read(
        api: &dyn NodeApi,
        collector: CollectorId,
        order: &Order,
    ) -> Result<Self, ApiError> {
        let to = order.at.micros().div_euclid(1_000_000) / STEP * STEP;
        let spans = Spans {
            seconds: STEP,
            from: to - BACK,
            to,
            is_paced: order.is_paced,
        };
        let counts = Self {
            first: spans.from,
            steps: usize::try_from(BACK / STEP).unwrap_or_default(),
            ..Self::default()
        };
        let mut counts = spans::read(api, collector, spans, counts).await?;
        counts.recent = RecentCalls::read(api, collector, order.at).await?;
        Ok(counts)
    }

    /// The calls of a statement in each step, nothing where its database was not seen.
    fn series(&self, database: &str, counted: &Counted) -> Vec<Option<f64>> {
        let seen = self.seen.get(database).into_iter().flatten();
        let mut series: Vec<Option<f64>> = seen.map(|seen| seen.then_some(0.0)).collect();
        for (place, calls) in &counted.calls {
            if let Some(held) = series.get_mut(*place) {
                *held = Some(*calls);
            }
        }
        series
    }

    /// Which look-ups of a database run once for each row of another statement.
    fn n_plus_one(&self, database: &str, shapes: &BTreeMap<i64, CallShape>) -> Vec<NPlusOne> {
        let roles = self.of.iter().filter(|((of, _), _)| of == database);
        let found = roles.flat_map(|((_, role), statements)| {
            let mut all: Vec<(&i64, &Counted)> = statements.iter().collect();
            all.sort_by(|(_, one), (_, other)| other.total.total_cmp(&one.total));
            let is_lookup = |hash: &i64| shapes.get(hash) == Some(&CallShape::KeyLookup);
            let lookups = all
                .iter()
                .filter(|(hash, of)| is_lookup(hash) && of.total >= LEAST_CALLS)
                .take(LOOKUPS);
            let parents = all
                .iter()
                .filter(|(hash, _)| !is_lookup(hash))
                .take(PARENTS);
            let families: Vec<CallSeries> = lookups
                .chain(parents)
                .map(|(hash, of)| CallSeries {
                    fingerprint: **hash,
                    role: role.clone(),
                    calls: self.series(database, of),
                    mean_ms: of.ms / of.total,
                    rows_per_call: of.rows / of.total,
                    is_key_lookup: is_lookup(hash),
                    ..CallSeries::default()
                })
                .collect();
            n_plus_one(&families, STEP_MINUTES)
        });
        found.collect()
    }

    /// The families of one-row inserts of a database in the step in which they were fastest: the
    /// statement, its rows for each call, when, and calls a second.
    fn inserts(&self, database: &str, shapes: &BTreeMap<i64, CallShape>) -> Vec<Burst> {
        let roles = self.of.iter().filter(|((of, _), _)| of == database);
        let all = roles.flat_map(|(_, statements)| statements);
        let mut bursts: Vec<Burst> = all
            .filter(|(hash, _)| shapes.get(hash) == Some(&CallShape::RowInsert))
            .filter_map(|(hash, of)| {
                let by_calls =
                    |one: &&(usize, f64), other: &&(usize, f64)| one.1.total_cmp(&other.1);
                let (place, calls) = of.calls.iter().max_by(by_calls)?;
                let begin = self.first + i64::try_from(*place).ok()? * STEP;
                Some(Burst {
                    hash: *hash,
                    rows_per_call: of.rows / of.total,
                    begin,
                    per_second: calls / STEP as f64,
                })
            })
            .filter(|burst| burst.per_second > LEAST_INSERTS)
            .collect();
        bursts.sort_by(|one, other| other.per_second.total_cmp(&one.per_second));
        bursts.truncate(INSERTS);
        bursts
    }
}

/// A step in which rows were inserted one by one.
#[derive(Debug)]
struct Burst {
    hash: i64,
    rows_per_call: f64,
    /// Unix second.
    begin: i64,
    per_second: f64,
}

/// What the calls of a database's statements tell, as the contract's RewriteSuggestions.
pub(super) async fn findings(
    api: &dyn NodeApi,
    (collector, database): (CollectorId, &str),
    counts: &CallCounts,
    statements: &[Statement],
    schema: &Schema,
    at: Timestamp,
) -> Result<Vec<Value>, ApiError> {
    let by_hash: BTreeMap<i64, &Statement> = statements.iter().map(|one| (one.hash, one)).collect();
    let (hashes, texts): (Vec<i64>, Vec<String>) = statements
        .iter()
        .map(|one| (one.hash, one.text.clone()))
        .unzip();
    let schema = schema.clone();
    let shapes = pga_runtime::spawn_blocking(move || {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        call_shapes(&texts, &schema)
    });
    let shapes = shapes.await.map_err(|_| ApiError::Internal)?;
    let shapes: BTreeMap<i64, CallShape> = hashes.into_iter().zip(shapes).collect();
    let mut found = Vec::new();
    let mut pairs = counts.n_plus_one(database, &shapes);
    let recent = counts.recent.row_by_row(database, &shapes).into_iter();
    let is_known = |of: &NPlusOne| pairs.iter().any(|pair| pair.child == of.child);
    let news: Vec<NPlusOne> = recent.filter(|of| !is_known(of)).collect();
    pairs.extend(news);
    for pair in pairs {
        if let (Some(child), Some(parent)) = (by_hash.get(&pair.child), by_hash.get(&pair.parent)) {
            found.push(show_pair(&pair, child, parent, at));
        }
    }
    for burst in counts.inserts(database, &shapes) {
        let Some(statement) = by_hash.get(&burst.hash) else {
            continue;
        };
        let load = load(api, collector, &burst, statement).await?;
        for finding in single_inserts(&load.into_iter().collect::<Vec<_>>()) {
            found.push(show_inserts(finding, statement, at));
        }
    }
    Ok(found)
}

/// What the database did while rows were inserted: commits a second, and the most sessions.
async fn load(
    api: &dyn NodeApi,
    collector: CollectorId,
    burst: &Burst,
    statement: &Statement,
) -> Result<Option<InsertLoad>, ApiError> {
    let at = |second: i64| Timestamp::from_micros(second.saturating_mul(1_000_000));
    let query = Elements {
        collector,
        kind: Some("pg_database".to_owned()),
        from: Some(at(burst.begin)),
        to: Some(at(burst.begin + STEP)),
        order: ElementOrder::Ascending,
        limit: 100,
        cursor: None,
    };
    let page = questions::ask(api, collector, &query).await?;
    let elements = page.data.iter();
    let told = elements.filter_map(|text| {
        let element: Value = serde_json::from_str(text).ok()?;
        let time = crate::timestamps::parse_text(element["timestamp"].as_str()?).ok()?;
        let mut rows = element["rows"].as_array()?.iter();
        let row = rows.find(|row| row["datname"] == statement.database.as_str())?;
        Some((
            time,
            row["xact_commit"].as_f64()?,
            row["numbackends"].as_f64()?,
        ))
    });
    let told: Vec<(Timestamp, f64, f64)> = told.collect();
    let (Some(first), Some(last)) = (told.first(), told.last()) else {
        return Ok(None);
    };
    let seconds = (last.0.micros() - first.0.micros()) as f64 / 1e6;
    Ok((seconds > 0.0 && last.1 >= first.1).then(|| InsertLoad {
        text: statement.text.clone(),
        rows_per_call: burst.rows_per_call,
        calls_per_second: burst.per_second,
        commits_per_second: (last.1 - first.1) / seconds,
        sessions: told
            .iter()
            .map(|(_, _, sessions)| *sessions)
            .reduce(f64::max),
    }))
}

fn show_pair(pair: &NPlusOne, child: &Statement, parent: &Statement, at: Timestamp) -> Value {
    let (of, by) = (child.hash.to_string(), parent.hash.to_string());
    let at = at.to_string();
    let told: String = parent.text.chars().take(TOLD).collect();
    let mut shown = json!({
        "id": finding_id(&[KIND, &child.database, &of, &pair.rule, &by]),
        "query_hash": child.hash,
        "fingerprint_hash": fingerprint(&child.text).hash,
        "database_name": child.database,
        "suggestion_type": pair.suggestion_type,
        "rule": pair.rule,
        "description": "one query for each row of another",
        "place": "",
        "original_query": child.text,
        "suggested_rewrite": "",
        "reasoning": format!("{}: {}. The other statement: {told}", pair.evidence, pair.advice),
        "safety": "the rows are the same as long as the application puts them together by the key",
        "verdict": "advice",
        "question": null,
        "estimated_improvement_percent": null,
        "confidence_score": pair.confidence,
        "parent_query_hash": parent.hash,
        "parent_query": parent.text,
        "calls_per_parent": pair.ratio,
        "saved_seconds_per_day": pair.saved_ms_per_day / 1_000.0,
        "created_at": at,
        "updated_at": at,
    });
    if let Some(correlation) = pair.correlation {
        shown["correlation"] = json!(correlation);
    }
    shown
}

fn show_inserts(mut finding: Finding, statement: &Statement, at: Timestamp) -> Value {
    // Its place is the statement itself.
    finding.place.clear();
    let family = fingerprint(&statement.text).hash;
    show(&finding, statement, family, &at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: usize = 300;

    fn entry<'a>(user: Option<&'a str>, hash: i64, calls: f64) -> Entry<'a> {
        Entry {
            database: "shop",
            user,
            hash,
            calls,
            ms: calls * 0.2,
            rows: calls,
            hits: 0.0,
            reads: 0.0,
            temp: 0.0,
            wal: 0.0,
            io_ms: 0.0,
            covered: 300.0,
            stddev_ms: 0.0,
        }
    }

    /// Calls of a list in each step, and forty times as many of a look-up by `user`.
    fn counts(user: Option<&str>) -> CallCounts {
        let mut counts = CallCounts {
            first: 0,
            steps: STEPS,
            ..CallCounts::default()
        };
        for place in 0..STEPS {
            let begin = i64::try_from(place).unwrap() * STEP;
            let calls = [30.0, 90.0, 0.0, 140.0, 20.0][place % 5];
            counts.take(begin, &entry(Some("app"), 1, calls));
            counts.take(begin, &entry(user, 2, calls * 40.0));
        }
        counts
    }

    fn shapes() -> BTreeMap<i64, CallShape> {
        BTreeMap::from([(1, CallShape::Other), (2, CallShape::KeyLookup)])
    }

    #[test]
    fn a_lookup_for_each_row_of_the_same_role_is_found() {
        let found = counts(Some("app")).n_plus_one("shop", &shapes());
        let pairs: Vec<_> = found.iter().map(|of| (of.parent, of.child)).collect();
        assert_eq!(pairs, [(1, 2)]);
        assert_eq!(found[0].ratio, 40.0);
        assert_eq!(counts(Some("job")).n_plus_one("shop", &shapes()), []);
        assert_eq!(counts(None).n_plus_one("shop", &shapes()), []);
        assert_eq!(counts(Some("app")).n_plus_one("other", &shapes()), []);
    }

    #[test]
    fn the_fastest_step_of_inserts_is_looked_at() {
        let shapes = BTreeMap::from([(2, CallShape::RowInsert)]);
        let mut counts = counts(Some("app"));
        assert!(counts.inserts("shop", &shapes).is_empty(), "too slow");
        counts.take(8 * STEP, &entry(Some("app"), 2, 60_000.0));
        let bursts = counts.inserts("shop", &shapes);
        let seen: Vec<_> = bursts.iter().map(|of| (of.hash, of.begin)).collect();
        assert_eq!(seen, [(2, 8 * STEP)]);
        assert_eq!(bursts[0].per_second, 200.0);
    }
}
