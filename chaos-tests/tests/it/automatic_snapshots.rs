//! Snapshots that the leader makes before and after a change, with real processes and both stores.

use std::time::Duration;

use anyhow::{Context, ensure};
use http::Method;
use pga_chaos_tests::{ClusterOptions, until};
use serde_json::{Value, json};

use crate::insight::{Client, ago, push_all};
use crate::stores::{Store, on_both_stores};

const MINUTE: i64 = 60;
/// A minute until the leader looks, and some for a busy machine.
const LIMIT: Duration = Duration::from_secs(180);
/// Within which the leader looks again.
const LOOKS_AGAIN: Duration = Duration::from_secs(75);

/// A statement that takes three times as long since a setting was changed 70 minutes ago.
fn samples() -> Vec<Value> {
    let mut total = 0;
    let mut sample = |minute: i64| {
        total += 100 * if minute >= 70 { 20 } else { 60 };
        let calls = (180 - minute) * 100;
        // Calls lie 5 ms off the mean of their part; the parts' means lie 40 ms apart.
        let late = (70 - minute).max(0) as f64 / (180 - minute) as f64;
        let stddev = (25.0 + late * (1.0 - late) * 1_600.0).sqrt();
        json!({ "type": "pg_query_stats", "timestamp": ago(minute * MINUTE), "database": "shop",
            "queries": [{ "hash": 31, "text": "SELECT 31", "calls": calls, "total_time": total,
                "rows": calls, "mean_time": total as f64 / calls as f64, "min_time": 1.0,
                "max_time": 90.0, "stddev_time": stddev }] })
    };
    (0..180).rev().map(&mut sample).collect()
}

fn changes() -> Vec<Value> {
    let element = |kind: &str, minutes: i64, is_change: bool, rows: Value| {
        json!({ "type": kind, "timestamp": ago(minutes * MINUTE), "database": "",
            "changed_only": is_change, "rows": rows })
    };
    let setting = |value: &str| json!([{ "name": "work_mem", "setting": value, "unit": "kB" }]);
    let object = |name: &str| json!({ "class": "index", "schemaname": "public", "relname": "t", "name": name });
    let identity = |minutes: i64| {
        json!({ "type": "pg_identity", "timestamp": ago(minutes * MINUTE),
            "system_identifier": "77", "role": "primary", "server_version_num": 160_004 })
    };
    vec![
        element("pg_setting", 120, false, setting("4096")),
        element(
            "pg_schema_object",
            120,
            false,
            json!([object("kept"), object("dropped")]),
        ),
        element("pg_setting", 70, true, setting("64")),
        // Two minutes later an index is not there any more.
        element("pg_schema_object", 68, false, json!([object("kept")])),
        identity(120),
        identity(60),
    ]
}

async fn a_change_has_a_snapshot_before_and_after_it(store: Store) -> anyhow::Result<()> {
    let cluster = store.cluster(ClusterOptions::default()).await?;
    push_all(&cluster, "changed", samples()).await?;
    push_all(&cluster, "changed", changes()).await?;
    let client = Client {
        cluster: &cluster,
        token: cluster.login(1).await?,
    };
    let shown = until("both snapshots", LIMIT, async || {
        let shown = client.get(2, "/snapshots").await;
        let shown = shown.map_err(|error| format!("{error:#}"))?;
        if shown["total"] == 2 {
            Ok(shown)
        } else {
            Err(shown.to_string())
        }
    })
    .await?;
    let rows = shown["snapshots"].as_array().context("no snapshots")?;
    let [after, before] = rows.as_slice() else {
        anyhow::bail!("{shown}");
    };
    let what = "setting work_mem, index public.dropped gone on changed";
    ensure!(before["name"] == format!("before {what}"), "{shown}");
    ensure!(after["name"] == format!("after {what}"), "{shown}");
    ensure!(before["created_by"] == "cluster", "{shown}");
    let says = after["description"].as_str().unwrap_or_default();
    ensure!(says.contains(" 1 slower, 0 faster"), "{shown}");
    let path = format!(
        "/queries/comparison?before_snapshot={}&after_snapshot={}",
        before["id"], after["id"]
    );
    let compared = client.get(3, &path).await?;
    ensure!(compared["degraded_count"] == 1, "{compared}");
    let path = format!("/snapshots/{}", after["id"]);
    let deleted = client.ask(1, Method::DELETE, &path, &Value::Null).await?;
    ensure!(deleted.0 == 200, "{deleted:?}");
    tokio::time::sleep(LOOKS_AGAIN).await;
    let left = client.get(2, "/snapshots").await?;
    ensure!(left["total"] == 1, "made again: {left}");
    Ok(())
}

on_both_stores!(a_change_has_a_snapshot_before_and_after_it);
