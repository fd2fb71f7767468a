//! One element a push, as fast as possible.

use anyhow::ensure;
use pga_chaos_tests::{Cluster, ClusterOptions, Load};
use pga_loadgen::Rate;

use crate::Options;
use crate::etcd::Etcd;
use crate::report::Report;

pub(crate) async fn run(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let mut best = 0.0f64;
    for collectors in [64, 256] {
        let cluster = Cluster::start(ClusterOptions::default()).await?;
        let mut args = cluster.load_args();
        args.collectors = collectors;
        args.elements = 1;
        args.rate = Some(Rate::Max);
        args.duration = options.duration(20);
        let run = Load::start(args).finish().await?;
        ensure!(run.pushes.failed == 0, "{run}");
        best = best.max(run.rate.pushes_per_s);
        report.add(
            format!("1 element a push at full rate, {collectors} clients: acknowledged/s, latency p50 / p99; cores used by the load"),
            format!(
                "{:.0}, {:.1} / {:.1} ms; {:.2}",
                run.rate.pushes_per_s, run.latency_ms.p50, run.latency_ms.p99, run.cost.cpu_cores
            ),
            "≥ 5,000/s",
        );
    }
    let etcd = Etcd::start().await?.writes_per_second().await?;
    report.add(
        "three-node etcd on the same machine (`etcdctl check perf --load=l`): writes/s; ours to it",
        format!("{etcd:.0}; {:.2}", best / etcd),
        "",
    );
    Ok(())
}
