//! Tells the other nodes of failed attempts to log in and to register, so that the brake on
//! guessing holds over the cluster.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use pga_cluster::ClusterNode;
use pga_cluster::transport::RpcKind;
use pga_web::FailureLimit;
use tokio::task::JoinHandle;

use crate::peer_message::PeerMessage;
use crate::tasks::{self, TaskKind};

/// How often the others are told, if there is anything to tell.
const EVERY: Duration = Duration::from_millis(500);
/// How long a node may take to hear it; one that does not answer misses it.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Tells until the task is aborted.
pub(crate) fn watch(failures: &Arc<FailureLimit>, cluster: &ClusterNode) -> JoinHandle<()> {
    let (failures, cluster) = (Arc::clone(failures), cluster.clone());
    tasks::spawn(TaskKind::Watch, async move {
        loop {
            tokio::time::sleep(EVERY).await;
            let told = failures.take_untold();
            if !told.is_empty() {
                tell(&cluster, &PeerMessage::Failed(told)).await;
            }
        }
    })
}

async fn tell(cluster: &ClusterNode, message: &PeerMessage) {
    let Ok(body) = message.encode() else {
        return;
    };
    let others = cluster.members().into_iter().map(|member| member.node);
    let told = others.filter(|node| *node != cluster.id()).map(|node| {
        let call = cluster.call(node, RpcKind::Read, body.clone(), TIMEOUT);
        async move {
            if let Err(error) = call.await {
                tracing::debug!(peer = %node, %error, "failed attempts not told");
            }
        }
    });
    join_all(told).await;
}
