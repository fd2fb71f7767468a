//! What a cluster node is started with.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pga_config::NodeId;
use pga_storage::{Position, StoreWriter};

use crate::cluster_id::ClusterId;
use crate::feature_level::FeatureLevel;
use crate::member::Member;
use crate::node::app_service::AppService;
use crate::state::StateLimits;

/// What a cluster node is started with.
#[derive(Clone)]
pub struct ClusterOptions {
    /// This node.
    pub node: NodeId,
    /// Its cluster.
    pub cluster: ClusterId,
    /// Directory for `log/`, `snapshots/` and `buffer/`.
    pub dir: PathBuf,
    /// The members as configured, itself among them: whom it asks before it votes with an empty
    /// log, or after a loss. Empty: nobody.
    pub members: Vec<Member>,
    /// Intervals.
    pub timings: RaftTimings,
    /// Bounds of the log's segments and of the buffer.
    pub buffer: BufferLimits,
    /// How pushes are joined into entries.
    pub batching: Batching,
    /// When snapshots are built and the log is purged.
    pub snapshots: SnapshotPolicy,
    /// Bounds of the replicated state: the same on all nodes of a cluster (SM-1).
    pub limits: StateLimits,
    /// The store of this node, if each node has its own: snapshots carry a copy of it.
    pub own_store: Option<Arc<dyn StoreWriter>>,
    /// The watermark of the store at start; index 0 if it is empty or cannot be asked.
    pub flushed: Position,
    /// Answers for the layer above; `None` refuses.
    pub app: Option<Arc<dyn AppService>>,
    /// What the program knows: [`FeatureLevel::CURRENT`], or another in tests of a rolling
    /// upgrade.
    pub feature_level: FeatureLevel,
    /// Where metrics are registered.
    pub registry: prometheus::Registry,
}

impl std::fmt::Debug for ClusterOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClusterOptions")
            .field("node", &self.node)
            .field("cluster", &self.cluster)
            .field("dir", &self.dir)
            .finish_non_exhaustive()
    }
}

/// Intervals of consensus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RaftTimings {
    /// Between two heartbeats of an idle leader.
    pub heartbeat: Duration,
    /// Shortest time a follower waits after the leader's lease has run out before it asks for
    /// votes.
    pub election_min: Duration,
    /// Longest such time, and the length of a leader's lease; must be above `election_min`, which
    /// must be above two heartbeats.
    pub election_max: Duration,
    /// How long a peer may owe the answer to an append before its stream is given up.
    pub rpc_timeout: Duration,
    /// Longest time without progress while a snapshot is sent or installed.
    pub snapshot_stall: Duration,
    /// Age at which the leader aborts a large push that is neither committed nor aborted: it holds
    /// back every flush.
    pub upload_expiry: Duration,
}

impl Default for RaftTimings {
    /// A follower asks for votes after a silence of `election_max` (the leader's lease) and then a
    /// random time between `election_min` and `election_max`: a leader that dies is replaced
    /// after 0.75 to 0.9 s.
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_millis(100),
            election_min: Duration::from_millis(320),
            election_max: Duration::from_millis(450),
            rpc_timeout: Duration::from_millis(2_000),
            snapshot_stall: Duration::from_secs(60),
            upload_expiry: Duration::from_secs(120),
        }
    }
}

/// Bounds of the log and of the flush buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferLimits {
    /// Bytes of pushes that may wait for a flush; above it pushes are refused by the layer above
    /// (BUF-1).
    pub max_bytes: u64,
    /// Size at which a log segment is sealed, in bytes.
    pub segment_bytes: u64,
}

impl Default for BufferLimits {
    fn default() -> Self {
        Self {
            max_bytes: 4 << 30,
            segment_bytes: 64 << 20,
        }
    }
}

/// How pushes are joined into entries of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batching {
    /// Bytes of one entry; a push that is larger goes alone.
    pub max_bytes: usize,
    /// Pushes in one entry.
    pub max_pushes: usize,
    /// Entries of this node under way at once; what arrives while there are so many goes into one.
    pub in_flight: usize,
}

impl Default for Batching {
    fn default() -> Self {
        Self {
            max_bytes: 512 << 10,
            max_pushes: 1_024,
            in_flight: 4,
        }
    }
}

/// When snapshots are built and the log is purged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotPolicy {
    /// A snapshot is built when more than this many flushed bytes are in the log.
    pub log_bytes: u64,
    /// A snapshot is built when more than this many flushed entries are in the log.
    pub log_entries: u64,
    /// Flushed bytes that stay in the log, for a database that comes back with an older watermark.
    pub retain_bytes: u64,
    /// Flushed entries that stay in the log at least.
    pub retain_entries: u64,
    /// How often the policy is looked at.
    pub interval: Duration,
}

impl Default for SnapshotPolicy {
    fn default() -> Self {
        Self {
            log_bytes: 512 << 20,
            log_entries: 200_000,
            retain_bytes: 256 << 20,
            retain_entries: 10_000,
            interval: Duration::from_secs(5),
        }
    }
}
