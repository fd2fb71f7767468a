//! Runs of plain samples: one row for consecutive samples of one push that have one time.
//!
//! A row per sample costs SQLite more than all else that a node does with it, on disk and in CPU
//! time. Samples of one collector, time and log entry stand together in every order in which they
//! are read, so one row holds up to [`MAX_SAMPLES`] of them.
//!
//! # Layout
//! `run` is packed (see [`super::packing`]): three columns of as many values as there are samples,
//! one after the other.
//! ```text
//! ordinal: varint, the difference to the one before (the first: to the row's `ordinal`)
//! series:  varint, zigzag of the difference to the one before (the first: to 0)
//! value:   f64 le
//! ```

use rusqlite::{Connection, params};

use super::files::FILE_NAME;
use super::packing::{pack, unpack};
use super::values::signed;
use crate::{Error, Result, varint};

/// Samples of one run at most.
pub(super) const MAX_SAMPLES: usize = 512;
/// Since version 2; before, `samples` had a row for each.
pub(super) const SAMPLE_RUNS: &str = "
CREATE TABLE sample_runs (collector INTEGER NOT NULL, time INTEGER NOT NULL, log_index INTEGER NOT NULL,
    ordinal INTEGER NOT NULL, last_ordinal INTEGER NOT NULL, samples INTEGER NOT NULL, run BLOB NOT NULL,
    PRIMARY KEY (collector, time, log_index, ordinal)) WITHOUT ROWID;
";
const INSERT: &str =
    "INSERT INTO sample_runs (collector, time, log_index, ordinal, last_ordinal, samples, run)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

/// What all samples of a run have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RunKey {
    /// Row id of the collector.
    pub(super) collector: i64,
    /// In microseconds.
    pub(super) time: i64,
    /// Index of the log entry.
    pub(super) index: u64,
}

/// One sample of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct RunSample {
    /// Its place in the log entry.
    pub(super) ordinal: u32,
    /// Row id of the series.
    pub(super) series: i64,
    /// The value.
    pub(super) value: f64,
}

/// Gathers samples into runs, and inserts those that are complete.
#[derive(Debug, Default)]
pub(super) struct RunWriter {
    key: Option<RunKey>,
    samples: Vec<RunSample>,
}

impl RunWriter {
    /// Adds a sample; its ordinal is above that of the one before, in the same log entry. How many
    /// rows were inserted.
    pub(super) fn add(
        &mut self,
        db: &Connection,
        key: RunKey,
        sample: RunSample,
    ) -> rusqlite::Result<u64> {
        let mut inserted = 0;
        if self.key != Some(key) || self.samples.len() >= MAX_SAMPLES {
            inserted = self.finish(db)?;
            self.key = Some(key);
        }
        self.samples.push(sample);
        Ok(inserted)
    }

    /// Inserts what was gathered last; how many rows that made.
    pub(super) fn finish(&mut self, db: &Connection) -> rusqlite::Result<u64> {
        let (Some(key), Some(first), Some(last)) =
            (self.key, self.samples.first(), self.samples.last())
        else {
            return Ok(0);
        };
        db.prepare_cached(INSERT)?.execute(params![
            key.collector,
            key.time,
            signed(key.index),
            first.ordinal,
            last.ordinal,
            u32::try_from(self.samples.len()).unwrap_or(u32::MAX),
            pack(&encode(&self.samples))
        ])?;
        self.samples.clear();
        Ok(1)
    }
}

fn encode(samples: &[RunSample]) -> Vec<u8> {
    let mut out = Vec::with_capacity(samples.len() * 11);
    let mut before = samples.first().map_or(0, |first| first.ordinal);
    for sample in samples {
        varint::put(&mut out, u64::from(sample.ordinal.wrapping_sub(before)));
        before = sample.ordinal;
    }
    let mut before = 0i64;
    for sample in samples {
        let step = sample.series.wrapping_sub(before);
        varint::put(&mut out, ((step << 1) ^ (step >> 63)) as u64);
        before = sample.series;
    }
    for sample in samples {
        out.extend_from_slice(&sample.value.to_le_bytes());
    }
    out
}

/// The samples of a row, in their order.
///
/// # Errors
/// `Damaged` if the row is none of [`RunWriter`]'s.
pub(super) fn decode(ordinal: u32, samples: u32, run: &[u8]) -> Result<Vec<RunSample>> {
    let damaged = || Error::Damaged {
        path: FILE_NAME.into(),
        what: "a run of samples".to_owned(),
    };
    let samples = usize::try_from(samples).ok();
    let samples = samples.filter(|n| *n <= MAX_SAMPLES).ok_or_else(damaged)?;
    read(ordinal, samples, &unpack(run)?).ok_or_else(damaged)
}

fn read(ordinal: u32, samples: usize, mut run: &[u8]) -> Option<Vec<RunSample>> {
    let mut found = Vec::with_capacity(samples);
    let mut before = ordinal;
    for _ in 0..samples {
        before = before.checked_add(u32::try_from(varint::take(&mut run)?).ok()?)?;
        found.push(RunSample {
            ordinal: before,
            series: 0,
            value: 0.0,
        });
    }
    let mut before = 0i64;
    for sample in &mut found {
        let step = varint::take(&mut run)?;
        before = before.wrapping_add((step >> 1) as i64 ^ -((step & 1) as i64));
        sample.series = before;
    }
    for sample in &mut found {
        let (value, rest) = run.split_first_chunk()?;
        sample.value = f64::from_le_bytes(*value);
        run = rest;
    }
    run.is_empty().then_some(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn samples() -> impl Strategy<Value = Vec<RunSample>> {
        let sample = (1u32..1_000, any::<i64>(), -1e300..1e300f64);
        prop::collection::vec(sample, 1..MAX_SAMPLES).prop_map(|parts| {
            let mut ordinal = 0;
            let sample = |(step, series, value)| {
                ordinal += step;
                RunSample {
                    ordinal,
                    series,
                    value,
                }
            };
            parts.into_iter().map(sample).collect()
        })
    }

    proptest! {
        #[test]
        fn runs_round_trip(samples in samples()) {
            let row = pack(&encode(&samples));
            let first = samples.first().unwrap().ordinal;
            let n = u32::try_from(samples.len()).unwrap();
            prop_assert_eq!(decode(first, n, &row).unwrap(), samples);
            prop_assert!(decode(first, n - 1, &row).is_err());
        }

        #[test]
        fn other_bytes_are_an_error_and_never_a_panic(
            ordinal in any::<u32>(),
            samples in 0u32..2_000,
            run in any::<Vec<u8>>(),
        ) {
            let _ignored = decode(ordinal, samples, &run);
        }
    }
}
