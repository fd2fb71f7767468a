//! Connections that read.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::options::EmbeddedOptions;
use super::schema;
use crate::{Error, Result};

/// A bounded pool of reading connections.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    options: EmbeddedOptions,
    slots: Arc<Semaphore>,
    idle: Mutex<Vec<Connection>>,
    /// Held shared by each read, and alone while the file is replaced.
    gate: RwLock<()>,
}

impl Readers {
    pub(super) fn new(path: PathBuf, options: EmbeddedOptions) -> Self {
        Self {
            path,
            options,
            slots: Arc::new(Semaphore::new(options.readers.max(1))),
            idle: Mutex::default(),
            gate: RwLock::default(),
        }
    }

    /// Runs `read` on a blocking thread, when a slot is free.
    pub(super) async fn read<T: Send + 'static>(
        this: &Arc<Self>,
        read: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let this = Arc::clone(this);
        let slot = Arc::clone(&this.slots);
        let slot = slot.acquire_owned().await.map_err(|_| Error::Closed)?;
        let task = move || {
            let _slot = slot;
            let _open = this.gate.read().unwrap_or_else(PoisonError::into_inner);
            let db = this.connection()?;
            let answer = read(&db);
            if answer.is_ok() {
                this.lock().push(db);
            }
            answer
        };
        pga_runtime::spawn_blocking(task)
            .await
            .map_err(|_| Error::Closed)?
    }

    /// Runs `replace` while nobody reads and no connection is open.
    pub(super) fn closed_while<T>(&self, replace: impl FnOnce() -> T) -> T {
        let _alone = self.gate.write().unwrap_or_else(PoisonError::into_inner);
        self.lock().clear();
        replace()
    }

    fn connection(&self) -> Result<Connection> {
        if let Some(db) = self.lock().pop() {
            return Ok(db);
        }
        schema::open_reader(&self.path, self.options.reader_cache_kib)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
