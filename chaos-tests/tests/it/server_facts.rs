//! What a server is, as its collector told it: through any node, from either store. And what the
//! store takes.

use std::time::Duration;

use anyhow::{Context, ensure};
use http::Method;
use pga_chaos_tests::{Cluster, ClusterOptions, until};
use serde_json::{Value, json};

use crate::bodies::position;
use crate::insight::ago;
use crate::stores::{Store, on_both_stores};

on_both_stores!(
    a_server_tells_version_settings_extensions_and_sizes,
    the_store_tells_what_it_takes
);

/// Rows of a type, as a collector of ours tells them.
fn told(kind: &str, seconds: i64, database: &str, is_change: bool, rows: &Value) -> Value {
    let mut element = json!({ "type": kind, "timestamp": ago(seconds), "rows": rows,
        "changed_only": is_change, "truncated": false });
    if !database.is_empty() {
        element["database"] = json!(database);
    }
    element
}

/// All settings first, then one that changed.
fn settings() -> [Value; 2] {
    let setting = |name: &str, value: &str, is_pending: bool| {
        json!({ "name": name, "setting": value, "unit": null, "source": "configuration file",
            "pending_restart": is_pending })
    };
    let all = json!([
        setting("shared_buffers", "16384", false),
        setting("work_mem", "4096", false)
    ]);
    let changed = json!([setting("shared_buffers", "32768", true)]);
    [
        told("pg_setting", 900, "", false, &all),
        told("pg_setting", 300, "", true, &changed),
    ]
}

/// Of two databases; of one of them another went away since.
fn extensions() -> [Value; 3] {
    let extension = |name: &str, version: &str| {
        json!([{ "name": name, "version": version, "schema": "public",
            "default_version": "1.11", "is_outdated": version != "1.11" }])
    };
    [
        ("shop", 600, extension("pg_stat_statements", "1.10")),
        ("postgres", 600, extension("pg_trgm", "1.11")),
        ("shop", 4_200, extension("hstore", "1.8")),
    ]
    .map(|(database, seconds, rows)| told("pg_extension", seconds, database, false, &rows))
}

fn elements() -> Vec<Value> {
    let identity = json!({ "type": "pg_identity", "timestamp": ago(60), "role": "standby",
        "system_identifier": "7001", "timeline": 3, "postmaster_start_time": ago(7_200),
        "server_version": "15.10 (Debian)", "server_version_num": 150_010 });
    let databases = json!([
        { "datid": 0, "datname": null, "numbackends": 0 },
        { "datid": 5, "datname": "postgres", "numbackends": 1, "is_template": false,
            "allows_connections": true, "xid_age": 100 },
        { "datid": 1, "datname": "template1", "numbackends": 0, "is_template": true,
            "allows_connections": true, "xid_age": 200 },
    ]);
    let mut elements = vec![identity, told("pg_database", 60, "", false, &databases)];
    elements.extend(settings());
    elements.push(
        json!({ "type": "pg_extensions", "timestamp": ago(120), "databases": {
        "old": { "extensions": [{ "name": "plpgsql", "version": "1.0", "owner": "postgres",
            "schema": "pg_catalog", "relocatable": false, "description": "PL/pgSQL" }] },
        "postgres": { "extensions": [{ "name": "hidden", "version": "1", "owner": "x",
            "schema": "public", "relocatable": true }] } } }),
    );
    elements.extend(extensions());
    elements.extend(
        [("shop", 7_000, 4), ("postgres", 500, 1), ("old", 20, 0)].map(
            |(name, bytes, backends)| {
                json!({ "type": "pg_stats", "timestamp": ago(60), "database": name,
            "size_bytes": bytes, "numbackends": backends })
            },
        ),
    );
    elements
}

async fn push(cluster: &Cluster, collector: &str) -> anyhow::Result<String> {
    let body = json!({ "collector_id": collector, "hostname": "db-1", "timestamp": ago(1),
        "version": "3.0.0", "metrics": elements() });
    position(&cluster.push_ok(1, body.to_string()).await?)
}

