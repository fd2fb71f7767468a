//! Ten times the load the cluster can take.

use anyhow::ensure;
use pga_chaos_tests::{Cluster, ClusterOptions, Offer};

use crate::Options;
use crate::report::Report;

/// How often the two loads are compared.
const ROUNDS: u32 = 3;

pub(crate) async fn run(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    for (collectors, elements) in [(64, 1), (16, 100)] {
        let cluster = Cluster::start(ClusterOptions::default()).await?;
        let offer = Offer {
            collectors,
            most_collectors: 1_000,
            times: 10,
            elements,
            duration: options.duration(20),
            rounds: ROUNDS,
        };
        let overload = cluster.overload(offer).await?;
        for (sustained, _) in &overload.rounds {
            ensure!(sustained.pushes.failed == 0, "{sustained}");
        }
        report.add(
            format!(
                "{} collectors at full rate, {elements} elements a push: elements acknowledged/s; with ten times as many right after; \
                 share; p99 then (each the median of {ROUNDS}); refused; elections; lost",
                overload.collectors
            ),
            format!(
                "{:.0}, {:.0}; {:.0} %; {:.0} ms; {:.0}; {}; 0",
                overload.median(|(sustained, _)| sustained.rate.elements_per_s),
                overload.median(|(_, overloaded)| overloaded.rate.elements_per_s),
                100.0 * overload.share(),
                overload.median(|(_, overloaded)| overloaded.latency_ms.p99),
                overload.refused,
                overload.elections,
            ),
            "≥ 80 %, no election, nothing lost",
        );
    }
    Ok(())
}
