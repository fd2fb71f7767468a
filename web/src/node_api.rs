//! The port through which the web layer asks the node: requests and answers without HTTP in them.

use std::fmt::{self, Debug};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use pga_cluster::{Channel, ConfigText};
use pga_config::CollectorId;
use pga_insight::prediction::Answer;
use pga_storage::store::TableUse;
use pga_storage::{Element, Idempotency, Position, ReadStore, Timestamp};

use crate::admission::AdmissionPermit;
use crate::api_error::ApiError;
use crate::auth::TokenKeys;
use crate::control_plane::ControlPlane;

/// A decoded, valid push.
#[derive(Clone, Debug, PartialEq)]
pub struct Push {
    /// Whose.
    pub collector: CollectorId,
    /// The collector id as the client wrote it.
    pub external_id: String,
    /// The envelope's `hostname`.
    pub hostname: String,
    /// The envelope's `version`, or empty.
    pub version: String,
    /// Wall time on this node when the request arrived.
    pub received_at: Timestamp,
    /// From the `Idempotency-Key` header.
    pub idempotency: Option<Idempotency>,
    /// In the order they were sent; empty is a heartbeat.
    pub elements: Vec<Element>,
    /// Encoded size of the request body as received, in bytes.
    pub body_bytes: u64,
}

/// A push that is durable on a quorum (ACK-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PushAck {
    /// The log entry that committed it.
    pub position: Position,
    /// Elements stored by this push.
    pub accepted: u64,
    /// Elements that had been acknowledged before, and are not stored again (DEDUP-1).
    pub repeated: u64,
}

/// Who asks, as far as the token tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// No token was sent, or one that cannot be verified.
    Anonymous,
    /// A person or a script with a user token.
    User {
        /// User id.
        id: i64,
        /// User name.
        username: String,
        /// `admin`, `user` or `viewer`.
        role: String,
        /// How it proves to be that user.
        via: Via,
    },
    /// A collector with its own token.
    Collector(CollectorId),
}

/// How a request proves to be a user's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Via {
    /// By the access token of a session; `None` for one from before there were sessions.
    Session(Option<u128>),
    /// By an API token of this name.
    ApiToken(String),
}

/// A collector asks to be known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Display name.
    pub name: String,
    /// Host it runs on.
    pub hostname: String,
    /// Its address, if it says so.
    pub address: Option<String>,
    /// Its version, if it says so.
    pub version: Option<String>,
    /// The `X-Registration-Secret` header.
    pub secret: Option<String>,
}

/// A registered collector and its certificate. `Debug` prints no key.
#[derive(Clone)]
pub struct Registered {
    /// Its id.
    pub collector: CollectorId,
    /// PEM, issued by the cluster's CA.
    pub certificate: String,
    /// PEM, PKCS#8.
    pub private_key: String,
    /// When the certificate ends.
    pub not_after: Timestamp,
}

impl fmt::Debug for Registered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Registered({})", self.collector)
    }
}

/// What a push was like, beside what of it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushNote {
    /// Whose it was.
    pub collector: CollectorId,
    /// The time that it bears and the time at which it came, if it could be read.
    pub times: Option<(Timestamp, Timestamp)>,
    /// What was refused.
    pub problem: Option<PushProblem>,
}

/// Why a push was refused, or elements of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushProblem {
    /// As the metric names it.
    pub reason: &'static str,
    /// What the collector was told.
    pub message: String,
    /// Elements that were refused alone; 0 if the push was refused whole.
    pub elements: u64,
}

/// Taking pushes.
///
/// As with every port here, each method works on any node (followers forward), has its own
/// deadline, and may be dropped at any time.
pub trait Ingest: Debug + Send + Sync + 'static {
    /// Whether pushes are taken on now, whatever they hold: asked before a body is read, so that a
    /// node with too much to do spends little on what it refuses. Answers at once.
    ///
    /// # Errors
    /// What [`Ingest::push`] would answer.
    fn admits_pushes(&self) -> Result<(), ApiError>;

    /// Makes a push durable on a quorum. A dropped call may still take effect; until it did or did
    /// not, the push holds its `permit`.
    fn push(&self, push: Push, permit: AdmissionPermit)
    -> BoxFuture<'_, Result<PushAck, ApiError>>;

    /// Notes what a push was like: the collector's session keeps it. Answers at once.
    fn note(&self, note: PushNote);
}

/// Whose data a read is about, and how fresh it has to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadScope {
    /// The collector: one that nobody knows is `NotFound`.
    pub collector: Option<CollectorId>,
    /// What this node's store has to hold first (waits, bounded).
    pub min_position: Option<Position>,
}

/// A store, and the position that what it answers now reflects.
pub type StoreAt = (Arc<dyn ReadStore>, Position);

/// What the cache of answers did since the node started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheFigures {
    /// Bytes that it may take.
    pub max_bytes: u64,
    /// Look-ups that found an answer.
    pub hits: u64,
    /// Look-ups that found none.
    pub misses: u64,
    /// Answers that went, for want of room or since they were old.
    pub evictions: u64,
    /// Bytes that it takes, about.
    pub bytes: u64,
}

