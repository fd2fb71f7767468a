//! The collector (`pganalytics collect`): reads PostgreSQL servers, or makes one up, and pushes
//! what it finds to the cluster.
//!
//! Each server has a collector of its own (`watched.rs`): an id, a configuration, a schedule, a
//! spool. A server that is down holds up no other.
//!
//! A cycle's elements become a push body, or several of a large first cycle (`bodies.rs`). Each is
//! resent unchanged, to one node after the other, until it is acknowledged (so it is stored once,
//! DEDUP-1). Bodies that wait are kept in a bounded
//! spool, on disk where there is a state directory: `kill -9` loses the cycle that is being read,
//! at most. At the cap the oldest go, and that is said.
//!
//! What is read, and how often, the cluster's configuration says (`settings.rs`); it is pulled
//! between pushes, and followed from the next cycle on.

mod bodies;
mod clock;
mod error;
#[cfg(test)]
mod fake_node;
mod health;
mod identity;
mod index_candidates;
mod init;
mod metrics;
mod once;
mod options;
mod pull;
mod pull_timer;
mod register;
mod report;
mod sender;
mod settings;
mod source;
mod spool;
mod state_dir;
mod status;
mod watched;
mod worker;

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::Instrument as _;

use self::metrics::Metrics;
use self::report::Report;
use self::state_dir::StateDir;
use self::watched::Watched;
pub use self::{
    error::CollectError,
    init::init,
    once::{check, once},
    options::{CollectAction, CollectArgs},
    state_dir::default_state_dir,
    status::status,
};

/// Collects and pushes until `stop` holds true.
///
/// A database that cannot be reached is left out of its cycle and tried again in the next one;
/// nodes that cannot be reached cost nothing but room in the spool.
///
/// # Errors
/// [`CollectError`] if it cannot begin; with several servers, if none of them can.
pub async fn run(args: CollectArgs, stop: watch::Receiver<bool>) -> Result<(), CollectError> {
    args.validate()?;
    let _held = args.state_dir.as_deref().map(StateDir::take).transpose()?;
    let all = Watched::all(&args)?;
    let metrics = Arc::new(Metrics::new()?);
    let serving = match args.metrics_listen {
        Some(address) => Some(metrics::serve(address, Arc::clone(&metrics)).await?),
        None => None,
    };
    let ended = run_all(Arc::new(args), all, &metrics, stop).await;
    if let Some(serving) = serving {
        serving.abort();
    }
    ended
}

async fn run_all(
    args: Arc<CollectArgs>,
    all: Vec<Watched>,
    metrics: &Arc<Metrics>,
    stop: watch::Receiver<bool>,
) -> Result<(), CollectError> {
    let count = all.len();
    let mut workers = JoinSet::new();
    for watched in all {
        let report = Arc::new(Report::new(&watched, Arc::clone(metrics)));
        let label = watched.label.clone();
        // Each line of the log says which server it is about, where there are several.
        let span = match count {
            1 => tracing::Span::none(),
            _ => tracing::info_span!("collector", server = label),
        };
        let worker = Box::pin(worker::run(
            Arc::clone(&args),
            watched,
            report,
            stop.clone(),
        ));
        workers.spawn(async move { (label, worker.await) }.instrument(span));
    }
    let mut failures = Vec::new();
    while let Some(ended) = workers.join_next().await {
        match ended {
            Ok((_, Ok(()))) => {}
            Ok((server, Err(error))) => {
                let text = pga_runtime::error_chain(&error);
                if count > 1 {
                    tracing::error!(server, error = text, "this server is not collected from");
                }
                failures.push(error);
            }
            Err(error) => tracing::error!(%error, "the collector of a server failed"),
        }
    }
    match failures.pop() {
        Some(error) if failures.len() + 1 == count => Err(error),
        _ => Ok(()),
    }
}
