//! What a node serves to its peers.

use std::sync::{Arc, OnceLock, Weak};

use bytes::Bytes;
use futures::StreamExt;
use futures::future::BoxFuture;
use openraft::alias::SnapshotOf;
use openraft::raft::AppendEntriesRequest;
use pga_config::NodeId;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::core::Core;
use crate::raft::snapshot::{Meta, STATE_FILE, SnapshotDir};
use crate::raft::type_config::{TypeConfig, Vote};
use crate::transport::{
    FrameReceiver, FrameSender, Peer, ReceivedSnapshot, RefusalReason, RpcKind, Service,
    ServiceError,
};

/// The server side of a node: made before the node is open, because consensus needs the transport that serves it.
#[derive(Default)]
pub(crate) struct NodeService(OnceLock<Weak<Core>>);

type Answer = Result<Bytes, ServiceError>;

impl Service for NodeService {
    fn call(&self, from: Peer, kind: RpcKind, body: Bytes) -> BoxFuture<'_, Answer> {
        Box::pin(async move {
            match from {
                Peer::Node(node) => self.serve(node, kind, body).await,
                Peer::Joiner { certificate_sha256 } => match (kind, &self.core()?.app) {
                    (RpcKind::Join, Some(app)) => app.join(certificate_sha256, body).await,
                    _ => Err(ServiceError::Refused(RefusalReason::Forbidden)),
                },
            }
        })
    }

    fn stream(
        &self,
        from: Peer,
        answers: FrameSender,
        requests: FrameReceiver,
    ) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if from.node_id().is_some() {
                self.append_stream(answers, requests).await;
            }
        })
    }

    fn snapshot(
        &self,
        from: Peer,
        header: Bytes,
        snapshot: ReceivedSnapshot,
    ) -> BoxFuture<'_, Answer> {
        Box::pin(async move {
            if from.node_id().is_none() {
                return Err(ServiceError::Refused(RefusalReason::Forbidden));
            }
            let (vote, meta): (Vote, Meta) = decode(&header)?;
            if snapshot.file(STATE_FILE).is_none() {
                return Err(ServiceError::refused("the snapshot has no state"));
            }
            let snapshot = SnapshotDir::received(snapshot.keep());
            let snapshot = SnapshotOf::<TypeConfig, SnapshotDir> { meta, snapshot };
            let answer = self
                .core()?
                .raft
                .install_full_snapshot(vote, snapshot)
                .await;
            encode(&answer.map_err(failed)?)
        })
    }
}

impl NodeService {
    /// Serves `core` from now on.
    pub(crate) fn open(&self, core: &Arc<Core>) {
        self.0.get_or_init(|| Arc::downgrade(core));
    }

    fn core(&self) -> Result<Arc<Core>, ServiceError> {
        let core = self
            .0
            .get()
            .ok_or_else(|| ServiceError::refused("starting"))?;
        let core = core.upgrade().filter(|core| !*core.stopped.borrow());
        core.ok_or(ServiceError::Refused(RefusalReason::ShuttingDown))
    }

    async fn serve(&self, from: NodeId, kind: RpcKind, body: Bytes) -> Answer {
        let core = self.core()?;
        match kind {
            RpcKind::Append => encode(
                &core
                    .raft
                    .append_entries(decode(&body)?)
                    .await
                    .map_err(failed)?,
            ),
            RpcKind::Vote => encode(&core.raft.vote(decode(&body)?).await.map_err(failed)?),
            RpcKind::PreVote => encode(&core.raft.pre_vote(decode(&body)?).await.map_err(failed)?),
            RpcKind::TransferLeader => {
                let request = decode(&body)?;
                let answer = core.raft.handle_transfer_leader(request).await;
                encode(&answer.map_err(failed)?)
            }
            RpcKind::Propose => encode(&core.serve_propose(body).await),
            RpcKind::ReadIndex => encode(&core.read_index().await),
            RpcKind::Status => encode(&core.own_status()),
            RpcKind::Membership => encode(&core.serve_change(body).await),
            RpcKind::Read => match &core.app {
                Some(app) => app.read(from, body).await,
                None => Err(ServiceError::refused("not served here")),
            },
            // A node has its identity already.
            RpcKind::Join => Err(ServiceError::Refused(RefusalReason::Forbidden)),
        }
    }

    /// Pipelined appends: answers leave in the order of the requests.
    async fn append_stream(&self, mut answers: FrameSender, requests: FrameReceiver) {
        let requests = futures::stream::unfold(requests, |mut requests| async move {
            let frame = requests.recv().await.ok().flatten()?;
            let request: AppendEntriesRequest<TypeConfig> = decode(&frame).ok()?;
            Some((request, requests))
        });
        let Ok(core) = self.core() else { return };
        let mut results = Box::pin(core.raft.stream_append(requests));
        while let Some(result) = results.next().await {
            let Some(frame) = result.ok().and_then(|result| encode(&result).ok()) else {
                return;
            };
            if answers.send(frame).await.is_err() {
                return;
            }
        }
        // The leader sees how the stream ended.
        drop(answers.finish().await);
    }
}

fn encode(value: &(impl Serialize + ?Sized)) -> Answer {
    rmp_serde::to_vec(value).map(Bytes::from).map_err(failed)
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ServiceError> {
    rmp_serde::from_slice(bytes).map_err(|_| ServiceError::Refused(RefusalReason::Malformed))
}

fn failed(error: impl std::fmt::Display) -> ServiceError {
    ServiceError::Failed(error.to_string())
}
