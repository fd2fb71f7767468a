//! The supervision tree of a node, and its root.
//!
//! ```text
//! node ─┬─ cluster_watcher
//!       ├─ sessions ─── one collector_session per collector seen here
//!       ├─ flusher
//!       ├─ alerter
//!       ├─ analyst
//!       ├─ maintenance
//!       └─ web
//! ```
//! | Child | Restart | Pause | Limit | Then |
//! | --- | --- | --- | --- | --- |
//! | `cluster_watcher`, `sessions`, `flusher`, `alerter`, `analyst`, `maintenance`, `web` | always, with new state | 100 ms, doubling to 5 s | 10 in 60 s | the process ends with code 70 |
//! | `collector_session` | with its next push | 50 ms, doubling to 5 s, while the collector is refused with 503 | none | - |
//!
//! An actor that stops although nobody asked it to counts as failed. A start that fails is a
//! failure like any other. Consensus is a task of its own (`pga_cluster`): its fatal error ends the
//! process. Durability depends on no actor: what was acknowledged is in the log (SESS-1), and the
//! flusher goes on from the store's watermark (FLUSH-1).

use std::time::Duration;

use futures::future::BoxFuture;
use pga_runtime::{Backoff, Instant};
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SpawnErr, SupervisionEvent};
use tokio::sync::watch;

use crate::metrics::Metrics;
use crate::restart_policy::{RestartLimits, RestartPolicy, Verdict};

/// Limits of the root's children.
const CHILD_LIMITS: RestartLimits = RestartLimits {
    pauses: Backoff {
        first: Duration::from_millis(100),
        longest: Duration::from_secs(5),
    },
    limit: Some(10),
    window: Duration::from_secs(60),
};

/// Starts one child under the given supervisor.
type Start =
    Box<dyn Fn(ActorCell) -> BoxFuture<'static, Result<ActorCell, SpawnErr>> + Send + Sync>;

/// A child of the root.
pub(crate) struct ChildSpec {
    /// Its name in logs and metrics.
    pub(crate) name: &'static str,
    /// How it starts.
    pub(crate) start: Start,
}

impl std::fmt::Debug for ChildSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChildSpec")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The root of a node's actors.
#[derive(Debug)]
pub(crate) struct NodeRoot;

/// What the root is told.
#[derive(Debug)]
pub(crate) enum RootMsg {
    /// Start the child with this number again.
    Restart(usize),
}

/// What the root starts with.
#[derive(Debug)]
pub(crate) struct RootArgs {
    /// The children, in the order of their start.
    pub(crate) children: Vec<ChildSpec>,
    /// Counters.
    pub(crate) metrics: Metrics,
    /// Becomes `Some` when a child was given up: the process must end.
    pub(crate) given_up: watch::Sender<Option<String>>,
}

#[derive(Debug)]
struct Child {
    spec: ChildSpec,
    policy: RestartPolicy,
    cell: Option<ActorCell>,
}

/// The root's state.
#[derive(Debug)]
pub(crate) struct RootState {
    children: Vec<Child>,
    metrics: Metrics,
    given_up: watch::Sender<Option<String>>,
    started: Instant,
}

impl Actor for NodeRoot {
    type Msg = RootMsg;
    type State = RootState;
    type Arguments = RootArgs;

    async fn pre_start(
        &self,
        myself: ActorRef<RootMsg>,
        args: RootArgs,
    ) -> Result<RootState, ActorProcessingErr> {
        let children = args.children.into_iter().map(|spec| Child {
            spec,
            policy: RestartPolicy::new(CHILD_LIMITS),
            cell: None,
        });
        let mut state = RootState {
            children: children.collect(),
            metrics: args.metrics,
            given_up: args.given_up,
            started: pga_runtime::now(),
        };
        for number in 0..state.children.len() {
            start(&myself, &mut state, number).await;
        }
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<RootMsg>,
        message: RootMsg,
        state: &mut RootState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            RootMsg::Restart(number) => start(&myself, state, number).await,
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<RootMsg>,
        event: SupervisionEvent,
        state: &mut RootState,
    ) -> Result<(), ActorProcessingErr> {
        let (who, why) = match event {
            SupervisionEvent::ActorFailed(who, error) => (who, error.to_string()),
            SupervisionEvent::ActorTerminated(who, _, reason) => {
                (who, reason.unwrap_or_else(|| "it stopped".to_owned()))
            }
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {
                return Ok(());
            }
        };
        let is_it = |child: &Child| {
            child
                .cell
                .as_ref()
                .is_some_and(|cell| cell.get_id() == who.get_id())
        };
        if let Some(number) = state.children.iter().position(is_it) {
            failed(&myself, state, number, &why);
        }
        Ok(())
    }
}

/// Starts a child; the one path for the first start and every restart.
async fn start(myself: &ActorRef<RootMsg>, state: &mut RootState, number: usize) {
    let Some(child) = state.children.get_mut(number) else {
        return;
    };
    match (child.spec.start)(myself.get_cell()).await {
        Ok(cell) => child.cell = Some(cell),
        Err(error) => failed(myself, state, number, &error.to_string()),
    }
}

fn failed(myself: &ActorRef<RootMsg>, state: &mut RootState, number: usize, why: &str) {
    let now = state.started.elapsed();
    let Some(child) = state.children.get_mut(number) else {
        return;
    };
    child.cell = None;
    let actor = child.spec.name;
    state.metrics.restarts.with_label_values(&[actor]).inc();
    match child.policy.on_failure(now) {
        Verdict::RestartAfter(pause) => {
            tracing::error!(
                actor,
                error = why,
                pause_ms = pause.as_millis(),
                "actor failed"
            );
            myself.send_after(pause, move || RootMsg::Restart(number));
        }
        Verdict::GiveUp => {
            tracing::error!(actor, error = why, "actor failed too often");
            state
                .given_up
                .send_replace(Some(format!("actor {actor} failed too often: {why}")));
        }
    }
}

#[cfg(test)]
mod tests;
