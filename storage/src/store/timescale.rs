//! The store in TimescaleDB.
//!
//! # What it guarantees
//! Rows and watermark move in one transaction, the watermark last and on condition (FLUSH-1); a
//! flusher of an older term cannot commit once a newer one fenced it (FLUSH-2). No wait is without
//! an end: every operation has a deadline on this side, since a stalled server times nothing out.
//! # Map
//! `schema.sql` is what the database holds beside the typed tables of [`super::catalogue`];
//! `migrate` makes it, `flusher` writes it (`plan`, `copy`, `series`, `inventories`,
//! `rate_states`), `read` reads it (`select`, `read_samples`).

mod copy;
mod deltas;
mod disk_use;
mod failure;
mod flusher;
mod hand_over;
mod holding;
mod inventories;
mod migrate;
mod options;
mod pg_time;
mod plan;
mod read;
mod read_samples;
mod readers;
mod relation_sums;
mod retention;
mod rollups;
mod select;
mod series;
mod series_rollups;
mod session;
mod table_copy;
mod watermark;

use std::path::Path;
use std::sync::Arc;

use futures::future::BoxFuture;

pub use self::holding::Holding;
pub use self::options::{StoreOwner, TimescaleOptions};

use self::flusher::Flusher;
use self::readers::Readers;
use self::session::Connector;
use super::{FlushBatch, FlushReport, ReadStore, Retention, StoreWriter, TableUse, Watermark};
use crate::query::{Read, Row};
use crate::{Result, Timestamp};

/// A database that all nodes share; only the leader flushes.
#[derive(Debug)]
pub struct TimescaleStore {
    connector: Arc<Connector>,
    flusher: Flusher,
    readers: Readers,
}

impl TimescaleStore {
    /// A store behind `options`. Connections are opened when needed: a node starts without its
    /// database.
    ///
    /// # Errors
    /// `Argument` if a file that the URL names (a certificate, a key) cannot be used.
    pub fn connect(options: TimescaleOptions) -> Result<Self> {
        let connector = Arc::new(Connector::new(options)?);
        Ok(Self {
            flusher: Flusher::new(Arc::clone(&connector)),
            readers: Readers::new(Arc::clone(&connector)),
            connector,
        })
    }
}

impl StoreWriter for TimescaleStore {
    fn kind(&self) -> &'static str {
        "timescaledb"
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn migrate(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(migrate::run(&self.connector))
    }

    fn fence(&self, term: u64) -> BoxFuture<'_, Result<Watermark>> {
        let owner = self.connector.options().owner;
        Box::pin(self.readers.run("fence", async move |client| {
            // Before: a paused flusher may hold the row. After: one may have connected meanwhile.
            watermark::end_older(client, owner, term).await?;
            let taken = watermark::take(client, owner, term).await?;
            let ended = watermark::end_older(client, owner, term).await?;
            tracing::info!(term, ended, "took the store over");
            Ok(taken)
        }))
    }

    fn watermark(&self) -> BoxFuture<'_, Result<Watermark>> {
        let owner = self.connector.options().owner;
        let read = async move |client: &_| watermark::read(client, owner).await;
        Box::pin(self.readers.run("read the watermark of", read))
    }

    fn flush(&self, batch: FlushBatch) -> BoxFuture<'_, Result<FlushReport>> {
        Box::pin(async move { self.flusher.flush(&batch).await })
    }

    fn drop_old(&self, retention: Retention) -> BoxFuture<'_, Result<u64>> {
        let clean = async move |client: &_| retention::drop_old(client, &retention).await;
        Box::pin(self.readers.run("clean up", clean))
    }

    fn size_bytes(&self) -> BoxFuture<'_, Result<u64>> {
        let read = async move |client: &_| retention::size_bytes(client).await;
        Box::pin(self.readers.run("read from", read))
    }

    fn disk_use(&self) -> BoxFuture<'_, Result<Vec<TableUse>>> {
        let read = async move |client: &_| disk_use::disk_use(client, Timestamp::now()).await;
        Box::pin(self.readers.run("read sizes from", read))
    }

    fn copy_to<'a>(&'a self, _target: &'a Path) -> BoxFuture<'a, Result<Option<Watermark>>> {
        Box::pin(async { Ok(None) })
    }

    fn replace_with<'a>(&'a self, _source: &'a Path) -> BoxFuture<'a, Result<()>> {
        Box::pin(async { Ok(()) })
    }
}

impl ReadStore for TimescaleStore {
    fn read(&self, reads: Vec<Read>) -> BoxFuture<'_, Result<Vec<Vec<Row>>>> {
        let read = async move |client: &_| read::all(client, &reads).await;
        Box::pin(self.readers.run("read from", read))
    }
}
