//! Metrics of the network between nodes.

use std::time::Duration;

use pga_config::NodeId;
use prometheus::{
    GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry,
};

use super::{RpcKind, TransportError};

/// Upper bounds of the buckets of call durations, in seconds.
const BUCKETS: &[f64] = &[
    0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0,
];

/// Why a connection is refused.
const REFUSED: [&str; 11] = [
    "alpn",
    "closed",
    "cluster_mismatch",
    "forbidden",
    "malformed",
    "node_mismatch",
    "overloaded",
    "shutting_down",
    "timeout",
    "tls",
    "version_mismatch",
];
/// What becomes of a call.
const OUTCOMES: [&str; 5] = ["ok", "unreachable", "timeout", "broken", "refused"];

/// Which end of a connection this node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// It dialled.
    Client,
    /// It was dialled.
    Server,
}

impl Side {
    const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

/// Counters and gauges of one node's transport.
#[derive(Clone, Debug)]
pub struct TransportMetrics {
    connections: IntGaugeVec,
    refused: IntCounterVec,
    rtt: GaugeVec,
    sent: IntCounterVec,
    received: IntCounterVec,
    calls: HistogramVec,
}

impl TransportMetrics {
    /// Registers everything; once per registry.
    ///
    /// # Errors
    /// If a metric of the same name is registered already.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let metrics = Self::unregistered()?;
        registry.register(Box::new(metrics.connections.clone()))?;
        registry.register(Box::new(metrics.refused.clone()))?;
        registry.register(Box::new(metrics.rtt.clone()))?;
        registry.register(Box::new(metrics.sent.clone()))?;
        registry.register(Box::new(metrics.received.clone()))?;
        registry.register(Box::new(metrics.calls.clone()))?;
        metrics.start_at_zero();
        Ok(metrics)
    }

    /// Makes every series whose labels are known: a rate sees no counter that appears at 1.
    fn start_at_zero(&self) {
        for side in [Side::Client, Side::Server] {
            self.connections.with_label_values(&[side.name()]).set(0);
            for reason in REFUSED {
                self.refused
                    .with_label_values(&[side.name(), reason])
                    .inc_by(0);
            }
        }
        for kind in RpcKind::ALL {
            for outcome in OUTCOMES {
                self.calls.with_label_values(&[kind.name(), outcome]);
            }
        }
    }

    fn unregistered() -> prometheus::Result<Self> {
        let name = |what: &str| format!("pganalytics_transport_{what}");
        Ok(Self {
            connections: IntGaugeVec::new(
                Opts::new(
                    name("connections"),
                    "Open, greeted connections between nodes",
                ),
                &["side"],
            )?,
            refused: IntCounterVec::new(
                Opts::new(
                    name("handshakes_refused_total"),
                    "Connections refused before any request",
                ),
                &["side", "reason"],
            )?,
            rtt: GaugeVec::new(
                Opts::new(
                    name("peer_rtt_seconds"),
                    "Smoothed round trip time to a peer",
                ),
                &["peer"],
            )?,
            sent: IntCounterVec::new(
                Opts::new(
                    name("sent_bytes_total"),
                    "Payload bytes sent to a peer, framing included",
                ),
                &["peer"],
            )?,
            received: IntCounterVec::new(
                Opts::new(
                    name("received_bytes_total"),
                    "Payload bytes received from a peer, framing included",
                ),
                &["peer"],
            )?,
            calls: HistogramVec::new(
                HistogramOpts::new(
                    name("call_duration_seconds"),
                    "Calls to peers by kind and outcome",
                )
                .buckets(BUCKETS.to_vec()),
                &["kind", "outcome"],
            )?,
        })
    }

    pub(crate) fn connected(&self, side: Side) {
        self.connections.with_label_values(&[side.name()]).inc();
    }

    pub(crate) fn disconnected(&self, side: Side) {
        self.connections.with_label_values(&[side.name()]).dec();
    }

    pub(crate) fn refused(&self, side: Side, reason: &'static str) {
        self.refused.with_label_values(&[side.name(), reason]).inc();
    }

    /// How many connections were refused for `reason` by the end that was dialled; for tests and
    /// status pages.
    pub fn refused_by_server(&self, reason: &str) -> u64 {
        self.refused
            .with_label_values(&[Side::Server.name(), reason])
            .get()
    }

    /// How many connections from peers are open.
    pub fn inbound_connections(&self) -> i64 {
        self.connections
            .with_label_values(&[Side::Server.name()])
            .get()
    }

    pub(crate) fn rtt(&self, peer: NodeId, rtt: Duration) {
        self.rtt
            .with_label_values(&[&peer.to_string()])
            .set(rtt.as_secs_f64());
    }

    /// The two byte counters of a peer, (sent, received).
    pub(crate) fn bytes_of(&self, peer: &str) -> PeerBytes {
        PeerBytes {
            sent: self.sent.with_label_values(&[peer]),
            received: self.received.with_label_values(&[peer]),
        }
    }

    pub(crate) fn called<T>(
        &self,
        kind: RpcKind,
        elapsed: Duration,
        outcome: &Result<T, TransportError>,
    ) {
        let outcome = match outcome {
            Ok(_) => "ok",
            Err(TransportError::Unreachable { .. }) => "unreachable",
            Err(TransportError::Timeout { .. }) => "timeout",
            Err(TransportError::Broken { .. }) => "broken",
            Err(TransportError::Refused { .. }) => "refused",
        };
        self.calls
            .with_label_values(&[kind.name(), outcome])
            .observe(elapsed.as_secs_f64());
    }
}

/// Byte counters of one peer, looked up once per stream.
#[derive(Clone, Debug)]
pub(crate) struct PeerBytes {
    pub(crate) sent: prometheus::IntCounter,
    pub(crate) received: prometheus::IntCounter,
}
