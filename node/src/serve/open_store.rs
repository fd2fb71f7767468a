//! The store of a node, as configured.

use std::sync::Arc;
use std::time::Duration;

use pga_config::{Config, Secret, StoreKind};
use pga_storage::store::{
    EmbeddedOptions, EmbeddedStore, StoreOwner, TimescaleOptions, TimescaleStore,
};
use pga_storage::{Position, Store, StoreWriter};

use crate::data_dir::DataDir;
use crate::secrets::Secrets;
use crate::tasks::{self, TaskKind};
use crate::{Error, Result};

/// Longest wait at start for a database that may be down: the node starts without it.
const START_WAIT: Duration = Duration::from_secs(3);
/// Between two attempts to bring the database's schema up to date.
const RETRY: Duration = Duration::from_secs(2);

/// Opens the store, and brings its schema up to date: at once if it is the node's own, else as soon
/// as the database answers.
pub(super) async fn open(
    config: &Config,
    data: &DataDir,
    secrets: &Secrets,
) -> Result<Arc<dyn Store>> {
    match config.store.kind {
        StoreKind::Embedded => {
            let cluster = secrets.cluster.get();
            let dir = data.store();
            let opened = pga_runtime::spawn_blocking(move || {
                EmbeddedStore::open(&dir, cluster, EmbeddedOptions::default())
            });
            let store = opened
                .await
                .map_err(|error| Error::Internal(error.to_string()))??;
            store.migrate().await?;
            Ok(Arc::new(store))
        }
        StoreKind::Timescale => {
            let store = Arc::new(timescale(config, secrets)?);
            tasks::spawn(
                TaskKind::Watch,
                migrate(Arc::clone(&store) as Arc<dyn StoreWriter>),
            );
            Ok(store)
        }
    }
}

fn timescale(config: &Config, secrets: &Secrets) -> Result<TimescaleStore> {
    let url = config.store.timescale_url.as_ref().map(Secret::expose);
    let owner = StoreOwner::new(secrets.cluster.get().as_u128());
    let mut options = TimescaleOptions::new(url.unwrap_or_default(), owner, config.node.id)?;
    options.connect_timeout = config.store.connect_timeout;
    options.flush_timeout = config.store.statement_timeout;
    options.read_timeout = config
        .store
        .statement_timeout
        .min(TimescaleOptions::READ_TIMEOUT);
    options.read_connections = usize::try_from(config.store.pool_size).unwrap_or(usize::MAX);
    Ok(TimescaleStore::connect(options)?)
}

async fn migrate(store: Arc<dyn StoreWriter>) {
    let mut told = String::new();
    loop {
        let error = match store.migrate().await {
            Ok(()) => return tracing::info!(store = store.kind(), "schema is up to date"),
            Err(error) => pga_runtime::error_chain(&error),
        };
        if error == told {
            tracing::debug!(error, "schema not brought up to date");
        } else {
            tracing::error!(error, "schema not brought up to date, trying on");
            told = error;
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Where the store is, if it can be asked: what the log holds up to there need not be buffered
/// again.
pub(super) async fn watermark(store: &dyn StoreWriter) -> Position {
    match tokio::time::timeout(START_WAIT, store.watermark()).await {
        Ok(Ok(watermark)) => watermark.position,
        Ok(Err(error)) => {
            tracing::warn!(
                error = pga_runtime::error_chain(&error),
                "store not reachable at start"
            );
            Position::default()
        }
        Err(_) => {
            tracing::warn!("store not reachable at start");
            Position::default()
        }
    }
}
