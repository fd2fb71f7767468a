//! Watches who leads.
//!
//! Role: logs changes of leadership. Owner: the node's root. Failure: a new one starts watching
//! from now.

use std::sync::Arc;

use pga_cluster::Leadership;
use ractor::{Actor, ActorProcessingErr, ActorRef};

use crate::context::Context;
use crate::tasks::{self, TaskKind};

/// The watcher.
#[derive(Debug)]
pub(crate) struct ClusterWatcher;

/// What it is told.
#[derive(Debug)]
pub(crate) enum WatcherMsg {
    /// The leadership as it is now.
    Led(Leadership),
}

/// Its state.
#[derive(Debug)]
pub(crate) struct WatcherState {
    context: Arc<Context>,
    last: Leadership,
}

impl Actor for ClusterWatcher {
    type Msg = WatcherMsg;
    type State = WatcherState;
    type Arguments = Arc<Context>;

    async fn pre_start(
        &self,
        myself: ActorRef<WatcherMsg>,
        context: Arc<Context>,
    ) -> Result<WatcherState, ActorProcessingErr> {
        let mut leadership = context.replica.leadership();
        tasks::spawn(TaskKind::Watch, async move {
            loop {
                let now = *leadership.borrow_and_update();
                if myself.cast(WatcherMsg::Led(now)).is_err() || leadership.changed().await.is_err()
                {
                    return;
                }
            }
        });
        Ok(WatcherState {
            context,
            last: Leadership::default(),
        })
    }

    async fn handle(
        &self,
        _myself: ActorRef<WatcherMsg>,
        message: WatcherMsg,
        state: &mut WatcherState,
    ) -> Result<(), ActorProcessingErr> {
        state.context.faults.hit("cluster_watcher");
        let WatcherMsg::Led(now) = message;
        if now.leader != state.last.leader || now.is_leader != state.last.is_leader {
            let leader = now
                .leader
                .map_or_else(|| "none".to_owned(), |id| id.to_string());
            let node_id = state.context.node;
            tracing::info!(%node_id, leader, term = now.term, "leadership changed");
        }
        state.last = now;
        Ok(())
    }
}
