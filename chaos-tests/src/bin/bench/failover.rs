//! The leader is killed again and again, and hands over as planned.

use std::time::Duration;

use pga_chaos_tests::{Cluster, ClusterOptions, Load, none_failed, verified};
use pga_loadgen::LoadArgs;

use crate::Options;
use crate::durations::Durations;
use crate::report::Report;

const TRANSFERS: u32 = 20;

pub(crate) async fn run(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let mut cluster = Cluster::start(ClusterOptions::default()).await?;
    let mut gaps = Vec::new();
    for n in 1..=options.kills {
        gaps.push(kill(&mut cluster).await?);
        if n % 10 == 0 {
            eprintln!("{n} of {} kills", options.kills);
        }
    }
    let gaps = Durations::from(gaps);
    report.add(
        format!(
            "{} × kill -9 of the leader: longest time without an acknowledgement p50 / p99 / max",
            gaps.len()
        ),
        format!(
            "{:.0} / {:.0} / {:.0} ms",
            gaps.percentile(50),
            gaps.percentile(99),
            gaps.percentile(100)
        ),
        "p50 < 1 s, max < 2 s",
    );
    let mut gaps = Vec::new();
    let mut failed = 0;
    for _ in 0..TRANSFERS {
        let (gap, failures) = transfer(&cluster).await?;
        gaps.push(gap);
        failed += failures;
    }
    let gaps = Durations::from(gaps);
    report.add(
        format!("{TRANSFERS} × transfer-leader: the same p50 / max; failed pushes"),
        format!(
            "{:.0} / {:.0} ms; {failed}",
            gaps.percentile(50),
            gaps.percentile(100)
        ),
        "< 300 ms, 0",
    );
    Ok(())
}

/// Steady load whose own gaps are some milliseconds.
fn load_args(cluster: &Cluster) -> LoadArgs {
    let mut args = cluster.load_args();
    args.collectors = 20;
    args.elements = 10;
    args.interval = Duration::from_millis(100);
    args.duration = Duration::from_secs(60);
    args
}

async fn kill(cluster: &mut Cluster) -> anyhow::Result<Duration> {
    let leader = cluster.leader().await?;
    let load = Load::start(load_args(cluster));
    tokio::time::sleep(Duration::from_secs(1)).await;
    cluster.kill(leader).await?;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let (args, run) = load.stop().await?;
    none_failed(&run)?;
    cluster.restart(leader).await?;
    cluster.wait_converged(Duration::from_secs(60)).await?;
    verified(&args, &run).await?;
    Ok(run.longest_gap)
}

async fn transfer(cluster: &Cluster) -> anyhow::Result<(Duration, u64)> {
    let leader = cluster.leader().await?;
    let to = leader % 3 + 1;
    let load = Load::start(load_args(cluster));
    tokio::time::sleep(Duration::from_millis(500)).await;
    cluster
        .command(leader, &["transfer-leader", "--to", &to.to_string()])
        .await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (_, run) = load.stop().await?;
    Ok((run.longest_gap, run.failed))
}
