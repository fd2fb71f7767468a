//! The power is cut under load: of one node after the other, and of all at once. Nothing
//! acknowledged is lost.
//!
//! `PGANALYTICS_POWER_CUTS` says how often, 20 if it is not set; before a release it is 200.

use std::time::Duration;

use anyhow::{Context, ensure};
use pga_chaos_tests::{Cluster, ClusterOptions, Load, why_no_disks};
use tokio::time::Instant;

/// Pushes that are acknowledged between two cuts at least: else a cut proves nothing.
const BETWEEN: u64 = 20;
/// Bounds a hang after the last cut.
const RECOVERY: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn cutting_the_power_of_one_node_after_the_other_loses_nothing() -> anyhow::Result<()> {
    cut_under_load(async |cluster, round| {
        // The leader is hit each third time.
        if round % 3 == 0 {
            return Ok(vec![cluster.leader().await?]);
        }
        let ids = cluster.ids();
        let next = usize::try_from(round)? % ids.len();
        Ok(ids.get(next).copied().into_iter().collect())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn cutting_the_power_of_all_nodes_at_once_loses_nothing() -> anyhow::Result<()> {
    cut_under_load(async |cluster, _| Ok(cluster.ids())).await
}

/// Cuts the power of the nodes that `choose` names, round after round, under load; then checks what
/// is stored.
async fn cut_under_load(
    choose: impl AsyncFn(&Cluster, u64) -> anyhow::Result<Vec<u64>>,
) -> anyhow::Result<()> {
    if let Some(why) = why_no_disks() {
        eprintln!("SKIPPED, no power was cut: {why}");
        return Ok(());
    }
    let cuts = cuts()?;
    let options = ClusterOptions {
        disks: true,
        ..ClusterOptions::default()
    };
    let mut cluster = Cluster::start(options).await?;
    let mut args = cluster.load_args();
    args.collectors = 10;
    args.elements = 20;
    args.interval = Duration::from_millis(50);
    args.duration = Duration::from_secs(24 * 3600);
    let load = Load::start(args);
    let begun = Instant::now();
    for round in 0..cuts {
        load.acknowledged(BETWEEN)
            .await
            .with_context(|| format!("cut {round} would prove nothing"))?;
        let ids = choose(&cluster, round).await?;
        cluster.cut_power(&ids).await?;
        for id in &ids {
            cluster.spawn(*id)?;
        }
        for id in &ids {
            cluster
                .wait_ready(*id)
                .await
                .with_context(|| format!("after cut {round}"))?;
        }
    }
    load.acknowledged(BETWEEN).await?;
    let cutting = begun.elapsed();
    let report = load.verify().await?;
    ensure!(
        report.pushes.succeeded > BETWEEN * cuts,
        "too few: {report}"
    );
    eprintln!("{cuts} power cuts in {cutting:?}, {report}");
    for node in cluster.nodes() {
        let life = node.data.join("raft/life");
        ensure!(
            !life.exists(),
            "node {} was taken for one that lost its log",
            node.id
        );
    }
    cluster.wait_converged(RECOVERY).await?;
    Ok(())
}

fn cuts() -> anyhow::Result<u64> {
    match std::env::var("PGANALYTICS_POWER_CUTS") {
        Ok(text) => text.parse().context("PGANALYTICS_POWER_CUTS is a number"),
        Err(_) => Ok(20),
    }
}
