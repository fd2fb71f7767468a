//! A page of a collector's elements: documents and plain samples, merged in their order.

use std::collections::{HashMap, VecDeque};

use rusqlite::{Connection, OptionalExtension, Row, Rows, params};

use super::packing::unpack;
use super::sample_run::{self, RunSample};
use super::values::{failed, unsigned};
use crate::store::inventory::join;
use crate::store::series::SeriesText;
use crate::store::{Cursor, ElementOrder, ElementPage, ElementQuery};
use crate::{Element, Error, Result, SampleForm, Timestamp};

/// A page ends at this many bytes of text, after at least one element.
const PAGE_BYTES: usize = 8 << 20;

const DOCUMENTS: &str = "SELECT time, log_index, ordinal, body, inventory FROM elements
    WHERE collector = ?1 AND time >= ?2 AND time < ?3
    AND (time, log_index, ordinal) > (?2, ?4, ?5) AND (?6 IS NULL OR kind = ?6)
    ORDER BY time, log_index, ordinal LIMIT ?7";
/// The first run may begin before the page does.
const RUNS: &str = "SELECT time, log_index, ordinal, samples, run FROM sample_runs
    WHERE collector = ?1 AND (time, log_index) >= (?2, ?4) AND time < ?3
    AND (time, log_index, last_ordinal) > (?2, ?4, ?5)
    ORDER BY time, log_index, ordinal LIMIT ?6";
const NEWEST_DOCUMENTS: &str = "SELECT time, log_index, ordinal, body, inventory FROM elements
    WHERE collector = ?1 AND time >= ?2 AND time <= ?3
    AND (time, log_index, ordinal) < (?3, ?4, ?5) AND (?6 IS NULL OR kind = ?6)
    ORDER BY time DESC, log_index DESC, ordinal DESC LIMIT ?7";
/// The first run may end after the page begins.
const NEWEST_RUNS: &str = "SELECT time, log_index, ordinal, samples, run FROM sample_runs
    WHERE collector = ?1 AND time >= ?2 AND time <= ?3
    AND (time, log_index, ordinal) < (?3, ?4, ?5)
    ORDER BY time DESC, log_index DESC, ordinal DESC LIMIT ?6";

/// Answers `query`.
pub(super) fn page(db: &Connection, query: &ElementQuery) -> Result<ElementPage> {
    let start = start(query)?;
    let uuid = query.collector.get();
    let collector: Option<i64> = db
        .query_row(
            "SELECT id FROM collectors WHERE uuid = ?1",
            [uuid.as_bytes()],
            |row| row.get(0),
        )
        .optional()
        .map_err(failed("read"))?;
    let Some(collector) = collector else {
        return Ok(ElementPage::default());
    };
    let is_ascending = query.order == ElementOrder::Ascending;
    let limit = query.limit.max(1) as usize;
    let fetch = i64::from(query.limit.max(1)) + 1;
    let (time, index, ordinal) = start;
    let (from, to, documents, runs) = if is_ascending {
        let to = query.to.map_or(i64::MAX, Timestamp::micros);
        (time, to, DOCUMENTS, RUNS)
    } else {
        let from = query.from.map_or(i64::MIN, Timestamp::micros);
        (from, time, NEWEST_DOCUMENTS, NEWEST_RUNS)
    };
    let mut documents = db.prepare_cached(documents).map_err(failed("read"))?;
    let documents = documents
        .query(params![
            collector, from, to, index, ordinal, query.kind, fetch
        ])
        .map_err(failed("read"))?;
    let mut runs = db.prepare_cached(runs).map_err(failed("read"))?;
    let wants_samples = query
        .kind
        .as_deref()
        .is_none_or(|kind| kind == Element::SAMPLES);
    let fetch = if wants_samples { fetch } else { 0 };
    let runs = runs
        .query(params![collector, from, to, index, ordinal, fetch])
        .map_err(failed("read"))?;
    Merge {
        db,
        documents,
        runs,
        order: query.order,
        start,
        samples: VecDeque::new(),
        series: HashMap::new(),
    }
    .page(limit)
}

/// The place after which the page starts, or before which if the newest come first: time, log
/// index, ordinal.
fn start(query: &ElementQuery) -> Result<(i64, i64, i64)> {
    let bound = match query.order {
        ElementOrder::Ascending => query.from.map_or(i64::MIN, Timestamp::micros),
        ElementOrder::Descending => query.to.map_or(i64::MAX, Timestamp::micros),
    };
    let bound = (bound, -1, -1);
    let Some(cursor) = &query.cursor else {
        return Ok(bound);
    };
    let cursor: Cursor = cursor.parse()?;
    let index = i64::try_from(cursor.index).unwrap_or(i64::MAX);
    let cursor = (cursor.time.micros(), index, i64::from(cursor.ordinal));
    Ok(match query.order {
        ElementOrder::Ascending => cursor.max(bound),
        ElementOrder::Descending => cursor.min(bound),
    })
}

struct Merge<'a> {
    db: &'a Connection,
    documents: Rows<'a>,
    runs: Rows<'a>,
    order: ElementOrder,
    /// Where the page starts.
    start: (i64, i64, i64),
    /// What is left of the run that was read last.
    samples: VecDeque<(Cursor, RunSample)>,
    series: HashMap<i64, SeriesText>,
}

