//! Peers over QUIC: TLS 1.3 with certificates on both sides, one connection in each direction, one
//! stream per request.
//!
//! After TLS the end that dialled says hello on the first stream: protocol version, cluster, who it
//! is, whom it means; nothing else is served before. The node id must stand in the verified
//! certificate (ID-1). What the holder of any other certificate of the same authority sends never
//! reaches the [`Service`].
//!
//! Limits are in [`QuicLimits`]; a peer that exceeds one is told so (`overloaded`) or its stream is
//! reset, never queued without bound. Consensus calls have places of their own, so that votes pass
//! while forwarded work waits.

mod dialer;
mod error;
mod exchange;
mod frame_buffer;
mod frame_error;
mod frame_io;
mod gate;
mod join;
mod limits;
mod refusal_log;
mod serve_stream;
mod server;
mod snapshot_receive;
mod tls;
mod wire;

use std::fmt;
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use quinn::{Endpoint, TokioRuntime, VarInt};
use rustls::pki_types::CertificateDer;

use pga_config::NodeId;

use self::dialer::{Dialer, GOODBYE};
use self::server::Server;
use self::wire::Caller;
use super::metrics::TransportMetrics;
use super::{
    FrameReceiver, FrameSender, RpcKind, Service, SnapshotFile, Transport, TransportError,
};
use crate::ClusterId;
use crate::pki::Identity;

pub use self::{
    error::QuicError,
    join::{JoinError, join},
    limits::QuicLimits,
};

/// What a node's transport is started with.
#[derive(Clone, Debug)]
pub struct QuicOptions {
    /// The cluster.
    pub cluster: ClusterId,
    /// This node.
    pub node: NodeId,
    /// UDP address to listen on; port 0 takes any.
    pub listen: SocketAddr,
    /// Certificate and key of this node.
    pub identity: Identity,
    /// Certificates of the authorities that are trusted; more than one while one replaces the
    /// other.
    pub trusted: Vec<CertificateDer<'static>>,
    /// Directory for snapshots while they arrive; on the file system of the snapshots, so that
    /// they can be renamed.
    pub spool: PathBuf,
    /// Bounds.
    pub limits: QuicLimits,
    /// Metrics, registered.
    pub metrics: TransportMetrics,
}

/// The network of one real node: dials its peers, and serves them. Dropping closes it.
pub struct QuicTransport {
    endpoint: Endpoint,
    dialer: Arc<Dialer>,
    local_addr: SocketAddr,
}

impl QuicTransport {
    /// Opens the peer port and serves `service` on it. Must be called in a tokio runtime.
    ///
    /// # Errors
    /// [`QuicError`]
    pub fn bind(options: QuicOptions, service: Arc<dyn Service>) -> Result<Arc<Self>, QuicError> {
        let QuicOptions {
            cluster,
            node,
            identity,
            limits,
            metrics,
            spool,
            ..
        } = options;
        snapshot_receive::remove_leftovers(&spool).map_err(|source| QuicError::Spool {
            path: spool.clone(),
            source,
        })?;
        let roots = tls::roots(&options.trusted)?;
        let server_config = tls::server_config(&identity, &roots, &limits)?;
        let client_config = tls::client_config(&identity, &roots, &limits)?;
        let socket = UdpSocket::bind(options.listen).map_err(QuicError::Socket)?;
        let endpoint = Endpoint::new(
            tls::endpoint_config(&identity),
            Some(server_config),
            socket,
            Arc::new(TokioRuntime),
        )
        .map_err(QuicError::Socket)?;
        let local_addr = endpoint.local_addr().map_err(QuicError::Socket)?;
        let server = Server::new(
            node,
            cluster,
            limits.clone(),
            service,
            metrics.clone(),
            spool,
        );
        // Ends when the endpoint is closed.
        pga_runtime::spawn(Arc::new(server).run(endpoint.clone()));
        let caller = Caller::Node(node);
        let dialer = Dialer::new(
            endpoint.clone(),
            client_config,
            cluster,
            caller,
            limits,
            metrics,
        );
        Ok(Arc::new(Self {
            endpoint,
            dialer: Arc::new(dialer),
            local_addr,
        }))
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Uses other certificates for connections made from now on; open ones stay.
    ///
    /// # Errors
    /// [`QuicError`], and nothing has changed.
    pub fn reload(
        &self,
        identity: &Identity,
        trusted: &[CertificateDer<'static>],
    ) -> Result<(), QuicError> {
        let roots = tls::roots(trusted)?;
        let server_config = tls::server_config(identity, &roots, &self.dialer.limits)?;
        let client_config = tls::client_config(identity, &roots, &self.dialer.limits)?;
        self.endpoint.set_server_config(Some(server_config));
        let mut current = self
            .dialer
            .config
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *current = client_config;
        Ok(())
    }

    /// Closes all connections and waits, a moment at most, until the peers know.
    pub async fn shutdown(&self) {
        self.endpoint.close(VarInt::from_u32(0), b"shutting down");
        if tokio::time::timeout(GOODBYE, self.endpoint.wait_idle())
            .await
            .is_err()
        {
            tracing::debug!("some peers did not say goodbye");
        }
    }
}

impl Drop for QuicTransport {
    fn drop(&mut self) {
        self.endpoint.close(VarInt::from_u32(0), b"gone");
    }
}

impl fmt::Debug for QuicTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QuicTransport")
            .field("local_addr", &self.local_addr)
            .finish_non_exhaustive()
    }
}

impl Transport for QuicTransport {
    fn call<'a>(
        &'a self,
        peer: NodeId,
        addr: &'a str,
        kind: RpcKind,
        body: Bytes,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Bytes, TransportError>> {
        Box::pin(self.dialer.call(peer, addr, kind, body, timeout))
    }

    fn open_stream<'a>(
        &'a self,
        peer: NodeId,
        addr: &'a str,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<(FrameSender, FrameReceiver), TransportError>> {
        Box::pin(self.dialer.open_stream(peer, addr, timeout))
    }

    fn send_snapshot<'a>(
        &'a self,
        peer: NodeId,
        addr: &'a str,
        header: Bytes,
        files: Vec<SnapshotFile>,
        stall_timeout: Duration,
    ) -> BoxFuture<'a, Result<Bytes, TransportError>> {
        Box::pin(
            self.dialer
                .send_snapshot(peer, addr, header, files, stall_timeout),
        )
    }

    fn rtt(&self, peer: NodeId) -> Option<Duration> {
        let rtt = self.dialer.connected(peer)?.rtt();
        self.dialer.metrics.rtt(peer, rtt);
        Some(rtt)
    }
}

#[cfg(test)]
mod fuzz_tests;
