//! The load itself.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use indicatif::ProgressBar;
use pga_runtime::Instant;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::watch;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::api::register;
use crate::cost::cpu_time;
use crate::tally::Tally;
use crate::worker::{Worked, Worker};
use crate::{History, Kind, LoadArgs, LoadError};
use pga_client::{ClientOptions, PushPolicy, Pusher};

/// What a load did.
#[derive(Debug)]
pub struct Run {
    /// What was pushed.
    pub kind: Kind,
    /// One per collector.
    pub histories: Vec<History>,
    /// Pushes that were begun.
    pub attempted: u64,
    /// Pushes that were acknowledged.
    pub succeeded: u64,
    /// Pushes that were refused, or given up.
    pub failed: u64,
    /// Of the acknowledged pushes, from the first try to the acknowledgement, with the time of
    /// that try; ascending.
    pub latencies: Vec<(Duration, Instant)>,
    /// Longest time without any acknowledgement.
    pub longest_gap: Duration,
    /// From the first push to the end of the last.
    pub elapsed: Duration,
    /// CPU time of this process meanwhile.
    pub cpu: Duration,
    /// Why the first push that failed did.
    pub first_failure: Option<String>,
}

/// Makes the load: one task per collector, until the duration is over or `stop` holds true. `tally`
/// counts meanwhile.
///
/// # Errors
/// [`LoadError`] if the options are wrong or the collectors cannot be registered. Failed pushes are
/// no error.
pub async fn run(
    args: &LoadArgs,
    stop: watch::Receiver<bool>,
    bar: ProgressBar,
    tally: Arc<Tally>,
) -> Result<Run, LoadError> {
    args.validate()?;
    let options = Arc::new(args.client_options()?);
    let identities = identities(args, &options).await?;
    tally.begin();
    let cpu_before = cpu_time();
    let begun = pga_runtime::now();
    let mut workers = JoinSet::new();
    for (n, identity) in identities.into_iter().enumerate() {
        let worker = worker(args, &options, &tally, begun, n, identity);
        workers.spawn(worker.work(stop.clone()));
    }
    let mut worked = Vec::new();
    let mut tick = tokio::time::interval(Duration::from_millis(500));
    while !workers.is_empty() {
        tokio::select! {
            Some(done) = workers.join_next() => worked.push(done?),
            _ = tick.tick() => show(&bar, &tally),
        }
    }
    tally.close_gap();
    Ok(summary(args, worked, &tally, cpu_time() - cpu_before))
}

struct Identity {
    collector: String,
    seed: u64,
    token: Option<String>,
}

async fn identities(
    args: &LoadArgs,
    options: &Arc<ClientOptions>,
) -> Result<Vec<Identity>, LoadError> {
    let mut random = match args.seed {
        Some(seed) => StdRng::seed_from_u64(seed),
        None => StdRng::from_os_rng(),
    };
    let mut identities = Vec::with_capacity(args.collectors as usize);
    for n in 0..args.collectors {
        let (id, seed) = (Uuid::from_u128(random.random()), random.random());
        let id = uuid::Builder::from_random_bytes(id.into_bytes()).into_uuid();
        let (collector, token) = match &args.registration_secret {
            None => (id.to_string(), None),
            Some(secret) => register(args, options, secret, n).await?,
        };
        identities.push(Identity {
            collector,
            seed,
            token,
        });
    }
    Ok(identities)
}

fn worker(
    args: &LoadArgs,
    options: &Arc<ClientOptions>,
    tally: &Arc<Tally>,
    begun: Instant,
    n: usize,
    identity: Identity,
) -> Worker {
    let policy = PushPolicy {
        give_up: args.give_up,
    };
    let mut pusher = Pusher::new(&args.nodes, n, options, policy);
    pusher.set_token(identity.token);
    let pause = args.pause();
    // Spread over the interval, as real collectors are.
    let share = n as f64 / f64::from(args.collectors);
    let offset = pause.map_or(Duration::ZERO, |pause| pause.mul_f64(share));
    Worker {
        kind: args.kind,
        history: History::new(identity.collector, identity.seed, args.elements),
        pusher,
        first_push: begun + offset,
        end: begun + args.duration,
        pause,
        tally: Arc::clone(tally),
    }
}

fn show(bar: &ProgressBar, tally: &Tally) {
    bar.set_position(tally.elapsed().as_secs());
    bar.set_message(format!(
        "{} pushes acknowledged, {} failed, longest gap {} ms",
        tally.succeeded.load(Ordering::Relaxed),
        tally.failed.load(Ordering::Relaxed),
        tally.longest_gap().as_millis(),
    ));
}

fn summary(args: &LoadArgs, worked: Vec<Worked>, tally: &Tally, cpu: Duration) -> Run {
    let mut histories = Vec::with_capacity(worked.len());
    let mut latencies = Vec::new();
    let mut first_failure = None;
    for worked in worked {
        histories.push(worked.history);
        latencies.extend(worked.latencies);
        first_failure = first_failure.or(worked.first_failure);
    }
    latencies.sort_unstable();
    Run {
        kind: args.kind,
        histories,
        attempted: tally.attempted.load(Ordering::Relaxed),
        succeeded: tally.succeeded.load(Ordering::Relaxed),
        failed: tally.failed.load(Ordering::Relaxed),
        latencies,
        longest_gap: tally.longest_gap(),
        elapsed: tally.elapsed(),
        cpu,
        first_failure,
    }
}
