//! The top 20 of a day: 1,440 samples of 1,000 statements of one collector, asked of any node over
//! HTTP.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, ensure};
use bytes::Bytes;
use http::Method;
use pga_chaos_tests::{Cluster, ClusterOptions, Timescale};
use serde_json::{Value, json};

use crate::Options;
use crate::durations::Durations;
use crate::report::Report;

const STATEMENTS: i64 = 1_000;
const MINUTES: i64 = 1_440;
const ASKED: usize = 300;
const COLLECTOR: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";

pub(crate) async fn run(_: &Options, report: &mut Report) -> anyhow::Result<()> {
    measure("the embedded store", ClusterOptions::default(), report).await?;
    let database = Timescale::server().await?;
    let options = ClusterOptions {
        timescale: Some(database.url().to_owned()),
        ..ClusterOptions::default()
    };
    measure("TimescaleDB", options, report).await
}

async fn measure(store: &str, options: ClusterOptions, report: &mut Report) -> anyhow::Result<()> {
    let cluster = Cluster::start(options).await?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let now = i64::try_from(now)?;
    let mut pushes = Vec::new();
    let begun = Instant::now();
    for minute in 0..=MINUTES {
        let body = sample(minute, now - (MINUTES - minute) * 60);
        let started = Instant::now();
        cluster.push_ok(1, body).await?;
        pushes.push(started.elapsed());
    }
    let pushed = begun.elapsed();
    cluster.wait_converged(Duration::from_secs(600)).await?;
    let settled = begun.elapsed();
    report.add(
        format!("{store}: {MINUTES} pushes of {STATEMENTS} statements, one after the other: p50 / p99; all stored after"),
        format!("{} ms; {:.0} s ({:.0} s pushing)", show(&pushes.into()), settled.as_secs_f64(), pushed.as_secs_f64()),
        "",
    );
    for (what, query) in [
        ("24 h", "hours=24"),
        (
            "24 h by total time of one database",
            "hours=24&order=total&database=shop",
        ),
        ("1 h", "hours=1"),
    ] {
        let path = format!("/api/v1/collectors/{COLLECTOR}/queries/slow?limit=20&{query}");
        let asked = ask(&cluster, &path).await?;
        report.add(
            format!(
                "{store}: top 20 of {STATEMENTS} statements sampled every minute, {what}: p50 / p99"
            ),
            format!("{} ms", show(&asked)),
            "p99 < 50 ms",
        );
    }
    Ok(())
}

/// A sample of all statements; each has run a few times since the one before.
fn sample(minute: i64, timestamp: i64) -> String {
    let query = |hash: i64| {
        let calls = (minute + 1) * (1 + hash % 17);
        let total = calls as f64 * (0.5 + (hash % 97) as f64);
        json!({"hash": hash * 7_919, "text": format!("select v from t{hash} where id = $1"),
            "calls": calls, "total_time": total, "mean_time": total / calls as f64,
            "min_time": 0.25, "max_time": 80.0, "stddev_time": 1.5, "rows": calls * 2,
            "shared_blks_hit": calls * 9, "shared_blks_read": calls, "wal_bytes": calls * 120})
    };
    let queries: Vec<Value> = (1..=STATEMENTS).map(query).collect();
    json!({"collector_id": COLLECTOR, "hostname": "db-1", "version": "3.0.0",
        "timestamp": timestamp, "metrics": [{"type": "pg_query_stats", "timestamp": timestamp,
        "database": "shop", "queries": queries}]})
    .to_string()
}

async fn ask(cluster: &Cluster, path: &str) -> anyhow::Result<Durations> {
    let mut asked = Vec::new();
    for id in cluster.ids() {
        let token = cluster.login(id).await?;
        let mut client = cluster.client(id)?;
        for n in 0..ASKED {
            let started = Instant::now();
            let answer = client
                .send(Method::GET, path, Some(&token), Bytes::new())
                .await?;
            // The first ones open the connection and warm the caches.
            if n >= 5 {
                asked.push(started.elapsed());
            }
            ensure!(answer.status == 200, "{}", answer.text_start());
            let list: Value = serde_json::from_slice(&answer.body).context("the list")?;
            ensure!(list["count"] == 20, "{list}");
        }
    }
    Ok(asked.into())
}

fn show(times: &Durations) -> String {
    format!("{:.1} / {:.1}", times.percentile(50), times.percentile(99))
}
