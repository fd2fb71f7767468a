//! Nodes are killed under load: nothing acknowledged is lost, nothing is stored twice.

use std::time::Duration;

use anyhow::ensure;
use pga_chaos_tests::{ClusterOptions, Load, none_failed, verified};
use pga_loadgen::Kind;

use crate::stores::{Store, on_both_stores};

/// Longest time without an acknowledgement that a client may see when the leader dies: a debug
/// build on a machine that runs other tests. The goal of a release build is 2 s.
const MAX_GAP: Duration = Duration::from_secs(10);

/// How long all nodes are down at once.
const DOWN: Duration = Duration::from_secs(1);

on_both_stores!(
    killing_the_leader_under_load_loses_nothing,
    killing_all_nodes_under_load_loses_nothing,
);

async fn killing_the_leader_under_load_loses_nothing(store: Store) -> anyhow::Result<()> {
    let mut cluster = store.cluster(ClusterOptions::default()).await?;
    let mut args = cluster.load_args();
    args.collectors = 20;
    args.elements = 20;
    args.interval = Duration::from_millis(200);
    let load = Load::start(args);
    load.acknowledged(50).await?;
    let leader = cluster.leader().await?;
    cluster.kill(leader).await?;
    tokio::time::sleep(Duration::from_secs(4)).await;
    ensure!(cluster.leader().await? != leader, "the dead node leads");
    let (args, run) = load.stop().await?;
    none_failed(&run)?;
    eprintln!(
        "{store:?}: longest gap {:?}, {} pushes",
        run.longest_gap, run.succeeded
    );
    ensure!(
        run.longest_gap < MAX_GAP,
        "no acknowledgement for {:?}",
        run.longest_gap
    );
    cluster.restart(leader).await?;
    cluster.wait_converged(Duration::from_secs(180)).await?;
    verified(&args, &run).await?;
    Ok(())
}

async fn killing_all_nodes_under_load_loses_nothing(store: Store) -> anyhow::Result<()> {
    let mut cluster = store.cluster(ClusterOptions::default()).await?;
    let mut args = cluster.load_args();
    args.kind = Kind::Cycle;
    args.elements = 14;
    args.collectors = 8;
    args.interval = Duration::from_millis(100);
    let load = Load::start(args);
    load.acknowledged(50).await?;
    for id in cluster.ids() {
        cluster.kill(id).await?;
    }
    ensure!(
        cluster.nodes().iter().all(|node| !node.is_alive()),
        "not all are dead"
    );
    tokio::time::sleep(DOWN).await;
    for id in cluster.ids() {
        cluster.spawn(id)?;
    }
    for id in cluster.ids() {
        cluster.wait_ready(id).await?;
    }
    load.acknowledged(50).await?;
    let (args, run) = load.stop().await?;
    eprintln!(
        "{store:?}: longest gap {:?}, {} pushes",
        run.longest_gap, run.succeeded
    );
    ensure!(
        run.longest_gap >= DOWN,
        "something acknowledged while all were dead"
    );
    none_failed(&run)?;
    cluster.wait_converged(Duration::from_secs(180)).await?;
    verified(&args, &run).await?;
    Ok(())
}
