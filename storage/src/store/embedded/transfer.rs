//! Copies of the store that leave their cluster: what is in one, and handing one over to another
//! cluster.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, params};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::schema;
use super::values::{failed, signed, unsigned};
use crate::store::Watermark;
use crate::{Error, Position, Result, Timestamp};

/// What a copy of an embedded store holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopySummary {
    /// Elements of each type, by the type's name; plain samples are `samples`.
    pub elements: BTreeMap<String, u64>,
    /// Times of the first and the last element; none if there is none.
    pub range: Option<(Timestamp, Timestamp)>,
}

impl CopySummary {
    /// All elements.
    pub fn total(&self) -> u64 {
        self.elements.values().sum()
    }

    fn add(&mut self, kind: &str, count: i64, from: Option<i64>, to: Option<i64>) {
        let (Some(from), Some(to)) = (from, to) else {
            return;
        };
        let (from, to) = (Timestamp::from_micros(from), Timestamp::from_micros(to));
        *self.elements.entry(kind.to_owned()).or_default() += unsigned(count);
        self.range = Some(match self.range {
            None => (from, to),
            Some((first, last)) => (first.min(from), last.max(to)),
        });
    }
}

/// Checks the copy at `path` (made by [`crate::StoreWriter::copy_to`]) from its first page to its
/// last,
/// and tells what it holds. Blocks.
///
/// # Errors
/// `Damaged` if it is no whole copy of a store, `NewerFormat` if a newer program wrote it,
/// `OtherCluster`.
pub fn inspect_copy(path: &Path, cluster: Uuid) -> Result<(Watermark, CopySummary)> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).map_err(failed("open"))?;
    check_whole(&db, path, cluster)?;
    Ok((
        schema::watermark(&db)?,
        summary(&db).map_err(failed("read"))?,
    ))
}

/// Makes the copy at `path`, which belongs to cluster `from`, one of cluster `to` that holds
/// everything up to `at`. Durable on return. Blocks.
///
/// # Errors
/// As [`inspect_copy`].
pub fn hand_copy_over(path: &Path, from: Uuid, to: Uuid, at: Position) -> Result<()> {
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
        .map_err(failed("open"))?;
    check_whole(&db, path, from)?;
    let write = || -> rusqlite::Result<()> {
        db.pragma_update(None, "synchronous", "FULL")?;
        let tx = db.unchecked_transaction()?;
        tx.execute(
            "UPDATE meta SET value = ?1 WHERE key = 'cluster_id'",
            [to.to_string()],
        )?;
        tx.execute(
            "UPDATE watermark SET log_group = ?1, term = ?2, log_index = ?3, owner_term = 0 WHERE id = 1",
            params![at.group.get(), signed(at.term), signed(at.index)],
        )?;
        tx.commit()
    };
    write().map_err(failed("hand over"))?;
    db.close().map_err(|(_, source)| failed("close")(source))
}

fn check_whole(db: &Connection, path: &Path, cluster: Uuid) -> Result<()> {
    let damaged = |what: String| Error::Damaged {
        path: path.to_owned(),
        what,
    };
    let found = schema::version(db)?;
    let found = found.ok_or_else(|| damaged("not a copy of a store".to_owned()))?;
    schema::check(db, path, cluster, found)?;
    let told: String = db
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(failed("check"))?;
    match told.as_str() {
        "ok" => Ok(()),
        _ => Err(damaged(told)),
    }
}

fn summary(db: &Connection) -> rusqlite::Result<CopySummary> {
    let mut summary = CopySummary::default();
    let sql = "SELECT kind, count(*), min(time), max(time) FROM elements GROUP BY kind";
    let mut query = db.prepare(sql)?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let kind: String = row.get(0)?;
        summary.add(&kind, row.get(1)?, row.get(2)?, row.get(3)?);
    }
    let sql = "SELECT coalesce(sum(samples), 0), min(time), max(time) FROM sample_runs";
    db.query_row(sql, [], |row| {
        summary.add("samples", row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(())
    })?;
    Ok(summary)
}
