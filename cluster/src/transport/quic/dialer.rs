//! The end that dials: one connection per peer, made when it is needed, shared by all who wait for
//! it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use pga_config::NodeId;
use quinn::{ClientConfig, Connection, Endpoint, RecvStream, SendStream, VarInt};
use tokio::sync::Semaphore;

use super::super::metrics::{Side, TransportMetrics};
use super::super::{RefusalReason, TransportError};
use super::QuicLimits;
use super::frame_io::{FrameReader, FrameWriter};
use super::refusal_log::{RefusalLog, reason_of};
use super::wire::{Caller, Hello, HelloAnswer, PROTOCOL_VERSION};
use crate::ClusterId;
use crate::pki::node_server_name;

type Attempt = Shared<BoxFuture<'static, Result<Connection, TransportError>>>;

/// Connections to peers.
pub(super) struct Dialer {
    pub(super) endpoint: Endpoint,
    pub(super) config: RwLock<ClientConfig>,
    pub(super) cluster: ClusterId,
    pub(super) caller: Caller,
    pub(super) limits: QuicLimits,
    pub(super) metrics: TransportMetrics,
    refusals: RefusalLog<NodeId>,
    links: Mutex<HashMap<NodeId, Link>>,
}

/// The newest attempt to reach a peer. A finished attempt holds the connection.
struct Link {
    addr: String,
    attempt: Attempt,
    /// Places for calls that are not of consensus, so that these never use up all streams.
    places: Arc<Semaphore>,
}

impl Dialer {
    pub(super) fn new(
        endpoint: Endpoint,
        config: ClientConfig,
        cluster: ClusterId,
        caller: Caller,
        limits: QuicLimits,
        metrics: TransportMetrics,
    ) -> Self {
        Self {
            endpoint,
            config: RwLock::new(config),
            cluster,
            caller,
            limits,
            refusals: RefusalLog::new(Side::Client, metrics.clone()),
            metrics,
            links: Mutex::new(HashMap::new()),
        }
    }

    /// Opens a stream to `peer`, connecting first if need be. Nothing has been sent when this
    /// fails.
    pub(super) async fn open(
        self: &Arc<Self>,
        peer: NodeId,
        addr: &str,
    ) -> Result<(FrameWriter, FrameReader), TransportError> {
        match self.try_open(peer, addr).await? {
            Ok(stream) => Ok(self.framed(peer, stream)),
            // The connection had died unnoticed; nothing was sent, so a new one is tried at once.
            Err(_) => match self.try_open(peer, addr).await? {
                Ok(stream) => Ok(self.framed(peer, stream)),
                Err(error) => Err(unreachable(peer, &error)),
            },
        }
    }

    async fn try_open(
        self: &Arc<Self>,
        peer: NodeId,
        addr: &str,
    ) -> Result<Result<(SendStream, RecvStream), quinn::ConnectionError>, TransportError> {
        let connection = self.attempt(peer, addr).await?;
        self.metrics.rtt(peer, connection.rtt());
        Ok(connection.open_bi().await)
    }

    fn framed(
        &self,
        peer: NodeId,
        (send, recv): (SendStream, RecvStream),
    ) -> (FrameWriter, FrameReader) {
        let bytes = self.metrics.bytes_of(&peer.to_string());
        let limit = super::frame_io::FRAME_LIMIT;
        (
            FrameWriter::new(send, bytes.clone()),
            FrameReader::new(recv, limit, bytes),
        )
    }

    /// The open connection to `peer`, if there is one.
    pub(super) fn connected(&self, peer: NodeId) -> Option<Connection> {
        let links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = links.get(&peer)?.attempt.peek()?.as_ref().ok()?;
        connection
            .close_reason()
            .is_none()
            .then(|| connection.clone())
    }

    /// Places for calls to `peer` that are not of consensus.
    pub(super) fn places(&self, peer: NodeId) -> Option<Arc<Semaphore>> {
        let links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        links.get(&peer).map(|link| Arc::clone(&link.places))
    }

    /// The attempt to reach `peer` that is going on or has succeeded; otherwise starts one.
    fn attempt(self: &Arc<Self>, peer: NodeId, addr: &str) -> Attempt {
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        let mut places = None;
        if let Some(link) = links.get(&peer) {
            places = Some(Arc::clone(&link.places));
            let same = link.addr == addr;
            match link.attempt.peek() {
                None if same => return link.attempt.clone(),
                Some(Ok(open)) if open.close_reason().is_none() => {
                    if same {
                        return link.attempt.clone();
                    }
                    tracing::info!(peer = %peer, addr, "peer has moved");
                    open.close(VarInt::from_u32(0), b"peer has moved");
                }
                _ => {}
            }
        }
        let task = pga_runtime::spawn(Arc::clone(self).dial(peer, addr.to_owned()));
        let attempt = async move {
            task.await
                .unwrap_or_else(|error| Err(unreachable(peer, &error)))
        };
        let attempt = attempt.boxed().shared();
        let places = places.unwrap_or_else(|| Arc::new(Semaphore::new(self.limits.calls)));
        links.insert(
            peer,
            Link {
                addr: addr.to_owned(),
                attempt: attempt.clone(),
                places,
            },
        );
        attempt
    }

