//! How nodes talk to each other: the ports, without any type of the consensus library.
//!
//! [`Transport`] is the client side, [`Service`] what a node serves. Real nodes use
//! [`QuicTransport`], simulations [`MemoryNetwork`]; both keep the same contract:
//!
//! - [`Transport::call`] is one request and one answer, [`Transport::open_stream`] an ordered
//!   stream of frames in each direction, [`Transport::send_snapshot`] a checked transfer of files.
//! - Every operation has a deadline. [`TransportError::Unreachable`] and
//!   [`TransportError::Refused`] mean that nothing happened; [`TransportError::Timeout`] and
//!   [`TransportError::Broken`] mean **unknown**.
//! - The [`Peer`] a service sees was authenticated: it never comes from the message.
//! - Dropping a future gives the operation up; the other side may still have carried it out.

mod error;
mod frame;
mod memory;
mod metrics;
mod peer;
mod quic;
mod rpc_kind;
mod service;
mod snapshot;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;

use pga_config::NodeId;

pub use self::{
    error::{RefusalReason, ServiceError, TransportError},
    frame::{FrameReceiver, FrameSender, FrameSink, FrameSource, MAX_FRAME_BYTES},
    memory::{Fate, LinkFaults, MemoryNetwork, MemoryTransport, TraceEvent},
    metrics::TransportMetrics,
    peer::Peer,
    quic::{JoinError, QuicError, QuicLimits, QuicOptions, QuicTransport, join},
    rpc_kind::RpcKind,
    service::Service,
    snapshot::{ReceivedFile, ReceivedSnapshot, SnapshotFile},
};

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
    /// else, and waits for the answer of [`Service::snapshot`].
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
