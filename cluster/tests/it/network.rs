//! Nodes of one process talking without sockets; links can be cut.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use pga_cluster::transport::{
    FrameReceiver, FrameSender, FrameSink, FrameSource, Peer, ReceivedFile, ReceivedSnapshot,
    RpcKind, Service, ServiceError, SnapshotFile, Transport, TransportError,
};
use pga_config::NodeId;
use tokio::sync::mpsc;

/// The wires between the nodes of one test.
#[derive(Clone)]
pub(crate) struct Network(Arc<Wires>);

struct Wires {
    services: Mutex<BTreeMap<NodeId, Arc<dyn Service>>>,
    cut: Mutex<BTreeSet<NodeId>>,
    dir: PathBuf,
    snapshots: AtomicU64,
}

impl Network {
    pub(crate) fn new(dir: PathBuf) -> Self {
        Self(Arc::new(Wires {
            services: Mutex::default(),
            cut: Mutex::default(),
            dir,
            snapshots: AtomicU64::new(0),
        }))
    }

    pub(crate) fn serve(&self, node: NodeId, service: Arc<dyn Service>) {
        self.0.services.lock().unwrap().insert(node, service);
    }

    /// Puts `wrap` between a node's service and its peers.
    pub(crate) fn wrap(
        &self,
        node: NodeId,
        wrap: impl FnOnce(Arc<dyn Service>) -> Arc<dyn Service>,
    ) {
        let mut services = self.0.services.lock().unwrap();
        let service = Arc::clone(&services[&node]);
        services.insert(node, wrap(service));
    }

    /// Takes a node off the network: calls to and from it hang, as behind a dead link.
    pub(crate) fn cut(&self, node: NodeId) {
        self.0.cut.lock().unwrap().insert(node);
    }

    pub(crate) fn heal(&self, node: NodeId) {
        self.0.cut.lock().unwrap().remove(&node);
    }

    /// The node's process is gone: calls to it fail at once.
    pub(crate) fn remove(&self, node: NodeId) {
        self.0.services.lock().unwrap().remove(&node);
    }

    /// Snapshots that were sent.
    pub(crate) fn snapshots(&self) -> u64 {
        self.0.snapshots.load(Ordering::Relaxed)
    }

    pub(crate) fn transport(&self, node: NodeId) -> Arc<dyn Transport> {
        Arc::new(End {
            node,
            wires: Arc::clone(&self.0),
        })
    }
}

impl Wires {
    fn is_cut(&self, a: NodeId, b: NodeId) -> bool {
        let cut = self.cut.lock().unwrap();
        cut.contains(&a) || cut.contains(&b)
    }

    async fn wait_cut(&self, a: NodeId, b: NodeId) {
        while !self.is_cut(a, b) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        std::future::pending().await
    }
}

struct End {
    node: NodeId,
    wires: Arc<Wires>,
}

impl End {
    fn service(&self, peer: NodeId) -> Result<Arc<dyn Service>, TransportError> {
        let services = self.wires.services.lock().unwrap();
        let service = services.get(&peer).cloned();
        service.ok_or_else(|| TransportError::Unreachable {
            peer,
            reason: "nobody listens".into(),
        })
    }
}

fn failure(peer: NodeId, error: ServiceError) -> TransportError {
    match error {
        ServiceError::Refused(reason) => TransportError::Refused { peer, reason },
        ServiceError::Failed(reason) => TransportError::Broken { peer, reason },
    }
}

impl Transport for End {
    fn call<'a>(
        &'a self,
        peer: NodeId,
        _addr: &'a str,
        kind: RpcKind,
        body: Bytes,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Bytes, TransportError>> {
        Box::pin(async move {
            let served = async {
                if self.wires.is_cut(self.node, peer) {
                    std::future::pending::<()>().await;
                }
                let service = self.service(peer)?;
                let from = Peer::Node(self.node);
                // As over a real network, a caller that goes away does not stop the service.
                let answer =
                    pga_runtime::spawn(async move { service.call(from, kind, body).await });
                let answer = answer.await.unwrap();
                if self.wires.is_cut(self.node, peer) {
                    std::future::pending::<()>().await;
                }
                answer.map_err(|error| failure(peer, error))
            };
            tokio::time::timeout(timeout, served)
                .await
                .unwrap_or(Err(TransportError::Timeout { peer }))
        })
    }

