//! The network of a simulation: many nodes in one thread, virtual time, faults drawn from a seed.
//!
//! Meant for a current-thread tokio runtime with paused time. Everything random comes from the
//! seed, and what happens is decided in the order of the calls, so that the same program with the
//! same seed gives the same [`MemoryNetwork::trace`].
//!
//! A lost request or answer shows as `TransportError::Timeout`, a node that is not attached at the
//! address as `TransportError::Unreachable`. A stream cannot lose a frame in the middle: it stalls,
//! then breaks, as one over QUIC does. A node that is detached breaks everything it took part in,
//! and what it was serving is dropped.

mod faults;
mod network;
mod stream;
mod transport;

pub use self::{
    faults::{Fate, LinkFaults, TraceEvent},
    network::MemoryNetwork,
    transport::MemoryTransport,
};
