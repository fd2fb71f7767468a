//! What an analysis found: one element for each run and subject, under the cluster's own id (design
//! D13), so that every node and both stores hold the same, exactly once.

use std::collections::BTreeSet;

use pga_config::CollectorId;
use pga_storage::query::{ElementOrder, Elements};
use pga_storage::{Document, Element, Position, Timestamp};
use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_64;

use crate::questions;
use crate::{AdmissionPermit, ApiError, NodeApi, Push, ReadScope};

/// Findings of one run that are kept; the first ones matter most.
pub(super) const MAX_FINDINGS: usize = 500;
/// Days for which the findings of a subject are shown that no run judges any more, while others
/// are judged: an analysis runs once a day.
const SHOWN_DAYS: i64 = 3;
/// Runs in one page of those that are looked through.
const PAGE: u32 = 20;
/// Runs that are looked through.
const MAX_LOOKED_AT: usize = 400;

/// One run of an analysis over one subject.
#[derive(Clone, Debug)]
pub(super) struct Run {
    /// Type of its element.
    pub(super) kind: &'static str,
    /// Whose data were read; `None` for all.
    pub(super) collector: Option<CollectorId>,
    /// Of which database, or empty for all.
    pub(super) database: String,
    /// Which statements were judged; empty if it is about none in particular.
    pub(super) judged: Vec<i64>,
    /// Who started it.
    pub(super) by: String,
    /// When.
    pub(super) started: Timestamp,
    /// Until when it ran.
    pub(super) ended: Timestamp,
    /// Rows that were read.
    pub(super) rows_read: usize,
    /// What it found, what matters most first.
    pub(super) findings: Vec<Value>,
    /// Why it is not found what somebody may look for.
    pub(super) notes: Vec<Value>,
}

/// The id of a finding: the same whenever the same is found again. JavaScript reads it whole.
pub(crate) fn finding_id(parts: &[&str]) -> u64 {
    xxh3_64(parts.join("\u{1f}").as_bytes()) >> 11
}

/// How many findings of a run are not kept.
pub(crate) fn left_out(run: &Value) -> u64 {
    let kept = run["findings"].as_array().map_or(0, Vec::len) as u64;
    run["found"]
        .as_u64()
        .unwrap_or_default()
        .saturating_sub(kept)
}

/// Keeps a run. On return it is durable on a quorum.
pub(super) async fn keep(api: &dyn NodeApi, mut run: Run) -> Result<Position, ApiError> {
    let found = run.findings.len();
    run.findings.truncate(MAX_FINDINGS);
    let body = json!({
        "type": run.kind,
        "timestamp": run.started.to_string(),
        "database": run.database,
        "collector_id": run.collector.map(|id| id.to_string()),
        "judged": run.judged,
        "by": run.by,
        "ended_at": run.ended.to_string(),
        "rows_read": run.rows_read,
        "found": found,
        "findings": run.findings,
        "notes": run.notes,
    });
    let body = body.to_string().into_bytes();
    let push = Push {
        collector: CollectorId::FINDINGS,
        external_id: CollectorId::FINDINGS.to_string(),
        hostname: "pganalytics".to_owned(),
        version: String::new(),
        received_at: run.ended,
        idempotency: None,
        body_bytes: body.len() as u64,
        elements: vec![Element::Document(Document {
            kind: run.kind.to_owned(),
            time: run.started,
            database: run.database,
            body,
        })],
    };
    Ok(api.push(push, AdmissionPermit::default()).await?.position)
}

/// Which newest runs are looked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Newest<'a> {
    kind: &'a str,
    min_position: Option<Position>,
    days: Option<i64>,
    enough: usize,
    is_daily: bool,
}

impl<'a> Newest<'a> {
    /// Those of a type, of whatever age.
    pub(crate) const fn of(kind: &'a str) -> Self {
        Self {
            kind,
            min_position: None,
            days: None,
            enough: usize::MAX,
            is_daily: false,
        }
    }

    /// As of what the store has to hold first.
    pub(crate) const fn at(mut self, min_position: Option<Position>) -> Self {
        self.min_position = min_position;
        self
    }

    /// Not older than so many days.
    pub(crate) const fn days(mut self, days: i64) -> Self {
        self.days = Some(days);
        self
    }

    /// All subjects are judged once a day: what is some days older than the newest is over.
    pub(crate) const fn daily(mut self) -> Self {
        self.is_daily = true;
        self
    }

    /// There are not more than so many subjects: the search ends with the last of them.
    pub(crate) const fn enough(mut self, subjects: usize) -> Self {
        self.enough = subjects;
        self
    }
}

/// When a run began, in microseconds.
fn time(run: &Value) -> Option<i64> {
    let time = run["timestamp"].as_str()?;
    crate::timestamps::parse_text(time)
        .ok()
        .map(Timestamp::micros)
}

