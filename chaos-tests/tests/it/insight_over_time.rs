//! What only weeks of counters and days of calls tell, with real processes and both stores:
//! indexes that nobody uses, one query for each row of another, and what goes on beside the load.

use anyhow::{Context, ensure};
use pga_chaos_tests::{Cluster, ClusterOptions};
use serde_json::{Value, json};

use crate::insight::{Client, ago, push_all};
use crate::stores::{Store, on_both_stores};

const DAY: i64 = 86_400;
/// Steps of five minutes in which calls are told.
const STEPS: i64 = 318;
const LIST: &str = "SELECT * FROM orders WHERE customer = $1 AND placed > $2";
const LOOKUP: &str = "SELECT * FROM lines WHERE id = $1";

fn element(kind: &str, seconds: i64, database: &str, rows: &Value) -> Value {
    json!({ "type": kind, "timestamp": ago(seconds), "database": database,
        "changed_only": false, "rows": rows })
}

fn identity(role: &str) -> Value {
    json!({ "type": "pg_identity", "timestamp": ago(20), "system_identifier": "77",
        "role": role, "server_version_num": 160_004 })
}

/// Indexes so many days ago: nobody has scanned `idle` since, `busy` is scanned each day.
fn indexes(days: i64, is_standby: bool) -> Value {
    let index = |name: &str, scans: i64| {
        json!({ "schemaname": "public", "relname": "lines", "indexrelname": name,
            "idx_scan": scans, "relpages": 9_000, "is_valid": true, "is_ready": true,
            "is_unique": false, "is_primary": false })
    };
    let read = if is_standby { 1_000 - days } else { 4 };
    let rows = [
        index("lines_idle", 4),
        index("lines_busy", 1_000 - days),
        index("lines_read", read),
    ];
    element("pg_index", days * DAY + 30, "shop", &json!(rows))
}

fn inventory() -> Vec<Value> {
    let index = |name: &str, column: &str| {
        json!({ "class": "index", "schemaname": "public", "relname": "lines", "name": name,
            "kind": "btree", "columns": [column], "include": [],
            "definition": format!("CREATE INDEX {name} ON public.lines USING btree ({column})") })
    };
    let key = json!({ "class": "constraint", "schemaname": "public", "relname": "lines",
        "name": "lines_pkey", "kind": "primary key", "columns": ["id"] });
    let column = |name: &str, number: u32| {
        json!({ "schemaname": "public", "relname": "lines", "attname": name, "attnum": number,
            "type": "integer", "is_not_null": true, "null_frac": 0.0, "avg_width": 4,
            "n_distinct": -1.0, "correlation": 0.1 })
    };
    let table = json!({ "schemaname": "public", "relname": "lines", "relid": "16400",
        "relkind": "r", "reltuples": 1_000_000, "relpages": 22_000, "relallvisible": 22_000 });
    let objects = [
        index("lines_idle", "a"),
        index("lines_busy", "b"),
        index("lines_read", "c"),
        key,
    ];
    let columns = ["id", "a", "b", "c"];
    let columns: Vec<Value> = columns
        .into_iter()
        .zip(1..)
        .map(|(name, n)| column(name, n))
        .collect();
    vec![
        element("pg_table", 30, "shop", &json!([table])),
        element("pg_schema_object", 30, "shop", &json!(objects)),
        element("pg_column", 30, "shop", &json!(columns)),
    ]
}

/// What has been called after so many steps: the look-up 25 times for each list.
fn calls() -> Vec<Value> {
    let (mut lists, mut all) = (0_i64, Vec::new());
    for step in 0..STEPS {
        lists += [40, 160, 0, 90, 250, 20][usize::try_from(step % 6).unwrap_or_default()];
        let row = |hash: i64, text: &str, calls: i64| {
            json!({ "hash": hash, "text": text, "user": "app", "calls": calls, "rows": calls,
                "total_time": calls / 2, "mean_time": 0.5, "min_time": 0.1, "max_time": 3.0 })
        };
        all.push(json!({ "type": "pg_query_stats", "database": "shop",
            "timestamp": ago((STEPS - step) * 300),
            "queries": [row(-21, LIST, lists), row(22, LOOKUP, lists * 25)] }));
    }
    all
}

async fn advised(client: &Client<'_>, collector: &str) -> anyhow::Result<Vec<String>> {
    let path = "/databases/shop/index-recommendations";
    client.judge(1, &format!("{path}/generate")).await?;
    let path = format!("{path}?collector_id={collector}");
    let mut told = None;
    for node in client.cluster.ids() {
        let listed = client.get(node, &path).await?;
        let rows = listed["recommendations"].as_array().context("no list")?;
        let unused = rows.iter().filter(|row| row["kind"] == "drop_unused");
        let mut names: Vec<String> = unused
            .filter_map(|row| row["index_name"].as_str().map(str::to_owned))
            .collect();
        names.sort();
        names.dedup();
        ensure!(*told.get_or_insert(names.clone()) == names, "{listed}");
    }
    told.context("no node")
}

