//! The ordered end of a node: hand over the leadership, drain HTTP, stop the actors, stop
//! consensus, close the port.
//!
//! Each step has a deadline, as nothing acknowledged depends on any of them.

use std::sync::Arc;
use std::time::Duration;

use pga_cluster::transport::QuicTransport;
use pga_cluster::{ClusterNode, NodeRole};
use pga_config::Config;
use ractor::ActorRef;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::supervision::RootMsg;

/// How long handing over the leadership may take.
const TRANSFER: Duration = Duration::from_secs(3);
/// How long a look at the other nodes may take.
const STATUS: Duration = Duration::from_millis(500);
/// How long consensus may take to stop.
const CONSENSUS: Duration = Duration::from_secs(5);
/// How long either may take if consensus ended by itself: nothing can be acknowledged any more.
const BROKEN: Duration = Duration::from_secs(1);

/// What has to be stopped.
pub(super) struct Parts {
    pub(super) cluster: ClusterNode,
    pub(super) transport: Arc<QuicTransport>,
    pub(super) root: ActorRef<RootMsg>,
    pub(super) stop_web: watch::Sender<bool>,
    pub(super) is_drained: watch::Receiver<bool>,
}

/// Stops everything in order; `is_planned`: consensus still works.
pub(super) async fn run(mut parts: Parts, config: &Config, is_planned: bool) {
    tracing::info!("node stops");
    if is_planned {
        hand_over(&parts.cluster, config).await;
    }
    let limit = |planned: Duration| if is_planned { planned } else { BROKEN };
    parts.stop_web.send_replace(true);
    let drained = parts.is_drained.wait_for(|drained| *drained);
    if timeout(limit(config.node.shutdown_timeout), drained)
        .await
        .is_err()
    {
        tracing::warn!("open requests were cut off");
    }
    parts.root.stop(None);
    let stopped = timeout(limit(CONSENSUS), parts.cluster.shutdown());
    if stopped.await.is_err() {
        tracing::warn!("consensus did not stop in time");
    }
    if timeout(STATUS, parts.transport.shutdown()).await.is_err() {
        tracing::debug!("the peer port did not close in time");
    }
    tracing::info!("node stopped");
}

/// Gives the leadership to the follower that is furthest, so that nobody has to wait for an
/// election.
async fn hand_over(cluster: &ClusterNode, config: &Config) {
    if !cluster.leadership().borrow().is_leader {
        return;
    }
    let status = cluster.status(STATUS).await;
    let followers = status.nodes.into_iter().filter(|node| {
        node.reachable && node.role == NodeRole::Follower && node.id != config.node.id
    });
    let Some(to) = followers.max_by_key(|node| node.last) else {
        return;
    };
    match cluster
        .transfer_leader(to.id, pga_runtime::now() + TRANSFER)
        .await
    {
        Ok(()) => tracing::info!(to = %to.id, "leadership handed over"),
        Err(error) => tracing::warn!(to = %to.id, %error, "leadership not handed over"),
    }
}
