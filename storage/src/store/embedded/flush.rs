//! One flush: rows and watermark in one transaction.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use uuid::Uuid;

use super::deltas;
use super::ids::Ids;
use super::insert::insert;
use super::packing::pack;
use super::rollups;
use super::sample_run::{RunKey, RunSample, RunWriter};
use super::schema;
use super::series_rollups;
use super::values::{failed, signed};
use super::writer::Writer;
use crate::store::catalogue::{self, TableId};
use crate::store::inventory::{self, SplitBody};
use crate::store::mapper::{self, Inventory, Mapped, Rows};
use crate::store::query_rollup::{self, Changes};
use crate::store::relation_sums;
use crate::store::series_rollup::{Touched, touched};
use crate::store::{FlushBatch, FlushElement, FlushReport};
use crate::{Document, Element, Error, Result, Timestamp};

const INSERT_ELEMENT: &str = "INSERT INTO elements (collector, time, log_index, ordinal, kind,
    database_name, received_at, inventory, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
const MOVE_WATERMARK: &str = "UPDATE watermark SET log_group = ?1, term = ?2, log_index = ?3,
    owner_term = ?4 WHERE id = 1 AND log_group = ?5 AND term = ?6 AND log_index = ?7
    AND owner_term <= ?4";

impl Writer {
    /// Stores `batch` whole or not at all.
    pub(super) fn flush(&mut self, batch: &FlushBatch) -> Result<FlushReport> {
        let db = self.db.as_mut().ok_or(Error::Closed)?;
        let tx = db
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(failed("begin a flush of"))?;
        let stored = move_watermark(&tx, batch)
            .and_then(|()| store(&tx, &mut self.ids, batch).map_err(failed("flush into")))
            .and_then(|(report, changes, touched)| {
                rollups::seal(&tx, &changes)?;
                series_rollups::seal(&tx, &touched)?;
                let lists = relation_sums::touched(&batch.elements);
                super::relation_sums::seal(&tx, &lists).map(|()| report)
            })
            .and_then(|report| tx.commit().map(|()| report).map_err(failed("commit to")));
        match stored {
            Ok(_) => self.ids.commit(),
            Err(_) => self.ids.rollback(),
        }
        stored
    }
}

fn move_watermark(tx: &Transaction<'_>, batch: &FlushBatch) -> Result<()> {
    let (upto, after) = (batch.upto, batch.after);
    let moved = tx
        .execute(
            MOVE_WATERMARK,
            params![
                upto.group.get(),
                signed(upto.term),
                signed(upto.index),
                signed(batch.term),
                after.group.get(),
                signed(after.term),
                signed(after.index)
            ],
        )
        .map_err(failed("flush into"))?;
    if moved == 1 {
        return Ok(());
    }
    let mark = schema::watermark(tx)?;
    Err(Error::Fenced {
        found: mark.position,
        owner_term: mark.owner_term,
    })
}

/// What was stored, which statements it changed, and which charted tables.
type Stored = (
    FlushReport,
    BTreeMap<Uuid, Changes>,
    BTreeMap<(Uuid, TableId), Touched>,
);

fn store(tx: &Transaction<'_>, ids: &mut Ids, batch: &FlushBatch) -> rusqlite::Result<Stored> {
    let mut report = FlushReport::default();
    let mut rows = Rows::default();
    let mut runs = RunWriter::default();
    for element in &batch.elements {
        let collector = ids.collector(tx, element.collector)?;
        match &element.element {
            Element::Sample(sample) => {
                let series = ids.series(tx, element.collector, collector, sample)?;
                let key = RunKey {
                    collector,
                    time: sample.time.micros(),
                    index: element.index,
                };
                let sample = RunSample {
                    ordinal: element.ordinal,
                    series,
                    value: sample.value,
                };
                report.rows += runs.add(tx, key, sample)?;
            }
            Element::Document(document) => {
                let inventory = store_document(tx, collector, element, document)?;
                report.rows += 1;
                if mapper::rows(element, inventory, &mut rows) == Mapped::Partly {
                    report.untyped += 1;
                }
            }
        }
        report.elements += 1;
    }
    report.rows += runs.finish(tx)?;
    let filled = deltas::fill(tx, &mut rows)?;
    report.counter_anomalies = filled.anomalies;
    for (id, rows) in rows.tables() {
        insert(tx, id, rows.iter())?;
    }
    report.rows += rows.len() as u64;
    let changes = query_rollup::changes(&rows, &filled.replaced);
    Ok((report, changes, touched(&rows, &filled.replaced)))
}

/// Stores a document whole, or as a reference to its inventory.
fn store_document(
    tx: &Connection,
    collector: i64,
    element: &FlushElement,
    document: &Document,
) -> rusqlite::Result<Inventory> {
    let mut insert = tx.prepare_cached(INSERT_ELEMENT)?;
    let mut add = |hash: Option<&[u8; 16]>, body: &[u8]| {
        insert.execute(params![
            collector,
            document.time.micros(),
            signed(element.index),
            element.ordinal,
            document.kind,
            document.database,
            element.received_at.micros(),
            hash,
            pack(body)
        ])
    };
    if !catalogue::is_inventory(&document.kind) {
        add(None, &document.body)?;
        return Ok(Inventory::Changed);
    }
    let split = SplitBody::new(element.collector.get(), &document.body);
    add(Some(split.hash.as_bytes()), split.timestamp.as_bytes())?;
    keep_inventory(tx, collector, document, &split)
}

fn keep_inventory(
    tx: &Connection,
    collector: i64,
    document: &Document,
    split: &SplitBody,
) -> rusqlite::Result<Inventory> {
    let hash = split.hash.as_bytes();
    let known = tx
        .prepare_cached("SELECT 1 FROM inventory WHERE hash = ?1")?
        .exists([hash])?;
    if !known {
        tx.prepare_cached("INSERT INTO inventory (hash, cut_at, content) VALUES (?1, ?2, ?3)")?
            .execute(params![hash, split.cut_at as i64, pack(&split.content)])?;
    }
    let last = tx
        .prepare_cached(
            "SELECT hash, written_at FROM inventory_last WHERE collector = ?1 AND kind = ?2",
        )?
        .query_row(params![collector, document.kind], |row| {
            let hash: [u8; 16] = row.get(0)?;
            Ok((Uuid::from_bytes(hash), Timestamp::from_micros(row.get(1)?)))
        })
        .optional()?;
    let inventory = inventory::changed(last, split.hash, document.time);
    if inventory == Inventory::Changed {
        tx.prepare_cached(
            "INSERT OR REPLACE INTO inventory_last (collector, kind, hash, written_at)
                VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![
            collector,
            document.kind,
            hash,
            document.time.micros()
        ])?;
    }
    Ok(inventory)
}
