//! More load than the cluster can take: goodput, elections, losses.

use std::time::Duration;

use anyhow::{Context, ensure};
use pga_loadgen::{LoadArgs, Rate, Report};

use crate::{Cluster, Load};

/// More collectors that do not make the rate greater by this factor are too many.
const GROWTH: f64 = 1.1;

/// What is offered.
#[derive(Clone, Copy, Debug)]
pub struct Offer {
    /// Collectors to begin with, each of which pushes again as soon as it is answered.
    pub collectors: u32,
    /// Their number is doubled up to this one, for the one that makes the rate greatest.
    pub most_collectors: u32,
    /// How many times as many collectors push then.
    pub times: u32,
    /// Elements of a push.
    pub elements: u32,
    /// How long each load lasts.
    pub duration: Duration,
    /// How often both loads are compared, one right after the other: a machine is not always
    /// equally fast.
    pub rounds: u32,
}

/// What became of it. Nothing acknowledged was lost or stored twice, or there is no value of this
/// type.
#[derive(Clone, Debug)]
pub struct Overload {
    /// As many collectors as the cluster serves best.
    pub collectors: u32,
    /// With them, and then with more of them.
    pub rounds: Vec<(Report, Report)>,
    /// Requests that the nodes refused to more of them.
    pub refused: f64,
    /// Elections during all of it.
    pub elections: u64,
}

impl Overload {
    /// Goodput under overload as a share of the greatest: the median of all rounds.
    pub fn share(&self) -> f64 {
        self.median(|(sustained, overloaded)| {
            overloaded.rate.elements_per_s / sustained.rate.elements_per_s
        })
    }

    /// The median of a figure that each round has.
    pub fn median(&self, figure: impl Fn(&(Report, Report)) -> f64) -> f64 {
        let mut figures: Vec<f64> = self.rounds.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
    }
}

impl Cluster {
    /// Finds the greatest rate the cluster sustains, offers a multiple of it, and reads everything
    /// back.
    ///
    /// # Errors
    /// If something acknowledged is lost or stored twice, or a node cannot be asked.
    pub async fn overload(&self, offer: Offer) -> anyhow::Result<Overload> {
        let mut args = self.load_args();
        args.elements = offer.elements;
        args.rate = Some(Rate::Max);
        args.duration = offer.duration;
        let term = self.term().await?;
        let collectors = greatest(args.clone(), offer).await?;
        let (mut rounds, mut refused) = (Vec::new(), 0.0);
        for _ in 0..offer.rounds {
            args.collectors = collectors;
            let sustained = phase(args.clone()).await.context("greatest load")?;
            let before = self.refusals().await?;
            args.collectors = collectors * offer.times;
            let overloaded = phase(args.clone()).await.context("overload")?;
            refused += self.refusals().await? - before;
            rounds.push((sustained, overloaded));
        }
        Ok(Overload {
            collectors,
            rounds,
            refused,
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

/// The fewest collectors that get about the greatest rate.
async fn greatest(mut args: LoadArgs, offer: Offer) -> anyhow::Result<u32> {
    let (mut collectors, mut best) = (offer.collectors, 0.0);
    let mut tried = offer.collectors;
    while tried <= offer.most_collectors {
        args.collectors = tried;
        let found = phase(args.clone()).await.context("a greater load")?;
        if found.rate.elements_per_s > best * GROWTH {
            (collectors, best) = (tried, found.rate.elements_per_s);
        }
        tried *= 2;
    }
    Ok(collectors)
}

async fn phase(args: LoadArgs) -> anyhow::Result<Report> {
    let report = Load::start(args).finish().await?;
    eprintln!("{report}");
    Ok(report)
}
