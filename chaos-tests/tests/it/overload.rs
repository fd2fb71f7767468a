//! Ten times the load the cluster can take.

use std::time::Duration;

use anyhow::ensure;
use pga_chaos_tests::{Cluster, ClusterOptions, Offer};

/// The goal. It is far away here: 64 collectors wait for their answers most of the time, ten times
/// as many make more of the machine. What the greatest rate becomes under overload is a row of the
/// benchmark program.
const LEAST_SHARE: f64 = 0.8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn overload_neither_elects_nor_loses_and_goodput_stays() -> anyhow::Result<()> {
    let cluster = Cluster::start(ClusterOptions::default()).await?;
    let offer = Offer {
        collectors: 64,
        most_collectors: 64,
        times: 10,
        elements: 5,
        duration: Duration::from_secs(4),
        rounds: 3,
    };
    let overload = cluster.overload(offer).await?;
    ensure!(overload.elections == 0, "{} elections", overload.elections);
    ensure!(
        overload.share() >= LEAST_SHARE,
        "{:.0} % of the greatest goodput; {} refused",
        100.0 * overload.share(),
        overload.refused
    );
    Ok(())
}
