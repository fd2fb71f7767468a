//! A small fleet at a normal rate, and the same number of writes of the same size into etcd.

use std::time::Duration;

use pga_chaos_tests::{Cluster, ClusterOptions, Load, verified};
use tokio::time::Instant;

use crate::Options;
use crate::durations::Durations;
use crate::etcd::Etcd;
use crate::report::Report;
use crate::stalls::{Stalls, Watch};

const COLLECTORS: u32 = 20;
const ELEMENTS: u32 = 100;
/// About what the JSON of a push has.
const PUSH_BYTES: usize = 10_000;

pub(crate) async fn run(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let cluster = Cluster::start(ClusterOptions::default()).await?;
    let mut args = cluster.load_args();
    args.collectors = COLLECTORS;
    args.elements = ELEMENTS;
    args.interval = Duration::from_secs(1);
    args.duration = options.duration(60);
    let watch = Watch::start()?;
    let (args, run) = Load::start(args).join().await?;
    let stalls = watch.stop()?;
    let latencies = run.latencies.clone();
    let run = verified(&args, &run).await?;
    let share = run.pushes.succeeded as f64 * 100.0 / run.pushes.attempted as f64;
    report.add(
        "20 collectors × 100 elements every 1 s: pushes acknowledged",
        format!("{share:.2} %"),
        "100 %",
    );
    report.add(
        "the same: elements acknowledged, stored on every node, lost, duplicated, phantom",
        format!(
            "{}, {}, {}, {}, {}",
            run.elements.acknowledged,
            run.elements.stored.unwrap_or_default(),
            run.elements.lost.unwrap_or_default(),
            run.elements.duplicated.unwrap_or_default(),
            run.elements.phantom.unwrap_or_default(),
        ),
        "everything stored, 0, 0, 0",
    );
    show("the pushes", &latencies, &stalls, "p99 < 10 ms", report);
    drop(cluster);

    let etcd = Etcd::start().await?;
    let watch = Watch::start()?;
    let puts = etcd
        .puts(COLLECTORS, PUSH_BYTES, options.duration(60))
        .await?;
    let stalls = watch.stop()?;
    show(
        "puts of 10 kB at the same rate into a three-node etcd, just after",
        &puts,
        &stalls,
        "",
        report,
    );
    Ok(())
}

/// Two rows: of all requests, and of those that the host let run.
fn show(
    what: &str,
    requests: &[(Duration, Instant)],
    stalls: &Stalls,
    goal: &str,
    report: &mut Report,
) {
    let all = requests.iter().map(|(latency, _)| *latency);
    let all = Durations::from(all.collect::<Vec<_>>());
    let (count, time) = stalls.total();
    report.add(
        format!(
            "{what}: latency p50 / p95 / p99 / max; how often, and how long together, one of the cores stalled for over 1 ms"
        ),
        format!("{}; {count}, {:.1} s", percentiles(&all), time.as_secs_f64()),
        goal,
    );
    let spared = requests
        .iter()
        .filter(|(_, begun)| stalls.spared(begun.into_std()));
    let spared = spared.map(|(latency, _)| *latency);
    let spared = Durations::from(spared.collect::<Vec<_>>());
    report.add(
        "those around which (20 ms before to 50 ms after their beginning) no core stalled: how many; p50 / p95 / p99 / max",
        format!("{}; {}", spared.len(), percentiles(&spared)),
        goal,
    );
}

fn percentiles(times: &Durations) -> String {
    let [p50, p95, p99, max] = [50, 95, 99, 100].map(|percent| times.percentile(percent));
    format!("{p50:.2} / {p95:.2} / {p99:.2} / {max:.2} ms")
}
