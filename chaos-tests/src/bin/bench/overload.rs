//! Ten times the load the cluster can take.

use anyhow::ensure;
use pga_chaos_tests::{Cluster, ClusterOptions, Offer};

use crate::Options;
use crate::report::Report;

pub(crate) async fn run(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    for (collectors, elements) in [(64, 1), (16, 100)] {
        let cluster = Cluster::start(ClusterOptions::default()).await?;
        let offer = Offer {
            collectors,
            most_collectors: 1_000,
            times: 10,
            elements,
            duration: options.duration(20),
        };
        let overload = cluster.overload(offer).await?;
        ensure!(
            overload.sustained.pushes.failed == 0,
            "{}",
            overload.sustained
        );
        report.add(
            format!(
                "{} collectors at full rate, {elements} elements a push: elements acknowledged/s; with ten times as many; \
                 share; refused; p99 then; elections; lost",
                overload.collectors
            ),
            format!(
                "{:.0}, {:.0}; {:.0} %; {:.0}; {:.0} ms; {}; 0",
                overload.sustained.rate.elements_per_s,
                overload.overloaded.rate.elements_per_s,
                100.0 * overload.share(),
                overload.refused,
                overload.overloaded.latency_ms.p99,
                overload.elections,
            ),
            "≥ 80 %, no election, nothing lost",
        );
    }
    Ok(())
}
