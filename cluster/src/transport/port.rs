//! What a node asks of the network.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;

use pga_config::NodeId;

use super::error::TransportError;
use super::frame::{FrameReceiver, FrameSender};
use super::rpc_kind::RpcKind;
use super::snapshot::SnapshotFile;

/// The client side of the network between nodes, shared as `Arc<dyn Transport>`.
pub trait Transport: Send + Sync + 'static {
    /// Sends one request and waits for its answer.
    ///
    /// `addr` is where `peer` is thought to listen now (`host:port`); if it changed since the last
    /// call a new connection is made there. `timeout` covers everything, connecting included.
    ///
    /// # Errors
    /// [`TransportError`]; see its variants for what is known about the effect.
    fn call<'a>(
        &'a self,
        peer: NodeId,
        addr: &'a str,
        kind: RpcKind,
        body: Bytes,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Bytes, TransportError>>;

    /// Opens an ordered stream of frames in both directions, for pipelined appends.
    ///
    /// The halves are independent: a writer task may own one while a reader owns the other.
    /// `timeout` covers the opening alone.
    ///
    /// # Errors
    /// [`TransportError`]
    fn open_stream<'a>(
        &'a self,
        peer: NodeId,
        addr: &'a str,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<(FrameSender, FrameReceiver), TransportError>>;

    /// Sends files with an opaque header, in checked chunks and below the priority of everything
    /// else, and waits for the answer of [`super::Service::snapshot`].
    ///
    /// `stall_timeout` is the longest time without any progress, not the length of the transfer; it
    /// also bounds how long the receiver may take to install what it got. Dropping the future
    /// aborts the transfer, and the receiver discards what it has.
    ///
    /// # Errors
    /// [`TransportError`]
    fn send_snapshot<'a>(
        &'a self,
        peer: NodeId,
        addr: &'a str,
        header: Bytes,
        files: Vec<SnapshotFile>,
        stall_timeout: Duration,
    ) -> BoxFuture<'a, Result<Bytes, TransportError>>;

    /// The smoothed round trip time to `peer`, if there is a connection.
    fn rtt(&self, peer: NodeId) -> Option<Duration>;
}

/// A transport that several owners share.
pub type SharedTransport = Arc<dyn Transport>;
