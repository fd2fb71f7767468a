//! The half of a store that takes.

use std::fmt::Debug;
use std::path::Path;

use futures::future::BoxFuture;

use super::{FlushBatch, FlushReport, Retention, TableUse, Watermark};
use crate::Result;

/// Where elements end up (design D5).
///
/// Every method may be called from any task; a call that fails has changed nothing, except that a
/// failed or timed-out [`StoreWriter::flush`] may have committed: ask [`StoreWriter::watermark`]
/// before flushing again.
pub trait StoreWriter: Debug + Send + Sync + 'static {
    /// Which kind this is, for messages and metric labels: `timescaledb` or `embedded`.
    fn kind(&self) -> &'static str;

    /// Whether all nodes share this store (then only the leader flushes), or each node has its own.
    fn is_shared(&self) -> bool;

    /// Creates or upgrades what the store needs. Safe to call from several nodes at once and again.
    ///
    /// # Errors
    /// `Unavailable` if the database cannot be reached, `Schema` if it holds something this program
    /// must not touch.
    fn migrate(&self) -> BoxFuture<'_, Result<()>>;

    /// Takes the store over for `term`: after this no flusher of an older term can commit
    /// (FLUSH-2). Returns the position up to which the store holds everything.
    ///
    /// # Errors
    /// `Fenced` if a newer term already took it.
    fn fence(&self, term: u64) -> BoxFuture<'_, Result<Watermark>>;

    /// The position up to which the store holds everything.
    ///
    /// # Errors
    /// `Unavailable` if the database cannot be reached.
    fn watermark(&self) -> BoxFuture<'_, Result<Watermark>>;

    /// Stores all of `batch` and moves the watermark from `batch.after` to `batch.upto`, in one
    /// transaction. Not cancel safe: after a dropped call the outcome is unknown.
    ///
    /// # Errors
    /// `Fenced` if the watermark row is no longer at `batch.after` or has a newer term: nothing was
    /// stored. `Unavailable`: unknown, read the watermark.
    fn flush(&self, batch: FlushBatch) -> BoxFuture<'_, Result<FlushReport>>;

    /// Drops what is too old; returns how many rows or chunks went. A shared store may keep what is
    /// in a chunk with something newer.
    fn drop_old(&self, retention: Retention) -> BoxFuture<'_, Result<u64>>;

    /// Bytes the store takes on disk, if it can tell cheaply.
    fn size_bytes(&self) -> BoxFuture<'_, Result<u64>>;

    /// Bytes by table and day. It reads much: not for every minute.
    ///
    /// # Errors
    /// `Unavailable`: the database cannot be reached, or does not answer in time.
    fn disk_use(&self) -> BoxFuture<'_, Result<Vec<TableUse>>>;

    /// Writes a consistent copy of a store of this node to `target` and returns the watermark the
    /// copy holds; `None` for a shared store, which needs no copy in a snapshot.
    fn copy_to<'a>(&'a self, target: &'a Path) -> BoxFuture<'a, Result<Option<Watermark>>>;

    /// Replaces this node's store by the copy at `source` (made by [`StoreWriter::copy_to`]);
    /// durable on return. A shared store ignores it.
    fn replace_with<'a>(&'a self, source: &'a Path) -> BoxFuture<'a, Result<()>>;
}
