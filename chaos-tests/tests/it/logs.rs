//! A collector that is killed again and again loses no line of a log, and sends none twice.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use pga_chaos_tests::{Cluster, ClusterOptions, until};

use crate::collecting::Collecting;
use crate::postgres::Postgres;

/// An id that is no UUID maps to the same one everywhere.
const COLLECTOR: &str = "b8de636e-a8ba-5e4d-a83d-4536445a936a";
/// Times that the collector is killed, and errors before each.
const ROUNDS: usize = 8;
const ERRORS: usize = 40;

fn start(cluster: &Cluster, server: &Postgres, state: &Path) -> anyhow::Result<Collecting> {
    let arguments = ["--interval", "100ms", "--no-host", "--no-explain"];
    Collecting::start(cluster, "collector-001", &server.url(), state, &arguments)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_killed_sends_each_line_once() -> anyhow::Result<()> {
    let cluster = Cluster::start(ClusterOptions::default()).await?;
    let server = Postgres::start(&[])?;
    let client = server.session("lines").await?;
    let state = tempfile::tempdir()?;
    // Without a place to go on from, a collector starts in the newest file.
    let first = start(&cluster, &server, state.path())?;
    let note = state.path().join("spool/note");
    let has_note = async || note.exists().then_some(()).ok_or("no place is kept");
    until("a place in the log", Duration::from_secs(60), has_note).await?;
    first.kill()?;
    for round in 0..ROUNDS {
        let collector = start(&cluster, &server, state.path())?;
        for error in 0..ERRORS {
            let sql = format!("SELECT * FROM missing_{round}_{error}");
            ensure!(client.batch_execute(&sql).await.is_err(), "{sql}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        if round % 3 == 1 {
            client.batch_execute("SELECT pg_rotate_logfile()").await?;
        }
        // Not at the same place of a cycle each time.
        tokio::time::sleep(Duration::from_millis(37 * round as u64)).await;
        collector.kill()?;
    }
    let _last = start(&cluster, &server, state.path())?;
    // What was sent twice would be there by the time of a later line.
    for (end, count) in [("missing_end", 1), ("missing_after", 2)] {
        let sql = format!("SELECT * FROM {end}");
        ensure!(client.batch_execute(&sql).await.is_err(), "{sql}");
        let found = until(end, Duration::from_secs(120), async || {
            let found = relations(&cluster).await;
            let found = found.map_err(|error| format!("{error:#}"))?;
            match found.len() == ROUNDS * ERRORS + count {
                true => Ok(found),
                false => Err(format!("{} relations", found.len())),
            }
        })
        .await?;
        let twice: Vec<_> = found.iter().filter(|(_, times)| **times != 1).collect();
        ensure!(twice.is_empty(), "{twice:?}");
    }
    Ok(())
}

/// How often each missing relation is told, by another node than the one that took it.
async fn relations(cluster: &Cluster) -> anyhow::Result<BTreeMap<String, usize>> {
    let mut found = BTreeMap::new();
    for element in cluster.elements(3, COLLECTOR, None).await? {
        if element["type"] != "pg_log" {
            continue;
        }
        for entry in element["entries"].as_array().into_iter().flatten() {
            if let Some(relation) = entry["fields"]["relation"].as_str() {
                ensure!(entry["class"] == "sql_error", "{entry}");
                *found.entry(relation.to_owned()).or_default() += 1;
            }
        }
    }
    Ok(found)
}
