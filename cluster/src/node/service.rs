//! What a node serves to its peers.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock, Weak};

use bytes::Bytes;
use futures::StreamExt;
use futures::future::BoxFuture;
use openraft::alias::SnapshotOf;
use openraft::raft::{AppendEntriesRequest, TransferLeaderRequest, VoteRequest};
use pga_config::NodeId;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::consensus::snapshot::{Meta, STATE_FILE, SnapshotDir, check_received};
use crate::consensus::type_config::{TypeConfig, Vote};
use crate::error::{Error, Fatal};
use crate::membership::rpc_authorization::{Claim, Objection, RpcAuthorization};
use crate::node::core::Core;
use crate::transport::{
    FrameReceiver, FrameSender, Peer, ReceivedSnapshot, RefusalReason, RpcKind, Service,
    ServiceError,
};

/// The server side of a node: made before the node is open, because consensus needs the transport
/// that serves it.
#[derive(Default)]
pub(crate) struct NodeService {
    core: OnceLock<Weak<Core>>,
    authorization: Arc<RpcAuthorization>,
}

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
            if let Some(node) = from.node_id() {
                self.append_stream(node, answers, requests).await;
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
            let Some(node) = from.node_id() else {
                return Err(ServiceError::Refused(RefusalReason::Forbidden));
            };
            let (vote, meta): (Vote, Meta) = decode(&header)?;
            let core = self.consensus("snapshot")?;
            self.authorization
                .admit(&core, node, Claim::Leader(&vote))?;
            let Some(file) = snapshot.file(STATE_FILE) else {
                return Err(ServiceError::refused("the snapshot has no state"));
            };
            check_snapshot(&core, file.path.clone(), meta.clone()).await?;
            let snapshot = SnapshotDir::received(snapshot.keep());
            let snapshot = SnapshotOf::<TypeConfig, SnapshotDir> { meta, snapshot };
            let answer = core.raft.install_full_snapshot(vote, snapshot).await;
            encode(&answer.map_err(failed)?)
        })
    }
}

impl NodeService {
    /// Serves `core` from now on.
    pub(crate) fn open(&self, core: &Arc<Core>) {
        self.core.get_or_init(|| Arc::downgrade(core));
    }

    fn core(&self) -> Result<Arc<Core>, ServiceError> {
        let core = self
            .core
            .get()
            .ok_or_else(|| ServiceError::refused("starting"))?;
        let core = core.upgrade().filter(|core| !*core.stopped.borrow());
        core.ok_or(ServiceError::Refused(RefusalReason::ShuttingDown))
    }

    /// The node, if it takes part in consensus (LOG-1).
    fn consensus(&self, kind: &str) -> Result<Arc<Core>, ServiceError> {
        let core = self.core()?;
        if core.takes_part() {
            return Ok(core);
        }
        core.metrics.refusals.with_label_values(&[kind]).inc();
        Err(ServiceError::refused("this node does not take part"))
    }

    async fn serve(&self, from: NodeId, kind: RpcKind, body: Bytes) -> Answer {
        let core = match kind {
            RpcKind::Append | RpcKind::Vote | RpcKind::PreVote | RpcKind::TransferLeader => {
                self.consensus(kind.name())?
            }
            _ => self.core()?,
        };
        self.authorization.admit_request(&core, from)?;
        match kind {
            RpcKind::Append => {
                let request: AppendEntriesRequest<TypeConfig> = decode(&body)?;
                self.authorization
                    .admit(&core, from, Claim::Leader(&request.vote))?;
                encode(&core.raft.append_entries(request).await.map_err(failed)?)
            }
            RpcKind::Vote | RpcKind::PreVote => {
                let request: VoteRequest<TypeConfig> = decode(&body)?;
                let claim = Claim::Candidate(&request.vote, request.last_log_id.as_ref());
                self.authorization.admit(&core, from, claim)?;
                let answer = match kind {
                    RpcKind::Vote => {
                        // Who asks for votes has voted for itself.
                        core.peer_watermarks
                            .voted(from, request.vote.leader_id.term);
                        core.raft.vote(request).await
                    }
                    _ => core.raft.pre_vote(request).await,
                };
                encode(&answer.map_err(failed)?)
            }
            RpcKind::TransferLeader => {
                let request: TransferLeaderRequest<TypeConfig> = decode(&body)?;
                let claim = Claim::Leader(request.from_leader());
                self.authorization.admit(&core, from, claim)?;
                let answer = core.raft.handle_transfer_leader(request).await;
                encode(&answer.map_err(failed)?)
            }
            RpcKind::Propose => encode(&core.serve_propose(body).await),
            RpcKind::ReadIndex => encode(&core.serve_read_index(&body).await),
            RpcKind::Standing => {
                core.hear(from, &body);
                core.tell(from).map_err(failed)
            }
            RpcKind::Announcement => core.serve_announcement(),
            RpcKind::Status => encode(&core.own_status()),
            RpcKind::Membership => encode(&core.serve_change(from, body).await),
            RpcKind::Read => match &core.app {
                Some(app) => app.read(from, body).await,
                None => Err(ServiceError::refused("not served here")),
            },
            // A node has its identity already.
            RpcKind::Join => Err(ServiceError::Refused(RefusalReason::Forbidden)),
        }
    }

    /// Pipelined appends: answers leave in the order of the requests.
    ///
    /// Whatever is wrong with a request ends the stream: the sender opens another when it has
    /// something better to say.
    async fn append_stream(&self, from: NodeId, mut answers: FrameSender, requests: FrameReceiver) {
        let Ok(core) = self.consensus("append") else {
            return;
        };
        let (authorization, authorized) = (Arc::clone(&self.authorization), Arc::clone(&core));
        let state = (requests, authorization, authorized);
        let requests = futures::stream::unfold(state, move |mut state| async move {
            let frame = state.0.recv().await.ok().flatten()?;
            let request: AppendEntriesRequest<TypeConfig> = decode(&frame).ok()?;
            let claim = Claim::Leader(&request.vote);
            state.1.admit(&state.2, from, claim).ok()?;
            Some((request, state))
        });
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

/// Refuses a snapshot that could not be installed, while the old state is still there.
async fn check_snapshot(core: &Core, file: PathBuf, meta: Meta) -> Result<(), ServiceError> {
    let knows = core.machine.knows();
    let checked = pga_runtime::spawn_blocking(move || check_received(&file, &meta, knows));
    checked.await.map_err(failed)?.map_err(|error| {
        if let Error::Outdated(outdated) = &error {
            core.end(Fatal::Outdated(outdated.clone()));
        }
        tracing::error!(%error, "snapshot of a peer refused");
        ServiceError::refused(error.to_string())
    })
}

impl From<Objection> for ServiceError {
    fn from(objection: Objection) -> Self {
        Self::refused(objection.name())
    }
}

fn encode(value: &(impl Serialize + ?Sized)) -> Answer {
    rmp_serde::to_vec(value).map(Bytes::from).map_err(failed)
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ServiceError> {
    pga_storage::from_msgpack(bytes).map_err(|_| ServiceError::Refused(RefusalReason::Malformed))
}

fn failed(error: impl std::fmt::Display) -> ServiceError {
    ServiceError::Failed(error.to_string())
}