async fn a_server_tells_version_settings_extensions_and_sizes(store: Store) -> anyhow::Result<()> {
    let cluster = store.cluster(ClusterOptions::default()).await?;
    let at = push(&cluster, "facts").await?;
    let token = cluster.login(1).await?;
    let toml = "[postgres]\nuser = \"watcher\"\nport = 5433\n";
    let path = "/api/v1/config-groups/default";
    let stored = cluster
        .send(1, Method::PUT, path, Some(&token), toml)
        .await?;
    ensure!(stored.status == 200, "{}", stored.text_start());
    cluster.wait_converged(Duration::from_secs(60)).await?;
    for id in cluster.ids() {
        let path = format!("/api/v1/servers/1?min_position={at}");
        let server = cluster.get_json(id, &path).await?;
        let instance = server.pointer("/instances/0").context("no instance")?;
        for (pointer, want) in [
            ("/version", json!("15.10 (Debian)")),
            ("/end_of_life", json!("2027-11-11")),
            ("/replication_role", json!("standby")),
            ("/system_identifier", json!("7001")),
            ("/size_bytes", json!(7_520)),
            ("/port", json!(5_433)),
            ("/monitoring_role", json!("watcher")),
            ("/maintenance_database", Value::Null),
            ("/pending_restart", json!(["shared_buffers"])),
            ("/settings/0/setting", json!("32768")),
            ("/settings/1/name", json!("work_mem")),
            ("/databases/0/name", json!("old")),
            ("/databases/0/extensions/0/owner", json!("postgres")),
            ("/databases/1/name", json!("postgres")),
            ("/databases/1/xid_age", json!(100)),
            ("/databases/1/extensions/0/name", json!("pg_trgm")),
            ("/databases/2/name", json!("shop")),
            ("/databases/2/size_bytes", json!(7_000)),
            (
                "/databases/2/extensions/0/name",
                json!("pg_stat_statements"),
            ),
            ("/databases/2/extensions/0/is_outdated", json!(true)),
            ("/databases/3/is_template", json!(true)),
        ] {
            let found = instance.pointer(pointer);
            ensure!(found == Some(&want), "node {id}: {pointer}: {instance:#}");
        }
        let uptime = instance["uptime_seconds"].as_u64().context("no uptime")?;
        ensure!((7_200..7_500).contains(&uptime), "{uptime}");
        let count = |pointer: &str| {
            instance
                .pointer(pointer)
                .and_then(Value::as_array)
                .map(Vec::len)
        };
        ensure!(count("/databases/2/extensions") == Some(1), "{instance:#}");
        ensure!(count("/databases") == Some(4), "{instance:#}");
    }
    Ok(())
}

async fn the_store_tells_what_it_takes(store: Store) -> anyhow::Result<()> {
    let cluster = store.cluster(ClusterOptions::default()).await?;
    push(&cluster, "facts").await?;
    cluster.wait_converged(Duration::from_secs(60)).await?;
    let today = ago(0).get(..10).context("no day")?.to_owned();
    for id in cluster.ids() {
        let told = until("its table is told", Duration::from_secs(60), async || {
            let answer = cluster.get_json(id, "/api/v1/cluster/store").await;
            let told = answer.map_err(|error| format!("{error:#}"))?;
            let tables = told["tables"].as_array().into_iter().flatten();
            let database = tables.clone().find(|table| {
                table["type"] == "pg_stats" && !table["days"].as_array().is_none_or(Vec::is_empty)
            });
            match database {
                Some(database) => Ok((told.clone(), database.clone())),
                None => Err(told.to_string()),
            }
        });
        let (told, database) = told.await?;
        let days = database["days"].as_array().context("no days")?;
        let is_today = |day: &&Value| day["day"] == json!(today);
        let bytes = days
            .iter()
            .find(is_today)
            .and_then(|day| day["size_bytes"].as_u64());
        ensure!(
            bytes.is_some_and(|bytes| bytes > 0),
            "node {id}: {database:#}"
        );
        let tables = told["tables"].as_array().context("no tables")?;
        let sum: u64 = tables
            .iter()
            .filter_map(|table| table["size_bytes"].as_u64())
            .sum();
        ensure!(told["size_bytes"] == json!(sum), "node {id}: {told:#}");
    }
    Ok(())
}
