//! The lab: problems of a real PostgreSQL, and what the product says about them, watched by the
//! real collector. `PGANALYTICS_LAB=all` runs each on a server of its own and tells what came of
//! it in docs/insight.md; without it some of them run together on one server.

mod problem;
mod problems;
mod report;
mod round;
mod stage;
mod together;
mod watch;

use anyhow::ensure;
use futures::future::join_all;
use pga_chaos_tests::{Cluster, ClusterOptions};
use tokio::sync::Semaphore;

pub(crate) use self::report::machine;

use self::problem::Problem;
use self::report::Report;
use self::round::Round;
use self::watch::Lab;

/// Rows of the large tables.
const ROWS: u32 = 1_000_000;
/// Minutes of the healthy run, if `PGANALYTICS_LAB_MINUTES` does not say.
const MINUTES: u64 = 30;

/// The numbers of the problems that are asked for; nothing if the lab is not.
fn wanted() -> anyhow::Result<Option<Vec<Problem>>> {
    let Ok(asked) = std::env::var("PGANALYTICS_LAB") else {
        return Ok(None);
    };
    let minutes = std::env::var("PGANALYTICS_LAB_MINUTES").ok();
    let minutes = minutes.as_deref().map_or(Ok(MINUTES), str::parse)?;
    let mut all = problems::all(minutes);
    let numbers: Vec<&str> = asked.split(',').collect();
    all.retain(|problem| asked == "all" || numbers.contains(&problem.number));
    ensure!(
        !all.is_empty(),
        "PGANALYTICS_LAB={asked}: all, or numbers such as 0,4,m1"
    );
    Ok(Some(all))
}

/// Every problem, each on a server of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_problem_is_found_with_its_cause() -> anyhow::Result<()> {
    let Some(all) = wanted()? else {
        return Ok(());
    };
    let lab = Lab::new(Cluster::start(ClusterOptions::default()).await?);
    // Those that take all processors run one after the other, beside those that take none.
    let processors = Semaphore::new(1);
    let rounds = all.into_iter().map(async |problem| {
        let permit = match problem.is_heavy {
            true => Some(processors.acquire().await?),
            false => None,
        };
        let told = Round::run(&lab, &problem, ROWS).await;
        drop(permit);
        let told = told.map_err(|error| error.context(problem.name))?;
        eprintln!("{told}");
        anyhow::Ok(told)
    });
    let mut report = Report::default();
    for told in join_all(rounds).await {
        report.add(told?);
    }
    report.write()
}

/// Some of them together, as it runs each time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn problems_at_once_are_told_apart() -> anyhow::Result<()> {
    if wanted()?.is_some() {
        return Ok(());
    }
    together::run(&Lab::new(Cluster::start(ClusterOptions::default()).await?)).await
}
