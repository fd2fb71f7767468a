//! A node that was away catches up, from the log or from a snapshot.

use std::path::Path;
use std::time::Duration;

use pga_chaos_tests::{ClusterOptions, Load, none_failed, verified};

use crate::stores::{Setup, Store, on_both_stores};

on_both_stores!(
    a_node_that_was_away_catches_up_from_the_log,
    a_node_that_was_away_catches_up_from_a_snapshot_when_the_log_is_purged,
);

async fn a_node_that_was_away_catches_up_from_the_log(store: Store) -> anyhow::Result<()> {
    let mut cluster = store.cluster(ClusterOptions::default()).await?;
    let follower = cluster.leader().await? % 3 + 1;
    let mut args = cluster.load_args();
    args.interval = Duration::from_millis(200);
    let load = Load::start(args);
    load.acknowledged(50).await?;
    cluster.kill(follower).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    cluster.restart(follower).await?;
    let (args, run) = load.stop().await?;
    none_failed(&run)?;
    cluster.wait_converged(Duration::from_secs(180)).await?;
    verified(&args, &run).await?;
    Ok(())
}

async fn a_node_that_was_away_catches_up_from_a_snapshot_when_the_log_is_purged(
    store: Store,
) -> anyhow::Result<()> {
    let options = ClusterOptions::default()
        .with("log.segment-size", "1MiB")
        .with("log.retain-after-flush-size", "1MiB");
    let mut cluster = store.cluster(options).await?;
    let leader = cluster.leader().await?;
    let follower = leader % 3 + 1;
    let missed = cluster
        .status_of(leader)
        .await?
        .nodes
        .iter()
        .map(|node| node.last)
        .max();
    cluster.kill(follower).await?;
    let mut args = cluster.load_args();
    args.collectors = 8;
    args.elements = 2_000;
    args.interval = Duration::from_millis(100);
    let load = Load::start(args);
    let purged = wait_purged(&cluster, leader, missed.unwrap_or_default()).await;
    let (args, run) = load.stop().await?;
    purged?;
    cluster.restart(follower).await?;
    cluster.wait_converged(Duration::from_secs(120)).await?;
    verified(&args, &run).await?;
    Ok(())
}

/// Waits until the leader's log no longer begins with what the follower misses.
async fn wait_purged(cluster: &Setup, leader: u64, missed: u64) -> anyhow::Result<()> {
    let data = cluster.node(leader)?.data.clone();
    pga_chaos_tests::until("the log is purged", Duration::from_secs(90), async || {
        // Asked for again and again: each is taken as of what is flushed by then.
        snapshot(cluster, leader)
            .await
            .map_err(|error| format!("{error:#}"))?;
        match first_index(&data) {
            Some(first) if first > missed + 1 => Ok(()),
            first => Err(format!("log begins at {first:?}, {missed} is missing")),
        }
    })
    .await
}

async fn snapshot(cluster: &Setup, id: u64) -> anyhow::Result<()> {
    cluster.command(id, &["snapshot"]).await?;
    Ok(())
}

/// The first index in the log of a data directory: segment files carry it in their name.
fn first_index(data: &Path) -> Option<u64> {
    let entries = std::fs::read_dir(data.join("raft/log")).ok()?;
    let index = |name: &str| {
        let digits: String = name.chars().filter(char::is_ascii_hexdigit).collect();
        digits.parse().ok()
    };
    let names = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter_map(|name| index(&name)).min()
}
