//! Bounds of the QUIC transport.

use std::sync::Arc;
use std::time::Duration;

use quinn::{IdleTimeout, TransportConfig, VarInt};

/// Bounds of the QUIC transport; the defaults are meant for production.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuicLimits {
    /// Silence after which a connection counts as dead. The smaller value of the two ends applies.
    pub idle_timeout: Duration,
    /// Interval of keep-alive packets; well below `idle_timeout`.
    pub keep_alive: Duration,
    /// How long TLS and the hello may take.
    pub handshake_timeout: Duration,
    /// How long a request may take to arrive.
    pub request_timeout: Duration,
    /// Connections from peers at once.
    pub connections: usize,
    /// Handshakes at once; above a quarter of them the remote address has to prove itself first.
    pub handshakes: usize,
    /// Streams of one connection at once. Must exceed `calls + consensus_calls + streams` for
    /// votes to pass under load.
    pub concurrent_streams: u32,
    /// Calls of one connection served at once, those of consensus aside; more are refused as
    /// overloaded.
    pub calls: usize,
    /// Consensus calls of one connection served at once; more wait.
    pub consensus_calls: usize,
    /// Long streams of one connection at once; more are refused as overloaded.
    pub streams: usize,
    /// Memory for the bodies of calls being received or served, over all connections, in bytes.
    pub call_memory: usize,
    /// Snapshots received at once, over all connections.
    pub snapshots: usize,
    /// Largest snapshot, all files together, in bytes.
    pub snapshot_bytes: u64,
}

impl Default for QuicLimits {
    fn default() -> Self {
        Self {
            idle_timeout: Duration::from_secs(3),
            keep_alive: Duration::from_millis(500),
            handshake_timeout: Duration::from_secs(3),
            request_timeout: Duration::from_secs(20),
            connections: 256,
            handshakes: 64,
            concurrent_streams: 256,
            calls: 128,
            consensus_calls: 48,
            streams: 16,
            call_memory: 256 << 20,
            snapshots: 2,
            snapshot_bytes: 1 << 40,
        }
    }
}

impl QuicLimits {
    pub(super) fn transport_config(&self) -> Arc<TransportConfig> {
        let mut config = TransportConfig::default();
        config
            .max_idle_timeout(IdleTimeout::try_from(self.idle_timeout).ok())
            .keep_alive_interval(Some(self.keep_alive))
            .initial_rtt(Duration::from_millis(10))
            .stream_receive_window(VarInt::from_u32(8 << 20))
            .receive_window(VarInt::from_u32(32 << 20))
            .send_window(32 << 20)
            .max_concurrent_bidi_streams(VarInt::from_u32(self.concurrent_streams))
            .max_concurrent_uni_streams(VarInt::from_u32(0))
            .datagram_receive_buffer_size(None);
        Arc::new(config)
    }
}
