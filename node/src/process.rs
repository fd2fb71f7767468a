//! The process of a command: its runtime, and what ends it.

use std::io::Read;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

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

/// Resolves when a signal asks this process to stop, or, if it is to end with its parent, when that
/// is gone.
pub(crate) async fn stop_or_parent_gone(exit_with_parent: bool) {
    if !exit_with_parent {
        return stop_signal().await;
    }
    tokio::select! {
        () = stop_signal() => {}
        _ = parent_gone() => tracing::info!("the parent process is gone"),
    }
}

/// Resolves when standard input is closed, which the end of the parent process does.
fn parent_gone() -> oneshot::Receiver<()> {
    let (tell, gone) = oneshot::channel();
    let watch = move || {
        let mut input = std::io::stdin().lock();
        let mut byte = [0; 64];
        while matches!(input.read(&mut byte), Ok(n) if n > 0) {}
        drop(tell);
    };
    let spawned = std::thread::Builder::new()
        .name("parent".to_owned())
        .spawn(watch);
    if let Err(error) = spawned {
        // The node ends at once rather than outlive its parent unseen.
        tracing::error!(%error, "the parent cannot be watched");
    }
    gone
}
