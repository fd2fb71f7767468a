//! Dropping what is old, in steps.

use rusqlite::{Connection, params};
use uuid::Uuid;

use super::values::failed;
use super::writer::Writer;
use crate::store::catalogue;
use crate::{Result, Timestamp};

impl Writer {
    /// Deletes at most `budget` rows older than `before`; returns how many. Fewer than `budget` means all.
    pub(super) fn retain(&mut self, before: Timestamp, budget: usize) -> Result<usize> {
        let db = self.db()?;
        let tx = db.transaction().map_err(failed("retain in"))?;
        let deleted = delete(&tx, before.micros(), budget).map_err(failed("retain in"))?;
        tx.commit().map_err(failed("retain in"))?;
        Ok(deleted)
    }

    /// Deletes what no element needs any more: inventory contents without a reference, and the last samples
    /// of counter series that ended before `before`.
    pub(super) fn drop_unused(&mut self, before: Timestamp) -> Result<()> {
        let db = self.db()?;
        let ended = "DELETE FROM rate_state WHERE time < ?1";
        db.execute(ended, [before.micros()])
            .map_err(failed("retain in"))?;
        let sql = "DELETE FROM inventory WHERE NOT EXISTS
            (SELECT 1 FROM elements WHERE elements.inventory = inventory.hash)";
        db.execute(sql, []).map_err(failed("retain in"))?;
        Ok(())
    }
}

fn delete(db: &Connection, before: i64, budget: usize) -> rusqlite::Result<usize> {
    let mut deleted = 0;
    for (collector, uuid) in collectors(db)? {
        let left = |deleted: usize| (budget - deleted.min(budget)) as i64;
        let samples = "DELETE FROM samples WHERE (collector, time, log_index, ordinal) IN
            (SELECT collector, time, log_index, ordinal FROM samples
             WHERE collector = ?1 AND time < ?2 LIMIT ?3)";
        deleted +=
            db.prepare_cached(samples)?
                .execute(params![collector, before, left(deleted)])?;
        let elements = "DELETE FROM elements WHERE rowid IN
            (SELECT rowid FROM elements WHERE collector = ?1 AND time < ?2 LIMIT ?3)";
        deleted +=
            db.prepare_cached(elements)?
                .execute(params![collector, before, left(deleted)])?;
        for id in catalogue::tables() {
            let name = id.table().name;
            let sql = format!(
                "DELETE FROM {name} WHERE rowid IN
                (SELECT rowid FROM {name} WHERE collector_id = ?1 AND time < ?2 LIMIT ?3)"
            );
            let mut delete = db.prepare_cached(&sql)?;
            deleted += delete.execute(params![uuid.as_bytes(), before, left(deleted)])?;
        }
        if deleted >= budget {
            return Ok(deleted);
        }
    }
    Ok(deleted)
}

fn collectors(db: &Connection) -> rusqlite::Result<Vec<(i64, Uuid)>> {
    let mut select = db.prepare_cached("SELECT id, uuid FROM collectors ORDER BY id")?;
    let rows = select.query_map([], |row| {
        let uuid: [u8; 16] = row.get(1)?;
        Ok((row.get(0)?, Uuid::from_bytes(uuid)))
    })?;
    rows.collect()
}
