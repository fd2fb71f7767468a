//! How statements may be written otherwise.

use pga_storage::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

use pga_config::CollectorId;
use pga_insight::fingerprint;
use pga_insight::plan::Plan;
use pga_insight::rewrites::{Calls, Facts, Schema, rewrites};
use serde_json::Value;

use super::call_patterns::{self, CallCounts};
use super::findings::{Run, keep};
pub(crate) use super::rewrite_row::KIND;
use super::rewrite_row::show;
use super::workload::{self, Statement, Window, plans, statements};
use super::{Done, Order, collectors, inventory, seen};
use crate::{ApiError, NodeApi};

/// Statements of one server that are judged without being asked for, by the time they take.
const MOST_TIME: usize = 200;

/// Judges the statements of all servers that take most time.
pub(crate) async fn all(api: &dyn NodeApi, order: &Order) -> Result<Done, ApiError> {
    let mut done = Done::default();
    for collector in collectors(api)? {
        let window = Window::hours_before(order.at, 24);
        let all = statements(api, collector, window, None).await?;
        done.cut(workload::cut(all.values()));
        let mut all: Vec<Statement> = all.into_values().collect();
        all.sort_by(|one, other| other.total_ms.total_cmp(&one.total_ms));
        let most: BTreeSet<(String, i64)> = (all.iter().take(MOST_TIME))
            .map(|one| (one.database.clone(), one.hash))
            .collect();
        let counts = CallCounts::read(api, collector, order).await?;
        let mut databases = BTreeMap::<String, Vec<Statement>>::new();
        for one in all {
            databases.entry(one.database.clone()).or_default().push(one);
        }
        for (database, statements) in databases {
            let scope = Scope {
                collector,
                database,
                window,
                counts: &counts,
            };
            let is_judged = |one: &Statement, by_calls: bool| {
                by_calls || most.contains(&(one.database.clone(), one.hash))
            };
            done.join(judge(api, &scope, statements, is_judged, order).await?);
        }
    }
    Ok(done)
}

/// Judges a statement wherever it was seen; nothing if it was seen nowhere.
pub(crate) async fn generate(
    api: &dyn NodeApi,
    hash: i64,
    order: &Order,
) -> Result<Option<Done>, ApiError> {
    let mut done = None;
    for (collector, statement, window) in seen(api, hash, order.at).await? {
        let all = statements(api, collector, window, Some(&statement.database)).await?;
        let counts = CallCounts::read(api, collector, order).await?;
        let scope = Scope {
            collector,
            database: statement.database,
            window,
            counts: &counts,
        };
        let all = all.into_values().collect();
        let one = judge(api, &scope, all, |one, _| one.hash == hash, order).await?;
        done.get_or_insert_with(Done::default).join(one);
    }
    Ok(done)
}

/// A database of which statements are judged.
struct Scope<'a> {
    collector: CollectorId,
    database: String,
    window: Window,
    counts: &'a CallCounts,
}

/// Judges those of a database's statements that are wanted, and keeps what is found. Whether one is
/// wanted may depend on whether the pattern of calls tells something of it.
async fn judge(
    api: &dyn NodeApi,
    scope: &Scope<'_>,
    statements: Vec<Statement>,
    is_judged: impl Fn(&Statement, bool) -> bool,
    order: &Order,
) -> Result<Done, ApiError> {
    let (collector, database) = (scope.collector, scope.database.as_str());
    let inventory = inventory::read(api, collector, database, order.at).await?;
    let plans = plans(api, collector).await?;
    let (schema, at) = (inventory.schema(), order.at.to_string());
    let subject = (collector, database);
    let mut by_calls =
        call_patterns::findings(api, subject, scope.counts, &statements, &schema, order.at).await?;
    let is_told = |hash: i64| by_calls.iter().any(|one| one["query_hash"] == hash);
    let is_wanted = |one: &Statement| is_judged(one, is_told(one.hash));
    let mut wanted: Vec<Statement> = statements.into_iter().filter(is_wanted).collect();
    let of_wanted = |one: &Value| wanted.iter().any(|of| one["query_hash"] == of.hash);
    by_calls.retain(of_wanted);
    wanted.sort_by(|one, other| other.total_ms.total_cmp(&one.total_ms));
    let (rows_read, window) = (inventory.rows_read + wanted.len(), scope.window);
    let judged: Vec<i64> = wanted.iter().map(|one| one.hash).collect();
    let findings = pga_runtime::spawn_blocking(move || {
        let known = |one: &Statement| of_statement(one, &plans, &schema, window, &at);
        by_calls.extend(wanted.iter().flat_map(known));
        by_calls
    });
    let findings = findings.await.map_err(|_| ApiError::Internal)?;
    let kinds: Vec<String> = findings
        .iter()
        .filter_map(|one| one["suggestion_type"].as_str().map(str::to_owned))
        .collect();
    let run = Run {
        kind: KIND,
        collector: Some(collector),
        database: database.to_owned(),
        judged,
        by: order.by.clone(),
        started: order.at,
        ended: Timestamp::now(),
        rows_read,
        findings,
        notes: Vec::new(),
    };
    let mut done = Done::default();
    done.add(keep(api, run).await?, rows_read, kinds);
    Ok(done)
}

fn of_statement(
    statement: &Statement,
    plans: &BTreeMap<i64, Plan>,
    schema: &Schema,
    window: Window,
    at: &str,
) -> Vec<Value> {
    let facts = Facts {
        plan: plans.get(&statement.hash),
        schema: (!schema.relations.is_empty()).then_some(schema),
        calls: calls(statement, window),
    };
    let found = rewrites(&statement.text, &facts);
    if found.is_empty() {
        return Vec::new();
    }
    let family = fingerprint(&statement.text).hash;
    found
        .iter()
        .map(|one| show(one, statement, family, at))
        .collect()
}

fn calls(statement: &Statement, window: Window) -> Calls {
    let known = window.seconds() * statement.coverage;
    Calls {
        per_minute: (known > 0.0).then(|| statement.calls as f64 * 60.0 / known),
        mean_ms: (statement.calls > 0).then(|| statement.mean_ms()),
        rows_per_call: (statement.calls > 0)
            .then(|| statement.rows as f64 / statement.calls as f64),
        ..Calls::default()
    }
}
