//! Big batches as fast as possible.

use pga_chaos_tests::{Cluster, ClusterOptions, Load};
use pga_loadgen::Rate;

use crate::Options;
use crate::report::Report;
use crate::usage::{Watch, cpu_time, mib};

/// CPU seconds of one copy without fsync, for parsing and storing a million samples
/// (VictoriaMetrics).
const VICTORIA_METRICS: f64 = 1.1;

pub(crate) async fn run(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let cluster = Cluster::start(ClusterOptions::default()).await?;
    let watch = Watch::start(&cluster);
    let mut args = cluster.load_args();
    args.collectors = 8;
    args.elements = 5_000;
    args.rate = Some(Rate::Max);
    args.duration = options.duration(20);
    let before = cpu_time(&cluster)?;
    let load = Load::start(args);
    let (args, run) = load.join().await?;
    // Storing what was acknowledged is part of the price.
    cluster
        .wait_converged(std::time::Duration::from_secs(120))
        .await?;
    let used = cpu_time(&cluster)? - before;
    let largest = watch.stop();
    let run = pga_chaos_tests::verified(&args, &run).await?;
    let millions = run.elements.acknowledged as f64 / 1e6;
    let per_million = used.as_secs_f64() / millions;
    report.add(
        "8 clients × 5,000 elements a push at full rate: elements/s acknowledged; largest node",
        format!("{:.0}; {} MiB", run.rate.elements_per_s, mib(largest)),
        "",
    );
    report.add(
        "the same: CPU seconds of all three nodes per million samples, until stored three times",
        format!("{per_million:.2}"),
        &format!("beside {VICTORIA_METRICS} of VictoriaMetrics, one copy without fsync"),
    );
    Ok(())
}