/// Reading what is stored: any question ([`pga_storage::query`]), at a position.
///
/// # Errors
/// `PositionAhead` at once if the cluster has not committed the wanted position, `NotFound` for an
/// unknown collector, `Unavailable` if the store does not get there in time.
pub trait Reads: Debug + Send + Sync + 'static {
    /// The store of this node, once it holds what is wanted, and the position that it holds.
    fn store_at(&self, scope: ReadScope) -> BoxFuture<'_, Result<StoreAt, ApiError>>;

    /// How long ago a quorum last confirmed that this node had applied all that was committed;
    /// `None` if none has since it started.
    fn view_age(&self) -> Option<Duration>;

    /// What the cache of answers did; `None` if there is none.
    fn cache(&self) -> BoxFuture<'_, Option<CacheFigures>>;
}

/// What needs the cluster's keys.
pub trait Credentials: Debug + Send + Sync + 'static {
    /// The keys that sign tokens of this cluster, as far as this node has applied; `None` until the
    /// replicated state holds the first.
    fn token_keys(&self) -> Option<Arc<TokenKeys>>;

    /// A key that signs tokens, as the replicated state may hold it.
    ///
    /// # Errors
    /// `Internal` if it cannot be sealed.
    fn seal_token_key(&self, key: &[u8]) -> Result<Vec<u8>, ApiError>;

    /// Registers a collector. `Unauthorized` if the secret is wrong.
    fn register(&self, registration: Registration) -> BoxFuture<'_, Result<Registered, ApiError>>;

    /// Gives a registered collector a new certificate, and takes back the one it has. `NotFound` if
    /// it was never registered.
    fn renew_certificate(
        &self,
        collector: CollectorId,
    ) -> BoxFuture<'_, Result<Registered, ApiError>>;

    /// Whether a collector is registered and was not deleted, as far as this node has applied.
    fn knows_collector(&self, collector: CollectorId) -> bool;
}

/// How the node and the cluster are.
pub trait Operations: Debug + Send + Sync + 'static {
    /// The cluster status document (`GET /api/v1/cluster/status`), as JSON.
    fn cluster_status(&self) -> BoxFuture<'_, Result<Bytes, ApiError>>;

    /// What the store of this node, or the one that all share, takes on disk.
    ///
    /// # Errors
    /// `Unavailable` if the store does not answer in time.
    fn disk_use(&self) -> BoxFuture<'_, Result<Vec<TableUse>, ApiError>>;

    /// Health: whether this node can serve, and whether its store answers.
    fn health(&self) -> BoxFuture<'_, Health>;
}

/// Configurations of collectors, which the replicated state holds sealed.
pub trait Configurations: Debug + Send + Sync + 'static {
    /// Seals a configuration; as long as some member is of a version that opens none, it stays as
    /// it is.
    ///
    /// # Errors
    /// `Unavailable` if this node has not got the key in use yet, `Internal`.
    fn seal_config(&self, toml: &str) -> Result<ConfigText, ApiError>;

    /// The TOML of a configuration.
    ///
    /// # Errors
    /// `Unavailable` if this node has not got the key that sealed it.
    fn open_config(&self, text: &ConfigText) -> Result<String, ApiError>;
}

/// Channels of notifications.
pub trait Channels: Debug + Send + Sync + 'static {
    /// Seals the settings of a channel, so that the replicated state may hold them.
    ///
    /// # Errors
    /// `Internal`
    fn seal_channel(&self, settings: &[u8]) -> Result<Vec<u8>, ApiError>;

    /// Sends a marked message through a channel at once, past the outbox.
    ///
    /// # Errors
    /// `Internal`
    fn test_channel(&self, channel: Channel) -> BoxFuture<'_, Result<ChannelTest, ApiError>>;
}

/// An external service that predicts, if one is configured.
pub trait Predictor: Debug + Send + Sync + 'static {
    /// State of the breaker before the service: `closed`, `open` or `half-open`; `None` if no
    /// service is configured.
    fn predictor(&self) -> Option<&'static str>;

    /// Asks the service for a prediction.
    ///
    /// # Errors
    /// Why there is none, for people.
    fn predict(&self, body: serde_json::Value) -> BoxFuture<'_, Result<Answer, String>>;

    /// Whether the service says that it is well.
    fn is_predictor_healthy(&self) -> BoxFuture<'_, bool>;
}

/// What came of a test of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelTest {
    /// What the receiver answered, or what went wrong.
    pub outcome: Result<String, String>,
    /// How long it took.
    pub latency: Duration,
}

/// What the node offers to the web layer. Implemented by `pga-node`, and by fakes in tests.
pub trait NodeApi:
    ControlPlane + Ingest + Reads + Credentials + Operations + Configurations + Channels + Predictor
{
}

impl<T> NodeApi for T where
    T: ControlPlane
        + Ingest
        + Reads
        + Credentials
        + Operations
        + Configurations
        + Channels
        + Predictor
{
}

/// What `/readyz` and `/api/v1/health` tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// A write that this node takes would succeed: a quorum confirmed it just now.
    pub ready: bool,
    /// Why not, else empty.
    pub reason: String,
    /// The store answers.
    pub store_ok: bool,
}
