//! Keys between nodes, over their mutually authenticated connections.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use pga_cluster::ClusterNode;
use pga_cluster::pki::ClusterKey;
use pga_cluster::transport::{RpcKind, ServiceError};
use pga_config::NodeId;

use crate::keyring::Keyring;
use crate::peer_message::PeerMessage;
use crate::{Error, Result};

/// How long a node may take to write a key down.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Writes a peer's key down.
pub(crate) async fn keep(
    keys: &Arc<Keyring>,
    from: NodeId,
    key: [u8; 32],
) -> std::result::Result<Bytes, ServiceError> {
    let key = ClusterKey::from_bytes(key);
    let kept = blocking(keys, move |keys| keys.add(key)).await;
    kept.map_err(|error| ServiceError::refused(error.to_string()))?;
    tracing::info!(peer = %from, "a new cluster key is in this node's file");
    Ok(Bytes::new())
}

/// Tells a peer the key of this name.
pub(crate) fn give(keys: &Keyring, id: &[u8; 32]) -> std::result::Result<Bytes, ServiceError> {
    match keys.get(id) {
        Some(key) => Ok(Bytes::copy_from_slice(key.as_bytes())),
        None => Err(ServiceError::refused("this node has not got that key")),
    }
}

/// Changes the file of the keys, on a thread of its own.
pub(super) async fn blocking(
    keys: &Arc<Keyring>,
    change: impl FnOnce(&Keyring) -> Result<()> + Send + 'static,
) -> Result<()> {
    let keys = Arc::clone(keys);
    let changed = pga_runtime::spawn_blocking(move || change(&keys)).await;
    changed.map_err(|error| Error::Internal(error.to_string()))?
}

/// Gives a key to all other members; who has it on disk.
pub(super) async fn spread(cluster: &ClusterNode, key: &ClusterKey) -> Result<Vec<NodeId>> {
    let body = PeerMessage::Keep(*key.as_bytes()).encode()?;
    let others = cluster.members().into_iter().map(|member| member.node);
    let asked = others.filter(|node| *node != cluster.id()).map(|node| {
        let call = cluster.call(node, RpcKind::Read, body.clone(), TIMEOUT);
        async move {
            match call.await {
                Ok(_) => Some(node),
                Err(error) => {
                    tracing::warn!(peer = %node, %error, "a node does not take the new cluster key");
                    None
                }
            }
        }
    });
    Ok(join_all(asked).await.into_iter().flatten().collect())
}

/// Asks the other members, one after the other, for the key of this name.
pub(super) async fn fetch(cluster: &ClusterNode, id: [u8; 32]) -> Result<ClusterKey> {
    let body = PeerMessage::Give(id).encode()?;
    for member in cluster.members() {
        if member.node == cluster.id() {
            continue;
        }
        let call = cluster.call(member.node, RpcKind::Read, body.clone(), TIMEOUT);
        let told = call.await.ok();
        let key = told.and_then(|told| <[u8; 32]>::try_from(told.as_ref()).ok());
        if let Some(key) = key.map(ClusterKey::from_bytes)
            && key.id() == id
        {
            return Ok(key);
        }
    }
    let text = "the cluster has a new key, and no other node that answers has it".to_owned();
    Err(Error::Unavailable(text))
}
