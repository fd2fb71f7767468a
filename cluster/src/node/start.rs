//! Opening everything a node consists of.

use std::sync::Arc;
use std::time::Duration;

use openraft::{Config, SnapshotPolicy as RaftSnapshotPolicy};
use pga_storage::buffer::{Buffer, BufferOptions};
use pga_storage::log::{Log, LogOptions};
use pga_storage::metrics::{BufferMetrics, LogMetrics};
use tokio::sync::watch;

use super::core::Core;
use super::{ClusterOptions, Error, Leadership, RaftTimings, Result};
use crate::metrics::ClusterMetrics;
use crate::raft::address_book::AddressBook;
use crate::raft::log_store::LogStore;
use crate::raft::network::Network;
use crate::raft::state_machine::{Parts, StateMachine};
use crate::raft::type_config::Raft;
use crate::transport::SharedTransport;

/// Opens the log, the buffer and the newest snapshot, and starts consensus on them.
pub(super) async fn open(options: ClusterOptions, transport: SharedTransport) -> Result<Core> {
    let config = config(&options)?;
    let metrics = Arc::new(
        ClusterMetrics::register(&options.registry)
            .map_err(|error| Error::Fatal(error.to_string()))?,
    );
    let (log, buffer) = open_files(&options).await?;
    let book = Arc::new(AddressBook::default());
    let parts = Parts {
        buffer,
        log: log.clone(),
        own_store: options.own_store,
        limits: options.limits,
        book: Arc::clone(&book),
        metrics: Arc::clone(&metrics),
        flushed: options.flushed,
    };
    let machine = StateMachine::open(&options.dir.join("snapshots"), parts).await?;
    let network = Network {
        transport: Arc::clone(&transport),
        book: Arc::clone(&book),
        stream_timeout: options.timings.rpc_timeout,
        snapshot_stall: options.timings.snapshot_stall,
    };
    let inner = Arc::clone(&machine.0);
    let raft = Raft::new(options.node.get(), config, network, log.clone(), machine)
        .await
        .map_err(|error| Error::Fatal(error.to_string()))?;
    Ok(Core {
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
        fatal: watch::Sender::new(None),
        stopped: watch::Sender::new(false),
    })
}

async fn open_files(options: &ClusterOptions) -> Result<(LogStore, Buffer)> {
    let dir = options.dir.clone();
    let limits = options.buffer;
    let registered = |error: prometheus::Error| Error::Fatal(error.to_string());
    let log_metrics = LogMetrics::register(&options.registry).map_err(registered)?;
    let buffer_metrics = BufferMetrics::register(&options.registry).map_err(registered)?;
    let opened = tokio::task::spawn_blocking(move || {
        let log_options = LogOptions {
            segment_bytes: limits.segment_bytes,
            metrics: Some(log_metrics),
            ..LogOptions::default()
        };
        let buffer_options = BufferOptions {
            cap_bytes: limits.max_bytes,
            metrics: Some(buffer_metrics),
            ..BufferOptions::default()
        };
        let log_dir = dir.join("log");
        let (log, recovered) = Log::open(&log_dir, log_options)?;
        let store = LogStore::new(log, &recovered).map_err(|error| Error::Damaged {
            path: log_dir,
            what: error.to_string(),
        })?;
        let buffer = Buffer::open(&dir.join("buffer"), buffer_options)?;
        Ok((store, buffer))
    });
    opened
        .await
        .map_err(|error| Error::Fatal(error.to_string()))?
}

fn config(options: &ClusterOptions) -> Result<Arc<Config>> {
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
        // The time of a whole snapshot; a transfer without progress ends by the transport's own stall timeout.
        install_snapshot_timeout: millis(snapshot_stall).saturating_mul(100),
        // Snapshots and purging follow the flush watermark: see `node/maintenance.rs`.
        snapshot_policy: RaftSnapshotPolicy::Never,
        max_in_snapshot_log_to_keep: u64::MAX,
        max_payload_entries: 64,
        max_append_entries: Some(256),
        enable_pre_vote: Some(true),
        // LOG-1: entries go to the followers before they are durable here. A leader that lost some in a crash and led on in
        // the same term would give their places to others.
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
