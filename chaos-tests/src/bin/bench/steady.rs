//! A small fleet.

use std::time::Duration;

use pga_chaos_tests::{Cluster, ClusterOptions, Load, verified};
use pga_node::load::Run;

use crate::Options;
use crate::durations::Durations;
use crate::report::Report;
use crate::stalls::{Stalls, Watch};

pub(crate) async fn run(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let cluster = Cluster::start(ClusterOptions::default()).await?;
    let mut args = cluster.load_args();
    args.collectors = 20;
    args.elements = 100;
    args.interval = Duration::from_secs(1);
    args.duration = options.duration(60);
    let watch = Watch::start()?;
    let (args, run) = Load::start(args).join().await?;
    let stalls = watch.stop()?;
    let spared = spared(&run, &stalls);
    let run = verified(&args, &run).await?;
    let share = run.pushes.succeeded as f64 * 100.0 / run.pushes.attempted as f64;
    let latency = &run.latency_ms;
    report.add(
        "20 collectors × 100 elements every 1 s: pushes acknowledged, latency p50 / p95 / p99 / max",
        format!(
            "{share:.2} %, {:.2} / {:.2} / {:.2} / {:.2} ms",
            latency.p50, latency.p95, latency.p99, latency.max,
        ),
        "100 %, p99 < 10 ms",
    );
    let (stalls, stalled) = stalls.total();
    report.add(
        "meanwhile cores stalled for over 1 ms: how often, for how long together; pushes around which (20 ms before to 50 \
         ms after their beginning) none did: how many, latency p50 / p95 / p99 / max",
        format!(
            "{stalls}, {:.2} s; {}, {:.2} / {:.2} / {:.2} / {:.2} ms",
            stalled.as_secs_f64(),
            spared.len(),
            spared.percentile(50),
            spared.percentile(95),
            spared.percentile(99),
            spared.percentile(100),
        ),
        "p99 < 10 ms",
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

/// Latencies of the pushes that no stall was near.
fn spared(run: &Run, stalls: &Stalls) -> Durations {
    let spared = run
        .latencies
        .iter()
        .filter(|(_, begun)| stalls.spared(begun.into_std()));
    spared
        .map(|(latency, _)| *latency)
        .collect::<Vec<_>>()
        .into()
}
