//! The database is away while 10,000 elements a second arrive.

use std::time::{Duration, Instant};

use pga_chaos_tests::{Cluster, ClusterOptions, Load, Timescale, none_failed, verified};

use crate::Options;
use crate::report::Report;
use crate::usage::{Watch, disk_bytes, mib};

const ELEMENTS_PER_SECOND: u64 = 10_000;

pub(crate) async fn run(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let database = Timescale::server().await?;
    let cluster_options = ClusterOptions {
        timescale: Some(database.url().to_owned()),
        ..ClusterOptions::default()
    };
    let cluster = Cluster::start(cluster_options).await?;
    let mut args = cluster.load_args();
    args.collectors = 100;
    args.elements = 100;
    args.interval = Duration::from_secs(1);
    args.duration = options.outage;
    args.verify_timeout = Duration::from_secs(600);
    let mut calm = args.clone();
    calm.duration = Duration::from_secs(20);
    let calm = Load::start(calm).finish().await?;
    database.crash().await?;
    let watch = Watch::start(&cluster);
    let (args, run) = Load::start(args).join().await?;
    let largest = watch.stop();
    let disk = cluster
        .nodes()
        .iter()
        .map(|node| disk_bytes(&node.data))
        .max();
    none_failed(&run)?;
    database.restart().await?;
    let begun = Instant::now();
    cluster.wait_converged(Duration::from_secs(1_800)).await?;
    let drained = begun.elapsed();
    let run = verified(&args, &run).await?;
    let rate = run.elements.acknowledged as f64 / drained.as_secs_f64();
    report.add(
        format!("database away for {:?} at {ELEMENTS_PER_SECOND} elements/s: ack p99 before / during; largest node; its disk", options.outage),
        format!(
            "{:.1} / {:.1} ms; {} MiB; {} MiB",
            calm.latency_ms.p99,
            run.latency_ms.p99,
            mib(largest),
            mib(disk.unwrap_or_default())
        ),
        "every push acknowledged",
    );
    report.add(
        "the same: drained after it comes back, and the rate to that of the arrivals",
        format!(
            "{:.1} s, {:.1} ×",
            drained.as_secs_f64(),
            rate / ELEMENTS_PER_SECOND as f64
        ),
        "≥ 5 ×",
    );
    Ok(())
}
