//! The runtime of a command, and the signals that end it.

use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};

use crate::{Error, Result};

/// Most threads for blocking work; each is there only while it is needed.
const BLOCKING_THREADS: usize = 24;
/// How long an idle one stays.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// A runtime with `threads` workers.
pub(crate) fn runtime(threads: u64) -> Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(usize::try_from(threads).unwrap_or(2).max(1))
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_keep_alive(KEEP_ALIVE)
        .thread_name("pganalytics")
        .enable_all()
        .build()
        .map_err(|error| Error::Internal(format!("cannot start the runtime: {error}")))
}

/// Resolves at SIGTERM or SIGINT.
pub(crate) async fn stop_signal() {
    let (Ok(mut term), Ok(mut int)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        tracing::warn!("signals cannot be watched");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}
