//! The simulated network with links that hold, where whole nodes are cut off.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::future::BoxFuture;
use pga_cluster::transport::{
    Fate, FrameReceiver, FrameSender, MemoryNetwork, Peer, ReceivedSnapshot, RpcKind, Service,
    ServiceError, SharedTransport,
};
use pga_config::NodeId;

/// Where every node of these tests listens.
const ADDRESS: &str = "127.0.0.1:1";
/// No test has a node beyond it.
const LAST: u64 = 9;

/// The network between the nodes of one test.
pub(crate) struct Network {
    memory: Arc<MemoryNetwork>,
    dir: PathBuf,
    services: Mutex<BTreeMap<NodeId, Arc<Switch>>>,
    cut: Mutex<BTreeSet<NodeId>>,
}

impl Network {
    /// One whose snapshots arrive below `dir`.
    pub(crate) fn new(dir: PathBuf) -> Self {
        Self {
            memory: MemoryNetwork::new(1),
            dir,
            services: Mutex::default(),
            cut: Mutex::default(),
        }
    }

    /// Takes a node on.
    pub(crate) fn attach(&self, node: NodeId, service: Arc<dyn Service>) -> SharedTransport {
        let service = Arc::new(Switch(Mutex::new(service)));
        let mut services = self.services.lock().unwrap();
        services.insert(node, Arc::clone(&service));
        let spool = self.dir.join(format!("incoming-{node}"));
        self.memory.attach(node, ADDRESS, spool, service)
    }

    /// Puts `wrap` between a node's service and its peers.
    pub(crate) fn wrap(
        &self,
        node: NodeId,
        wrap: impl FnOnce(Arc<dyn Service>) -> Arc<dyn Service>,
    ) {
        let services = self.services.lock().unwrap();
        let mut service = services[&node].0.lock().unwrap();
        *service = wrap(Arc::clone(&service));
    }

    /// Takes a node off the network: calls to and from it hang, as behind a dead link.
    pub(crate) fn cut(&self, node: NodeId) {
        self.cut.lock().unwrap().insert(node);
        let others = (1..=LAST).map(NodeId::new).filter(|other| *other != node);
        self.memory.partition(&[node], &others.collect::<Vec<_>>());
    }

    /// Mends what [`Network::cut`] cut.
    pub(crate) fn heal(&self, node: NodeId) {
        let mut cut = self.cut.lock().unwrap();
        cut.remove(&node);
        for other in (1..=LAST).map(NodeId::new) {
            if !cut.contains(&other) {
                self.memory.mend(node, other);
                self.memory.mend(other, node);
            }
        }
    }

    /// The node's process is gone: calls to it fail at once.
    pub(crate) fn remove(&self, node: NodeId) {
        self.memory.detach(node);
    }

    /// Snapshots that were sent.
    pub(crate) fn snapshots(&self) -> usize {
        let is_snapshot = |what: &str, fate| what == "snapshot" && matches!(fate, Fate::Arrives(_));
        let trace = self.memory.trace();
        trace
            .iter()
            .filter(|event| is_snapshot(event.what, event.fate))
            .count()
    }
}

/// A service that can be replaced while it serves.
struct Switch(Mutex<Arc<dyn Service>>);

impl Switch {
    fn now(&self) -> Arc<dyn Service> {
        Arc::clone(&self.0.lock().unwrap())
    }
}

impl Service for Switch {
    fn call(
        &self,
        from: Peer,
        kind: RpcKind,
        body: Bytes,
    ) -> BoxFuture<'_, Result<Bytes, ServiceError>> {
        let service = self.now();
        Box::pin(async move { service.call(from, kind, body).await })
    }

    fn stream(
        &self,
        from: Peer,
        answers: FrameSender,
        requests: FrameReceiver,
    ) -> BoxFuture<'_, ()> {
        let service = self.now();
        Box::pin(async move { service.stream(from, answers, requests).await })
    }

    fn snapshot(
        &self,
        from: Peer,
        header: Bytes,
        snapshot: ReceivedSnapshot,
    ) -> BoxFuture<'_, Result<Bytes, ServiceError>> {
        let service = self.now();
        Box::pin(async move { service.snapshot(from, header, snapshot).await })
    }
}
