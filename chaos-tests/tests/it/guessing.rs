//! The brake on guessing holds over the cluster: what fails at one node counts at all.

use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use pga_chaos_tests::{Cluster, ClusterOptions, until};
use serde_json::json;

/// How soon every node has to know what failed at another.
const TOLD_WITHIN: Duration = Duration::from_secs(5);

async fn register(cluster: &Cluster, node: u64, secret: &str) -> anyhow::Result<u16> {
    let body = json!({ "name": "n", "hostname": "h" }).to_string();
    let request = Request::builder()
        .method(Method::POST)
        .uri("/api/v1/collectors/register")
        .header("x-registration-secret", secret)
        .body(Full::new(Bytes::from(body)))?;
    let answer = cluster.client(node)?.send_request(request).await?;
    Ok(answer.status.as_u16())
}

async fn login(cluster: &Cluster, node: u64, name: &str) -> anyhow::Result<u16> {
    let body = json!({ "username": name, "password": "a guess" }).to_string();
    let path = "/api/v1/auth/login";
    let answer = cluster.send(node, Method::POST, path, None, body).await?;
    Ok(answer.status.as_u16())
}

async fn committed(cluster: &Cluster) -> anyhow::Result<u64> {
    let status = cluster.status_of(1).await?;
    let known = status.nodes.iter().map(|node| node.committed).max();
    known.context("no node")
}

/// Waits until a node has heard enough: it asks by the right secret, which counts nowhere.
async fn all_brake(cluster: &Cluster) -> anyhow::Result<()> {
    for node in cluster.ids() {
        let what = format!("node {node} brakes");
        until(&what, TOLD_WITHIN, async || {
            let asked = register(cluster, node, cluster.registration_secret()).await;
            match asked {
                Ok(429) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_wrong_secrets_at_three_nodes_are_ten() -> anyhow::Result<()> {
    let cluster = Cluster::start(ClusterOptions::default()).await?;
    let before = committed(&cluster).await?;
    for n in 0..10 {
        let status = register(&cluster, n % 3 + 1, "a guess").await?;
        ensure!(status == 401, "guess {n}: {status}");
    }
    let after = committed(&cluster).await?;
    ensure!(
        after < before + 10,
        "{before} to {after}: a failed attempt is no entry of the log"
    );
    all_brake(&cluster).await?;
    // Nobody else is kept out: neither from what was not guessed at, nor at other names.
    cluster.login(2).await?;
    for n in 0..10 {
        let status = login(&cluster, n % 3 + 1, "nobody").await?;
        ensure!(status == 401, "guess {n} at a password: {status}");
    }
    for node in cluster.ids() {
        let what = format!("node {node} brakes at a password");
        until(&what, TOLD_WITHIN, async || {
            match login(&cluster, node, "nobody").await {
                Ok(429) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await?;
        cluster.login(node).await?;
    }
    Ok(())
}