    fn open_stream<'a>(
        &'a self,
        peer: NodeId,
        _addr: &'a str,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<(FrameSender, FrameReceiver), TransportError>> {
        Box::pin(async move {
            if self.wires.is_cut(self.node, peer) {
                tokio::time::sleep(timeout).await;
                return Err(TransportError::Timeout { peer });
            }
            let service = self.service(peer)?;
            let end = |from, to| {
                let (tx, rx) = mpsc::channel(16);
                let sink = Sink {
                    frames: Some(tx),
                    link: (from, to),
                    wires: Arc::clone(&self.wires),
                };
                (FrameSender::new(sink), FrameReceiver::new(Source(rx, peer)))
            };
            let (requests, served_requests) = end(self.node, peer);
            let (served_answers, answers) = end(peer, self.node);
            let from = Peer::Node(self.node);
            pga_runtime::spawn(async move {
                service.stream(from, served_answers, served_requests).await;
            });
            Ok((requests, answers))
        })
    }

    fn send_snapshot<'a>(
        &'a self,
        peer: NodeId,
        _addr: &'a str,
        header: Bytes,
        files: Vec<SnapshotFile>,
        _stall_timeout: Duration,
    ) -> BoxFuture<'a, Result<Bytes, TransportError>> {
        Box::pin(async move {
            let service = self.service(peer)?;
            let number = self.wires.snapshots.fetch_add(1, Ordering::Relaxed);
            let dir = self.wires.dir.join(format!("incoming-{number}"));
            std::fs::create_dir_all(&dir).unwrap();
            let mut received = Vec::new();
            for file in files {
                let path = dir.join(&file.name);
                let bytes = std::fs::copy(&file.path, &path).unwrap();
                let name = file.name;
                received.push(ReceivedFile { name, path, bytes });
            }
            let snapshot = ReceivedSnapshot::new(dir, received);
            let from = Peer::Node(self.node);
            let answer = tokio::select! {
                answer = service.snapshot(from, header, snapshot) => answer,
                () = self.wires.wait_cut(self.node, peer) => unreachable!(),
            };
            answer.map_err(|error| failure(peer, error))
        })
    }

    fn rtt(&self, _peer: NodeId) -> Option<Duration> {
        Some(Duration::from_micros(100))
    }
}

struct Sink {
    frames: Option<mpsc::Sender<Result<Bytes, ()>>>,
    link: (NodeId, NodeId),
    wires: Arc<Wires>,
}

impl Drop for Sink {
    fn drop(&mut self) {
        if let Some(frames) = self.frames.take() {
            drop(frames.try_send(Err(())));
        }
    }
}

impl FrameSink for Sink {
    fn send(&mut self, frame: Bytes) -> BoxFuture<'_, Result<(), TransportError>> {
        Box::pin(async move {
            let peer = self.link.1;
            if self.wires.is_cut(self.link.0, peer) {
                return Ok(());
            }
            let reason = "the other side is gone".to_owned();
            let frames = self.frames.as_ref().unwrap();
            let sent = frames.send(Ok(frame)).await;
            sent.map_err(|_| TransportError::Broken { peer, reason })
        })
    }

    fn finish(&mut self) -> BoxFuture<'_, Result<(), TransportError>> {
        self.frames = None;
        Box::pin(async { Ok(()) })
    }
}

struct Source(mpsc::Receiver<Result<Bytes, ()>>, NodeId);

impl FrameSource for Source {
    fn recv(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, TransportError>> {
        Box::pin(async move {
            match self.0.recv().await {
                None => Ok(None),
                Some(Ok(frame)) => Ok(Some(frame)),
                Some(Err(())) => Err(TransportError::Broken {
                    peer: self.1,
                    reason: "dropped".into(),
                }),
            }
        })
    }
}
