//! Actors panic: they are started again, counted, and nothing is lost.

use std::time::Duration;

use anyhow::ensure;
use pga_chaos_tests::{Cluster, ClusterOptions, Load, none_failed, until, verified};

use crate::stores::{Store, on_both_stores};

on_both_stores!(a_panic_in_any_actor_is_a_restart_and_loses_nothing);

async fn a_panic_in_any_actor_is_a_restart_and_loses_nothing(store: Store) -> anyhow::Result<()> {
    let cluster = store.cluster(ClusterOptions::default()).await?;
    let mut args = cluster.load_args();
    args.interval = Duration::from_millis(200);
    let load = Load::start(args);
    load.acknowledged(50).await?;
    let leader = cluster.leader().await?;
    let pid = cluster.node(leader)?.pid();
    for actor in ["session", "flusher", "web"] {
        let before = restarts(&cluster, leader).await?;
        cluster
            .command(leader, &["inject-panic", "--actor", actor])
            .await?;
        until(
            "the restart is counted",
            Duration::from_secs(120),
            async || {
                let now = restarts(&cluster, leader)
                    .await
                    .map_err(|error| format!("{error:#}"))?;
                if now > before {
                    Ok(())
                } else {
                    Err(format!("{actor}: {now} restarts"))
                }
            },
        )
        .await?;
        cluster.wait_ready(leader).await?;
    }
    let (args, run) = load.stop().await?;
    ensure!(
        cluster.node(leader)?.is_alive() && cluster.node(leader)?.pid() == pid,
        "the node died"
    );
    none_failed(&run)?;
    cluster.wait_converged(Duration::from_secs(180)).await?;
    verified(&args, &run).await?;
    Ok(())
}

/// All actor restarts of one node.
async fn restarts(cluster: &Cluster, id: u64) -> anyhow::Result<f64> {
    let text = cluster.metrics(id).await?;
    let lines = text
        .lines()
        .filter(|line| line.starts_with("pganalytics_actor_restarts_total"));
    Ok(lines
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum())
}
