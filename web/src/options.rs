//! Settings of the HTTP front.

use std::sync::Arc;
use std::time::Duration;

use pga_config::ReadsWithoutQuorum;
use pga_runtime::Live;

use crate::auth::FailureLimit;
use crate::tls::CollectorCertificates;

/// What the HTTP front allows.
#[derive(Clone, Debug, Default)]
pub struct WebOptions {
    /// TLS, if the listener speaks it; see [`tls_config`](crate::tls_config). New connections take
    /// the newest.
    pub tls: Option<Live<rustls::ServerConfig>>,
    /// By which certificates collectors show who they are; `None`: by none.
    pub collector_certificates: Option<CollectorCertificates>,
    /// A push with a missing or bad token passes.
    pub allow_anonymous_push: bool,
    /// The cluster's status, and what is for one collector, need no token (demo on loopback only).
    pub is_open: bool,
    /// The brake on guessing at passwords and registration secrets; outlives the server.
    pub failures: Arc<FailureLimit>,
    /// Bounds. Those of bodies and their elements, and of reads without a quorum, may change while
    /// the server runs; the others are as they were when it began.
    pub limits: Live<WebLimits>,
}

/// Bounds of the HTTP front. At each of them the client is refused and a counter tells.
#[derive(Clone, Debug)]
pub struct WebLimits {
    /// Open connections; one more is closed at once.
    pub max_connections: usize,
    /// Largest request body as received, in bytes.
    pub wire_body_bytes: u64,
    /// Largest request body after decompression, in bytes.
    pub decoded_body_bytes: u64,
    /// Largest ratio of decoded to received bytes, past the first MiB.
    pub max_ratio: u64,
    /// Memory for all bodies being received, decoded and committed, in bytes.
    pub inflight_bytes: u64,
    /// Pushes being decoded and committed at once; others wait for their turn.
    pub max_pushes: usize,
    /// How long a push waits for its turn.
    pub max_push_wait: Duration,
    /// Most elements of one push.
    pub max_elements: usize,
    /// Oldest time of an element, before now; `None` takes any.
    pub max_age: Option<Duration>,
    /// Largest request head, in bytes.
    pub header_bytes: usize,
    /// Most header lines.
    pub max_headers: usize,
    /// Time for a request head (and a TLS handshake) to arrive.
    pub header_timeout: Duration,
    /// How long a kept-alive connection may be silent.
    pub idle_timeout: Duration,
    /// How long a body may pause; also how long before its rate is judged.
    pub body_timeout: Duration,
    /// Least rate of a body after `body_timeout`, in bytes per second.
    pub body_min_rate: u64,
    /// How long a write may make no progress.
    pub write_timeout: Duration,
    /// How long open requests may take when the server stops.
    pub drain_timeout: Duration,
    /// Password checks at once; each takes tens of milliseconds of a core and 19 MiB.
    pub password_checks: usize,
    /// What a node without a quorum answers to who shows a token.
    pub reads_without_quorum: ReadsWithoutQuorum,
}

impl Default for WebLimits {
    fn default() -> Self {
        Self {
            max_connections: 12_000,
            wire_body_bytes: 64 << 20,
            decoded_body_bytes: 256 << 20,
            max_ratio: 1_000,
            inflight_bytes: 512 << 20,
            max_pushes: 512,
            max_push_wait: Duration::from_secs(4),
            max_elements: 999_999,
            max_age: None,
            header_bytes: 64 << 10,
            max_headers: 100,
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(90),
            body_timeout: Duration::from_secs(15),
            body_min_rate: 1 << 10,
            write_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(10),
            password_checks: 2,
            reads_without_quorum: ReadsWithoutQuorum::Serve,
        }
    }
}
