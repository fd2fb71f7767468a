//! The best of all indexes of one and of two columns, by HypoPG: each is tried with what was taken
//! before, and the one is taken that lowers the planner's cost of all statements most.

use anyhow::Context;
use tokio_postgres::Client;

use super::measure::costs;
use super::workload::Workload;

/// An index that lowers the cost by less than this share is not taken.
const LEAST: f64 = 0.005;

/// Bounds of a choice.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) count: usize,
    pub(super) bytes: f64,
}

/// Table and columns of every index.
fn all(workload: &Workload) -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    for (table, columns) in workload.columns {
        for first in *columns {
            all.push((*table, (*first).to_owned()));
            let seconds = columns.iter().filter(|second| *second != first);
            all.extend(seconds.map(|second| (*table, format!("{first}, {second}"))));
        }
    }
    all
}

fn create(table: &str, columns: &str) -> String {
    format!("CREATE INDEX ON {table} ({columns})")
}

/// Pretends an index; answers its number and the bytes that HypoPG reckons with.
async fn pretend(session: &Client, create: &str) -> anyhow::Result<(u32, f64)> {
    const SQL: &str =
        "SELECT indexrelid, hypopg_relation_size(indexrelid)::float8 FROM hypopg_create_index($1)";
    let row = session.query_one(SQL, &[&create]).await;
    let row = row.with_context(|| create.to_owned())?;
    Ok((row.get(0), row.get(1)))
}

/// Bytes that HypoPG reckons with for indexes, which is more than they take where keys repeat.
pub(super) async fn pretended_bytes(session: &Client, all: &[String]) -> anyhow::Result<f64> {
    let mut sum = 0.0;
    for create in all {
        sum += pretend(session, create).await?.1;
    }
    session.simple_query("SELECT hypopg_reset()").await?;
    Ok(sum)
}

/// The statements that create the best indexes within the bounds.
pub(super) async fn best(
    session: &Client,
    workload: &Workload,
    statements: &[String],
    bounds: Bounds,
) -> anyhow::Result<Vec<String>> {
    let (mut taken, mut room) = (Vec::new(), bounds.bytes);
    let mut current = costs(session, statements).await?;
    let mut open = all(workload);
    while taken.len() < bounds.count {
        let mut best: Option<(usize, Vec<f64>, f64)> = None;
        for (place, (table, columns)) in open.iter().enumerate() {
            let (oid, bytes) = pretend(session, &create(table, columns)).await?;
            if bytes <= room {
                let new = with(session, statements, &current, table).await?;
                let is_better = best.as_ref().is_none_or(|(_, old, _)| sum(&new) < sum(old));
                if is_better {
                    best = Some((place, new, bytes));
                }
            }
            let drop = format!("SELECT hypopg_drop_index({oid})");
            session.simple_query(&drop).await?;
        }
        let Some((place, new, bytes)) = best else {
            break;
        };
        if sum(&new) > sum(&current) * (1.0 - LEAST) {
            break;
        }
        let (table, columns) = open.swap_remove(place);
        let create = create(table, &columns);
        pretend(session, &create).await?;
        taken.push(create);
        (current, room) = (new, room - bytes);
    }
    session.simple_query("SELECT hypopg_reset()").await?;
    Ok(taken)
}

/// Costs with what is pretended now; only those of the table can have changed.
async fn with(
    session: &Client,
    statements: &[String],
    current: &[f64],
    table: &str,
) -> anyhow::Result<Vec<f64>> {
    let mut new = current.to_vec();
    for (cost, statement) in new.iter_mut().zip(statements) {
        if statement
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .any(|word| word == table)
        {
            *cost = super::measure::cost(session, statement).await?;
        }
    }
    Ok(new)
}

fn sum(costs: &[f64]) -> f64 {
    costs.iter().sum()
}
