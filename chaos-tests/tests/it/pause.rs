//! A leader that does nothing for a while (SIGSTOP) and then believes it still leads.

use std::time::Duration;

use anyhow::ensure;
use pga_chaos_tests::{ClusterOptions, Load, none_failed, verified};

use crate::stores::{Store, on_both_stores};

/// The clients of the paused node give it up only after their timeout.
const MAX_GAP: Duration = Duration::from_secs(10);

on_both_stores!(a_paused_leader_is_replaced_and_harms_nothing_when_it_wakes);

async fn a_paused_leader_is_replaced_and_harms_nothing_when_it_wakes(
    store: Store,
) -> anyhow::Result<()> {
    let cluster = store.cluster(ClusterOptions::default()).await?;
    let mut args = cluster.load_args();
    args.interval = Duration::from_millis(200);
    args.timeout = Duration::from_secs(2);
    let load = Load::start(args);
    load.acknowledged(50).await?;
    let leader = cluster.leader().await?;
    cluster.pause(leader).await?;
    tokio::time::sleep(Duration::from_secs(6)).await;
    let other = leader % 3 + 1;
    let during = cluster.status_of(other).await?;
    cluster.resume(leader)?;
    ensure!(
        during.leader.is_some_and(|new| new != leader),
        "not replaced: {during:?}"
    );
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (args, run) = load.stop().await?;
    none_failed(&run)?;
    eprintln!("{store:?}: longest gap {:?}", run.longest_gap);
    ensure!(
        run.longest_gap < MAX_GAP,
        "no acknowledgement for {:?}",
        run.longest_gap
    );
    cluster.wait_converged(Duration::from_secs(180)).await?;
    verified(&args, &run).await?;
    Ok(())
}
