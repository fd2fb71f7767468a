//! More load than the cluster can take: goodput, elections, losses.

use std::time::Duration;

use anyhow::{Context, ensure};
use pga_node::load::{LoadArgs, Rate, Report};

use crate::{Cluster, Load};

/// Twice as many collectors that do not make the rate greater by this factor are too many.
const GROWTH: f64 = 1.1;

/// What is offered.
#[derive(Clone, Copy, Debug)]
pub struct Offer {
    /// Collectors to begin with, each of which pushes again as soon as it is answered.
    pub collectors: u32,
    /// Their number is doubled up to this one while that makes the rate greater.
    pub most_collectors: u32,
    /// How many times as many collectors push then.
    pub times: u32,
    /// Elements of a push.
    pub elements: u32,
    /// How long each load lasts.
    pub duration: Duration,
}

/// What became of it. Nothing acknowledged was lost or stored twice, or there is no value of this type.
#[derive(Clone, Debug)]
pub struct Overload {
    /// As many collectors as the cluster serves best.
    pub collectors: u32,
    /// With them.
    pub sustained: Report,
    /// With more of them.
    pub overloaded: Report,
    /// Requests that the nodes refused meanwhile.
    pub refused: f64,
    /// Elections during both.
    pub elections: u64,
}

impl Overload {
    /// Goodput under overload as a share of the greatest.
    pub fn share(&self) -> f64 {
        self.overloaded.rate.elements_per_s / self.sustained.rate.elements_per_s
    }
}

impl Cluster {
    /// Finds the greatest rate the cluster sustains, offers a multiple of it, and reads everything back.
    ///
    /// # Errors
    /// If something acknowledged is lost or stored twice, or a node cannot be asked.
    pub async fn overload(&self, offer: Offer) -> anyhow::Result<Overload> {
        let mut args = self.load_args();
        args.elements = offer.elements;
        args.rate = Some(Rate::Max);
        args.duration = offer.duration;
        let term = self.term().await?;
        let (collectors, sustained) = greatest(args.clone(), offer).await?;
        let refused = self.refusals().await?;
        args.collectors = collectors * offer.times;
        let overloaded = phase(args).await.context("overload")?;
        Ok(Overload {
            collectors,
            sustained,
            overloaded,
            refused: self.refusals().await? - refused,
            elections: self.term().await? - term,
        })
    }

    /// The greatest term of any node.
    async fn term(&self) -> anyhow::Result<u64> {
        let mut greatest = 0;
        for id in self.ids() {
            greatest = greatest.max(self.status_of(id).await?.term);
        }
        ensure!(greatest > 0, "no term");
        Ok(greatest)
    }

    /// Requests that all nodes refused since they started.
    async fn refusals(&self) -> anyhow::Result<f64> {
        let mut all = 0.0;
        for id in self.ids() {
            let text = self.metrics(id).await?;
            let refusals = text
                .lines()
                .filter(|line| line.starts_with("pganalytics_http_refusals_total{"));
            for line in refusals {
                let value = line.rsplit(' ').next().unwrap_or_default();
                all += value.parse::<f64>().with_context(|| line.to_owned())?;
            }
        }
        Ok(all)
    }
}

/// How many collectors get the greatest rate, and that load.
async fn greatest(mut args: LoadArgs, offer: Offer) -> anyhow::Result<(u32, Report)> {
    args.collectors = offer.collectors;
    let mut best = phase(args.clone()).await.context("first load")?;
    let mut collectors = args.collectors;
    while collectors * 2 <= offer.most_collectors {
        args.collectors = collectors * 2;
        let next = phase(args.clone()).await.context("greater load")?;
        if next.rate.elements_per_s < best.rate.elements_per_s * GROWTH {
            break;
        }
        (collectors, best) = (args.collectors, next);
    }
    Ok((collectors, best))
}

async fn phase(args: LoadArgs) -> anyhow::Result<Report> {
    let report = Load::start(args).finish().await?;
    eprintln!("{report}");
    Ok(report)
}
