//! Original collectors with their bugs, for minutes, while the leader is killed again and again:
//! nothing is lost or stored twice, nobody storms, and memory comes back.
//!
//! By default a short form. `PGANALYTICS_SOAK_MINUTES=10` is the long one: 200 collectors, and a
//! kill of the leader every minute.

mod collector;
mod count;
mod habits;
mod storm;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use futures::future::try_join_all;
use pga_chaos_tests::{Cluster, ClusterOptions, until};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use self::collector::{Collector, Told};
use self::count::count;
use crate::proc::resident_kib;
use crate::stores::{Store, on_both_stores};

/// Resident memory of the largest node after the load, to that of the largest after the warm-up: a
/// factor.
const MEMORY_FACTOR: f64 = 1.5;
/// How long memory may take to come back; the allocator gives back late what nobody uses.
const MEMORY_LIMIT: Duration = Duration::from_secs(120);
/// How long a killed node stays away.
const AWAY: Duration = Duration::from_secs(3);
/// How long collectors may take to get rid of what they still hold.
const DRAIN: Duration = Duration::from_secs(90);

on_both_stores!(original_collectors_lose_and_double_nothing_while_leaders_die);

/// How much, and for how long.
#[derive(Clone, Copy, Debug)]
struct Form {
    collectors: u32,
    /// Between two pushes of a collector, and between two pulls of its configuration.
    interval: Duration,
    /// Until all collectors have pushed, and caches are filled: memory is compared with that.
    warm_up: Duration,
    /// After the warm-up.
    duration: Duration,
    kill_every: Duration,
}

impl Form {
    fn of_environment() -> anyhow::Result<Self> {
        let Ok(text) = std::env::var("PGANALYTICS_SOAK_MINUTES") else {
            return Ok(Self {
                collectors: 20,
                interval: Duration::from_secs(2),
                warm_up: Duration::from_secs(8),
                duration: Duration::from_secs(26),
                kill_every: Duration::from_secs(12),
            });
        };
        let minutes: u64 = text
            .parse()
            .context("PGANALYTICS_SOAK_MINUTES is a number of minutes")?;
        Ok(Self {
            collectors: 200,
            interval: Duration::from_secs(20),
            warm_up: Duration::from_secs(60),
            duration: Duration::from_secs(60 * minutes),
            kill_every: Duration::from_secs(60),
        })
    }
}

async fn original_collectors_lose_and_double_nothing_while_leaders_die(
    store: Store,
) -> anyhow::Result<()> {
    let form = Form::of_environment()?;
    let mut cluster = store.cluster(ClusterOptions::default()).await?;
    let idle = resident(&cluster)?;
    let (stop, stopped) = watch::channel(false);
    let collectors = (0..form.collectors).map(|number| {
        let start = form.interval * number / form.collectors;
        let one = Collector::new(number, cluster.endpoints(), form.interval);
        tokio::spawn(one.run(start, stopped.clone()))
    });
    let collectors: Vec<_> = collectors.collect();
    sleep(form.warm_up).await;
    let before = resident(&cluster)?;
    let kills = kill_leaders(&mut cluster, form).await?;
    stop.send_replace(true);
    let all = tokio::time::timeout(2 * DRAIN, try_join_all(collectors)).await;
    let told: Vec<Told> = all.context("collectors keep what no node takes")??;
    cluster.wait_converged(Duration::from_secs(180)).await?;
    let after = memory_is_back(&cluster, &before).await?;
    let told: Arc<[Told]> = told.into();
    let counts = count(&cluster, &told).await?;
    eprintln!("{form:?}, {kills} kills of the leader");
    eprintln!("{}", storm::summary(&told));
    eprintln!("read back from each node: {counts:?}");
    eprintln!("resident KiB idle {idle:?}, before {before:?}, after {after:?}");
    ensure!(kills >= 2, "{kills} kills prove little");
    for one in &*told {
        one.check()?;
    }
    storm::none(&told, form.interval)
}

/// Kills whoever leads, again and again, until the time is over; how often.
async fn kill_leaders(cluster: &mut Cluster, form: Form) -> anyhow::Result<u32> {
    let end = Instant::now() + form.duration;
    let mut next = Instant::now() + form.kill_every;
    let mut kills = 0;
    while next < end {
        sleep_until(next).await;
        let leader = cluster.leader().await?;
        cluster.kill(leader).await?;
        sleep(AWAY).await;
        cluster.restart(leader).await?;
        kills += 1;
        next = (next + form.kill_every).max(Instant::now());
    }
    sleep_until(end).await;
    Ok(kills)
}

/// Resident memory of each node, in KiB.
fn resident(cluster: &Cluster) -> anyhow::Result<Vec<u64>> {
    let nodes = cluster.nodes().iter();
    nodes.map(|node| resident_kib(node.pid())).collect()
}

/// Waits until no node has more than the largest had before, but for the factor; what they have.
async fn memory_is_back(cluster: &Cluster, before: &[u64]) -> anyhow::Result<Vec<u64>> {
    let largest = before.iter().max().context("no nodes")?;
    let most = *largest as f64 * MEMORY_FACTOR;
    until("memory is back", MEMORY_LIMIT, async || {
        let after = resident(cluster).map_err(|error| format!("{error:#}"))?;
        if after.iter().all(|now| *now as f64 <= most) {
            return Ok(after);
        }
        // The allocator looks for memory to give back when some is freed.
        for id in cluster.ids() {
            let asked = cluster.get(id, "/metrics").await;
            asked.map_err(|error| format!("{error:#}"))?;
        }
        Err(format!("{after:?} KiB, before {before:?} KiB"))
    })
    .await
}

/// Without this the check for storms would pass, whatever the nodes answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_original_collector_storms_at_a_401_and_that_is_noticed() -> anyhow::Result<()> {
    let cluster = Cluster::start(ClusterOptions::default()).await?;
    let mut one = Collector::new(0, cluster.endpoints(), Duration::from_secs(60));
    let (stop, stopped) = watch::channel(false);
    let asking = tokio::spawn(async move {
        // A route that answers bad tokens by 401, as a careless configuration route would.
        one.pull("/api/v1/servers", &stopped).await;
        one.told
    });
    sleep(Duration::from_secs(2)).await;
    stop.send_replace(true);
    let told = [asking.await?];
    ensure!(told[0].pulls > 100, "{} requests", told[0].pulls);
    let noticed = storm::none(&told, Duration::from_secs(60));
    ensure!(noticed.is_err(), "a storm of {} requests", told[0].pulls);
    Ok(())
}
