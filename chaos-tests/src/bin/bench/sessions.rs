//! A large fleet, and what nodes use while nothing happens.

use std::time::Duration;

use anyhow::Context;
use pga_chaos_tests::{Cluster, ClusterOptions, Load};

use crate::Options;
use crate::report::Report;
use crate::usage::{Watch, largest_resident, mib, resident_bytes};

const SESSIONS: u32 = 10_000;

pub(crate) async fn run(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let cluster = Cluster::start(ClusterOptions::default()).await?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let idle = largest_resident(&cluster)?;
    report.add(
        "idle node: resident memory",
        format!("{} MiB", mib(idle)),
        "< 60 MB",
    );
    let watch = Watch::start(&cluster);
    let mut args = cluster.load_args();
    args.collectors = 1_000;
    args.elements = 100;
    args.interval = Duration::from_secs(10);
    args.duration = options.duration(120);
    args.verify_timeout = Duration::from_secs(300);
    let load = Load::start(args);
    let (args, run) = load.join().await?;
    let largest = watch.stop();
    let run = pga_chaos_tests::verified(&args, &run).await?;
    report.add(
        "1,000 collectors × 100 elements every 10 s: failed pushes, latency p50 / p99, largest node",
        format!(
            "{}, {:.1} / {:.1} ms, {} MiB",
            run.pushes.failed,
            run.latency_ms.p50,
            run.latency_ms.p99,
            mib(largest)
        ),
        "0, p99 < 50 ms, < 150 MB",
    );
    drop(cluster);
    idle_sessions(report).await
}

/// Every collector pushes once to the same node and then stays: its session is open, and so is its
/// connection.
async fn idle_sessions(report: &mut Report) -> anyhow::Result<()> {
    let cluster = Cluster::start(ClusterOptions::default()).await?;
    let node = cluster.nodes().first().context("no nodes")?;
    let mut args = cluster.load_args();
    args.nodes.truncate(1);
    args.collectors = SESSIONS;
    args.elements = 1;
    args.interval = Duration::from_secs(60);
    let before = resident_bytes(node.pid())?;
    let load = Load::start(args);
    load.acknowledged(SESSIONS.into()).await?;
    let after = resident_bytes(node.pid())?;
    let (_, run) = load.stop().await?;
    report.add(
        format!("{SESSIONS} sessions with a connection each on one node: its memory before and after; failed pushes"),
        format!("{} MiB, {} MiB; {}", mib(before), mib(after), run.failed),
        "< 300 MB",
    );
    Ok(())
}
