//! Weeks of sealed sums, written into a node's store while the node is down: pushing them would
//! take hours.

use std::path::Path;

use anyhow::Context;
use pga_config::CollectorId;
use pga_storage::Timestamp;
use pga_storage::store::query_rollup::{COUNTERS, Difference, LEVELS, Rollup, span};
use rusqlite::{Connection, Transaction, params};

use super::fleet::{Fleet, STEP};

/// Writes the spans of all servers from `begin` to before `end`, both Unix seconds and midnights.
/// All servers did the same.
pub(crate) fn write(store: &Path, fleet: Fleet, begin: i64, end: i64) -> anyhow::Result<()> {
    let mut db = Connection::open(store).context("the store of the node")?;
    let collectors: Vec<CollectorId> = fleet.collectors().collect();
    let [steps, hours, days] = LEVELS;
    for day in (begin..end).step_by(usize::try_from(days)?) {
        let tx = db.transaction()?;
        let mut whole_day = Rollup::default();
        for hour in (day..day + days).step_by(usize::try_from(hours)?) {
            let mut whole_hour = Rollup::default();
            for step in (hour..hour + hours).step_by(usize::try_from(steps)?) {
                let part = encoded(&of_step(fleet, step))?;
                whole_hour.merge(&part)?;
                keep(&tx, &collectors, (steps, step), &part)?;
            }
            let part = encoded(&whole_hour)?;
            whole_day.merge(&part)?;
            keep(&tx, &collectors, (hours, hour), &part)?;
        }
        keep(&tx, &collectors, (days, day), &encoded(&whole_day)?)?;
        tx.commit()?;
    }
    Ok(())
}

fn of_step(fleet: Fleet, begin: i64) -> Rollup {
    let mut rollup = Rollup::default();
    let place = |name: &str| COUNTERS.iter().position(|one| *one == name);
    let places = [
        "calls",
        "total_time",
        "rows",
        "shared_blks_hit",
        "shared_blks_read",
    ]
    .map(place);
    let mut difference = Difference {
        time: Timestamp::from_micros((begin + STEP) * 1_000_000),
        interval: STEP as f64,
        lifetime: [0.1, 1.5, 90.0],
        usual: Some(STEP as f64),
        ..Difference::default()
    };
    for statement in 0..fleet.statements {
        let work = Fleet::work(statement, begin);
        (difference.names, difference.hash) = Fleet::key(statement);
        let values = [work.calls, work.ms, work.rows, work.hits, work.reads];
        for (place, value) in places.into_iter().zip(values) {
            if let Some(counter) = place.and_then(|place| difference.counters.get_mut(place)) {
                *counter = Some(value);
            }
        }
        difference.squares = Some(work.ms * work.ms / work.calls.max(1.0) * 1.1);
        rollup.add(&difference, span(begin, STEP));
    }
    rollup
}

fn encoded(rollup: &Rollup) -> anyhow::Result<Vec<u8>> {
    rollup.encode()?.context("nothing happened")
}

fn keep(
    tx: &Transaction<'_>,
    collectors: &[CollectorId],
    (seconds, start): (i64, i64),
    content: &[u8],
) -> anyhow::Result<()> {
    let sql =
        "INSERT INTO query_rollups (collector, seconds, start, content) VALUES (?1, ?2, ?3, ?4)";
    let mut insert = tx.prepare_cached(sql)?;
    for collector in collectors {
        insert.execute(params![collector.get().as_bytes(), seconds, start, content])?;
    }
    Ok(())
}
