//! A QUIC client that breaks rules, with certificates of the cluster's own authority.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use pga_chaos_tests::{Cluster, Node};
use pga_cluster::ClusterId;
use pga_cluster::pki::{CertificateAuthority, Identity, Validity, read_private_file};
use pga_config::{Config, NodeId};
use quinn::crypto::rustls::QuicClientConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

pub(crate) const ALPN: &[u8] = b"pga-raft/1";
/// Bounds a hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The cluster's secrets, as an attacker with one node's disk has them.
pub(crate) struct Stolen {
    pub(crate) cluster: ClusterId,
    pub(crate) authority: CertificateAuthority,
}

impl Stolen {
    /// From the directory of the first node.
    pub(crate) fn from(cluster: &Cluster) -> anyhow::Result<Self> {
        let pki = cluster.node(1)?.data.join("pki");
        let id = std::fs::read_to_string(pki.join("cluster.id"))?;
        let id: uuid::Uuid = id.trim().parse()?;
        let certificate = CertificateDer::from_pem_file(pki.join("ca.pem"))?;
        let key = PrivatePkcs8KeyDer::from_pem_slice(&read_private_file(&pki.join("ca.key"))?)?;
        let id = ClusterId::new(id);
        let authority = CertificateAuthority::restore(id, certificate, key.secret_pkcs8_der())?;
        Ok(Self {
            cluster: id,
            authority,
        })
    }

    /// A good certificate for a node with this id.
    pub(crate) fn identity(&self, node: u64) -> anyhow::Result<Identity> {
        let validity = Validity::for_next(Validity::NODE);
        Ok(self.authority.issue_node(NodeId::new(node), validity)?)
    }

    /// A client that trusts the cluster.
    pub(crate) fn client(
        &self,
        identity: Option<&Identity>,
        alpn: &[u8],
    ) -> anyhow::Result<Intruder> {
        Intruder::new(self.authority.certificate(), identity, alpn)
    }

    /// A connection that has said hello properly as node `from`.
    pub(crate) async fn greeted(&self, from: u64, to: &Node) -> anyhow::Result<Greeted> {
        let intruder = self.client(Some(&self.identity(from)?), ALPN)?;
        let connection = intruder.connect(to).await?;
        let answer = exchange(&connection, &hello(1, self.cluster, from, to.id)).await?;
        ensure!(answer.get(4) == Some(&0), "hello of n{from}: {answer:?}");
        Ok(Greeted {
            connection,
            _intruder: intruder,
        })
    }
}

/// A client below the protocol.
pub(crate) struct Intruder {
    pub(crate) endpoint: quinn::Endpoint,
    config: quinn::ClientConfig,
}

/// Its connection, after the hello.
pub(crate) struct Greeted {
    pub(crate) connection: quinn::Connection,
    _intruder: Intruder,
}

impl Intruder {
    fn new(
        trusted: &CertificateDer<'static>,
        identity: Option<&Identity>,
        alpn: &[u8],
    ) -> anyhow::Result<Self> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(trusted.clone())?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(roots);
        let mut tls = match identity {
            Some(identity) => {
                builder.with_client_auth_cert(identity.chain(), identity.private_key())?
            }
            None => builder.with_no_client_auth(),
        };
        tls.alpn_protocols = vec![alpn.to_vec()];
        tls.enable_early_data = true;
        let crypto = QuicClientConfig::try_from(tls)?;
        Ok(Self {
            endpoint: quinn::Endpoint::client("127.0.0.1:0".parse()?)?,
            config: quinn::ClientConfig::new(Arc::new(crypto)),
        })
    }

    /// Begins a handshake with whoever listens at `addr`, as if it were node `id`.
    pub(crate) fn dial(&self, addr: SocketAddr, id: u64) -> anyhow::Result<quinn::Connecting> {
        let name = format!("node-{id}.cluster");
        Ok(self
            .endpoint
            .connect_with(self.config.clone(), addr, &name)?)
    }

    pub(crate) async fn connect(&self, to: &Node) -> anyhow::Result<quinn::Connection> {
        let connecting = self.dial(peer_port(to)?, to.id)?;
        Ok(tokio::time::timeout(PATIENCE, connecting)
            .await
            .context("handshake")??)
    }

    /// Why the node does not want this client: the error of the handshake, or of the connection
    /// right after it (with TLS 1.3 a client may believe for a moment that it is connected).
    pub(crate) async fn turned_away(&self, by: &Node) -> anyhow::Result<String> {
        match self.dial(peer_port(by)?, by.id)?.await {
            Err(error) => Ok(error.to_string()),
            Ok(connection) => {
                let closed = tokio::time::timeout(PATIENCE, connection.closed()).await;
                Ok(closed.context("it stays connected")?.to_string())
            }
        }
    }
}

/// Where a node listens for its peers.
pub(crate) fn peer_port(node: &Node) -> anyhow::Result<SocketAddr> {
    let config = Config::load(&node.config, [], &[])?;
    Ok(config.advertised_quic().parse()?)
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

/// A frame: its length, and its bytes.
pub(crate) fn framed(body: &[u8]) -> Vec<u8> {
    let mut out = (body.len() as u32).to_be_bytes().to_vec();
    out.extend_from_slice(body);
    out
}

/// Writes these bytes on a stream of their own and reads everything that comes back.
pub(crate) async fn exchange(
    connection: &quinn::Connection,
    bytes: &[u8],
) -> anyhow::Result<Vec<u8>> {
    let talk = async {
        let (mut send, mut recv) = connection.open_bi().await?;
        // The node may have stopped reading, and answers all the same.
        send.write_all(bytes).await.ok();
        send.finish().ok();
        anyhow::Ok(recv.read_to_end(1 << 20).await?)
    };
    tokio::time::timeout(PATIENCE, talk)
        .await
        .context("no answer")?
}
