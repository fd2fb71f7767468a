//! Nodes come and go under load.

use std::time::Duration;

use anyhow::{Context, ensure};
use pga_chaos_tests::{Cluster, ClusterOptions, Load, none_failed, verified};

use crate::stores::{Store, on_both_stores};

on_both_stores!(a_fourth_node_joins_under_load);

async fn a_fourth_node_joins_under_load(store: Store) -> anyhow::Result<()> {
    let mut cluster = store.cluster(ClusterOptions::default()).await?;
    let mut args = cluster.load_args();
    args.interval = Duration::from_millis(200);
    let load = Load::start(args);
    load.acknowledged(50).await?;
    let id = cluster.join().await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (mut args, run) = load.stop().await?;
    none_failed(&run)?;
    let status = cluster.wait_converged(Duration::from_secs(180)).await?;
    let new = status
        .nodes
        .iter()
        .find(|node| node.id == id)
        .context("not a member")?;
    ensure!(new.role == "follower" || new.role == "leader", "{new:?}");
    // The new node has everything, also what was stored before it came.
    args.nodes = cluster.endpoints();
    ensure!(args.nodes.len() == 4, "{:?}", args.nodes);
    verified(&args, &run).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_leadership_is_handed_over_without_a_failed_push() -> anyhow::Result<()> {
    let cluster = Cluster::start(ClusterOptions::default()).await?;
    let mut args = cluster.load_args();
    args.interval = Duration::from_millis(100);
    let load = Load::start(args);
    load.acknowledged(50).await?;
    for _ in 0..3 {
        let leader = cluster.leader().await?;
        let to = leader % 3 + 1;
        cluster
            .command(leader, &["transfer-leader", "--to", &to.to_string()])
            .await?;
        ensure!(
            cluster.leader().await? == to,
            "leadership did not move to {to}"
        );
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let (args, run) = load.stop().await?;
    none_failed(&run)?;
    eprintln!("longest gap over three transfers {:?}", run.longest_gap);
    ensure!(
        run.longest_gap < Duration::from_secs(5),
        "no acknowledgement for {:?}",
        run.longest_gap
    );
    verified(&args, &run).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_node_is_gone_and_the_others_go_on() -> anyhow::Result<()> {
    let mut cluster = Cluster::start(ClusterOptions::default()).await?;
    let leader = cluster.leader().await?;
    let follower = leader % 3 + 1;
    cluster
        .command(leader, &["remove", "--id", &follower.to_string()])
        .await?;
    cluster.kill(follower).await?;
    let status = cluster.status_of(leader).await?;
    ensure!(
        status.nodes.iter().all(|node| node.id != follower),
        "{status:?}"
    );
    let mut args = cluster.load_args();
    args.nodes
        .retain(|node| cluster.node(follower).is_ok_and(|gone| gone.http != *node));
    args.duration = Duration::from_secs(2);
    args.interval = Duration::from_millis(200);
    Load::start(args).finish().await?;
    Ok(())
}
