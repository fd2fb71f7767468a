//! Opening everything a node consists of.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use openraft::{Config, SnapshotPolicy as RaftSnapshotPolicy};
use pga_config::NodeId;
use pga_storage::buffer::{Buffer, BufferOptions};
use pga_storage::log::{Log, LogOptions};
use pga_storage::metrics::{BufferMetrics, LogMetrics};
use tokio::sync::watch;

use crate::consensus::address_book::AddressBook;
use crate::consensus::log_store::LogStore;
use crate::consensus::network::Network;
use crate::consensus::peer_watermarks::PeerWatermarks;
use crate::consensus::state_machine::Raft;
use crate::consensus::state_machine::{Parts, StateMachine};
use crate::error::{Error, Result};
use crate::metrics::ClusterMetrics;
use crate::node::core::Core;
use crate::node::leadership::Leadership;
use crate::node::options::{ClusterOptions, RaftTimings};
use crate::proposals::confirmation::Confirmation;
use crate::recovery::incarnation::Incarnation;
use crate::recovery::quarantine::Quarantine;
use crate::recovery::standing::Standing;
use crate::transport::SharedTransport;

/// Opens the log, the buffer and the newest snapshot, and starts consensus on them.
pub(super) async fn open(options: ClusterOptions, transport: SharedTransport) -> Result<Core> {
    let metrics = ClusterMetrics::register(&options.registry);
    let metrics = Arc::new(metrics.map_err(|error| Error::Fatal(error.to_string()))?);
    let files = Files::register(&options)?;
    let quarantine = Quarantine::new(&options.dir);
    let Found {
        log,
        incarnation,
        mut standing,
    } = find_log(&options, &files, &quarantine).await?;
    let book = Arc::new(AddressBook::default());
    let parts = Parts {
        buffer: files.open_buffer().await?,
        log,
        own_store: options.own_store.clone(),
        limits: options.limits,
        known: options.feature_level,
        book: Arc::clone(&book),
        metrics: Arc::clone(&metrics),
        flushed: options.flushed,
    };
    let (machine, log) = open_machine(&options, &files, &quarantine, parts, &mut standing).await?;
    let config = config(&options, standing == Standing::Open)?;
    let peer_watermarks = Arc::new(PeerWatermarks::open(&options.dir));
    let network = network(&options.timings, &transport, &book, &peer_watermarks);
    let inner = Arc::clone(&machine.0);
    let raft = consensus(options.node, config, network, log.clone(), machine).await?;
    let own = options.members.iter().find(|m| m.node == options.node);
    Ok(Core {
        own: own.cloned(),
        configured: options.members,
        quarantine,
        incarnation,
        heard: Mutex::default(),
        standing: watch::Sender::new(standing),
        is_original: AtomicBool::new(false),
        peer_watermarks,
        node: options.node,
        cluster: options.cluster,
        raft,
        machine: inner,
        log,
        transport,
        book,
        app: options.app,
        metrics,
        timings: options.timings,
        snapshots: options.snapshots,
        leadership: watch::Sender::new(Leadership::default()),
        confirmation: Confirmation::default(),
        feature_level: options.feature_level,
        condition: Mutex::default(),
        level_gate: tokio::sync::Mutex::default(),
        fatal: watch::Sender::new(None),
        stopped: watch::Sender::new(false),
    })
}

/// Starts consensus, which applies again what is known to be committed.
async fn consensus(
    node: NodeId,
    config: Arc<Config>,
    network: Network,
    log: LogStore,
    machine: StateMachine,
) -> Result<Raft> {
    let inner = Arc::clone(&machine.0);
    let raft = Raft::new(node.get(), config, network, log, machine).await;
    raft.map_err(|error| match inner.outdated() {
        Some(outdated) => Error::Outdated(outdated),
        None => Error::Fatal(error.to_string()),
    })
}

/// How consensus reaches the peers.
fn network(
    timings: &RaftTimings,
    transport: &SharedTransport,
    book: &Arc<AddressBook>,
    peer_watermarks: &Arc<PeerWatermarks>,
) -> Network {
    Network {
        transport: Arc::clone(transport),
        book: Arc::clone(book),
        peer_watermarks: Arc::clone(peer_watermarks),
        stream_timeout: timings.rpc_timeout,
        snapshot_stall: timings.snapshot_stall,
    }
}

/// What is opened in a node's directory, with its metrics.
struct Files {
    dir: PathBuf,
    log: LogOptions,
    buffer: BufferOptions,
}

impl Files {
    fn register(options: &ClusterOptions) -> Result<Self> {
        let registered = |error: prometheus::Error| Error::Fatal(error.to_string());
        Ok(Self {
            dir: options.dir.clone(),
            log: LogOptions {
                segment_bytes: options.buffer.segment_bytes,
                metrics: Some(LogMetrics::register(&options.registry).map_err(registered)?),
                ..LogOptions::default()
            },
            buffer: BufferOptions {
                cap_bytes: options.buffer.max_bytes,
                metrics: Some(BufferMetrics::register(&options.registry).map_err(registered)?),
                ..BufferOptions::default()
            },
        })
    }

    fn snapshots(&self) -> PathBuf {
        self.dir.join("snapshots")
    }

    async fn open_log(&self) -> Result<LogStore> {
        let (dir, options) = (self.dir.join("log"), self.log.clone());
        blocking(move || {
            let (log, recovered) = Log::open(&dir, options)?;
            LogStore::new(log, &recovered).map_err(|error| Error::Damaged {
                path: dir,
                what: error.to_string(),
            })
        })
        .await
    }

    async fn open_buffer(&self) -> Result<Buffer> {
        let (dir, options) = (self.dir.join("buffer"), self.buffer.clone());
        blocking(move || Ok(Buffer::open(&dir, options)?)).await
    }

