//! A small fleet.

use std::time::Duration;

use pga_chaos_tests::{Cluster, ClusterOptions, Load, verified};

use crate::Options;
use crate::noise::WakeUps;
use crate::report::Report;

pub(crate) async fn run(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let cluster = Cluster::start(ClusterOptions::default()).await?;
    let mut args = cluster.load_args();
    args.collectors = 20;
    args.elements = 100;
    args.interval = Duration::from_secs(1);
    args.duration = options.duration(60);
    let wake_ups = WakeUps::start();
    let (args, run) = Load::start(args).join().await?;
    let late = wake_ups.stop()?;
    let run = verified(&args, &run).await?;
    let share = run.pushes.succeeded as f64 * 100.0 / run.pushes.attempted as f64;
    report.add(
        "20 collectors × 100 elements every 1 s: pushes acknowledged, latency p50 / p99 / max; lateness of a thread \
         that sleeps 1 ms p99 / max",
        format!(
            "{share:.2} %, {:.2} / {:.2} / {:.2} ms; {:.2} / {:.2} ms",
            run.latency_ms.p50,
            run.latency_ms.p99,
            run.latency_ms.max,
            late.percentile(99),
            late.percentile(100),
        ),
        "100 %, p99 < 10 ms",
    );
    report.add(
        "the same: elements acknowledged, stored on every node, lost, duplicated, phantom",
        format!(
            "{}, {}, {}, {}, {}",
            run.elements.acknowledged,
            run.elements.stored.unwrap_or_default(),
            run.elements.lost.unwrap_or_default(),
            run.elements.duplicated.unwrap_or_default(),
            run.elements.phantom.unwrap_or_default()
        ),
        "everything stored, 0, 0, 0",
    );
    Ok(())
}
