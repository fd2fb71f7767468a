//! Dropping what is old, in steps.

use rusqlite::{Connection, params};
use uuid::Uuid;

use super::values::failed;
use super::writer::Writer;
use super::{relation_sums, rollups, series_rollups};
use crate::store::{Retention, catalogue};
use crate::{Element, Result};

/// A run of samples takes about as long to delete as so many other rows.
const RUN_WEIGHT: u32 = 16;

/// What one step deleted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deleted {
    /// Samples and other rows.
    pub(super) rows: u64,
    /// Nothing is left that is old enough.
    pub(super) is_all: bool,
}

impl Writer {
    /// Deletes about `budget` rows that are too old at most.
    pub(super) fn retain(&mut self, retention: &Retention, budget: u32) -> Result<Deleted> {
        let db = self.db()?;
        let tx = db.transaction().map_err(failed("retain in"))?;
        series_rollups::freeze(&tx, retention).map_err(failed("retain in"))?;
        let deleted = delete(&tx, retention, budget).map_err(failed("retain in"))?;
        tx.commit().map_err(failed("retain in"))?;
        Ok(deleted)
    }

    /// Deletes what no element needs any more: inventory contents without a reference, and the last
    /// samples of counter series that ended before all that is kept.
    pub(super) fn drop_unused(&mut self, retention: &Retention) -> Result<()> {
        let db = self.db()?;
        let ended = "DELETE FROM rate_state WHERE time < ?1";
        db.execute(ended, [retention.oldest().micros()])
            .map_err(failed("retain in"))?;
        let statements = catalogue::statements().map_or("", |id| id.table().kind);
        rollups::drop_before(db, retention.sums_of(statements))?;
        series_rollups::drop_old(db, retention)?;
        relation_sums::drop_old(db, retention)?;
        let sql = "DELETE FROM inventory WHERE NOT EXISTS
            (SELECT 1 FROM elements WHERE elements.inventory = inventory.hash)";
        db.execute(sql, []).map_err(failed("retain in"))?;
        Ok(())
    }
}

fn delete(db: &Connection, retention: &Retention, budget: u32) -> rusqlite::Result<Deleted> {
    let (mut rows, mut left) = (0, budget);
    for (collector, uuid) in collectors(db)? {
        let before = retention.before(Element::SAMPLES).micros();
        let (runs, samples) = delete_runs(db, collector, before, left.div_ceil(RUN_WEIGHT))?;
        left = left.saturating_sub(runs.saturating_mul(RUN_WEIGHT));
        rows += samples;
        let deleted = delete_elements(db, collector, retention, left)?;
        left = left.saturating_sub(deleted);
        rows += u64::from(deleted);
        for id in catalogue::tables() {
            let (name, kind) = (id.table().name, id.table().kind);
            let sql = format!(
                "DELETE FROM {name} WHERE rowid IN
                (SELECT rowid FROM {name} WHERE collector_id = ?1 AND time < ?2 LIMIT ?3)"
            );
            let mut delete = db.prepare_cached(&sql)?;
            let deleted = delete.execute(params![
                uuid.as_bytes(),
                retention.before(kind).micros(),
                left
            ])?;
            left = left.saturating_sub(u32::try_from(deleted).unwrap_or(u32::MAX));
            rows += deleted as u64;
        }
        if left == 0 {
            break;
        }
    }
    Ok(Deleted {
        rows,
        is_all: left > 0,
    })
}

/// Deletes at most `limit` elements; how many.
fn delete_elements(
    db: &Connection,
    collector: i64,
    retention: &Retention,
    limit: u32,
) -> rusqlite::Result<u32> {
    const OF_KIND: &str = "DELETE FROM elements WHERE rowid IN (SELECT rowid FROM elements
        WHERE collector = ?1 AND time < ?2 AND kind = ?4 LIMIT ?3)";
    const OF_OTHERS: &str = "DELETE FROM elements WHERE rowid IN (SELECT rowid FROM elements
        WHERE collector = ?1 AND time < ?2 AND kind NOT IN (SELECT value FROM json_each(?4)) LIMIT ?3)";
    let mut left = limit;
    for (kind, before) in retention.exceptions() {
        let mut delete = db.prepare_cached(OF_KIND)?;
        let deleted = delete.execute(params![collector, before.micros(), left, kind])?;
        left = left.saturating_sub(u32::try_from(deleted).unwrap_or(u32::MAX));
    }
    let kinds: Vec<&str> = retention.exceptions().map(|(kind, _)| kind).collect();
    let kinds = serde_json::Value::from(kinds).to_string();
    let mut delete = db.prepare_cached(OF_OTHERS)?;
    let deleted = delete.execute(params![collector, retention.usual().micros(), left, kinds])?;
    left = left.saturating_sub(u32::try_from(deleted).unwrap_or(u32::MAX));
    Ok(limit - left)
}

/// Deletes at most `limit` runs; how many, and the samples in them.
fn delete_runs(
    db: &Connection,
    collector: i64,
    before: i64,
    limit: u32,
) -> rusqlite::Result<(u32, u64)> {
    let sql = "DELETE FROM sample_runs WHERE (collector, time, log_index, ordinal) IN
        (SELECT collector, time, log_index, ordinal FROM sample_runs
         WHERE collector = ?1 AND time < ?2 LIMIT ?3) RETURNING samples";
    let mut delete = db.prepare_cached(sql)?;
    let mut deleted = delete.query(params![collector, before, limit])?;
    let (mut runs, mut samples) = (0, 0);
    while let Some(row) = deleted.next()? {
        runs += 1;
        samples += u64::from(row.get::<_, u32>(0)?);
    }
    Ok((runs, samples))
}

fn collectors(db: &Connection) -> rusqlite::Result<Vec<(i64, Uuid)>> {
    let mut select = db.prepare_cached("SELECT id, uuid FROM collectors ORDER BY id")?;
    let rows = select.query_map([], |row| {
        let uuid: [u8; 16] = row.get(1)?;
        Ok((row.get(0)?, Uuid::from_bytes(uuid)))
    })?;
    rows.collect()
}
