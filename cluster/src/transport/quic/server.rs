//! The end that is dialled: vets connections, then serves their streams.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use pga_config::NodeId;
use quinn::{Connection, Endpoint, Incoming, VarInt};
use rustls::pki_types::CertificateDer;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;

use super::super::metrics::{Side, TransportMetrics};
use super::super::{Peer, RefusalReason, Service};
use super::QuicLimits;
use super::dialer::GOODBYE;
use super::frame_io::{FrameReader, FrameWriter};
use super::gate::Gate;
use super::refusal_log::{RefusalLog, reason_of};
use super::wire::{Caller, Hello, HelloAnswer, PROTOCOL_VERSION};
use crate::ClusterId;
use crate::pki::{is_for_name, join_server_name, node_server_name, thumbprint};

/// A hello and its answer are far smaller.
const HELLO_BYTES: usize = 256;

/// What all connections share.
pub(super) struct Server {
    pub(super) node: NodeId,
    pub(super) cluster: ClusterId,
    pub(super) limits: QuicLimits,
    pub(super) service: Arc<dyn Service>,
    pub(super) metrics: TransportMetrics,
    pub(super) spool: PathBuf,
    /// Places for bodies of calls, in KiB.
    pub(super) memory: Arc<Semaphore>,
    pub(super) snapshots: Arc<Semaphore>,
    handshakes: Arc<Semaphore>,
    refusals: RefusalLog<IpAddr>,
}

impl Server {
    pub(super) fn new(
        node: NodeId,
        cluster: ClusterId,
        limits: QuicLimits,
        service: Arc<dyn Service>,
        metrics: TransportMetrics,
        spool: PathBuf,
    ) -> Self {
        Self {
            node,
            cluster,
            service,
            refusals: RefusalLog::new(Side::Server, metrics.clone()),
            metrics,
            spool,
            memory: Arc::new(Semaphore::new(limits.call_memory >> 10)),
            snapshots: Arc::new(Semaphore::new(limits.snapshots)),
            handshakes: Arc::new(Semaphore::new(limits.handshakes)),
            limits,
        }
    }

