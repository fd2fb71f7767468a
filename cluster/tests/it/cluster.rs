//! A cluster of real nodes on one disk, with their logs and buffers, over the in-process network or
//! over QUIC.

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
    Batching, BufferLimits, ClusterId, ClusterNode, ClusterOptions, FeatureLevel, Member,
    PushOutcome, RaftTimings, SnapshotPolicy, StateLimits,
};
use pga_config::{CollectorId, NodeId};
use pga_runtime::Instant;
use pga_storage::query::{Elements, Question};
use pga_storage::store::{EmbeddedOptions, EmbeddedStore, FlushBatch, FlushElement};
use pga_storage::{ContentKey, Position, PushRecord, StoreWriter, Timestamp};
use tempfile::TempDir;

use crate::network::Network;

pub(crate) struct Cluster {
    dir: TempDir,
    pub(crate) id: ClusterId,
    pub(crate) network: Network,
    quic: Option<Quic>,
    /// How many voters it begins with.
    voters: u64,
    /// Whether each node has a store of its own.
    embedded: bool,
    pub(crate) stores: BTreeMap<u64, Arc<EmbeddedStore>>,
    pub(crate) nodes: BTreeMap<u64, ClusterNode>,
    /// What the programs of nodes know that are of another version.
    pub(crate) levels: BTreeMap<u64, FeatureLevel>,
}

/// The same cluster's certificates and ports.
struct Quic {
    ca: CertificateAuthority,
    ports: BTreeMap<u64, u16>,
    transports: BTreeMap<u64, Arc<QuicTransport>>,
}

pub(crate) fn soon() -> Instant {
    pga_runtime::now() + Duration::from_secs(20)
}