    /// Whether a snapshot was ever here.
    fn has_snapshots(&self) -> bool {
        fs::read_dir(self.snapshots()).is_ok_and(|mut found| found.next().is_some())
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = pga_runtime::spawn_blocking(work).await;
    done.map_err(|error| Error::Fatal(error.to_string()))?
}

/// The log that this node goes on with.
struct Found {
    log: LogStore,
    incarnation: Incarnation,
    standing: Standing,
}

/// Opens the log, or an empty one in its place if it is damaged (see [`super::recovery`]).
async fn find_log(
    options: &ClusterOptions,
    files: &Files,
    quarantine: &Quarantine,
) -> Result<Found> {
    let has_peers = options.members.iter().any(|peer| peer.node != options.node);
    let pending = quarantine.pending()?;
    let opened = match files.open_log().await {
        Ok(log) => match Incarnation::open(&options.dir) {
            Ok(incarnation) => Ok((log, incarnation)),
            Err(error) => {
                close(log).await?;
                Err(error)
            }
        },
        Err(error) => Err(error),
    };
    let (log, incarnation) = match opened {
        Ok(opened) => opened,
        Err(Error::Damaged { path, what }) if pending.is_some() || has_peers => {
            let why = format!("{} is damaged: {what}", path.display());
            return set_aside(files, quarantine, why).await;
        }
        Err(error) => return Err(error),
    };
    let standing = match pending {
        pending if log.is_empty() && files.has_snapshots() && (pending.is_some() || has_peers) => {
            close(log).await?;
            let why = pending.unwrap_or_else(|| "there is a snapshot, but no log".to_owned());
            return set_aside(files, quarantine, why).await;
        }
        Some(why) => Standing::Recovering(why.into()),
        None if has_peers => Standing::Undecided,
        None => Standing::Open,
    };
    Ok(Found {
        log,
        incarnation,
        standing,
    })
}

/// Moves everything aside, durably noted before, and opens an empty log.
async fn set_aside(files: &Files, quarantine: &Quarantine, why: String) -> Result<Found> {
    quarantine.begin(&why)?;
    let place = quarantine.move_aside()?;
    tracing::error!(
        error = why,
        quarantine = %place.display(),
        "this node does not vote, and asks the others to take it in again"
    );
    Ok(Found {
        log: files.open_log().await?,
        // Which one it was is not asked any more: it begins the next one.
        incarnation: Incarnation::first(&files.dir),
        standing: Standing::Recovering(why.into()),
    })
}

async fn close(log: LogStore) -> Result<()> {
    blocking(move || {
        log.log().close().map_err(|source| Error::File {
            action: "close",
            path: "the log".into(),
            source,
        })
    })
    .await
}

/// Opens the state machine; if its snapshot is damaged or gone, the log without it is worth nothing
/// either.
async fn open_machine(
    options: &ClusterOptions,
    files: &Files,
    quarantine: &Quarantine,
    parts: Parts,
    standing: &mut Standing,
) -> Result<(StateMachine, LogStore)> {
    let log = parts.log.clone();
    let what = match StateMachine::open(&files.snapshots(), parts.clone()).await {
        Ok(machine) => {
            let snapshot = machine.0.snapshot_index();
            match log.log().purged() {
                Some(purged) if snapshot.is_none_or(|index| index < purged.index) => {
                    format!(
                        "the log begins after entry {}, and no snapshot holds what was before",
                        purged.index
                    )
                }
                _ => return Ok((machine, log)),
            }
        }
        Err(Error::Damaged { path, what }) => format!("{} is damaged: {what}", path.display()),
        Err(error) => return Err(error),
    };
    if options.members.len() < 2 {
        return Err(Error::Damaged {
            path: files.dir.clone(),
            what,
        });
    }
    close(log).await?;
    let found = set_aside(files, quarantine, what).await?;
    *standing = found.standing;
    let parts = Parts {
        log: found.log.clone(),
        ..parts
    };
    let machine = StateMachine::open(&files.snapshots(), parts).await?;
    Ok((machine, found.log))
}

fn config(options: &ClusterOptions, takes_part: bool) -> Result<Arc<Config>> {
    let RaftTimings {
        heartbeat,
        election_min,
        election_max,
        snapshot_stall,
        ..
    } = options.timings;
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let config = Config {
        cluster_name: options.cluster.to_string(),
        heartbeat_interval: millis(heartbeat),
        election_timeout_min: millis(election_min),
        election_timeout_max: millis(election_max),
        // The time of a whole snapshot; a transfer without progress ends by the transport's own
        // stall timeout.
        install_snapshot_timeout: millis(snapshot_stall).saturating_mul(100),
        // Snapshots and purging follow the flush watermark: see `node/maintenance.rs`.
        snapshot_policy: RaftSnapshotPolicy::Never,
        max_in_snapshot_log_to_keep: u64::MAX,
        max_payload_entries: 64,
        max_append_entries: Some(256),
        enable_pre_vote: Some(true),
        // LOG-1: see `Core::take_part`.
        enable_elect: takes_part,
        // LOG-1: entries go to the followers before they are durable here. A leader that lost some
        // in a crash and led on in the same term would give their places to others.
        enable_leader_restore: Some(false),
        ..Config::default()
    };
    let config = config
        .validate()
        .map_err(|error| Error::Timings(error.to_string()))?;
    Ok(Arc::new(config))
}

impl From<pga_storage::Error> for Error {
    fn from(error: pga_storage::Error) -> Self {
        match error {
            pga_storage::Error::Damaged { path, what } => Self::Damaged { path, what },
            other => Self::Storage(other),
        }
    }
}
