//! Tasks.

use std::future::Future;

use tokio::task::JoinHandle;

/// Starts a task on the runtime that the caller runs on. It goes on when the handle is dropped.
#[expect(clippy::disallowed_methods, reason = "the one place that starts tasks")]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(future)
}

/// Runs what blocks (files, long computing) on a thread of its own kind, not on one that drives
/// tasks. Once begun it runs to its end, also when the handle is dropped.
#[expect(clippy::disallowed_methods, reason = "the one place that starts them")]
pub fn spawn_blocking<T, W>(work: W) -> JoinHandle<T>
where
    T: Send + 'static,
    W: FnOnce() -> T + Send + 'static,
{
    tokio::task::spawn_blocking(work)
}
