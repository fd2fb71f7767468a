//! A cluster of real nodes on one disk, with their logs and buffers, over the in-process network or over QUIC.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pga_cluster::pki::{CertificateAuthority, Validity};
use pga_cluster::transport::{
    QuicLimits, QuicOptions, QuicTransport, Service, SharedTransport, TransportMetrics,
};
use pga_cluster::{
    BufferLimits, ClusterId, ClusterNode, ClusterOptions, Member, PushOutcome, RaftTimings,
    SnapshotPolicy, StateLimits,
};
use pga_config::{CollectorId, NodeId};
use pga_storage::{ContentKey, Position, PushRecord, Timestamp};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::network::Network;

pub struct Cluster {
    dir: TempDir,
    id: ClusterId,
    pub network: Network,
    quic: Option<Quic>,
    pub nodes: BTreeMap<u64, ClusterNode>,
}

/// The same cluster's certificates and ports.
struct Quic {
    ca: CertificateAuthority,
    ports: BTreeMap<u64, u16>,
    transports: BTreeMap<u64, Arc<QuicTransport>>,
}

pub fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

/// A record with these keys as its elements.
pub fn record(collector: &str, keys: impl IntoIterator<Item = u64>) -> Bytes {
    let record = PushRecord {
        collector: CollectorId::from_external(collector),
        external_id: collector.into(),
        hostname: "host".into(),
        version: "1".into(),
        received_at: Timestamp::from_micros(1_000_000),
        idempotency: None,
        keys: keys.into_iter().map(ContentKey::from_raw).collect(),
        elements: Bytes::from_static(&[0]),
    };
    record.encode().into()
}

impl Cluster {
    /// Nodes 1 to `n`, initialized, with a leader.
    pub async fn start(n: u64) -> Self {
        Self::start_over(n, None).await
    }

    /// The same over QUIC on loopback.
    pub async fn start_quic(n: u64) -> Self {
        let id = ClusterId::random();
        let validity = Validity::for_next(Validity::AUTHORITY);
        let free_port = |id| {
            let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
            (id, socket.local_addr().unwrap().port())
        };
        let quic = Quic {
            ca: CertificateAuthority::create(id, validity).unwrap(),
            ports: (1..=n + 1).map(free_port).collect(),
            transports: BTreeMap::new(),
        };
        Self::start_over(n, Some((id, quic))).await
    }

    async fn start_over(n: u64, quic: Option<(ClusterId, Quic)>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (id, quic) = match quic {
            Some((id, quic)) => (id, Some(quic)),
            None => (ClusterId::random(), None),
        };
        let mut cluster = Self {
            network: Network::new(dir.path().join("network")),
            dir,
            id,
            quic,
            nodes: BTreeMap::new(),
        };
        for id in 1..=n {
            cluster.open(id).await;
        }
        let members = (1..=n).map(|id| cluster.member(id)).collect();
        cluster.nodes[&1].initialize(members).await.unwrap();
        cluster.leader().await;
        cluster
    }

    pub fn member(&self, id: u64) -> Member {
        let port = self.quic.as_ref().map_or(1, |quic| quic.ports[&id]);
        Member {
            node: NodeId::new(id),
            quic: format!("127.0.0.1:{port}"),
            http: format!("http://127.0.0.1:{}", 8080 + id),
        }
    }

    fn connect(
        &mut self,
        id: u64,
        service: Arc<dyn Service>,
    ) -> pga_cluster::Result<SharedTransport> {
        let node = NodeId::new(id);
        let Some(quic) = &mut self.quic else {
            self.network.heal(node);
            self.network.serve(node, service);
            return Ok(self.network.transport(node));
        };
        let validity = Validity::for_next(Validity::NODE);
        let options = QuicOptions {
            cluster: self.id,
            node,
            listen: ([127, 0, 0, 1], quic.ports[&id]).into(),
            identity: quic.ca.issue_node(node, validity).unwrap(),
            trusted: vec![quic.ca.certificate().clone()],
            spool: self.dir.path().join(format!("node-{id}/incoming")),
            limits: QuicLimits::default(),
            metrics: TransportMetrics::register(&prometheus::Registry::new()).unwrap(),
        };
        let transport = QuicTransport::bind(options, service)?;
        quic.transports.insert(id, Arc::clone(&transport));
        Ok(transport)
    }

    fn path(&self, id: u64) -> PathBuf {
        self.dir.path().join(format!("node-{id}"))
    }

    /// Starts a node, or starts it again.
    pub async fn open(&mut self, id: u64) -> ClusterNode {
        let node = NodeId::new(id);
        let options = ClusterOptions {
            node,
            cluster: self.id,
            dir: self.path(id),
            timings: RaftTimings {
                upload_expiry: Duration::from_secs(3),
                ..RaftTimings::default()
            },
            buffer: BufferLimits::default(),
            snapshots: SnapshotPolicy {
                retain_bytes: 0,
                retain_entries: 0,
                ..SnapshotPolicy::default()
            },
            limits: StateLimits::default(),
            own_store: None,
            flushed: Position::default(),
            app: None,
            registry: prometheus::Registry::new(),
        };
        let connect = |service| self.connect(id, service);
        let handle = ClusterNode::start(options, connect).await.unwrap();
        self.nodes.insert(id, handle.clone());
        handle
    }

    /// Ends a node as a kill does for the others: from one moment on it neither hears nor answers.
    pub async fn kill(&mut self, id: u64) {
        let node = NodeId::new(id);
        self.network.cut(node);
        self.network.remove(node);
        if let Some(quic) = &mut self.quic {
            quic.transports.remove(&id).unwrap().shutdown().await;
        }
        let handle = self.nodes.remove(&id).unwrap();
        handle.shutdown().await;
    }

    /// The leader all living nodes agree on.
    pub async fn leader(&self) -> u64 {
        let deadline = soon();
        loop {
            let leaders: BTreeSet<Option<NodeId>> = self
                .nodes
                .values()
                .map(|node| node.leadership().borrow().leader)
                .collect();
            if let [Some(leader)] = leaders.into_iter().collect::<Vec<_>>()[..]
                && self.nodes.contains_key(&leader.get())
            {
                return leader.get();
            }
            assert!(Instant::now() < deadline, "no leader");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub async fn follower(&self) -> u64 {
        let leader = self.leader().await;
        *self.nodes.keys().find(|id| **id != leader).unwrap()
    }

    /// Pushes through a node and expects it to be stored.
    pub async fn push(&self, id: u64, record: Bytes) -> (Position, u32, u32) {
        match self.nodes[&id].push(record, soon()).await.unwrap() {
            PushOutcome::Stored {
                position,
                accepted,
                repeated,
            } => (position, accepted, repeated),
            other => panic!("{other:?}"),
        }
    }

    /// Waits until every living node has applied `position`; then their states must be equal.
    pub async fn settle(&self, position: Position) {
        for node in self.nodes.values() {
            node.wait_applied(position, soon()).await.unwrap();
        }
        let newest = self
            .nodes
            .values()
            .map(|n| *n.applied().borrow())
            .max_by_key(|p| p.index);
        let newest = newest.unwrap();
        let mut states = BTreeSet::new();
        for node in self.nodes.values() {
            node.wait_applied(newest, soon()).await.unwrap();
            states.insert(node.with_state(pga_cluster::State::to_bytes));
        }
        assert_eq!(states.len(), 1, "equal logs give equal states (SM-1)");
    }
}