/// The newest run that `wanted` takes of each database, the newest first.
pub(crate) async fn newest(
    api: &dyn NodeApi,
    of: Newest<'_>,
    wanted: impl Fn(&Value) -> bool,
) -> Result<Vec<Value>, ApiError> {
    let micros = |days: i64| Timestamp::now().micros() - days * 86_400_000_000;
    let from = of.days.map(|days| Timestamp::from_micros(micros(days)));
    let mut found = BTreeSet::new();
    let (mut runs, mut looked_at, mut cursor, mut newest) = (Vec::new(), 0, None, None);
    loop {
        let query = Elements {
            collector: CollectorId::FINDINGS,
            kind: Some(of.kind.to_owned()),
            from,
            to: None,
            order: ElementOrder::Descending,
            limit: PAGE.min(u32::try_from(of.enough).unwrap_or(PAGE)),
            cursor: cursor.take(),
        };
        let scope = ReadScope {
            collector: Some(query.collector),
            min_position: of.min_position,
        };
        let page = match questions::ask_at(api, &query, scope).await {
            // Nothing was ever found.
            Err(ApiError::NotFound(_)) => return Ok(runs),
            page => page?.0,
        };
        looked_at += page.data.len();
        for run in page
            .data
            .iter()
            .filter_map(|text| serde_json::from_str::<Value>(text).ok())
        {
            let subject = format!(
                "{} {} {}",
                run["collector_id"], run["database"], run["query_hash"]
            );
            let at = time(&run).unwrap_or_default();
            // The newest of all comes first.
            let newest = *newest.get_or_insert(at);
            if of.is_daily && newest.saturating_sub(at) > SHOWN_DAYS * 86_400_000_000 {
                return Ok(runs);
            }
            if wanted(&run) && found.insert(subject) {
                runs.push(run);
            }
        }
        cursor = page.next_cursor;
        if cursor.is_none() || looked_at >= MAX_LOOKED_AT || runs.len() >= of.enough {
            return Ok(runs);
        }
    }
}

/// Shows all runs of a type since a time, the newest first, at most so many.
pub(super) async fn walk(
    api: &dyn NodeApi,
    kind: &str,
    from: Timestamp,
    most: usize,
    mut look: impl FnMut(&Value),
) -> Result<(), ApiError> {
    let (mut looked_at, mut cursor) = (0, None);
    loop {
        let query = Elements {
            collector: CollectorId::FINDINGS,
            kind: Some(kind.to_owned()),
            from: Some(from),
            to: None,
            order: ElementOrder::Descending,
            limit: 100,
            cursor: cursor.take(),
        };
        let page = match questions::ask(api, query.collector, &query).await {
            // Nothing was ever found.
            Err(ApiError::NotFound(_)) => return Ok(()),
            page => page?,
        };
        looked_at += page.data.len();
        let runs = page.data.iter();
        runs.filter_map(|text| serde_json::from_str::<Value>(text).ok())
            .for_each(|run| look(&run));
        cursor = page.next_cursor;
        if cursor.is_none() || looked_at >= most {
            return Ok(());
        }
    }
}

/// What holds now of one run.
#[derive(Debug)]
pub(crate) struct Current {
    /// Whose.
    pub(crate) server: String,
    pub(crate) findings: Vec<Value>,
    /// Findings of the run that were not kept.
    pub(crate) left_out: u64,
}

/// What holds now of analyses that judge single statements as well as all of a database: of each
/// statement, and of each database, what the newest run that judged it has found. With its server.
pub(crate) async fn current(
    api: &dyn NodeApi,
    kind: &str,
    from: Timestamp,
) -> Result<Vec<Current>, ApiError> {
    let (mut whole, mut judged) = (BTreeSet::new(), BTreeSet::new());
    let mut found = Vec::new();
    walk(api, kind, from, MAX_LOOKED_AT, |run| {
        let subject = format!("{} {}", run["collector_id"], run["database"]);
        let hashes = run["judged"].as_array().into_iter().flatten();
        let hashes: Vec<i64> = hashes.filter_map(Value::as_i64).collect();
        let rows = run["findings"].as_array().into_iter().flatten();
        let rows: Vec<Value> = match hashes.is_empty() {
            true if !whole.insert(subject.clone()) => return,
            true => rows.cloned().collect(),
            false => rows
                .filter(|row| {
                    let hash = row["query_hash"].as_i64().unwrap_or(0);
                    !judged.contains(&(subject.clone(), hash))
                })
                .cloned()
                .collect(),
        };
        judged.extend(hashes.into_iter().map(|hash| (subject.clone(), hash)));
        found.push(Current {
            server: run["collector_id"].as_str().unwrap_or_default().to_owned(),
            findings: rows,
            left_out: left_out(run),
        });
    })
    .await?;
    Ok(found)
}
