//! Bringing older files to today's format.

use pga_runtime::Instant;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, Row};

use super::sample_run::{RunKey, RunSample, RunWriter, SAMPLE_RUNS};
use super::values::{failed, unsigned};
use crate::Result;

/// How often a long upgrade says how far it is.
const PROGRESS: Duration = Duration::from_secs(5);
/// Samples between two looks at the clock.
const LOOK: u64 = 100_000;

/// From version 1, with a row per sample, to version 2. The caller commits.
pub(super) fn samples_to_runs(db: &Connection, path: &Path) -> Result<()> {
    let begun = pga_runtime::now();
    tracing::info!(store = %path.display(), "upgrading the store: samples become runs");
    let samples = convert(db, path, begun).map_err(failed("upgrade"))?;
    tracing::info!(store = %path.display(), samples, elapsed = ?begun.elapsed(), "the store is upgraded");
    Ok(())
}

fn convert(db: &Connection, path: &Path, begun: Instant) -> rusqlite::Result<u64> {
    db.execute_batch(SAMPLE_RUNS)?;
    let mut runs = RunWriter::default();
    let mut samples = 0;
    {
        // In the order of the old key, so that samples of one run come one after the other.
        let sql = "SELECT collector, time, log_index, ordinal, series, value FROM samples
            ORDER BY collector, time, log_index, ordinal";
        let mut select = db.prepare(sql)?;
        let mut rows = select.query([])?;
        let mut told = begun;
        while let Some(row) = rows.next()? {
            let (key, sample) = read(row)?;
            runs.add(db, key, sample)?;
            samples += 1;
            if samples % LOOK == 0 && told.elapsed() > PROGRESS {
                told = pga_runtime::now();
                tracing::info!(store = %path.display(), samples, elapsed = ?begun.elapsed(), "upgrading the store");
            }
        }
    }
    runs.finish(db)?;
    db.execute_batch("DROP TABLE samples")?;
    Ok(samples)
}

fn read(row: &Row<'_>) -> rusqlite::Result<(RunKey, RunSample)> {
    let key = RunKey {
        collector: row.get(0)?,
        time: row.get(1)?,
        index: unsigned(row.get(2)?),
    };
    let sample = RunSample {
        ordinal: row.get(3)?,
        series: row.get(4)?,
        value: row.get(5)?,
    };
    Ok((key, sample))
}