/// An index that a standby uses is not called unused, and none is while a standby is unread.
async fn unused_indexes(cluster: &Cluster, client: &Client<'_>) -> anyhow::Result<()> {
    let days = [0, 1, 3, 7, 14, 21, 28];
    let mut metrics = inventory();
    metrics.push(identity("primary"));
    // PostgreSQL 16 and later say when an index was scanned last: here not since the reset.
    let reset = json!([{ "datname": "shop", "stats_reset": ago(90 * DAY) }]);
    metrics.push(element("pg_database", 20, "", &reset));
    metrics.extend(days.map(|days| indexes(days, false)));
    push_all(cluster, "db-1", metrics).await?;
    // Their counters stand still for 28 days, and the reset says nothing of what was scanned.
    ensure!(
        advised(client, "db-1").await?.is_empty(),
        "28 days are too few"
    );

    let last_scan = |days: i64| {
        let mut told = indexes(days, false);
        for row in told["rows"].as_array_mut().into_iter().flatten() {
            let is_busy = row["indexrelname"] == "lines_busy";
            row["last_idx_scan"] = json!(ago(if is_busy { 60 } else { 60 * DAY }));
        }
        told["timestamp"] = json!(ago(10));
        told
    };
    push_all(cluster, "db-1", vec![last_scan(0)]).await?;
    let names = advised(client, "db-1").await?;
    ensure!(names == ["lines_idle", "lines_read"], "{names:?}");

    let sender = json!([{ "application": "db-2", "state": "streaming", "slot": null }]);
    push_all(cluster, "db-1", vec![element("pg_sender", 5, "", &sender)]).await?;
    let names = advised(client, "db-1").await?;
    ensure!(names.is_empty(), "a standby is not read: {names:?}");

    let mut standby = vec![identity("standby")];
    standby.extend(days.map(|days| indexes(days, true)));
    standby.push({
        let mut told = last_scan(0);
        for row in told["rows"].as_array_mut().into_iter().flatten() {
            if row["indexrelname"] == "lines_read" {
                row["idx_scan"] = json!(1_000);
                row["last_idx_scan"] = json!(ago(60));
            }
        }
        told
    });
    push_all(cluster, "db-2", standby).await?;
    let names = advised(client, "db-1").await?;
    ensure!(names == ["lines_idle"], "{names:?}");
    Ok(())
}

async fn one_query_for_each_row(cluster: &Cluster, client: &Client<'_>) -> anyhow::Result<()> {
    // A flush seals spans of 80 minutes; of calls that are not sealed no user is known.
    for part in calls().chunks(15) {
        push_all(cluster, "db-1", part.to_vec()).await?;
    }
    client
        .judge(2, "/queries/22/rewrite-suggestions/generate")
        .await?;
    for node in client.cluster.ids() {
        let listed = client.get(node, "/queries/22/rewrite-suggestions").await?;
        let rows = listed.as_array().context("no list")?;
        let pair = rows.iter().find(|row| row["rule"] == "w15");
        let pair = pair.with_context(|| format!("node {node}: {listed}"))?;
        ensure!(pair["parent_query_hash"] == -21, "{pair}");
        ensure!(pair["parent_query"] == LIST, "{pair}");
        let ratio = pair["calls_per_parent"].as_f64();
        ensure!(
            ratio.is_some_and(|ratio| (24.9..25.1).contains(&ratio)),
            "{pair}"
        );
    }
    Ok(())
}

/// Sessions that wait for the disk while VACUUM works, compared with the hours before.
async fn beside_the_load(cluster: &Cluster, client: &Client<'_>) -> anyhow::Result<()> {
    let activity = |seconds: i64, sessions: i64| {
        let row = json!({ "backend_type": "client backend", "state": "active", "query_id": 22,
            "wait_event_type": "IO", "wait_event": "DataFileRead", "user": "app",
            "database": "shop", "application": "web", "sessions": sessions });
        json!({ "type": "pg_activity_sample", "timestamp": ago(seconds), "rows": [row] })
    };
    let vacuum = |seconds: i64| {
        let row = json!({ "command": "vacuum", "pid": 700, "datname": "shop",
            "progress": { "relid": "16400", "phase": "scanning heap" } });
        element("pg_progress", seconds, "", &json!([row]))
    };
    let reads = |seconds: i64, blocks: i64, ms: f64| {
        let row = json!({ "datname": "shop", "blks_read": blocks, "blk_read_time": ms });
        element("pg_database", seconds, "", &json!([row]))
    };
    let sender = json!([{ "application": "db-2", "replay_lag_seconds": 44.5,
        "sync_state": "async" }]);
    let mut metrics: Vec<Value> = (0..60).map(|n| activity(n * 10 + 5, 9)).collect();
    metrics.extend((60..360).map(|n| activity(n * 10 + 5, 1)));
    metrics.extend((0..40).map(|n| vacuum(n * 10 + 5)));
    metrics.extend([
        reads(3_500, 0, 0.0),
        reads(700, 60_000, 30_000.0),
        reads(590, 61_000, 30_500.0),
        reads(10, 91_000, 150_500.0),
        element("pg_sender", 30, "", &sender),
    ]);
    push_all(cluster, "db-1", metrics).await?;
    let why = client.get(3, "/servers/1/why").await?;
    let lines = why["lines"].as_array().context("no lines")?;
    let told: Vec<&str> = lines
        .iter()
        .filter(|line| line["kind"] == "beside")
        .filter_map(|line| line["text"].as_str())
        .collect();
    let wanted = [
        "Standby db-2 replays 44 s behind, and its readers see that much less.",
        "A read of a block takes 4 ms instead of 0.5; 0.424 MB/s are read.",
        "VACUUM works on public.lines in shop (scanning heap), seen for 6 min.",
    ];
    ensure!(why["is_slower"] == true && told == wanted, "{why}");
    Ok(())
}

async fn weeks_of_counters_are_told(store: Store) -> anyhow::Result<()> {
    let cluster = store.cluster(ClusterOptions::default()).await?;
    let client = Client {
        cluster: &cluster,
        token: cluster.login(1).await?,
    };
    unused_indexes(&cluster, &client).await?;
    one_query_for_each_row(&cluster, &client).await?;
    beside_the_load(&cluster, &client).await
}

on_both_stores!(weeks_of_counters_are_told);
