//! Has the leader run the analyses that are due.
//!
//! Role: a leader's job (design D18); what was found goes through the log as any push. Owner: the
//! node's root. Failure: the next round does it; a run that a lost leader left is begun anew.

use std::sync::Arc;
use std::time::Duration;

use pga_cluster::{FeatureLevel, State};
use pga_web::{JobRunner, NodeApi, Watch};
use ractor::{Actor, ActorProcessingErr, ActorRef};

use crate::context::Context;
use crate::tasks::{self, TaskKind};

/// From one look at what is due to the next.
const INTERVAL: Duration = Duration::from_secs(60);

/// The analyst.
#[derive(Debug)]
pub(crate) struct Analyst;

/// What it is told.
#[derive(Debug)]
pub(crate) enum AnalystMsg {
    /// Time for a round.
    Look,
}

/// What it starts with.
#[derive(Clone, Debug)]
pub(crate) struct AnalystArgs {
    /// The node.
    pub(crate) context: Arc<Context>,
    /// What it reads from and writes to.
    pub(crate) api: Arc<dyn NodeApi>,
    /// What runs jobs.
    pub(crate) jobs: JobRunner,
}

/// Its state.
#[derive(Debug)]
pub(crate) struct AnalystState {
    args: AnalystArgs,
    /// The round that is under way, or the last one.
    round: Option<tokio::task::JoinHandle<()>>,
    /// What is watched while this node leads.
    watch: Arc<tokio::sync::Mutex<Watch>>,
}

impl Actor for Analyst {
    type Msg = AnalystMsg;
    type State = AnalystState;
    type Arguments = AnalystArgs;

    async fn pre_start(
        &self,
        myself: ActorRef<AnalystMsg>,
        args: AnalystArgs,
    ) -> Result<AnalystState, ActorProcessingErr> {
        myself.send_interval(INTERVAL, || AnalystMsg::Look);
        Ok(AnalystState {
            args,
            round: None,
            watch: Arc::default(),
        })
    }

    async fn handle(
        &self,
        _myself: ActorRef<AnalystMsg>,
        message: AnalystMsg,
        state: &mut AnalystState,
    ) -> Result<(), ActorProcessingErr> {
        let AnalystMsg::Look = message;
        state.args.context.faults.hit("analyst");
        let is_leader = state.args.context.replica.leadership().borrow().is_leader;
        let mut level = FeatureLevel::BASE;
        let api = Arc::clone(&state.args.api);
        api.look(&mut |now: &State| level = now.feature_level());
        let is_busy = state
            .round
            .as_ref()
            .is_some_and(|round| !round.is_finished());
        if !is_leader {
            // Another node watches: what this one knows is old when it leads again.
            state.watch = Arc::default();
            if let Some(round) = state.round.take() {
                round.abort();
            }
        }
        if is_leader && level >= FeatureLevel::INSIGHT && !is_busy {
            let (watch, jobs) = (Arc::clone(&state.watch), state.args.jobs.clone());
            let round = async move {
                watch.lock().await.round(&*api, &jobs).await;
                jobs.run_due(&*api).await;
            };
            state.round = Some(tasks::spawn(TaskKind::Effect, round));
        }
        Ok(())
    }
}
