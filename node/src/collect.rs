//! The collector (`pganalytics collect`): reads a PostgreSQL server, or makes one up, and pushes
//! what it finds to the cluster.
//!
//! A cycle's elements become one push body, which is resent unchanged, to one node after the other,
//! until it is acknowledged (so it is stored once, DEDUP-1). Bodies that wait are kept in a bounded
//! spool, on disk where there is a state directory: `kill -9` loses the cycle that is being read,
//! at most. At the cap the oldest go, and that is said.

mod error;
mod health;
mod identity;
mod init;
mod once;
mod options;
mod sender;
mod source;
mod spool;

use std::sync::Arc;
use std::time::Duration;

use pga_storage::Timestamp;
use serde_json::{Value, json};
use tokio::sync::watch;

use self::health::Health;
use self::sender::{Outgoing, Sender};
use self::source::{LogPositions, Source};
use self::spool::Spool;
pub use self::{
    error::CollectError,
    init::init,
    once::{check, once},
    options::{CollectAction, CollectArgs},
};

/// Longest time the last body is tried for after the collector was told to stop.
const LAST_PUSH: Duration = Duration::from_secs(3);

/// Collects and pushes until `stop` holds true.
///
/// A database that cannot be reached is left out of its cycle and tried again in the next one;
/// nodes that cannot be reached cost nothing but room in the spool.
///
/// # Errors
/// [`CollectError`] if it cannot begin.
pub async fn run(args: CollectArgs, mut stop: watch::Receiver<bool>) -> Result<(), CollectError> {
    args.validate()?;
    let spool = spool(&args)?;
    let mut source = Source::new(&args, log_positions(&spool))?;
    let sender = Sender::new(&args).await?;
    let (collector, hostname) = (sender.collector().to_owned(), args.hostname());
    source.set_collector(&collector, &hostname);
    let outgoing = Arc::new(Outgoing::new(spool));
    let left = outgoing.with(|spool| spool.len());
    if left > 0 {
        tracing::info!(cycles = left, "delivering what an earlier run left");
    }
    let sending = pga_runtime::spawn(sender.run(Arc::clone(&outgoing)));
    let mut tick = tokio::time::interval(args.interval);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut health = Health::new(pga_runtime::now());
    let mut dropped = 0;
    loop {
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            _ = tick.tick() => {}
        }
        let now = Timestamp::now();
        let mut elements = source.collect(now).await;
        elements.extend(outgoing.with(|spool| {
            let servers = source.servers();
            health.element(pga_runtime::now(), &now.to_string(), spool, servers)
        }));
        if elements.is_empty() {
            continue;
        }
        let body = envelope(&collector, &hostname, now, &elements);
        // The positions are kept with the events before them: each is sent once.
        let note = serde_json::to_value(source.log_positions()).ok();
        if let Err(error) = outgoing.with(|spool| spool.add(body.into(), note)) {
            tracing::warn!(%error, "the spool cannot be written: the cycle is kept in memory");
        }
        outgoing.ring();
        let gone = outgoing.with(|spool| spool.dropped());
        if gone > dropped {
            tracing::warn!(
                cycles = gone,
                "the spool is full: the oldest cycles were dropped"
            );
            dropped = gone;
        }
    }
    last_push(&outgoing, sending).await;
    Ok(())
}

/// How far an earlier run read the logs.
fn log_positions(spool: &Spool) -> LogPositions {
    let note = spool.note().unwrap_or_default();
    serde_json::from_value(note).unwrap_or_default()
}

fn spool(args: &CollectArgs) -> Result<Spool, CollectError> {
    let max_bytes = args.spool_size.bytes();
    let Some(dir) = &args.state_dir else {
        return Ok(Spool::in_memory(max_bytes));
    };
    let dir = dir.join("spool");
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
