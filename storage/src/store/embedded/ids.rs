//! Row ids of collectors and series, cached in the writer's memory.

use std::collections::HashMap;

use pga_config::CollectorId;
use rusqlite::{Connection, OptionalExtension, params};

use super::series_ids::SeriesIds;
use crate::Sample;
use crate::store::series::{SeriesKey, labels_json};

/// Collectors held before the cache starts anew.
const CAPACITY: usize = 100_000;

/// Ids found or made so far. Those made by a transaction are forgotten if it does not commit.
#[derive(Debug, Default)]
pub(super) struct Ids {
    collectors: HashMap<CollectorId, i64>,
    series: SeriesIds,
    new_collectors: Vec<CollectorId>,
}

impl Ids {
    /// The transaction committed: what it made stays.
    pub(super) fn commit(&mut self) {
        self.new_collectors.clear();
        self.series.commit();
    }

    /// The transaction did not commit: what it made is gone.
    pub(super) fn rollback(&mut self) {
        for key in self.new_collectors.drain(..) {
            self.collectors.remove(&key);
        }
        self.series.rollback();
    }

    /// Row id of a collector.
    pub(super) fn collector(
        &mut self,
        db: &Connection,
        collector: CollectorId,
    ) -> rusqlite::Result<i64> {
        if let Some(id) = self.collectors.get(&collector) {
            return Ok(*id);
        }
        let uuid = collector.get();
        let uuid = uuid.as_bytes();
        let mut find = db.prepare_cached("SELECT id FROM collectors WHERE uuid = ?1")?;
        let id = match find.query_row([uuid], |row| row.get(0)).optional()? {
            Some(id) => id,
            None => {
                let mut insert = db.prepare_cached("INSERT INTO collectors (uuid) VALUES (?1)")?;
                self.new_collectors.push(collector);
                insert.insert([uuid])?
            }
        };
        if self.collectors.len() >= CAPACITY {
            self.collectors.clear();
        }
        self.collectors.insert(collector, id);
        Ok(id)
    }

    /// Row id of the series of `sample`.
    pub(super) fn series(
        &mut self,
        db: &Connection,
        collector: CollectorId,
        collector_row: i64,
        sample: &Sample,
    ) -> rusqlite::Result<i64> {
        let key = SeriesKey::of(collector.get(), sample);
        if let Some(id) = self.series.find(key) {
            return Ok(id);
        }
        let mut find = db.prepare_cached("SELECT id FROM series WHERE key = ?1")?;
        let id = match find
            .query_row([key.to_bytes()], |row| row.get(0))
            .optional()?
        {
            Some(id) => id,
            None => {
                let mut insert = db.prepare_cached(
                    "INSERT INTO series (key, collector, name, labels, form) VALUES (?1, ?2, ?3, ?4, ?5)",
                )?;
                let (labels, form) = (labels_json(sample), sample.form.bits());
                insert.insert(params![
                    key.to_bytes(),
                    collector_row,
                    sample.name,
                    labels,
                    form
                ])?
            }
        };
        self.series.insert(key, id);
        Ok(id)
    }
}
