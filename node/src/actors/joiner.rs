//! Makes the cluster what it should be: adds nodes that were let in, as soon as they are up, and
//! sets its limits.
//!
//! Role: on the leader, looks at the address book for nodes that are no members yet and adds one at
//! a time: as a learner, then as a voter. Where the log has another limit of collectors than the
//! configuration of this node, it proposes its own: the limit is decided where pushes are applied,
//! so all nodes need the same (LIM-1). Owner: the node's root. Failure: the next look, also by the
//! next leader, finds them again.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pga_cluster::transport::RpcKind;
use pga_cluster::{ClusterNode, Command, ControlCommand, Member};
use ractor::{Actor, ActorProcessingErr, ActorRef};

use crate::context::Context;
use crate::join_service::waiting;
use crate::tasks::{self, TaskKind};

/// How often the leader looks.
const LOOK: Duration = Duration::from_secs(1);
/// How long a node that is up takes to answer.
const REACH_TIMEOUT: Duration = Duration::from_secs(1);
/// How long catching up may take until the next look.
const ADD_TIMEOUT: Duration = Duration::from_secs(600);
/// How long setting a limit may take until the next look.
const LIMIT_TIMEOUT: Duration = Duration::from_secs(30);

/// The joiner.
#[derive(Debug)]
pub(crate) struct Joiner;

/// What it is told.
#[derive(Debug)]
pub(crate) enum JoinerMsg {
    /// Time to look.
    Look,
}

/// What it starts with.
#[derive(Clone)]
pub(crate) struct JoinerArgs {
    /// The node.
    pub(crate) context: Arc<Context>,
    /// Its part of the cluster.
    pub(crate) cluster: ClusterNode,
}

/// Its state.
pub(crate) struct JoinerState {
    args: JoinerArgs,
    /// The change under way.
    changing: Option<tokio::task::JoinHandle<()>>,
}

impl Actor for Joiner {
    type Msg = JoinerMsg;
    type State = JoinerState;
    type Arguments = JoinerArgs;

    async fn pre_start(
        &self,
        myself: ActorRef<JoinerMsg>,
        args: JoinerArgs,
    ) -> Result<JoinerState, ActorProcessingErr> {
        myself.send_interval(LOOK, || JoinerMsg::Look);
        Ok(JoinerState {
            args,
            changing: None,
        })
    }

    async fn handle(
        &self,
        _myself: ActorRef<JoinerMsg>,
        message: JoinerMsg,
        state: &mut JoinerState,
    ) -> Result<(), ActorProcessingErr> {
        let JoinerMsg::Look = message;
        let is_leader = state.args.context.replica.leadership().borrow().is_leader;
        let is_busy = state
            .changing
            .as_ref()
            .is_some_and(|changing| !changing.is_finished());
        if !is_leader || is_busy {
            return Ok(());
        }
        let cluster = state.args.cluster.clone();
        let members = waiting(&cluster);
        let max = state.args.context.live.now().limits.max_collectors;
        if !members.is_empty() {
            state.changing = Some(tasks::spawn(TaskKind::Effect, add_first(cluster, members)));
        } else if cluster.with_state(|state| state.max_collectors()) != Some(max) {
            state.changing = Some(tasks::spawn(TaskKind::Effect, limit(cluster, max)));
        }
        Ok(())
    }
}

/// Makes this node's limit of collectors the cluster's.
async fn limit(cluster: ClusterNode, max: u64) {
    let command = Command::Control(ControlCommand::LimitCollectors { max });
    match cluster
        .propose(command, pga_runtime::now() + LIMIT_TIMEOUT)
        .await
    {
        Ok(_) => tracing::info!(max, "limit of collectors set"),
        Err(error) => tracing::warn!(max, %error, "limit of collectors not set yet"),
    }
}

/// Adds the first of `members` that is up.
async fn add_first(cluster: ClusterNode, members: Vec<Member>) {
    for member in members {
        let call = cluster.call(member.node, RpcKind::Status, Bytes::new(), REACH_TIMEOUT);
        if call.await.is_err() {
            continue;
        }
        let node_id = member.node;
        match cluster
            .add_node(member, pga_runtime::now() + ADD_TIMEOUT)
            .await
        {
            Ok(()) => tracing::info!(%node_id, "node added"),
            Err(error) => tracing::warn!(%node_id, %error, "node not added yet"),
        }
        return;
    }
}