    async fn dial(
        self: Arc<Self>,
        peer: NodeId,
        addr: String,
    ) -> Result<Connection, TransportError> {
        let limit = self.limits.handshake_timeout;
        let connection = match tokio::time::timeout(limit, self.connect(peer, &addr)).await {
            Ok(connection) => connection?,
            Err(_) => return Err(unreachable(peer, &"no handshake in time")),
        };
        if !self.is_current(peer, &addr) {
            connection.close(VarInt::from_u32(0), b"peer has moved");
            return Err(unreachable(peer, &"peer has moved"));
        }
        self.refusals.accepted(peer);
        self.metrics.connected(Side::Client);
        let (watched, metrics) = (connection.clone(), self.metrics.clone());
        pga_runtime::spawn(async move {
            let reason = watched.closed().await;
            metrics.disconnected(Side::Client);
            tracing::info!(peer = %peer, error = %reason, "connection to peer closed");
        });
        tracing::info!(peer = %peer, addr, "connected to peer");
        Ok(connection)
    }

    fn is_current(&self, peer: NodeId, addr: &str) -> bool {
        let links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        links.get(&peer).is_some_and(|link| link.addr == addr)
    }

    async fn connect(&self, peer: NodeId, addr: &str) -> Result<Connection, TransportError> {
        let remote = self
            .resolve(addr)
            .await
            .map_err(|error| unreachable(peer, &error))?;
        let config = self
            .config
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let connecting = self
            .endpoint
            .connect_with(config, remote, &node_server_name(peer))
            .map_err(|error| unreachable(peer, &error))?;
        let connection = connecting.await.map_err(|error| self.lost(peer, &error))?;
        match self.greet(&connection, peer).await? {
            None => Ok(connection),
            Some(reason) => {
                connection.close(VarInt::from_u32(0), b"refused");
                self.refusals.refused(peer, reason.name(), &addr);
                Err(TransportError::Refused { peer, reason })
            }
        }
    }

    /// Says hello; answers why the connection cannot be used, if it cannot.
    async fn greet(
        &self,
        connection: &Connection,
        peer: NodeId,
    ) -> Result<Option<RefusalReason>, TransportError> {
        let stream = connection
            .open_bi()
            .await
            .map_err(|error| self.lost(peer, &error))?;
        let (mut writer, mut reader) = self.framed(peer, stream);
        let hello = Hello {
            version: PROTOCOL_VERSION,
            cluster: self.cluster,
            from: self.caller,
            to: peer,
        };
        let sent = writer.send(&[], hello.encode()).await;
        writer.finish();
        let answer = match (sent, reader.next().await) {
            (_, Ok(Some(frame))) => HelloAnswer::decode(frame),
            (_, Ok(None)) => None,
            // A refused certificate shows here: with TLS 1.3 the handshake itself has succeeded for
            // this end.
            (_, Err(error)) => {
                return Err(match connection.close_reason() {
                    Some(reason) => self.lost(peer, &reason),
                    None => unreachable(peer, &error),
                });
            }
        };
        Ok(match answer {
            None => Some(RefusalReason::Malformed),
            Some(answer) if answer.refusal.is_some() => answer.refusal,
            Some(answer) if answer.version != PROTOCOL_VERSION => {
                Some(RefusalReason::VersionMismatch)
            }
            Some(answer) if answer.cluster != self.cluster => Some(RefusalReason::ClusterMismatch),
            Some(answer) if answer.node != peer => Some(RefusalReason::NodeMismatch),
            Some(_) => None,
        })
    }

    /// A connection that failed before its hello was answered.
    fn lost(&self, peer: NodeId, error: &quinn::ConnectionError) -> TransportError {
        let reason = reason_of(error);
        if matches!(reason, "tls" | "alpn" | "version_mismatch") {
            self.refusals.refused(peer, reason, error);
        }
        unreachable(peer, error)
    }

    async fn resolve(&self, addr: &str) -> std::io::Result<SocketAddr> {
        let own = self.endpoint.local_addr()?;
        let found: Vec<SocketAddr> = tokio::net::lookup_host(addr).await?.collect();
        let same_family = found.iter().find(|found| found.is_ipv4() == own.is_ipv4());
        same_family
            .or(found.first())
            .copied()
            .ok_or_else(|| std::io::ErrorKind::NotFound.into())
    }
}

/// The deadline passed before anything was sent.
pub(super) fn unreachable(peer: NodeId, reason: &dyn std::fmt::Display) -> TransportError {
    TransportError::Unreachable {
        peer,
        reason: reason.to_string(),
    }
}

/// Runs `work` until `deadline`; `None` when it passes.
pub(super) async fn until<T>(
    deadline: tokio::time::Instant,
    work: impl Future<Output = T>,
) -> Option<T> {
    tokio::time::timeout_at(deadline, work).await.ok()
}

/// How long an endpoint may take to say goodbye.
pub(super) const GOODBYE: Duration = Duration::from_secs(2);