impl Merge<'_> {
    fn page(mut self, limit: usize) -> Result<ElementPage> {
        let mut page = ElementPage::default();
        let mut bytes = 0;
        let mut last = None;
        let mut document = self.next_document()?;
        let mut sample = self.next_sample()?;
        loop {
            let documents_turn = match (&document, &sample) {
                (None, None) => return Ok(page),
                (Some((document, _)), Some((sample, _))) => match self.order {
                    ElementOrder::Ascending => document < sample,
                    ElementOrder::Descending => document > sample,
                },
                (document, _) => document.is_some(),
            };
            if page.data.len() >= limit || bytes >= PAGE_BYTES {
                page.next_cursor = last.map(|cursor: Cursor| cursor.to_string());
                return Ok(page);
            }
            let taken = if documents_turn {
                std::mem::replace(&mut document, self.next_document()?)
            } else {
                std::mem::replace(&mut sample, self.next_sample()?)
            };
            if let Some((cursor, text)) = taken {
                bytes += text.len();
                page.data.push(text);
                last = Some(cursor);
            }
        }
    }

    fn next_document(&mut self) -> Result<Option<(Cursor, String)>> {
        let Some(row) = self.documents.next().map_err(failed("read"))? else {
            return Ok(None);
        };
        let read = |row: &Row<'_>| -> rusqlite::Result<_> {
            Ok((
                cursor(row)?,
                row.get::<_, Vec<u8>>(3)?,
                row.get::<_, Option<[u8; 16]>>(4)?,
            ))
        };
        let (cursor, body, inventory) = read(row).map_err(failed("read"))?;
        let mut body = unpack(&body)?;
        if let Some(hash) = inventory {
            body = self.inventory(hash, &body)?;
        }
        Ok(Some((cursor, text(body)?)))
    }

    fn inventory(&self, hash: [u8; 16], timestamp: &[u8]) -> Result<Vec<u8>> {
        let sql = "SELECT cut_at, content FROM inventory WHERE hash = ?1";
        let (cut_at, content): (i64, Vec<u8>) = self
            .db
            .prepare_cached(sql)
            .and_then(|mut find| find.query_row([hash], |row| Ok((row.get(0)?, row.get(1)?))))
            .map_err(failed("read"))?;
        let timestamp = String::from_utf8_lossy(timestamp);
        Ok(join(
            &unpack(&content)?,
            usize::try_from(cut_at).unwrap_or(0),
            &timestamp,
        ))
    }

    fn next_sample(&mut self) -> Result<Option<(Cursor, String)>> {
        while self.samples.is_empty() {
            if !self.next_run()? {
                return Ok(None);
            }
        }
        let Some((cursor, RunSample { series, value, .. })) = self.samples.pop_front() else {
            return Ok(None);
        };
        if !self.series.contains_key(&series) {
            let text = series_text(self.db, series).map_err(failed("read"))?;
            self.series.insert(series, text);
        }
        let sample = self
            .series
            .get(&series)
            .map(|text| text.sample(cursor.time, value));
        Ok(sample.map(|sample| (cursor, sample)))
    }

    /// Reads one more run; `false` if there is none.
    fn next_run(&mut self) -> Result<bool> {
        let Some(row) = self.runs.next().map_err(failed("read"))? else {
            return Ok(false);
        };
        let read = |row: &Row<'_>| -> rusqlite::Result<_> {
            Ok((
                cursor(row)?,
                row.get::<_, i64>(1)?,
                row.get::<_, u32>(3)?,
                row.get::<_, Vec<u8>>(4)?,
            ))
        };
        let (first, index, samples, run) = read(row).map_err(failed("read"))?;
        for sample in sample_run::decode(first.ordinal, samples, &run)? {
            let place = (first.time.micros(), index, i64::from(sample.ordinal));
            let cursor = Cursor {
                ordinal: sample.ordinal,
                ..first
            };
            match self.order {
                ElementOrder::Ascending if place > self.start => {
                    self.samples.push_back((cursor, sample));
                }
                ElementOrder::Descending if place < self.start => {
                    self.samples.push_front((cursor, sample));
                }
                _ => {}
            }
        }
        Ok(true)
    }
}

fn series_text(db: &Connection, series: i64) -> rusqlite::Result<SeriesText> {
    db.prepare_cached("SELECT name, labels, form FROM series WHERE id = ?1")?
        .query_row([series], |row| {
            let (name, labels): (String, String) = (row.get(0)?, row.get(1)?);
            Ok(SeriesText::new(
                &name,
                &labels,
                SampleForm::from_bits(row.get(2)?),
            ))
        })
}

fn cursor(row: &Row<'_>) -> rusqlite::Result<Cursor> {
    Ok(Cursor {
        time: Timestamp::from_micros(row.get(0)?),
        index: unsigned(row.get(1)?),
        ordinal: row.get(2)?,
    })
}

fn text(body: Vec<u8>) -> Result<String> {
    String::from_utf8(body).map_err(|_| Error::Damaged {
        path: super::FILE_NAME.into(),
        what: "a body is not UTF-8".to_owned(),
    })
}
