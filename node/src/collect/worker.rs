//! The collector of one server: a cycle at a time, and what comes of it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pga_collector::{Gap, Sink};
use pga_storage::Timestamp;
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior};
use tracing::Instrument as _;

use super::bodies::{Bodies, Keeper};
use super::error::CollectError;
use super::health::Health;
use super::options::CollectArgs;
use super::report::Report;
use super::sender::{Outgoing, Sender};
use super::settings::Settings;
use super::source::{LogPositions, Source};
use super::spool::Spool;
use super::watched::Watched;

/// Longest time the last body is tried for after the collector was told to stop.
const LAST_PUSH: Duration = Duration::from_secs(3);
/// Longest time that the first cycle waits for the configuration.
const FIRST_PULL: Duration = Duration::from_secs(5);
/// Pause after a failed registration, where other servers are watched meanwhile.
const REGISTER_AGAIN: Duration = Duration::from_secs(30);

/// The collector of one server.
pub(super) struct Worker {
    args: Arc<CollectArgs>,
    watched: Watched,
    report: Arc<Report>,
    collector: String,
    source: Source,
    outgoing: Arc<Outgoing>,
    settings: watch::Receiver<Arc<Settings>>,
    health: Health,
    keeper: Keeper,
}

/// Collects from one server and pushes until `stop` holds true.
///
/// # Errors
/// [`CollectError`] if it cannot begin.
pub(super) async fn run(
    args: Arc<CollectArgs>,
    watched: Watched,
    report: Arc<Report>,
    mut stop: watch::Receiver<bool>,
) -> Result<(), CollectError> {
    watched.make_dir(&args)?;
    let spool = open_spool(&args, &watched)?;
    let registered = tokio::select! {
        biased;
        _ = stop.wait_for(|stop| *stop) => return Ok(()),
        registered = register(&args, &watched, &report) => registered,
    };
    let mut sender = registered?;
    // What is not to be read is not read once first.
    if tokio::time::timeout(FIRST_PULL, sender.pull())
        .await
        .is_err()
    {
        tracing::debug!("no node tells the configuration yet");
    }
    let mut settings = sender.settings();
    let first = Arc::clone(&settings.borrow_and_update());
    let mut source = Source::new(&args, &watched, &first, log_positions(&spool))?;
    source.set_collector(sender.collector(), &watched.hostname);
    let outgoing = Arc::new(Outgoing::new(spool));
    let left = outgoing.with(|spool| spool.len());
    tracing::info!(
        collector = sender.collector(),
        name = watched.collector_id,
        server = watched.label,
        state = watched.state(),
        "collecting"
    );
    if left > 0 {
        tracing::info!(cycles = left, "delivering what an earlier run left");
    }
    let worker = Worker {
        collector: sender.collector().to_owned(),
        args,
        watched,
        report,
        source,
        outgoing: Arc::clone(&outgoing),
        settings,
        health: Health::new(pga_runtime::now()),
        keeper: Keeper::new(Arc::clone(&outgoing)),
    };
    let sending = sender.run(Arc::clone(&outgoing)).in_current_span();
    let sending = pga_runtime::spawn(sending);
    worker.work(stop).await;
    last_push(&outgoing, sending).await;
    Ok(())
}

/// The sender, once the cluster knows the collector. Where other servers are watched it is tried
/// until it does; the only one ends with what is wrong.
async fn register(
    args: &CollectArgs,
    watched: &Watched,
    report: &Arc<Report>,
) -> Result<Sender, CollectError> {
    loop {
        match Sender::new(args, watched, Arc::clone(report)).await {
            Err(error @ (CollectError::Client(_) | CollectError::Registration(_)))
                if !watched.is_only =>
            {
                let error = pga_runtime::error_chain(&error);
                tracing::warn!(error, "not registered yet; it is tried again in 30 s");
                tokio::time::sleep(REGISTER_AGAIN).await;
            }
            done => return done,
        }
    }
}

impl Worker {
    /// Cycles until it is told to stop.
    async fn work(mut self, mut stop: watch::Receiver<bool>) {
        let mut tick = self.ticker();
        loop {
            let is_new = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                Ok(()) = self.settings.changed() => true,
                _ = tick.tick() => false,
            };
            if is_new {
                self.follow();
                tick = self.ticker();
            } else {
                self.cycle().await;
            }
        }
        self.report.stopped();
        self.report.write();
    }

    /// How often there is a cycle, from now on.
    fn ticker(&self) -> Interval {
        let interval = self.args.interval(self.settings.borrow().interval());
        self.report.identity(&self.collector, interval);
        let mut tick = tokio::time::interval(interval);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tick
    }

    fn follow(&mut self) {
        let settings = Arc::clone(&self.settings.borrow_and_update());
        self.source.follow(&self.args, &self.watched, &settings);
    }

    async fn cycle(&mut self) {
        let begun = pga_runtime::now();
        let now = Timestamp::now();
        let (collector, hostname) = (&self.collector, &self.watched.hostname);
        let mut bodies = Bodies::new(&mut self.keeper, collector, hostname, now);
        self.source.collect(now, &mut bodies).await;
        let took = begun.elapsed();
        let server = self.source.server();
        let gaps: Vec<Gap> =
            server.map_or_else(Vec::new, |server| server.gaps().cloned().collect());
        self.report.cycle(now, bodies.total(), took, gaps);
        if let Some(server) = server {
            self.report.costs(server.costs());
        }
        let status = self.report.status();
        let health = self.outgoing.with(|spool| {
            let at = now.to_string();
            self.health
                .element(pga_runtime::now(), &at, spool, &status, server)
        });
        if let Some(health) = health {
            bodies.push(&health.to_string());
        }
        bodies.end(serde_json::to_value(self.source.log_positions()).ok());
        self.outgoing.with(|spool| self.report.spool(spool));
        self.report.write();
    }
}

/// How far an earlier run read the log.
fn log_positions(spool: &Spool) -> LogPositions {
    let note = spool.note().unwrap_or_default();
    serde_json::from_value(note).unwrap_or_default()
}

fn open_spool(args: &CollectArgs, watched: &Watched) -> Result<Spool, CollectError> {
    let max_bytes = args.spool_size.bytes();
    let Some(dir) = &watched.state_dir else {
        return Ok(Spool::in_memory(max_bytes));
    };
    let dir: PathBuf = dir.join("spool");
    Spool::open(&dir, max_bytes).map_err(|error| CollectError::State(dir, error))
}

/// Gives what waits a moment to be delivered.
async fn last_push(outgoing: &Outgoing, sending: tokio::task::JoinHandle<()>) {
    let end = pga_runtime::now() + LAST_PUSH;
    while outgoing.with(|spool| spool.len()) > 0 && pga_runtime::now() < end {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    sending.abort();
    let left = outgoing.with(|spool| spool.len());
    if left > 0 {
        tracing::warn!(
            cycles = left,
            "stopped with cycles that were not acknowledged"
        );
    }
}
