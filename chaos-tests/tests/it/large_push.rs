//! Large pushes are split over several entries, and are all or nothing.

use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;
use pga_chaos_tests::{Cluster, ClusterOptions, until};
use rand::distr::Alphanumeric;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::bodies::position;
use crate::proc::resident_kib;

const MIB: usize = 1 << 20;
/// Memory a node may keep after a push of 64 MiB: decoded, encoded and being replicated, in KiB.
const MAX_RSS_KIB: u64 = 900 << 10;

/// A push of about `size` bytes that hardly compresses; the number of its elements.
fn large(collector: &str, size: usize) -> (Value, usize) {
    let mut random = rand::rngs::StdRng::seed_from_u64(1);
    let count = size / (32 << 10);
    let metrics: Vec<Value> = (0..count)
        .map(|n| {
            let text: String = (&mut random).sample_iter(Alphanumeric).take(32 << 10).map(char::from).collect();
            json!({"type": "pg_log", "timestamp": "2026-09-21T14:13:20Z", "database": "postgres", "entries": [
                {"timestamp": "2026-09-21T14:13:20Z", "level": "LOG", "message": format!("{n} {text}")}]})
        })
        .collect();
    let push = json!({"collector_id": collector, "hostname": "db-1", "version": "3.0.0",
        "timestamp": "2026-09-21T14:13:20Z", "metrics": metrics});
    (push, count)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_of_64_mib_is_taken_by_a_follower_and_read_on_every_node() -> anyhow::Result<()> {
    let cluster = Cluster::start(ClusterOptions::default()).await?;
    let leader = cluster.leader().await?;
    let follower = leader % 3 + 1;
    let collector = Uuid::new_v4().to_string();
    let (push, count) = large(&collector, 63 * MIB);
    let body = push.to_string();
    ensure!(
        body.len() > 63 * MIB && body.len() <= 64 * MIB,
        "{} bytes",
        body.len()
    );
    let answer = cluster.push_ok(follower, body).await?;
    ensure!(answer["metrics_inserted"] == json!(count), "{answer}");
    let at = position(&answer)?;
    for id in cluster.ids() {
        ensure!(
            count_elements(&cluster, id, &collector, &at).await? == count,
            "node {id}"
        );
        let rss = resident_kib(cluster.node(id)?.pid())?;
        ensure!(rss < MAX_RSS_KIB, "node {id} keeps {} MiB", rss >> 10);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_push_that_its_leader_dies_in_is_all_or_nothing() -> anyhow::Result<()> {
    let mut cluster = Cluster::start(ClusterOptions::default()).await?;
    let leader = cluster.leader().await?;
    let (first, second) = (leader % 3 + 1, (leader + 1) % 3 + 1);
    let collector = Uuid::new_v4().to_string();
    let (push, count) = large(&collector, 24 * MIB);
    let body = Bytes::from(push.to_string());
    let before = last_index(&cluster, leader).await?;
    // Some parts are in the log, the commit is not.
    let strike = async {
        until(
            "parts of the push are in the log",
            Duration::from_secs(180),
            async || match last_index(&cluster, leader).await {
                Ok(last) if last >= before + 3 => Ok(()),
                other => Err(format!("{other:?}")),
            },
        )
        .await?;
        cluster.strike(leader)
    };
    let (outcome, struck) = tokio::join!(cluster.push(first, body.clone(), &[]), strike);
    struck?;
    cluster.kill(leader).await?;
    eprintln!(
        "answer to the push whose leader died: {:?}",
        outcome.as_ref().map(|a| a.status)
    );
    let stored = match &outcome {
        Ok(answer) if answer.status == 200 => count,
        _ => 0,
    };
    // Whatever became of it: the client sends it again, to the other survivor.
    let answer = resend(&cluster, second, body).await?;
    let (inserted, repeated) = (&answer["metrics_inserted"], &answer["metrics_repeated"]);
    let is_whole = [(json!(count), json!(0)), (json!(0), json!(count))];
    ensure!(
        is_whole.contains(&(inserted.clone(), repeated.clone())),
        "half a push: {answer}"
    );
    ensure!(
        stored == 0 || repeated == &json!(count),
        "acknowledged and lost: {answer}"
    );
    let at = position(&answer)?;
    cluster.restart(leader).await?;
    for id in cluster.ids() {
        ensure!(
            count_elements(&cluster, id, &collector, &at).await? == count,
            "node {id}"
        );
    }
    Ok(())
}

async fn last_index(cluster: &Cluster, id: u64) -> anyhow::Result<u64> {
    let status = cluster.status_of(id).await?;
    let node = status.nodes.iter().find(|node| node.id == id);
    Ok(node.context("not a member")?.last)
}

/// As a client does it: again after each 503.
async fn resend(cluster: &Cluster, id: u64, body: Bytes) -> anyhow::Result<Value> {
    until(
        "the push is acknowledged",
        Duration::from_secs(180),
        async || {
            let answer = cluster.push(id, body.clone(), &[]).await;
            let answer = answer.map_err(|error| format!("{error:#}"))?;
            match answer.status.as_u16() {
                200 => serde_json::from_slice(&answer.body).map_err(|error| error.to_string()),
                _ => Err(answer.text_start()),
            }
        },
    )
    .await
}

/// The elements take up more than one answer may hold, so only pages of few are read.
async fn count_elements(
    cluster: &Cluster,
    id: u64,
    collector: &str,
    at: &str,
) -> anyhow::Result<usize> {
    let (mut count, mut cursor) = (0, String::new());
    loop {
        let path =
            format!("/api/v1/collectors/{collector}/metrics?limit=200&min_position={at}{cursor}");
        let page = cluster.get_json(id, &path).await?;
        count += page["data"].as_array().map_or(0, Vec::len);
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(count),
        }
    }
}
