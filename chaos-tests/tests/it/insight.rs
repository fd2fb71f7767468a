//! What is found out about a workload, with real processes: through any node, after its leader is
//! killed, in both stores.

mod anomalies;
mod client;
mod comparison;
mod grown;
mod health;
mod indexes;
mod patterns;
mod plan_regressions;
mod predictions;
mod rewrites;
mod shop;
mod times;

use std::time::Duration;

use anyhow::{Context, ensure};
use http::Method;
use pga_chaos_tests::ClusterOptions;
use serde_json::json;

pub(crate) use self::anomalies::unusual;
pub(crate) use self::client::{Client, push_all};
pub(crate) use self::patterns::regular;
pub(crate) use self::shop::feed;
pub(crate) use self::times::{ago, unix_seconds};

use self::anomalies::anomalies;
use self::client::{OWN, fires};
use self::comparison::{compare, parts};
use self::health::health;
use self::indexes::{begun_anew, indexes};
use self::patterns::patterns;
use self::plan_regressions::plan_regressions;
use self::predictions::predictions;
use self::rewrites::{recommended, rewrites};
use crate::stores::{Store, on_both_stores};

async fn what_is_found_outlives_the_leader(store: Store) -> anyhow::Result<()> {
    let mut cluster = store.cluster(ClusterOptions::default()).await?;
    feed(&cluster).await?;
    let token = cluster.login(1).await?;
    let client = Client {
        cluster: &cluster,
        token,
    };
    parts(&client).await?;
    indexes(&client).await?;
    rewrites(&client).await?;
    plan_regressions(&client).await?;
    health(&client).await?;
    compare(&client).await?;
    recommended(&client).await?;
    // What the cluster keeps for itself is no server, and nobody pushes as it.
    let servers = client.get(1, "/collectors").await?;
    ensure!(servers["total"] == 1, "{servers}");
    let push = json!({ "collector_id": OWN, "hostname": "x", "version": "", "timestamp": ago(0),
        "metrics_count": 0, "metrics": [] });
    let (status, value) = client.ask(1, Method::POST, "/metrics/push", &push).await?;
    ensure!(status == 403, "{status} {value}");
    let token = client.token;
    let leader = cluster.leader().await?;
    // A job is under way on the leader when it is lost.
    let job = "/api/v1/jobs/index-advice/run";
    let begun = cluster.send(leader, Method::POST, job, Some(&token), "");
    let began = tokio::time::timeout(Duration::from_millis(50), begun).await;
    drop(began);
    cluster.kill(leader).await?;
    let other = cluster.ids().into_iter().find(|id| *id != leader);
    let other = other.context("no other node")?;
    cluster.wait_ready(other).await?;
    let client = Client {
        cluster: &cluster,
        token,
    };
    let listed = client.get(other, "/queries/9/rewrite-suggestions").await?;
    ensure!(listed[0]["rule"] == "w7", "after the leader: {listed}");
    let listed = client.get(other, "/plan-regressions?state=all").await?;
    ensure!(listed["total"] == 1, "after the leader: {listed}");
    fires(&client, other, "Q2").await?;
    let jobs = client.get(other, "/jobs").await?;
    let ran = jobs["jobs"].as_array().context("no jobs")?.iter();
    let ran = ran.filter(|job| job["last_run"].is_string() && job["every_seconds"] != 60);
    let ran = ran.count();
    ensure!((1..=2).contains(&ran), "{jobs}");
    begun_anew(&client, other).await?;
    let shown = client.get(other, "/snapshots").await?;
    ensure!(shown["count"] == 2, "{shown}");
    Ok(())
}

async fn what_is_unusual_and_what_comes_back_is_told(store: Store) -> anyhow::Result<()> {
    let cluster = store.cluster(ClusterOptions::default()).await?;
    push_all(&cluster, "odd", unusual()).await?;
    push_all(&cluster, "even", regular()).await?;
    let token = cluster.login(1).await?;
    let client = Client {
        cluster: &cluster,
        token,
    };
    anomalies(&client).await?;
    patterns(&client).await?;
    predictions(&client).await
}

on_both_stores!(
    what_is_found_outlives_the_leader,
    what_is_unusual_and_what_comes_back_is_told
);
