//! Another cluster key, while nodes run, are away, and die in the middle of it.

use std::time::Duration;

use anyhow::{Context, ensure};
use http::{Method, Request};
use http_body_util::Full;
use pga_chaos_tests::{Cluster, ClusterOptions, program, until};
use serde_json::json;
use tokio::process::Command;

const LIMIT: Duration = Duration::from_secs(60);
/// In the configuration of the collectors.
const CONFIG_PASSWORD: &str = "a-password-in-a-configuration";

/// The keys in a node's file.
fn keys(cluster: &Cluster, node: u64) -> anyhow::Result<Vec<String>> {
    let text = std::fs::read_to_string(cluster.node(node)?.data.join("pki/cluster.key"))?;
    Ok(text.split_whitespace().map(str::to_owned).collect())
}

/// Whether a node opens everything: it signs and checks tokens, issues certificates, and sends to a
/// channel.
async fn opens_all(cluster: &Cluster, node: u64, session: &str) -> anyhow::Result<()> {
    let body = json!({"name": format!("c{node}"), "hostname": "h"}).to_string();
    let request = Request::builder()
        .method(Method::POST)
        .uri("/api/v1/collectors/register")
        .header("content-type", "application/json")
        .header("x-registration-secret", cluster.registration_secret())
        .body(Full::new(body.into()))?;
    let registered = cluster.client(node)?.send_request(request).await?;
    ensure!(registered.status == 200, "{}", registered.text_start());
    let path = "/api/v1/channels/1/test";
    let tested = cluster
        .send(node, Method::POST, path, Some(session), "")
        .await?;
    let path = "/api/v1/config-groups/default";
    let config = cluster
        .send(node, Method::GET, path, Some(session), "")
        .await?;
    ensure!(
        config.status == 200 && config.text_start().contains(CONFIG_PASSWORD),
        "{} {}",
        config.status,
        config.text_start()
    );
    // Nobody listens there: that the settings opened shows in that it was tried.
    let told = tested.text_start();
    ensure!(
        !told.contains("do not open") && told.contains("127.0.0.1"),
        "{} {told}",
        tested.status
    );
    Ok(())
}

/// Waits until all these nodes open everything, by a session from before.
async fn all_open(cluster: &Cluster, nodes: &[u64], session: &str) -> anyhow::Result<()> {
    for node in nodes {
        until("everything opens", LIMIT, async || {
            opens_all(cluster, *node, session)
                .await
                .map_err(|error| format!("node {node}: {error:#}"))
        })
        .await?;
        let list = cluster
            .send(*node, Method::GET, "/api/v1/users", Some(session), "")
            .await?;
        ensure!(list.status == 200, "logged out: {}", list.text_start());
        cluster.login(*node).await?;
    }
    Ok(())
}

