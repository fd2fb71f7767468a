//! Which indexes a database lacks, and which it does not need.

use pga_storage::Timestamp;
use std::collections::BTreeMap;

use pga_config::CollectorId;
use pga_insight::index_advice::{Advice, Answer, Statement as Asked, Workload, advise};
use pga_insight::plan::Plan;
use serde_json::{Value, json};

use super::findings::{Run, finding_id, keep};
use super::index_checks::Checks;
use super::workload::{self, Statement, Window, plans, statements};
use super::{Done, Order, collectors, databases, inventory};
use crate::{ApiError, NodeApi};

/// Type of its elements.
pub(crate) const KIND: &str = "analysis_indexes";
/// How far back statements are read.
const DAYS: i64 = 7;

/// Judges all databases of all servers.
pub(crate) async fn all(api: &dyn NodeApi, order: &Order) -> Result<Done, ApiError> {
    let mut done = Done::default();
    for (collector, database) in databases(api, order.at).await? {
        if let Some(one) = generate(api, &database, Some(collector), order).await? {
            done.join(one);
        }
    }
    Ok(done)
}

/// Judges a database on each server that has one of this name, or on one server; nothing if none
/// has.
pub(crate) async fn generate(
    api: &dyn NodeApi,
    database: &str,
    only: Option<CollectorId>,
    order: &Order,
) -> Result<Option<Done>, ApiError> {
    let mut done = None;
    for collector in collectors(api)? {
        if only.is_some_and(|only| only != collector) {
            continue;
        }
        let mut inventory = inventory::read(api, collector, database, order.at).await?;
        let window = Window::hours_before(order.at, DAYS * 24);
        let statements = statements(api, collector, window, Some(database)).await?;
        if !inventory.is_known() && statements.is_empty() {
            continue;
        }
        let unread = (inventory.learn_idle(api, collector, database, order.at)).await?;
        let plans = plans(api, collector).await?;
        let rows_read = inventory.rows_read + statements.len();
        let cut = workload::cut(statements.values());
        let statements: Vec<Statement> = statements.into_values().collect();
        let (catalog, load) = (inventory.catalog(), Load::of(&statements));
        let workload = asked(statements, plans);
        let advised = pga_runtime::spawn_blocking(move || advise(&workload, &catalog));
        let mut answer = advised.await.map_err(|_| ApiError::Internal)?;
        let checks = Checks::read(api, collector, database, order.at).await?;
        checks.tell(&mut answer);
        let subject = (collector, database);
        let run = Run {
            kind: KIND,
            collector: Some(collector),
            database: database.to_owned(),
            judged: Vec::new(),
            by: order.by.clone(),
            started: order.at,
            ended: Timestamp::now(),
            rows_read,
            findings: findings(&answer, subject, &load, order),
            notes: notes(&answer, inventory.is_known(), unread),
        };
        let kinds: Vec<String> = run
            .findings
            .iter()
            .map(|one| one["kind"].to_string())
            .collect();
        let position = keep(api, run).await?;
        let done = done.get_or_insert_with(Done::default);
        done.cut(cut);
        done.add(position, rows_read, kinds);
    }
    Ok(done)
}

/// What the statements of a database amount to.
#[derive(Debug, Default)]
struct Load {
    /// By statement: calls and milliseconds in the window.
    of: BTreeMap<i64, (i64, f64)>,
    /// Calls of each statement, ascending.
    calls: Vec<i64>,
    total_ms: f64,
}

impl Load {
    fn of(statements: &[Statement]) -> Self {
        let mut calls: Vec<i64> = statements.iter().map(|one| one.calls).collect();
        calls.sort_unstable();
        let of = statements
            .iter()
            .map(|one| (one.hash, (one.calls, one.total_ms)));
        Self {
            of: of.collect(),
            calls,
            total_ms: statements.iter().map(|one| one.total_ms).sum(),
        }
    }

    /// Share of statements that are called at most so often.
    fn percentile(&self, calls: i64) -> f64 {
        let below = self.calls.partition_point(|one| *one <= calls);
        below as f64 / self.calls.len().max(1) as f64
    }
}

