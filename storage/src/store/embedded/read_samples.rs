//! Plain samples of a collector, out of their runs.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};

use super::sample_run::{self, RunSample};
use super::values::failed;
use crate::query::{ElementOrder, ElementRange, PAGE_BYTES, Row};
use crate::store::mapper::Value;
use crate::store::series::SeriesText;
use crate::{Result, SampleForm, Timestamp};

/// The first run may begin before the range does.
const RUNS: &str = "SELECT time, log_index, ordinal, samples, run FROM sample_runs
    WHERE collector = ?1 AND (time, log_index) >= (?2, ?4) AND time < ?3
    AND (time, log_index, last_ordinal) > (?2, ?4, ?5)
    ORDER BY time, log_index, ordinal LIMIT ?6";
/// The first run may end after the range begins.
const NEWEST_RUNS: &str = "SELECT time, log_index, ordinal, samples, run FROM sample_runs
    WHERE collector = ?1 AND time >= ?2 AND time <= ?3
    AND (time, log_index, ordinal) < (?3, ?4, ?5)
    ORDER BY time DESC, log_index DESC, ordinal DESC LIMIT ?6";

/// The samples of a range: the first of them with a page's bytes, and one more, are all that is
/// read.
pub(super) fn rows(db: &Connection, range: &ElementRange) -> Result<Vec<Row>> {
    let uuid = range.collector.get();
    let collector: Option<i64> = db
        .query_row(
            "SELECT id FROM collectors WHERE uuid = ?1",
            [uuid.as_bytes()],
            |row| row.get(0),
        )
        .optional()
        .map_err(failed("read"))?;
    let Some(collector) = collector else {
        return Ok(Vec::new());
    };
    let sql = match range.order {
        ElementOrder::Ascending => RUNS,
        ElementOrder::Descending => NEWEST_RUNS,
    };
    let (from, to) = range.times();
    let (_, index, ordinal) = range.start;
    let (from, to) = (from.micros(), to.micros());
    let mut runs = db.prepare_cached(sql).map_err(failed("read"))?;
    let mut runs = runs
        .query(params![collector, from, to, index, ordinal, range.limit])
        .map_err(failed("read"))?;
    let limit = usize::try_from(range.limit).unwrap_or(usize::MAX);
    let (mut found, mut bytes) = (Vec::new(), 0);
    let mut series = HashMap::new();
    while let Some(run) = runs.next().map_err(failed("read"))? {
        for (place, sample) in samples(run, range)? {
            if found.len() >= limit {
                return Ok(found);
            }
            let is_last = bytes >= PAGE_BYTES;
            let text = match series.entry(sample.series) {
                std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
                std::collections::hash_map::Entry::Vacant(new) => {
                    new.insert(series_text(db, sample.series).map_err(failed("read"))?)
                }
            };
            let row = row(place, text.sample(place.0, sample.value));
            bytes += row.len_bytes();
            found.push(row);
            if is_last {
                return Ok(found);
            }
        }
    }
    Ok(found)
}

type Place = (Timestamp, i64, i64);

/// The samples of a run that are in the range, in its order.
fn samples(run: &rusqlite::Row<'_>, range: &ElementRange) -> Result<Vec<(Place, RunSample)>> {
    let read = |row: &rusqlite::Row<'_>| -> rusqlite::Result<_> {
        let time = Timestamp::from_micros(row.get(0)?);
        let (ordinal, samples): (u32, u32) = (row.get(2)?, row.get(3)?);
        Ok((
            time,
            row.get(1)?,
            ordinal,
            samples,
            row.get_ref(4)?.as_blob()?.to_vec(),
        ))
    };
    let (time, index, ordinal, samples, packed) = read(run).map_err(failed("read"))?;
    let run = sample_run::decode(ordinal, samples, &packed)?.into_iter();
    let run = run.map(|sample| ((time, index, i64::from(sample.ordinal)), sample));
    Ok(match range.order {
        ElementOrder::Ascending => run.filter(|(place, _)| *place > range.start).collect(),
        ElementOrder::Descending => {
            let run = run.filter(|(place, _)| *place < range.start);
            run.collect::<Vec<_>>().into_iter().rev().collect()
        }
    })
}

fn row((time, index, ordinal): Place, text: String) -> Row {
    Row::new(vec![
        Value::Time(time),
        Value::Int(index),
        Value::Int(ordinal),
        Value::Text(text),
    ])
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
