//! The embedded store: SQLite on each node, for demos, small fleets, and recent history.
//!
//! # Files
//! `store.db` in the store's directory, with SQLite's `-wal` and `-shm` beside it. `store.db.new`
//! is a copy on its way in; one that is left by a crash is deleted at start.
//! # Who writes
//! One thread owns the only writing connection and runs jobs in their order; readers have
//! connections of their own that cannot write. A flush stores its rows and moves the watermark in
//! one transaction, so a crash leaves the store at the watermark it had before or after (FLUSH-1).
//! Commits are not synced one by one (`synchronous = NORMAL`): a power cut may take the store back
//! to an older watermark with its rows, and the log, which is kept above it, replays.
//! # Limits
//! Page caches of 4 MiB (writer) and 1 MiB (each of at most four readers), 100,000 series and
//! collectors in memory, pages of elements of at most 8 MiB of documents and 8 MiB of samples.

mod copy;
mod deltas;
mod disk_use;
mod files;
mod flush;
mod ids;
mod insert;
mod list_functions;
mod options;
mod packing;
mod read;
mod read_samples;
mod readers;
mod relation_sums;
mod retain;
mod rollups;
mod sample_run;
mod schema;
mod select;
mod series_ids;
mod series_rollups;
mod transfer;
mod upgrade;
mod values;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use self::files::FILE_NAME;
pub use self::options::EmbeddedOptions;
use self::readers::Readers;
pub use self::transfer::{CopySummary, hand_copy_over, inspect_copy};
use self::writer::{Job, Writer};
use super::{FlushBatch, FlushReport, ReadStore, Retention, StoreWriter, TableUse, Watermark};
use crate::query::{Read, Row};
use crate::{Error, Result};

/// Jobs that may wait for the writer.
const WAITING_JOBS: usize = 16;
/// Rows that one step of [`StoreWriter::drop_old`] deletes at most, so that flushes get in
/// between.
const RETAIN_STEP_ROWS: u32 = 20_000;

/// A store in a SQLite file of this node.
#[derive(Debug)]
pub struct EmbeddedStore {
    path: PathBuf,
    jobs: mpsc::Sender<Job>,
    readers: Arc<Readers>,
}

impl EmbeddedStore {
    /// Opens or creates the store of cluster `cluster_id` in `dir`.
    ///
    /// # Errors
    /// `File` or `Embedded` if the file cannot be used, `NewerFormat` if a newer program wrote it,
    /// `OtherCluster` if it belongs to another cluster.
    pub fn open(dir: &Path, cluster_id: Uuid, options: EmbeddedOptions) -> Result<Self> {
        std::fs::create_dir_all(dir).map_err(|source| Error::File {
            action: "create",
            path: dir.to_owned(),
            source,
        })?;
        let path = dir.join(FILE_NAME);
        let readers = Arc::new(Readers::new(path.clone(), options));
        let writer = Writer::open(path.clone(), cluster_id, options, Arc::clone(&readers))?;
        let (jobs, waiting) = mpsc::channel(WAITING_JOBS);
        writer.start(waiting)?;
        Ok(Self {
            path,
            jobs,
            readers,
        })
    }

    /// Runs `job` on the writer thread, after those that wait already.
    async fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Writer) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |writer| {
            // The caller may be gone; the job is done all the same.
            drop(reply.send(job(writer)));
        });
        self.jobs.send(job).await.map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Closed)?
    }
}

impl StoreWriter for EmbeddedStore {
    fn kind(&self) -> &'static str {
        "embedded"
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn migrate(&self) -> BoxFuture<'_, Result<()>> {
        // Opening did it.
        async { Ok(()) }.boxed()
    }

    fn fence(&self, term: u64) -> BoxFuture<'_, Result<Watermark>> {
        self.write(move |writer| writer.fence(term)).boxed()
    }

    fn watermark(&self) -> BoxFuture<'_, Result<Watermark>> {
        Readers::read(&self.readers, schema::watermark).boxed()
    }

    fn flush(&self, batch: FlushBatch) -> BoxFuture<'_, Result<FlushReport>> {
        self.write(move |writer| writer.flush(&batch)).boxed()
    }

    fn drop_old(&self, retention: Retention) -> BoxFuture<'_, Result<u64>> {
        async move {
            let retention = Arc::new(retention);
            let mut dropped = 0;
            loop {
                let of = Arc::clone(&retention);
                let step = move |writer: &mut Writer| writer.retain(&of, RETAIN_STEP_ROWS);
                let step = self.write(step).await?;
                dropped += step.rows;
                if step.is_all {
                    let unused = move |writer: &mut Writer| writer.drop_unused(&retention);
                    self.write(unused).await?;
                    return Ok(dropped);
                }
            }
        }
        .boxed()
    }

    fn size_bytes(&self) -> BoxFuture<'_, Result<u64>> {
        async { Ok(files::size_bytes(&self.path)) }.boxed()
    }

    fn disk_use(&self) -> BoxFuture<'_, Result<Vec<TableUse>>> {
        Readers::read(&self.readers, disk_use::disk_use).boxed()
    }

    fn copy_to<'a>(&'a self, target: &'a Path) -> BoxFuture<'a, Result<Option<Watermark>>> {
        let target = target.to_owned();
        Readers::read(&self.readers, move |db| {
            copy::copy_to(db, &target).map(Some)
        })
        .boxed()
    }

    fn replace_with<'a>(&'a self, source: &'a Path) -> BoxFuture<'a, Result<()>> {
        let source = source.to_owned();
        self.write(move |writer| writer.replace_with(&source))
            .boxed()
    }
}

impl ReadStore for EmbeddedStore {
    fn read(&self, reads: Vec<Read>) -> BoxFuture<'_, Result<Vec<Vec<Row>>>> {
        Readers::read(&self.readers, move |db| read::all(db, &reads)).boxed()
    }
}