    /// Accepts connections until the endpoint is closed.
    pub(super) async fn run(self: Arc<Self>, endpoint: Endpoint) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                Some(ended) = connections.join_next() => note_panic(ended),
                incoming = endpoint.accept() => match incoming {
                    None => break,
                    Some(incoming) => {
                        if let Some((incoming, place)) = self.screen(incoming, connections.len()) {
                            connections.spawn(Arc::clone(&self).connection(incoming, place));
                        }
                    }
                },
            }
        }
    }

    /// Cheap decisions before any cryptography: bounded numbers, and under load only addresses that
    /// can receive.
    fn screen(
        &self,
        incoming: Incoming,
        connections: usize,
    ) -> Option<(Incoming, OwnedSemaphorePermit)> {
        let remote = incoming.remote_address().ip();
        let busy = self
            .limits
            .handshakes
            .saturating_sub(self.handshakes.available_permits());
        if connections >= self.limits.connections {
            self.refusals
                .refused(remote, "overloaded", &"too many connections");
            incoming.refuse();
            return None;
        }
        if busy >= self.limits.handshakes / 4 && !incoming.remote_address_validated() {
            if let Err(error) = incoming.retry() {
                error.into_incoming().refuse();
            }
            return None;
        }
        match Arc::clone(&self.handshakes).try_acquire_owned() {
            Ok(place) => Some((incoming, place)),
            Err(_) => {
                self.refusals
                    .refused(remote, "overloaded", &"too many handshakes");
                incoming.refuse();
                None
            }
        }
    }

    async fn connection(self: Arc<Self>, incoming: Incoming, place: OwnedSemaphorePermit) {
        let remote = incoming.remote_address().ip();
        let greeting = timeout(self.limits.handshake_timeout, self.handshake(incoming)).await;
        drop(place);
        let (connection, peer) = match greeting {
            Ok(Ok(greeted)) => greeted,
            Ok(Err((reason, detail))) => return self.refusals.refused(remote, reason, &detail),
            Err(_) => {
                return self
                    .refusals
                    .refused(remote, "timeout", &"no hello in time");
            }
        };
        self.refusals.accepted(remote);
        self.metrics.connected(Side::Server);
        tracing::debug!(peer = %peer, "peer has connected");
        self.streams(&connection, peer).await;
        self.metrics.disconnected(Side::Server);
    }

    async fn handshake(
        &self,
        incoming: Incoming,
    ) -> Result<(Connection, Peer), (&'static str, String)> {
        let lost = |error: quinn::ConnectionError| (reason_of(&error), error.to_string());
        let connection = incoming.accept().map_err(lost)?.await.map_err(lost)?;
        let (send, recv) = connection.accept_bi().await.map_err(lost)?;
        let bytes = self.metrics.bytes_of("handshake");
        let mut reader = FrameReader::new(recv, HELLO_BYTES, bytes.clone());
        let mut writer = FrameWriter::new(send, bytes);
        let verdict = match (reader.next().await, certificate(&connection)) {
            (Ok(Some(frame)), Some(certificate)) => {
                Hello::decode(frame).and_then(|hello| self.admit(&hello, &certificate))
            }
            _ => Err(RefusalReason::Malformed),
        };
        let answer = HelloAnswer {
            refusal: verdict.as_ref().err().cloned(),
            version: PROTOCOL_VERSION,
            cluster: self.cluster,
            node: self.node,
        };
        let sent = writer.send(&[], answer.encode()).await;
        writer.finish();
        match verdict {
            Ok(peer) => {
                sent.map_err(|error| ("closed", error.to_string()))?;
                Ok((connection, peer))
            }
            Err(reason) => {
                // The refusal should arrive before the close does.
                timeout(GOODBYE, writer.delivered()).await.ok();
                connection.close(VarInt::from_u32(2), reason.name().as_bytes());
                Err((reason.name(), connection.remote_address().to_string()))
            }
        }
    }

    /// Who the caller is, if its certificate, its word and our own identity fit together (ID-1).
    fn admit(
        &self,
        hello: &Hello,
        certificate: &CertificateDer<'_>,
    ) -> Result<Peer, RefusalReason> {
        if hello.cluster != self.cluster {
            return Err(RefusalReason::ClusterMismatch);
        }
        if hello.to != self.node {
            return Err(RefusalReason::NodeMismatch);
        }
        match hello.from {
            Caller::Node(node) if node == self.node => Err(RefusalReason::NodeMismatch),
            Caller::Node(node) if is_for_name(certificate, &node_server_name(node)) => {
                Ok(Peer::Node(node))
            }
            Caller::Node(_) => Err(RefusalReason::NodeMismatch),
            Caller::Joiner(token) if is_for_name(certificate, &join_server_name(token)) => {
                Ok(Peer::Joiner {
                    certificate_sha256: thumbprint(certificate),
                })
            }
            Caller::Joiner(_) => Err(RefusalReason::Forbidden),
        }
    }

    /// Serves streams until the connection ends; then whatever is still served is dropped.
    async fn streams(self: &Arc<Self>, connection: &Connection, peer: Peer) {
        let gate = Arc::new(Gate::new(&self.limits));
        let bytes = self.metrics.bytes_of(&peer.to_string());
        let mut serving = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                Some(ended) = serving.join_next() => note_panic(ended),
                stream = connection.accept_bi() => match stream {
                    Ok((send, recv)) => {
                        let reader = FrameReader::new(recv, super::frame_io::FRAME_LIMIT, bytes.clone());
                        let writer = FrameWriter::new(send, bytes.clone());
                        let (server, gate) = (Arc::clone(self), Arc::clone(&gate));
                        serving.spawn(server.serve_stream(gate, peer, writer, reader));
                    }
                    Err(error) => {
                        tracing::debug!(peer = %peer, %error, "peer has disconnected");
                        return;
                    }
                },
            }
        }
    }
}

/// The leaf that TLS has verified.
fn certificate(connection: &Connection) -> Option<CertificateDer<'static>> {
    let chain = connection
        .peer_identity()?
        .downcast::<Vec<CertificateDer<'static>>>()
        .ok()?;
    chain.into_iter().next()
}

fn note_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a task of the transport panicked");
    }
}
