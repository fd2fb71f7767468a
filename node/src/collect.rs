//! The collector (`pganalytics collect`): reads a PostgreSQL server, or makes one up, and pushes what it finds to the
//! cluster.
//!
//! A cycle's elements become one push body, which is resent unchanged, to one node after the other, until it is
//! acknowledged (so it is stored once, DEDUP-1). Bodies that wait are kept in a bounded spool in memory; when it is
//! full the newest cycle is dropped, and said so.

mod once;
mod options;
mod sender;
mod simulated;
mod source;

use std::time::Duration;

use pga_storage::Timestamp;
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::sync::{mpsc, watch};

pub use self::{
    once::{check, once},
    options::{CollectAction, CollectArgs, Output},
    simulated::SimulatedServer,
};
use self::{sender::Sender, source::Source};
use crate::client::ClientError;

/// Longest time the last body is tried for after the collector was told to stop.
const LAST_PUSH: Duration = Duration::from_secs(3);

/// Why the collector cannot run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CollectError {
    /// An option makes no sense.
    #[error("{0}")]
    Options(String),
    /// TLS cannot be set up, or the registration got no answer.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The cluster does not take this collector.
    #[error("cannot register: {0}")]
    Registration(String),
    /// A connection string cannot be read.
    #[error("cannot use the connection string of --dsn")]
    Dsn(#[from] pga_collector::CollectError),
    /// The sending task ended early.
    #[error("sending failed")]
    Sender(#[from] tokio::task::JoinError),
}

/// Collects and pushes until `stop` holds true.
///
/// A database that cannot be reached is left out of its cycle and tried again in the next one; nodes that cannot be
/// reached cost nothing but room in the spool.
///
/// # Errors
/// [`CollectError`] if it cannot begin.
pub async fn run(args: CollectArgs, mut stop: watch::Receiver<bool>) -> Result<(), CollectError> {
    args.validate()?;
    let mut source = Source::new(&args)?;
    let sender = Sender::new(&args).await?;
    let (collector, hostname) = (sender.collector().to_owned(), args.hostname());
    source.set_collector(&collector, &hostname);
    let (spool, waiting) = mpsc::channel(args.spool_cycles.get());
    let sending = tokio::spawn(sender.run(waiting));
    let mut tick = tokio::time::interval(args.interval);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut is_full = false;
    loop {
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            _ = tick.tick() => {}
        }
        let now = Timestamp::from(OffsetDateTime::now_utc());
        let elements = source.collect(now).await;
        if elements.is_empty() {
            continue;
        }
        let body = envelope(&collector, &hostname, now, &elements);
        let was_full = std::mem::replace(&mut is_full, spool.try_send(body.into()).is_err());
        if is_full && !was_full {
            tracing::warn!(
                cycles = args.spool_cycles.get(),
                "spool is full, dropping new cycles"
            );
        } else if was_full && !is_full {
            tracing::info!("spool has room again");
        }
    }
    drop(spool);
    match tokio::time::timeout(LAST_PUSH, sending).await {
        Ok(ended) => Ok(ended?),
        Err(_elapsed) => {
            tracing::warn!("stopped with cycles that were not acknowledged");
            Ok(())
        }
    }
}

fn envelope(collector: &str, hostname: &str, at: Timestamp, elements: &[Value]) -> String {
    json!({
        "collector_id": collector,
        "hostname": hostname,
        "timestamp": at.to_string(),
        "version": env!("CARGO_PKG_VERSION"),
        "metrics_count": elements.len(),
        "metrics": elements,
    })
    .to_string()
}
