//! A watch that begins on a backlog knows what is usual at this time of day, with real processes
//! and both stores.

use std::time::Duration;

use anyhow::{Context, ensure};
use pga_chaos_tests::{Cluster, ClusterOptions, until};
use serde_json::{Value, json};

use crate::bodies::position;
use crate::insight::{Client, ago, unix_seconds};
use crate::stores::{Store, on_both_stores};

/// How long a store may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);
const FIVE: i64 = 300;
const DAYS: i64 = 5;
/// Samples of one push: a flush adds up sixteen times five minutes at most.
const AT_ONCE: usize = 12;

/// Five days of two statements, the same in every run. The one is called five times as often each
/// day at this hour and the one before it; the other one too, but only for the last 25 minutes.
fn samples() -> Vec<Value> {
    let now = unix_seconds();
    let this_hour = now.div_euclid(3_600).rem_euclid(24);
    let busy_hours = [(this_hour + 23) % 24, this_hour];
    let (mut tide, mut flat) = (0, 0);
    let mut sample = |five: i64| {
        // What happened in the five minutes before this sample.
        let hour = (now - five * FIVE - FIVE / 2)
            .div_euclid(3_600)
            .rem_euclid(24);
        let noise = five * 7 % 11;
        tide += if busy_hours.contains(&hour) {
            1_500
        } else {
            300
        } + noise;
        flat += if five < 5 { 1_500 } else { 300 } + noise;
        let row = |hash: i64, calls: i64| {
            json!({ "hash": hash, "text": format!("SELECT {hash}"), "calls": calls,
                "total_time": calls * 10, "rows": calls, "mean_time": 10.0, "min_time": 1.0,
                "max_time": 90.0, "stddev_time": 5.0 })
        };
        json!({ "type": "pg_query_stats", "timestamp": ago(five * FIVE), "database": "sea",
            "queries": [row(21, tide), row(22, flat)] })
    };
    (0..DAYS * 288).rev().map(&mut sample).collect()
}

/// Pushes samples, and waits until every node has stored them.
async fn push(client: &Client<'_>, part: &[Value]) -> anyhow::Result<()> {
    let push = json!({ "collector_id": "sea", "hostname": "sea", "version": "3.0.0",
        "timestamp": ago(0), "metrics_count": part.len(), "metrics": part });
    let at = position(&client.cluster.push_ok(1, push.to_string()).await?)?;
    let path = format!("/collectors/sea/metrics?limit=1&min_position={at}");
    for node in client.cluster.ids() {
        until("the samples are stored", LIMIT, async || {
            let page = client.get(node, &path).await;
            page.map(drop).map_err(|error| format!("{error:#}"))
        })
        .await?;
    }
    Ok(())
}

async fn what_comes_each_day_is_usual_from_the_first_minute(store: Store) -> anyhow::Result<()> {
    let cluster = store.cluster(ClusterOptions::default()).await?;
    let client = Client {
        cluster: &cluster,
        token: cluster.login(1).await?,
    };
    for part in samples().chunks(AT_ONCE) {
        push(&client, part).await?;
    }
    client.judge(2, "/anomalies/detect").await?;
    told(&cluster, &client).await
}

async fn told(cluster: &Cluster, client: &Client<'_>) -> anyhow::Result<()> {
    for node in cluster.ids() {
        let listed = client.get(node, "/anomalies?severity=all").await?;
        let rows = listed["anomalies"].as_array().context("no rows")?;
        ensure!(rows.iter().all(|row| row["query_hash"] == 22), "{listed}");
        let calls = rows
            .iter()
            .find(|row| row["metric_name"] == "calls_per_minute");
        let calls = calls.with_context(|| format!("nothing is told of its calls: {listed}"))?;
        ensure!(
            calls["raw_metrics_json"]["tier"] == "hour_of_day",
            "{calls}"
        );
        let usual = calls["baseline_value"].as_f64().unwrap_or_default();
        ensure!((58.0..65.0).contains(&usual), "{calls}");
    }
    Ok(())
}

on_both_stores!(what_comes_each_day_is_usual_from_the_first_minute);
