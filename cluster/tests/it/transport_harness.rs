//! Nodes on loopback, and a raw QUIC client that breaks rules.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use pga_cluster::ClusterId;
use pga_cluster::pki::{CertificateAuthority, Identity, Validity};
use pga_cluster::transport::{
    FrameReceiver, FrameSender, Peer, QuicLimits, QuicOptions, QuicTransport, ReceivedSnapshot,
    RpcKind, Service, ServiceError, TransportMetrics,
};
use pga_config::NodeId;
use rustls::pki_types::CertificateDer;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// A snapshot that was installed: from whom, its header, names and contents of its files.
type PeerWatermark = (Peer, Bytes, Vec<(String, Vec<u8>)>);

/// Echoes calls and frames, keeps what it saw.
#[derive(Default)]
pub(crate) struct Echo {
    pub(crate) calls: Mutex<Vec<(Peer, RpcKind, Bytes)>>,
    pub(crate) snapshots: Mutex<Vec<PeerWatermark>>,
    pub(crate) stuck: AtomicUsize,
}

impl Service for Echo {
    fn call(
        &self,
        from: Peer,
        kind: RpcKind,
        body: Bytes,
    ) -> BoxFuture<'_, Result<Bytes, ServiceError>> {
        self.calls.lock().unwrap().push((from, kind, body.clone()));
        Box::pin(async move {
            match body.as_ref() {
                b"refuse" => Err(ServiceError::refused("not the leader")),
                b"fail" => Err(ServiceError::Failed("disk".into())),
                b"stick" => {
                    self.stuck.fetch_add(1, Ordering::SeqCst);
                    std::future::pending().await
                }
                _ => Ok(body),
            }
        })
    }

    fn stream(
        &self,
        _: Peer,
        mut answers: FrameSender,
        mut requests: FrameReceiver,
    ) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            while let Ok(Some(frame)) = requests.recv().await {
                if answers.send(frame).await.is_err() {
                    return;
                }
            }
            answers.finish().await.ok();
        })
    }

    fn snapshot(
        &self,
        from: Peer,
        header: Bytes,
        snapshot: ReceivedSnapshot,
    ) -> BoxFuture<'_, Result<Bytes, ServiceError>> {
        let read = |file: &pga_cluster::transport::ReceivedFile| {
            (file.name.clone(), std::fs::read(&file.path).unwrap())
        };
        let files = snapshot.files().iter().map(read).collect();
        self.snapshots.lock().unwrap().push((from, header, files));
        Box::pin(async { Ok(Bytes::from_static(b"installed")) })
    }
}

/// A cluster's identities.
pub(crate) struct Cluster {
    pub(crate) id: ClusterId,
    pub(crate) ca: CertificateAuthority,
    pub(crate) dir: tempfile::TempDir,
}

pub(crate) struct Node {
    pub(crate) id: NodeId,
    pub(crate) transport: Arc<QuicTransport>,
    pub(crate) service: Arc<Echo>,
    pub(crate) metrics: TransportMetrics,
    pub(crate) spool: PathBuf,
}

impl Node {
    pub(crate) fn addr(&self) -> String {
        self.transport.local_addr().to_string()
    }

    /// Waits until a connection was refused for `reason`.
    pub(crate) async fn refused(&self, reason: &str) {
        wait_for(reason, || self.metrics.refused_by_server(reason) > 0).await;
    }
}

impl Cluster {
    pub(crate) fn new() -> Self {
        let id = ClusterId::random();
        let validity = Validity::for_next(Validity::AUTHORITY);
        let ca = CertificateAuthority::create(id, validity).unwrap();
        Self {
            id,
            ca,
            dir: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn identity(&self, node: u64) -> Identity {
        self.ca
            .issue_node(NodeId::new(node), Validity::for_next(Validity::NODE))
            .unwrap()
    }

    pub(crate) fn options(&self, node: u64) -> QuicOptions {
        let registry = prometheus::Registry::new();
        QuicOptions {
            cluster: self.id,
            node: NodeId::new(node),
            listen: "127.0.0.1:0".parse().unwrap(),
            identity: self.identity(node),
            trusted: vec![self.ca.certificate().clone()],
            spool: self.dir.path().join(format!("spool-{node}")),
            limits: QuicLimits::default(),
            metrics: TransportMetrics::register(&registry).unwrap(),
        }
    }

    pub(crate) fn node(&self, node: u64) -> Node {
        start(self.options(node))
    }
}

pub(crate) fn start(options: QuicOptions) -> Node {
    let service = Arc::new(Echo::default());
    let (id, metrics) = (options.node, options.metrics.clone());
    let spool = options.spool.clone();
    let shared: Arc<dyn Service> = Arc::<Echo>::clone(&service);
    let transport = QuicTransport::bind(options, shared).unwrap();
    Node {
        id,
        transport,
        service,
        metrics,
        spool,
    }
}

/// Waits, bounded, until `condition` holds.
pub(crate) async fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let deadline = pga_runtime::now() + 10 * SECOND;
    while !condition() {
        assert!(pga_runtime::now() < deadline, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A QUIC client below the protocol.
pub(crate) struct Raw {
    pub(crate) endpoint: quinn::Endpoint,
    config: quinn::ClientConfig,
}

impl Raw {
    pub(crate) fn new(
        trusted: &CertificateDer<'static>,
        identity: Option<&Identity>,
        alpn: &[u8],
    ) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(trusted.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots);
        let mut tls = match identity {
            Some(identity) => builder
                .with_client_auth_cert(identity.chain(), identity.private_key())
                .unwrap(),
            None => builder.with_no_client_auth(),
        };
        tls.alpn_protocols = vec![alpn.to_vec()];
        let crypto = quinn::crypto::rustls::QuicClientConfig::try_from(tls).unwrap();
        Self {
            endpoint: quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap(),
            config: quinn::ClientConfig::new(Arc::new(crypto)),
        }
    }

    pub(crate) async fn connect(
        &self,
        addr: SocketAddr,
        node: u64,
    ) -> Result<quinn::Connection, quinn::ConnectionError> {
        let name = format!("node-{node}.cluster");
        self.endpoint
            .connect_with(self.config.clone(), addr, &name)
            .unwrap()
            .await
    }
}

/// The first frame of a connection, written out by hand.
pub(crate) fn hello(version: u16, cluster: ClusterId, from: u64, to: u64) -> Vec<u8> {
    let mut out = vec![1];
    out.extend_from_slice(&version.to_be_bytes());
    out.extend_from_slice(cluster.get().as_bytes());
    out.push(1);
    out.extend_from_slice(&u128::from(from).to_be_bytes());
    out.extend_from_slice(&to.to_be_bytes());
    framed(&out)
}

pub(crate) fn framed(body: &[u8]) -> Vec<u8> {
    let mut out = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
    out.extend_from_slice(body);
    out
}

/// Writes these bytes on a stream of their own and reads everything that comes back.
pub(crate) async fn exchange(
    connection: &quinn::Connection,
    bytes: &[u8],
) -> Result<Vec<u8>, quinn::ReadToEndError> {
    let (mut send, mut recv) = connection.open_bi().await.unwrap();
    send.write_all(bytes).await.ok();
    send.finish().ok();
    recv.read_to_end(1 << 20).await
}
