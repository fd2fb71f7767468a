//! Copies of the store, out and in.
//!
//! Coming in, the copy is first written beside the store and synced, then renamed over it and the
//! directory synced: a crash leaves the old store or the new one. Before the rename the old
//! write-ahead log is emptied and gone, so that it can never be taken for the new file's.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, OpenFlags};

use super::files::{beside, file, remove, sync};
use super::schema;
use super::values::failed;
use super::writer::Writer;
use crate::store::Watermark;
use crate::{Error, Result};

/// Writes a consistent copy to `target` and returns its watermark. The writer goes on meanwhile.
pub(super) fn copy_to(db: &Connection, target: &Path) -> Result<Watermark> {
    remove(target)?;
    let path = target.to_str().ok_or_else(|| Error::Argument {
        key: "target",
        what: "not a UTF-8 path".to_owned(),
    })?;
    // `VACUUM INTO` reads one snapshot and writes another file; SQLite refuses it under
    // `query_only`.
    let writable = |on: bool| {
        db.pragma_update(None, "query_only", !on)
            .map_err(failed("copy"))
    };
    writable(true)?;
    let copied = db.execute("VACUUM INTO ?1", [path]).map_err(failed("copy"));
    writable(false)?;
    copied?;
    sync(target)?;
    let copy = Connection::open_with_flags(target, OpenFlags::SQLITE_OPEN_READ_ONLY);
    schema::watermark(&copy.map_err(failed("open"))?)
}

impl Writer {
    /// Replaces the store by the copy at `source`.
    pub(super) fn replace_with(&mut self, source: &Path) -> Result<()> {
        let staged = beside(&self.path, ".new");
        stage(source, &staged)?;
        let copy = schema::open_writer(&staged, 256)?;
        let found = schema::version(&copy)?.ok_or_else(|| Error::Damaged {
            path: source.to_owned(),
            what: "not a copy of a store".to_owned(),
        })?;
        schema::check(&copy, source, self.cluster_id, found)?;
        close(copy)?;
        sync(&staged)?;
        let readers = Arc::clone(&self.readers);
        readers.closed_while(|| {
            if let Some(db) = self.db.take() {
                close(db)?;
            }
            for suffix in ["-wal", "-shm"] {
                remove(&beside(&self.path, suffix))?;
                remove(&beside(&staged, suffix))?;
            }
            fs::rename(&staged, &self.path).map_err(file("rename", &staged))?;
            if let Some(dir) = self.path.parent() {
                sync(dir)?;
            }
            self.reopen()
        })
    }
}

/// Moves all of the write-ahead log into the file, and closes it.
fn close(db: Connection) -> Result<()> {
    let busy: i64 = db
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        .map_err(failed("close"))?;
    if busy != 0 {
        return Err(Error::Closed);
    }
    db.close().map_err(|(_, source)| failed("close")(source))
}

fn stage(source: &Path, staged: &Path) -> Result<()> {
    for suffix in ["", "-wal", "-shm"] {
        remove(&beside(staged, suffix))?;
    }
    fs::copy(source, staged).map_err(file("copy", source))?;
    Ok(())
}
