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
mod port;
mod quic;
mod rpc_kind;
mod service;
mod snapshot;

pub use self::{
    error::{RefusalReason, ServiceError, TransportError},
    frame::{FrameReceiver, FrameSender, FrameSink, FrameSource, MAX_FRAME_BYTES},
    memory::{Fate, LinkFaults, MemoryNetwork, MemoryTransport, TraceEvent},
    metrics::TransportMetrics,
    peer::Peer,
    port::{SharedTransport, Transport},
    quic::{JoinError, QuicError, QuicLimits, QuicOptions, QuicTransport, join},
    rpc_kind::RpcKind,
    service::Service,
    snapshot::{ReceivedFile, ReceivedSnapshot, SnapshotFile},
};
