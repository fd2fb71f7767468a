//! The thread that writes.

use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::{Connection, params};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::ids::Ids;
use super::options::EmbeddedOptions;
use super::readers::Readers;
use super::values::{failed, signed};
use super::{files, schema};
use crate::store::Watermark;
use crate::{Error, Result};

/// How much nicer than the rest of the node the writer is (nice(1)): what waits for it is stored on
/// a quorum already, while clients wait for all else. It still gets a tenth of what a busy thread
/// gets, and the buffer's bound is what holds clients back.
const NICE: i32 = 10;

/// What the writer runs.
pub(super) type Job = Box<dyn FnOnce(&mut Writer) + Send>;

/// Owner of the writing connection.
pub(super) struct Writer {
    pub(super) path: PathBuf,
    pub(super) cluster_id: Uuid,
    pub(super) options: EmbeddedOptions,
    pub(super) readers: Arc<Readers>,
    pub(super) ids: Ids,
    /// `None` while the file is replaced, and after that failed.
    pub(super) db: Option<Connection>,
}

impl Writer {
    /// Opens the file, and brings it to today's format.
    pub(super) fn open(
        path: PathBuf,
        cluster_id: Uuid,
        options: EmbeddedOptions,
        readers: Arc<Readers>,
    ) -> Result<Self> {
        files::remove_leftover(&path)?;
        let mut writer = Self {
            path,
            cluster_id,
            options,
            readers,
            ids: Ids::default(),
            db: None,
        };
        writer.reopen()?;
        Ok(writer)
    }

    /// Opens the connection anew.
    pub(super) fn reopen(&mut self) -> Result<()> {
        self.ids = Ids::default();
        let mut db = schema::open_writer(&self.path, self.options.writer_cache_kib)?;
        schema::migrate(&mut db, &self.path, self.cluster_id)?;
        release(&db)?;
        self.db = Some(db);
        Ok(())
    }

    /// Runs jobs on a thread of its own until the store is dropped.
    pub(super) fn start(mut self, mut jobs: mpsc::Receiver<Job>) -> Result<()> {
        let path = self.path.clone();
        let run = move || {
            step_back();
            while let Some(job) = jobs.blocking_recv() {
                job(&mut self);
            }
        };
        let thread = std::thread::Builder::new().name("store-writer".to_owned());
        thread.spawn(run).map_err(|source| Error::File {
            action: "start the writer of",
            path,
            source,
        })?;
        Ok(())
    }

    /// The connection.
    pub(super) fn db(&mut self) -> Result<&mut Connection> {
        self.db.as_mut().ok_or(Error::Closed)
    }

    /// Takes the store over for `term`.
    pub(super) fn fence(&mut self, term: u64) -> Result<Watermark> {
        let db = self.db()?;
        let sql = "UPDATE watermark SET owner_term = ?1 WHERE id = 1 AND owner_term <= ?1";
        let taken = db
            .execute(sql, params![signed(term)])
            .map_err(failed("fence"))?;
        let mark = schema::watermark(db)?;
        if taken == 0 {
            return Err(Error::Fenced {
                found: mark.position,
                owner_term: mark.owner_term,
            });
        }
        Ok(mark)
    }
}

/// Takes the store from whoever had it: the file is only just opened, so nobody flushes into it,
/// and the owner it names may have been one of the cluster, or of the node, that it was copied
/// from.
fn release(db: &Connection) -> Result<()> {
    let sql = "UPDATE watermark SET owner_term = 0 WHERE id = 1 AND owner_term <> 0";
    db.execute(sql, []).map_err(failed("open"))?;
    Ok(())
}

/// Lets the other threads go first.
fn step_back() {
    // On Linux the priority is one of the thread (setpriority(2), NOTES); elsewhere it would be the
    // process's.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!(%error, "the store's writer keeps its priority");
    }
}