async fn with_channel(options: ClusterOptions) -> anyhow::Result<(Cluster, String)> {
    let cluster = Cluster::start(options).await?;
    let session = cluster.login(1).await?;
    let channel = json!({"name": "ops", "kind": "webhook",
        "settings": {"url": "http://127.0.0.1:9/x", "secret": "a-secret-of-a-channel"}});
    for (path, body) in [
        ("/api/v1/channels", channel.to_string()),
        ("/api/v1/token-keys", String::new()),
    ] {
        let made = cluster
            .send(1, Method::POST, path, Some(&session), body)
            .await?;
        ensure!(made.status.is_success(), "{path}: {}", made.text_start());
    }
    let toml = format!("[postgres]\npassword = \"{CONFIG_PASSWORD}\"\n");
    let path = "/api/v1/config-groups/default";
    let stored = cluster
        .send(1, Method::PUT, path, Some(&session), toml)
        .await?;
    ensure!(stored.status == 200, "{}", stored.text_start());
    Ok((cluster, session))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_key_reaches_nodes_that_are_away_and_nobody_is_logged_out() -> anyhow::Result<()> {
    let (mut cluster, session) = with_channel(ClusterOptions::default()).await?;
    let first = keys(&cluster, 1)?;
    ensure!(
        first.len() == 1 && keys(&cluster, 3)? == first,
        "{}",
        first.len()
    );
    all_open(&cluster, &[1, 2, 3], &session).await?;
    cluster.kill(3).await?;

    let said = cluster.command(2, &["rotate-key"]).await?;
    ensure!(
        said.contains("on disk: n1, n2\n") && said.contains("back: n3"),
        "{said}"
    );
    let second = keys(&cluster, 2)?;
    ensure!(second.len() == 2 && second[0] == first[0] && keys(&cluster, 1)? == second);
    ensure!(keys(&cluster, 3)? == first);
    all_open(&cluster, &[1, 2], &session).await?;
    let audit = cluster.get_json(1, "/api/v1/audit").await?.to_string();
    ensure!(audit.contains("cluster.rotate-key"), "{audit}");
    // 1 of the cluster, 1 more that signs, the authority's, and the channel's.
    ensure!(
        audit.contains("secrets_sealed_anew\\\":4") || audit.contains("secrets_sealed_anew\":4"),
        "{audit}"
    );
    ensure!(!audit.contains(&second[1]), "the key is told");

    // The one that was away takes it, and a new node gets the key in use alone.
    cluster.restart(3).await?;
    until("node 3 has the key", LIMIT, async || {
        match keys(&cluster, 3) {
            Ok(keys) if keys.contains(&second[1]) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await?;
    all_open(&cluster, &[1, 2, 3], &session).await?;
    let joined = cluster.join().await?;
    ensure!(keys(&cluster, joined)? == second[1..], "of the new node");
    all_open(&cluster, &[joined], &session).await?;

    // Without a majority that holds the next one nothing changes.
    cluster
        .command(1, &["remove", "--id", &joined.to_string()])
        .await?;
    cluster.kill(2).await?;
    cluster.kill(3).await?;
    let failed = cluster.command(1, &["rotate-key"]).await;
    ensure!(failed.is_err(), "{failed:?}");
    cluster.restart(2).await?;
    cluster.restart(3).await?;
    let said = cluster.command(3, &["rotate-key"]).await?;
    ensure!(said.contains("on disk: n1, n2, n3"), "{said}");
    all_open(&cluster, &[1, 2, 3], &session).await
}

/// The node that changes the key, or the one that leads, is killed at different moments.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_in_the_middle_leaves_a_cluster_that_opens_its_secrets() -> anyhow::Result<()> {
    let (mut cluster, session) = with_channel(ClusterOptions::default()).await?;
    for (round, wait) in [0, 3, 8, 15, 30, 60].into_iter().enumerate() {
        let changes = 1 + round as u64 % 3;
        let dies = match round % 2 {
            0 => changes,
            _ => cluster.leader().await?,
        };
        let mut command = Command::new(program()?);
        command.args(["cluster", "rotate-key", "--config"]);
        command.arg(&cluster.node(changes)?.config);
        let mut changing = command.kill_on_drop(true).spawn()?;
        // The command takes a moment to start; what happens when is seen by the key's files.
        until("the change has begun", LIMIT, async || {
            let files: anyhow::Result<Vec<usize>> = (1..=3)
                .map(|node| Ok(keys(&cluster, node)?.len()))
                .collect();
            match (files, changing.try_wait()) {
                (Ok(files), Ok(None)) if files.iter().all(|keys| *keys <= round + 1) => {
                    Err(format!("{files:?}"))
                }
                (Ok(_), Ok(_)) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await?;
        tokio::time::sleep(Duration::from_millis(wait)).await;
        cluster.strike(dies)?;
        cluster.kill(dies).await?;
        let ended = tokio::time::timeout(LIMIT, changing.wait()).await??;
        cluster.restart(dies).await?;
        all_open(&cluster, &[1, 2, 3], &session)
            .await
            .with_context(|| format!("round {round}: node {dies} died after {wait} ms, {ended}"))?;
    }
    let said = cluster.command(1, &["rotate-key"]).await?;
    ensure!(said.contains("on disk: n1, n2, n3"), "{said}");
    // All of them, killed at once and started again.
    for node in 1..=3 {
        cluster.strike(node)?;
    }
    for node in 1..=3 {
        cluster.kill(node).await?;
        cluster.spawn(node)?;
    }
    for node in 1..=3 {
        cluster.wait_ready(node).await?;
    }
    all_open(&cluster, &[1, 2, 3], &session).await
}
