//! What the statements of a workload cost, by the planner and by the clock.

use std::time::Instant;

use anyhow::Context;
use serde_json::Value;
use tokio_postgres::{Client, SimpleQueryMessage};

use super::workload::Workload;

/// Sets of values of each statement.
pub(super) const SETS: usize = 5;
/// Runs of each, of which the fastest counts: others work on the machine.
const RUNS: u32 = 5;

/// The statements that are measured, each set of values on its own.
pub(super) fn measured(workload: &Workload) -> Vec<String> {
    let all = workload.templates.iter();
    let sets =
        all.flat_map(|template| (0..SETS as u64).map(|set| template.statement(1_000_000 + set)));
    sets.collect()
}

/// The planner's cost of a statement.
pub(super) async fn cost(session: &Client, statement: &str) -> anyhow::Result<f64> {
    let rows = session
        .simple_query(&format!("EXPLAIN (FORMAT JSON) {statement}"))
        .await
        .with_context(|| statement.to_owned())?;
    let text = rows.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    let plan: Value = serde_json::from_str(text.context("no plan")?)?;
    plan[0]["Plan"]["Total Cost"].as_f64().context("no cost")
}

/// Costs of all.
pub(super) async fn costs(session: &Client, all: &[String]) -> anyhow::Result<Vec<f64>> {
    let mut costs = Vec::new();
    for statement in all {
        costs.push(cost(session, statement).await?);
    }
    Ok(costs)
}

/// Milliseconds of each.
pub(super) async fn milliseconds(session: &Client, all: &[String]) -> anyhow::Result<Vec<f64>> {
    let mut every = Vec::new();
    for statement in all {
        let mut least = f64::INFINITY;
        for _ in 0..RUNS {
            let begin = Instant::now();
            session.simple_query(statement).await?;
            least = least.min(begin.elapsed().as_secs_f64() * 1_000.0);
        }
        every.push(least);
    }
    Ok(every)
}
