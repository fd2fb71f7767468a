//! One node's access to the simulated network.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use pga_config::NodeId;
use pga_runtime::Instant;
use tokio::time::{sleep, timeout_at};

use super::super::frame::MAX_FRAME_BYTES;
use super::super::snapshot::is_plain_name;
use super::super::{
    FrameReceiver, FrameSender, Peer, ReceivedFile, ReceivedSnapshot, RefusalReason, RpcKind,
    Service, ServiceError, SnapshotFile, Transport, TransportError,
};
use super::network::{Attached, MemoryNetwork};
use super::stream::{Route, direction};

type Answer = Result<Bytes, ServiceError>;

/// The network as one incarnation of one node sees it.
pub struct MemoryTransport {
    network: Arc<MemoryNetwork>,
    node: NodeId,
    own: Arc<Attached>,
}

impl MemoryNetwork {
    /// Starts an incarnation of `node` at `addr`, ending its former one. Snapshots arrive in
    /// directories under `spool`.
    pub fn attach(
        self: &Arc<Self>,
        node: NodeId,
        addr: impl Into<String>,
        spool: PathBuf,
        service: Arc<dyn Service>,
    ) -> Arc<MemoryTransport> {
        Arc::new(MemoryTransport {
            own: self.put(node, addr.into(), spool, service),
            network: Arc::clone(self),
            node,
        })
    }
}

impl MemoryTransport {
    fn reach(
        &self,
        peer: NodeId,
        addr: &str,
        what: &'static str,
    ) -> Result<Arc<Attached>, TransportError> {
        let found = self
            .network
            .find(peer, addr)
            .filter(|_| self.own.is_alive());
        found.ok_or_else(|| {
            self.network.nobody(self.node, peer, what);
            TransportError::Unreachable {
                peer,
                reason: "nobody there".into(),
            }
        })
    }

    /// Sends a request, has it served in a task of its own, and waits for the answer on its way
    /// back.
    async fn exchange(
        &self,
        peer: NodeId,
        request: (&'static str, usize),
        deadline: Instant,
        serving: BoxFuture<'static, Answer>,
        incarnation: Arc<Attached>,
    ) -> Result<Bytes, TransportError> {
        let (network, node) = (Arc::clone(&self.network), self.node);
        let (reply, answered) = tokio::sync::oneshot::channel();
        let there = network.send(node, peer, request.0, request.1);
        // The peer goes on whether or not the caller still waits, unless its incarnation ends.
        let served = async move {
            let Some(after) = there else { return };
            sleep(after).await;
            let answer = serving.await;
            let bytes = answer.as_ref().map_or(0, Bytes::len);
            if let Some(after) = network.send(peer, node, "answer", bytes) {
                sleep(after).await;
                // The caller may have given up.
                reply.send(answer).ok();
            }
        };
        pga_runtime::spawn(async move {
            tokio::select! { biased; () = incarnation.ended() => {}, () = served => {} }
        });
        let answer = async {
            match answered.await {
                Ok(answer) => Some(answer),
                // Lost, or the peer's incarnation ended: nobody will tell.
                Err(_) => std::future::pending().await,
            }
        };
        let own = Arc::clone(&self.own);
        let answer = tokio::select! {
            biased;
            () = own.ended() => None,
            answer = timeout_at(deadline, answer) => answer.unwrap_or(None),
        };
        match answer {
            Some(Ok(body)) => Ok(body),
            Some(Err(ServiceError::Refused(reason))) => {
                Err(TransportError::Refused { peer, reason })
            }
            Some(Err(ServiceError::Failed(reason))) => Err(TransportError::Broken { peer, reason }),
            None => Err(TransportError::Timeout { peer }),
        }
    }
}

impl fmt::Debug for MemoryTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryTransport")
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}

impl Transport for MemoryTransport {
    fn call<'a>(
        &'a self,
        peer: NodeId,
        addr: &'a str,
        kind: RpcKind,
        body: Bytes,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Bytes, TransportError>> {
        Box::pin(async move {
            let deadline = pga_runtime::now() + timeout;
            if body.len() > MAX_FRAME_BYTES {
                let reason = RefusalReason::Malformed;
                return Err(TransportError::Refused { peer, reason });
            }
            let there = self.reach(peer, addr, kind.name())?;
            let (from, incarnation) = (Peer::Node(self.node), Arc::clone(&there));
            let request = (kind.name(), body.len());
            let serving = Box::pin(async move { there.service.call(from, kind, body).await });
            self.exchange(peer, request, deadline, serving, incarnation)
                .await
        })
    }

    fn open_stream<'a>(
        &'a self,
        peer: NodeId,
        addr: &'a str,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<(FrameSender, FrameReceiver), TransportError>> {
        Box::pin(async move {
            let there = self.reach(peer, addr, "open")?;
            let arrives = self.network.send(self.node, peer, "open", 0);
            let Some(after) = arrives.filter(|_| !self.network.is_cut(peer, self.node)) else {
                sleep(timeout).await;
                let reason = "no stream in time".into();
                return Err(TransportError::Unreachable { peer, reason });
            };
            sleep(after.min(timeout)).await;
            let route = Route {
                network: Arc::clone(&self.network),
                from: self.node,
                to: peer,
                incarnations: [Arc::clone(&self.own), Arc::clone(&there)],
            };
            let (sender, requests) = direction(&route);
            let (answers, receiver) = direction(&route.back());
            let from = Peer::Node(self.node);
            pga_runtime::spawn(async move {
                tokio::select! {
                    biased;
                    () = there.ended() => {},
                    () = there.service.stream(from, answers, requests) => {},
                }
            });
            Ok((sender, receiver))
        })
    }

    fn send_snapshot<'a>(
        &'a self,
        peer: NodeId,
        addr: &'a str,
        header: Bytes,
        files: Vec<SnapshotFile>,
        stall_timeout: Duration,
    ) -> BoxFuture<'a, Result<Bytes, TransportError>> {
        Box::pin(async move {
            let deadline = pga_runtime::now() + stall_timeout;
            let there = self.reach(peer, addr, "snapshot")?;
            let dir = there
                .spool
                .join(format!("incoming-{}", self.network.snapshot_number()));
            let snapshot = copy(&dir, &files).map_err(|error| TransportError::Refused {
                peer,
                reason: RefusalReason::Service(error.to_string()),
            })?;
            let bytes = snapshot.files().iter().map(|file| file.bytes).sum::<u64>();
            let (from, incarnation) = (Peer::Node(self.node), Arc::clone(&there));
            let request = ("snapshot", usize::try_from(bytes).unwrap_or(usize::MAX));
            let serving =
                Box::pin(async move { there.service.snapshot(from, header, snapshot).await });
            self.exchange(peer, request, deadline, serving, incarnation)
                .await
        })
    }

    fn rtt(&self, peer: NodeId) -> Option<Duration> {
        Some(self.network.round_trip(self.node, peer))
    }
}

/// Copies files in one go: the simulation has one thread, and its disk takes no time.
fn copy(dir: &std::path::Path, files: &[SnapshotFile]) -> std::io::Result<ReceivedSnapshot> {
    std::fs::create_dir_all(dir)?;
    let mut snapshot = ReceivedSnapshot::new(dir.to_owned(), Vec::new());
    for file in files {
        if !is_plain_name(&file.name) {
            return Err(std::io::Error::other("file name"));
        }
        let path = dir.join(&file.name);
        let bytes = std::fs::copy(&file.path, &path)?;
        let name = file.name.clone();
        snapshot.add(ReceivedFile { name, path, bytes });
    }
    Ok(snapshot)
}