/// A record with these keys as its elements.
pub(crate) fn record(collector: &str, keys: impl IntoIterator<Item = u64>) -> Bytes {
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

/// A record with these samples.
pub(crate) fn samples(collector: &str, values: impl IntoIterator<Item = u64>) -> Bytes {
    let head = PushRecord::decode(&record(collector, [])).unwrap();
    let sample = |value: u64| {
        pga_storage::Element::Sample(pga_storage::Sample {
            name: "metric".into(),
            labels: Vec::new(),
            time: Timestamp::from_micros(1_700_000_000_000_000 + value as i64 * 1_000_000),
            value: value as f64,
            form: pga_storage::SampleForm::from_bits(pga_storage::SampleForm::UNIX_SECONDS),
        })
    };
    let elements: Vec<_> = values.into_iter().map(sample).collect();
    PushRecord::with_elements(head, &elements).encode().into()
}

/// Flushes a node's buffer into its own store.
pub(crate) async fn flush(node: &ClusterNode, store: &EmbeddedStore) -> Position {
    let after = store.watermark().await.unwrap().position;
    let upto = *node.flushable().borrow();
    let batch = node
        .buffer()
        .read_batch(after.index, upto.index, 1 << 20)
        .unwrap();
    assert_eq!(batch.upto, upto.index);
    let mut elements = Vec::new();
    for (position, pushes) in batch.pushes {
        let mut ordinal = 0;
        for (record, accepted) in pushes {
            let record = PushRecord::decode(&record).unwrap();
            for (element, new) in record.elements().unwrap().into_iter().zip(accepted.iter()) {
                if new {
                    elements.push(FlushElement {
                        collector: record.collector,
                        index: position.index,
                        ordinal,
                        received_at: record.received_at,
                        element,
                    });
                }
                ordinal += 1;
            }
        }
    }
    let batch = FlushBatch {
        after,
        upto,
        term: upto.term,
        elements,
    };
    store.flush(batch).await.unwrap();
    node.set_flushed(upto);
    upto
}

impl Cluster {
    /// Nodes 1 to `n`, initialized, with a leader.
    pub(crate) async fn start(n: u64) -> Self {
        Self::start_over(n, None, false, BTreeMap::new()).await
    }

    /// The same of nodes whose programs know these levels.
    pub(crate) async fn start_levels(levels: &[u32]) -> Self {
        let levels = (1..).zip(levels.iter().copied().map(FeatureLevel::new));
        let levels: BTreeMap<u64, FeatureLevel> = levels.collect();
        Self::start_over(levels.len() as u64, None, false, levels).await
    }

    /// The same with an embedded store on each node.
    pub(crate) async fn start_embedded(n: u64) -> Self {
        Self::start_over(n, None, true, BTreeMap::new()).await
    }

    /// The same over QUIC on loopback.
    pub(crate) async fn start_quic(n: u64) -> Self {
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
        Self::start_over(n, Some((id, quic)), false, BTreeMap::new()).await
    }

    async fn start_over(
        n: u64,
        quic: Option<(ClusterId, Quic)>,
        embedded: bool,
        levels: BTreeMap<u64, FeatureLevel>,
    ) -> Self {
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
            voters: n,
            embedded,
            stores: BTreeMap::new(),
            nodes: BTreeMap::new(),
            levels,
        };
        for id in 1..=n {
            cluster.open(id).await;
        }
        let members = (1..=n).map(|id| cluster.member(id)).collect();
        cluster.nodes[&1].initialize(members).await.unwrap();
        cluster.leader().await;
        cluster
    }

    pub(crate) fn member(&self, id: u64) -> Member {
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
            return Ok(self.network.attach(node, service));
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

    pub(crate) fn path(&self, id: u64) -> PathBuf {
        self.dir.path().join(format!("node-{id}"))
    }

    /// Starts a node, or starts it again.
    pub(crate) async fn open(&mut self, id: u64) -> ClusterNode {
        self.try_open(id).await.unwrap()
    }

    /// The same, of a node that may not start.
    pub(crate) async fn try_open(&mut self, id: u64) -> pga_cluster::Result<ClusterNode> {
        let node = NodeId::new(id);
        let (mut own_store, mut flushed) = (None, Position::default());
        if self.embedded {
            let dir = self.path(id).join("store");
            let store = EmbeddedStore::open(&dir, self.id.get(), EmbeddedOptions::default());
            let store = Arc::new(store.unwrap());
            flushed = store.watermark().await.unwrap().position;
            self.stores.insert(id, Arc::clone(&store));
            own_store = Some(store as Arc<dyn StoreWriter>);
        }
        let options = ClusterOptions {
            node,
            cluster: self.id,
            members: (1..=self.voters).map(|id| self.member(id)).collect(),
            dir: self.path(id),
            timings: RaftTimings {
                upload_expiry: Duration::from_secs(3),
                ..RaftTimings::default()
            },
            buffer: BufferLimits::default(),
            batching: Batching::default(),
            snapshots: SnapshotPolicy {
                retain_bytes: 0,
                retain_entries: 0,
                ..SnapshotPolicy::default()
            },
            limits: StateLimits::default(),
            own_store,
            flushed,
            app: None,
            feature_level: *self.levels.get(&id).unwrap_or(&FeatureLevel::CURRENT),
            registry: prometheus::Registry::new(),
        };
        let connect = |service| self.connect(id, service);
        let handle = ClusterNode::start(options, connect).await?;
        self.nodes.insert(id, handle.clone());
        Ok(handle)
    }

    /// Ends a node as a kill does for the others: from one moment on it neither hears nor answers.
    pub(crate) async fn kill(&mut self, id: u64) {
        let node = NodeId::new(id);
        self.network.cut(node);
        self.network.remove(node);
        if let Some(quic) = &mut self.quic {
            quic.transports.remove(&id).unwrap().shutdown().await;
        }
        self.stores.remove(&id);
        let handle = self.nodes.remove(&id).unwrap();
        handle.shutdown().await;
    }

    /// Flushes a node's buffer into its own store.
    pub(crate) async fn flush_own(&self, id: u64) -> Position {
        flush(&self.nodes[&id], &self.stores[&id]).await
    }

    /// The values of a collector's samples in a node's own store.
    pub(crate) async fn stored(&self, id: u64, collector: &str) -> Vec<u64> {
        let query = Elements {
            collector: CollectorId::from_external(collector),
            kind: None,
            from: None,
            to: None,
            order: Default::default(),
            limit: 10_000,
            cursor: None,
        };
        let page = query.ask(&*self.stores[&id]).await.unwrap();
        let mut values: Vec<u64> = page
            .data
            .iter()
            .map(|text| {
                let element: serde_json::Value = serde_json::from_str(text).unwrap();
                element["value"].as_f64().unwrap() as u64
            })
            .collect();
        values.sort_unstable();
        values
    }

    /// The leader all living nodes agree on.
    pub(crate) async fn leader(&self) -> u64 {
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
            assert!(pga_runtime::now() < deadline, "no leader");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) async fn follower(&self) -> u64 {
        let leader = self.leader().await;
        *self.nodes.keys().find(|id| **id != leader).unwrap()
    }

    /// Pushes through a node and expects it to be stored.
    pub(crate) async fn push(&self, id: u64, record: Bytes) -> (Position, u32, u32) {
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
    pub(crate) async fn settle(&self, position: Position) {
        for node in self.nodes.values() {
            node.wait_applied(position, soon()).await.unwrap();
        }
        // Members also commit on their own, what they know for example: only states of one position
        // compare.
        let at = || self.nodes.values().map(|n| *n.applied().borrow());
        loop {
            let newest = at().max_by_key(|p| p.index).unwrap();
            for node in self.nodes.values() {
                node.wait_applied(newest, soon()).await.unwrap();
            }
            let states: BTreeSet<_> = self
                .nodes
                .values()
                .map(|n| n.with_state(pga_cluster::State::to_bytes).unwrap())
                .collect();
            if states.len() == 1 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            let moved = at().any(|applied| applied != newest);
            assert!(moved, "equal logs give equal states (SM-1)");
        }
    }
}