fn asked(statements: Vec<Statement>, mut plans: BTreeMap<i64, Plan>) -> Workload {
    let statements = statements.into_iter().filter_map(|one| {
        let days = DAYS as f64 * one.coverage;
        (days > 0.0 && one.calls > 0).then(|| Asked {
            hash: one.hash,
            calls_per_day: one.calls as f64 / days,
            seconds_per_day: one.total_ms / 1_000.0 / days,
            rows_per_call: Some(one.rows as f64 / one.calls as f64),
            observed_days: days,
            plan: plans.remove(&one.hash),
            text: one.text,
            ..Asked::default()
        })
    });
    Workload {
        statements: statements.collect(),
    }
}

fn notes(answer: &Answer, is_known: bool, unread_standbys: Option<String>) -> Vec<Value> {
    let withheld = answer.withheld.iter().map(|one| {
        json!({
            "schema_name": one.schema, "table_name": one.relation, "column_names": one.columns,
            "query_hashes": one.statements, "reason": one.reason,
        })
    });
    let unread = (!answer.unread.is_empty()).then(|| {
        json!({ "query_hashes": answer.unread, "reason": "PostgreSQL's parser does not take the text" })
    });
    let unknown = (!is_known).then(|| {
        json!({ "reason": "no collector has told of the tables of this database: run ours, with pg_monitor" })
    });
    let standbys = unread_standbys.map(|reason| json!({ "reason": reason }));
    let notes = withheld.chain(unread).chain(unknown);
    notes.chain(standbys).collect()
}

fn findings(
    answer: &Answer,
    subject: (CollectorId, &str),
    load: &Load,
    order: &Order,
) -> Vec<Value> {
    let all = answer.advices.iter();
    all.map(|one| show(one, subject, load, order)).collect()
}

/// The contract's IndexRecommendation, and what we know beside it.
fn show(
    one: &Advice,
    (collector, database): (CollectorId, &str),
    load: &Load,
    order: &Order,
) -> Value {
    let columns: Vec<&str> = one.keys.iter().map(|key| key.text()).collect();
    let kind = serde_json::to_value(one.kind).unwrap_or_default();
    let collector = collector.to_string();
    let id = finding_id(&[
        KIND,
        &collector,
        database,
        kind.as_str().unwrap_or_default(),
        &one.schema,
        &one.relation,
        &columns.join(","),
        one.predicate.as_deref().unwrap_or_default(),
        &one.index,
    ]);
    let helped: Vec<i64> = one.helps.iter().filter_map(|helped| helped.hash).collect();
    let of = || helped.iter().filter_map(|hash| load.of.get(hash));
    let time: f64 = of().map(|(_, time)| time).sum();
    let share = if load.total_ms > 0.0 {
        (time + 0.0) / load.total_ms
    } else {
        0.0
    };
    let most_called = of().map(|(calls, _)| *calls).max();
    json!({
        "id": id,
        "collector_id": collector,
        "database_name": database,
        "kind": kind,
        "schema_name": one.schema,
        "table_name": one.relation,
        "index_name": one.index,
        "column_names": columns,
        "include": one.include,
        "predicate": one.predicate,
        "create_statement": one.statement,
        "then": one.then,
        "undo": one.undo,
        "size_bytes": one.size_bytes.map(|bytes| bytes as u64),
        "estimated_improvement_percent": one.improvement_percent,
        "affected_query_count": helped.len(),
        "affected_total_time_ms": time + 0.0,
        "frequency_score": most_called.map_or(0.0, |calls| load.percentile(calls)),
        "impact_score": share,
        "confidence_score": one.confidence,
        "saved_seconds_per_day": one.saved_seconds_per_day,
        "write_seconds_per_day": one.write_seconds_per_day,
        "helps": one.helps,
        "pays": one.pays,
        "reason": one.reason,
        "evidence": one.evidence,
        "created_at": order.at.to_string(),
    })
}
