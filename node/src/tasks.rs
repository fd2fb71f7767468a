//! Tasks outside of actors: every one has a kind.

use std::future::Future;

use tokio::task::JoinHandle;
use tracing::Instrument;

/// What a task is for: its name in traces, and what its end means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TaskKind {
    /// Carries out one effect of an actor and reports back to it; a panic is seen as a missing
    /// report.
    Effect,
    /// Watches a value and reports changes to an actor; ends with the actor.
    Watch,
    /// Serves one local operator's connection.
    Admin,
}

impl TaskKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Effect => "effect",
            Self::Watch => "watch",
            Self::Admin => "admin",
        }
    }
}

/// Starts a task.
pub(crate) fn spawn<F>(kind: TaskKind, future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    pga_runtime::spawn(future.instrument(tracing::trace_span!("task", kind = kind.name())))
}
