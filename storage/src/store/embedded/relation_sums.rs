//! Sums of what relations did over hours and days: made in the flush's transaction.
//! [`crate::query::RelationActivity`] reads them.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::packing::unpack;
use super::series_rollups::{keep_mark, mark};
use super::values::failed;
use crate::store::Retention;
use crate::store::relation_sums::{
    BASELINE, Changes, RELATION_SUMS, RelationSum, RelationSums, Statements,
};
use crate::store::series_rollup::{DAY, Dialect, HOUR, Plan, Touched};
use crate::{Result, Timestamp};

const MICROS: i64 = 1_000_000;

/// Makes the tables. Since version 9.
pub(super) fn create(db: &Connection) -> rusqlite::Result<()> {
    let mut all = RELATION_SUMS.iter();
    all.try_for_each(|of| db.execute_batch(&Statements::new(Dialect::Sqlite, of).create()))
}

/// Seals the hours that the flush completed or changed.
pub(super) fn seal(tx: &Connection, touched: &BTreeMap<(Uuid, usize), Touched>) -> Result<()> {
    for ((collector, place), touched) in touched {
        let Some(of) = RELATION_SUMS.get(*place) else {
            continue;
        };
        let before = mark(tx, *collector, of.name);
        let sealed = before.and_then(|before| match Plan::new(before, touched) {
            Some(plan) => Lists::new(tx, *collector, of)?.seal(&plan),
            None => Ok(()),
        });
        sealed.map_err(failed("flush into"))?;
    }
    Ok(())
}

/// The lists of one type of one collector.
struct Lists<'a> {
    tx: &'a Connection,
    collector: Uuid,
    row: i64,
    of: &'static RelationSums,
    sql: Statements,
}

impl<'a> Lists<'a> {
    fn new(
        tx: &'a Connection,
        collector: Uuid,
        of: &'static RelationSums,
    ) -> rusqlite::Result<Self> {
        let mut find = tx.prepare_cached("SELECT id FROM collectors WHERE uuid = ?1")?;
        Ok(Self {
            tx,
            collector,
            row: find.query_row([collector.as_bytes()], |row| row.get(0))?,
            of,
            sql: Statements::new(Dialect::Sqlite, of),
        })
    }

    fn seal(&self, plan: &Plan) -> rusqlite::Result<()> {
        let mut hours = plan.again.clone();
        for hour in &plan.again {
            // The list after one that came late compares with it.
            let next = self.next(hour + HOUR)?;
            hours.extend(next.filter(|next| plan.is_sealed(*next)));
        }
        let (from, to) = plan.over;
        let mut hour = from;
        while let Some(next) = self.next(hour)?.filter(|next| *next < to) {
            hours.insert(next);
            hour = next + HOUR;
        }
        self.seal_hours(&hours)?;
        for day in plan.days(&hours) {
            let of_day = params![self.collector.as_bytes(), day];
            self.tx
                .prepare_cached(&self.sql.forget(DAY))?
                .execute(of_day)?;
            self.tx
                .prepare_cached(&self.sql.seal_day())?
                .execute(of_day)?;
        }
        keep_mark(self.tx, self.collector, self.of.name, plan.mark)
    }

    fn seal_hours(&self, hours: &BTreeSet<i64>) -> rusqlite::Result<()> {
        let mut before: Option<(i64, Changes)> = None;
        for hour in hours {
            let mut changes = match before.take() {
                Some((end, changes)) if end == *hour => changes,
                _ => self.baseline(*hour)?,
            };
            self.each((hour * MICROS, (hour + HOUR) * MICROS), |time, body| {
                changes.add(time, body, Some(*hour));
            })?;
            self.tx
                .prepare_cached(&self.sql.forget(HOUR))?
                .execute(params![self.collector.as_bytes(), hour])?;
            self.insert(changes.take())?;
            before = Some((hour + HOUR, changes));
        }
        Ok(())
    }

    /// What relations had counted before an hour.
    fn baseline(&self, hour: i64) -> rusqlite::Result<Changes> {
        let mut changes = Changes::new(self.of);
        let sql = "SELECT time FROM elements WHERE collector = ?1 AND kind = ?2 AND time < ?3
            ORDER BY time DESC LIMIT 1";
        let mut find = self.tx.prepare_cached(sql)?;
        let newest = find
            .query_row(params![self.row, self.of.kind, hour * MICROS], |row| {
                row.get::<_, i64>(0)
            })
            .optional()?;
        if let Some(newest) = newest {
            self.each((newest - BASELINE, hour * MICROS), |time, body| {
                changes.add(time, body, None);
            })?;
        }
        Ok(changes)
    }

    /// The hour of the first list that is not before `from`.
    fn next(&self, from: i64) -> rusqlite::Result<Option<i64>> {
        let sql = "SELECT time FROM elements WHERE collector = ?1 AND kind = ?2 AND time >= ?3
            ORDER BY time LIMIT 1";
        let mut find = self.tx.prepare_cached(sql)?;
        let first = find.query_row(
            params![self.row, self.of.kind, from.saturating_mul(MICROS)],
            |row| row.get::<_, i64>(0),
        );
        let first = first.optional()?;
        Ok(first.map(|time| time.div_euclid(HOUR * MICROS) * HOUR))
    }

    /// Goes through the lists of a range of times, the oldest first.
    fn each(
        &self,
        range: (i64, i64),
        mut go: impl FnMut(Timestamp, &[u8]),
    ) -> rusqlite::Result<()> {
        let sql = "SELECT time, body FROM elements
            WHERE collector = ?1 AND kind = ?2 AND time >= ?3 AND time < ?4 AND inventory IS NULL
            ORDER BY time, log_index, ordinal";
        let mut select = self.tx.prepare_cached(sql)?;
        let mut rows = select.query(params![self.row, self.of.kind, range.0, range.1])?;
        while let Some(row) = rows.next()? {
            let time = Timestamp::from_micros(row.get(0)?);
            let stored = row.get_ref(1)?.as_blob()?;
            // What cannot be unpacked is said to whoever reads it.
            if let Ok(body) = unpack(stored) {
                go(time, &body);
            }
        }
        Ok(())
    }

    fn insert(&self, sums: Vec<RelationSum>) -> rusqlite::Result<()> {
        let places = vec!["?"; self.sql.types().len()].join(", ");
        let (table, columns) = (self.sql.table(), self.sql.columns());
        let sql = format!("INSERT INTO {table} ({columns}) VALUES ({places})");
        let mut insert = self.tx.prepare_cached(&sql)?;
        for sum in sums {
            let row = sum.into_row(self.collector, HOUR);
            insert.execute(rusqlite::params_from_iter(row))?;
        }
        Ok(())
    }
}

/// Deletes sums that are too old.
pub(super) fn drop_old(db: &Connection, retention: &Retention) -> Result<()> {
    for of in RELATION_SUMS {
        let sql = Statements::new(Dialect::Sqlite, of).drop_before();
        let before = retention.sums_of(of.kind).micros();
        db.execute(&sql, [before]).map_err(failed("retain in"))?;
    }
    Ok(())
}
