//! What tables or indexes did in a window, from the sums that a flush keeps.
//!
//! What is not sealed at the ends of the window is made of the lists themselves, by the rules of
//! [`crate::store::relation_sums`].

use std::collections::BTreeMap;

use pga_config::CollectorId;

use super::questions::rows;
use super::series::{Pieces, mark};
use super::{PAGE_BYTES, Question, Row, Select};
use crate::store::ReadStore;
use crate::store::catalogue::ColumnType;
use crate::store::mapper::Value;
use crate::store::relation_sums::{BASELINE, Changes, RelationSum, RelationSums};
use crate::store::series_rollup::DAY;
use crate::{Result, Timestamp};

const MICROS: i64 = 1_000_000;
/// Lists of more than so long are not read where there are no sums, in microseconds.
const LONGEST: i64 = 26 * 3_600 * MICROS;

/// What relations of one collector did.
#[derive(Clone, Debug)]
pub struct RelationActivity {
    /// Tables or indexes.
    pub of: &'static RelationSums,
    /// Whose.
    pub collector: CollectorId,
    /// Only of this database.
    pub database: Option<String>,
    /// Only the relation of this oid.
    pub relation: Option<i64>,
    /// Not older than this, inclusive.
    pub from: Timestamp,
    /// Older than this, exclusive.
    pub to: Timestamp,
    /// Length of a step in seconds, whole hours; without one the window is one step.
    pub step: Option<i64>,
    /// Only what is sealed: no list is read, and the answer lacks the last hour or two.
    pub is_sealed_only: bool,
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Activity {
    /// Begin of what is known: later than the window's where sums are kept only since then.
    pub from: Timestamp,
    /// The relations of which a counter moved, by step (`span`: number of the step), database and
    /// oid.
    pub relations: Vec<RelationSum>,
}

type Found = BTreeMap<(i64, String, i64), RelationSum>;

impl Question for RelationActivity {
    type Answer = Activity;

    async fn ask(&self, store: &dyn ReadStore) -> Result<Activity> {
        let marks = rows(store, mark(self.collector, self.of.name)).await?;
        let mark = marks.first();
        let mark = mark.and_then(|row| Some((row.int(0)?, row.int(1)?)));
        let step = self.step.unwrap_or(DAY).saturating_mul(MICROS);
        let pieces = Pieces::of(self.from, self.to, step, mark);
        let mut from = self.from;
        let mut found = Found::new();
        for (seconds, range) in pieces.spans {
            for row in rows(store, self.sealed(seconds, range)).await? {
                put(&mut found, self.sum(row));
            }
        }
        let raw = pieces.raw.into_iter().filter(|_| !self.is_sealed_only);
        for (mut begin, end) in raw {
            if end.micros() - begin.micros() > LONGEST {
                begin = Timestamp::from_micros(end.micros() - LONGEST);
                from = from.max(begin);
            }
            self.add_lists(store, (begin, end), &mut found).await?;
        }
        Ok(Activity {
            from,
            relations: found.into_values().collect(),
        })
    }
}

fn put(found: &mut Found, sum: RelationSum) {
    let key = (sum.span, sum.database.clone(), sum.id);
    match found.get_mut(&key) {
        Some(before) => before.add(sum),
        None => drop(found.insert(key, sum)),
    }
}

impl RelationActivity {
    /// The number of the step that a moment lies in.
    fn span(&self, time: Timestamp) -> i64 {
        let step = self.step.map(|step| step.saturating_mul(MICROS).max(1));
        step.map_or(0, |step| time.micros().div_euclid(step))
    }

    fn is_wanted(&self, sum: &RelationSum) -> bool {
        let database = self.database.as_ref();
        self.relation.is_none_or(|id| id == sum.id)
            && database.is_none_or(|name| *name == sum.database)
    }

    /// Adds what lists of a range tell.
    async fn add_lists(
        &self,
        store: &dyn ReadStore,
        (begin, end): (Timestamp, Timestamp),
        found: &mut Found,
    ) -> Result<()> {
        let mut changes = Changes::new(self.of);
        let newest = rows(store, self.newest(begin)).await?;
        let newest = newest.first().and_then(|row| row.time(0));
        let from = newest.map_or(begin, |at| Timestamp::from_micros(at.micros() - BASELINE));
        let mut after = (from, -1, -1);
        loop {
            let read = rows(store, self.lists(after, end)).await?;
            let Some(last) = read.last() else {
                break;
            };
            let int = |column| last.int(column).unwrap_or_default();
            after = (last.time(0).unwrap_or(end), int(1), int(2));
            for row in &read {
                let (Some(time), Some(body)) = (row.time(0), row.text(3)) else {
                    continue;
                };
                let span = (time >= begin).then(|| self.span(time));
                changes.add(time, body.as_bytes(), span);
            }
        }
        for sum in changes.take() {
            if self.is_wanted(&sum) {
                put(found, sum);
            }
        }
        Ok(())
    }

    /// When the newest list before a moment was made.
    fn newest(&self, before: Timestamp) -> Select {
        let mut select = Select::new("", vec![ColumnType::Timestamptz]);
        let collector = select.bind(Value::Uuid(self.collector.get()));
        let before = select.bind(Value::Time(before));
        select.push(&format!(
            "SELECT time FROM [elements] WHERE collector_id = {collector} AND kind = '{}' \
             AND time < {before} ORDER BY time DESC LIMIT 1",
            self.of.kind
        ));
        select
    }

    /// Lists after a place and before a moment, the oldest first; as many as a page holds.
    fn lists(&self, (time, index, ordinal): (Timestamp, i64, i64), end: Timestamp) -> Select {
        let types = [
            ColumnType::Timestamptz,
            ColumnType::Bigint,
            ColumnType::Int,
            ColumnType::Text,
        ];
        let mut select = Select::new("", types.to_vec()).until_bytes(PAGE_BYTES);
        let collector = select.bind(Value::Uuid(self.collector.get()));
        let time = select.bind(Value::Time(time));
        let index = select.bind(Value::Int(index));
        let ordinal = select.bind(Value::Int(ordinal));
        let end = select.bind(Value::Time(end));
        select.push(&format!(
            "SELECT time, log_index, ordinal, body FROM [elements] \
             WHERE collector_id = {collector} AND time >= {time} AND time < {end} \
             AND (time, log_index, ordinal) > ({time}, {index}, {ordinal}) AND kind = '{}' \
             AND inventory IS NULL ORDER BY time, log_index, ordinal",
            self.of.kind
        ));
        select
    }

    /// Adds up the sums over spans of so many seconds in a range.
    fn sealed(&self, seconds: i64, (from, to): (Timestamp, Timestamp)) -> Select {
        let mut types = vec![ColumnType::Bigint, ColumnType::Text, ColumnType::Bigint];
        types.extend(self.of.names.iter().map(|_| ColumnType::Text));
        types.push(ColumnType::Bigint);
        types.extend(self.of.counters.iter().map(|_| ColumnType::Float8));
        let mut select = Select::new("", types);
        let collector = select.bind(Value::Uuid(self.collector.get()));
        let from = select.bind(Value::Int(from.micros().div_euclid(MICROS)));
        let to = select.bind(Value::Int(to.micros().div_euclid(MICROS)));
        let id = self.of.id;
        let mut only = String::new();
        if let Some(name) = &self.database {
            let name = select.bind(Value::Text(name.clone()));
            only.push_str(&format!(" AND database_name = {name}"));
        }
        if let Some(relation) = self.relation {
            let relation = select.bind(Value::Int(relation));
            only.push_str(&format!(" AND {id} = {relation}"));
        }
        let step = self.step.map(|step| format!("start / {}", step.max(1)));
        let step = step.unwrap_or_else(|| "CAST(0 AS bigint)".to_owned());
        let names = self.of.names.iter();
        let names: String = names.map(|name| format!(", max({name})")).collect();
        let sums = self.of.counters.iter();
        let sums: String = sums.map(|name| format!(", sum({name}_delta)")).collect();
        select.push(&format!(
            "SELECT {step} AS span, database_name, {id}{names}, CAST(sum(samples) AS bigint){sums} \
             FROM [{table}] WHERE collector_id = {collector} AND seconds = {seconds} \
             AND start >= {from} AND start < {to}{only} GROUP BY 1, database_name, {id}",
            table = self.of.name,
        ));
        select
    }

    fn sum(&self, row: Row) -> RelationSum {
        let int = |column| row.int(column).unwrap_or_default();
        let (names, sums) = (self.of.names.len(), self.of.counters.len());
        let text = |column| row.text(column).map(str::to_owned);
        RelationSum {
            span: int(0),
            database: text(1).unwrap_or_default(),
            id: int(2),
            names: (3..3 + names).map(text).collect(),
            samples: int(3 + names),
            sums: (4 + names..4 + names + sums)
                .map(|column| row.float(column))
                .collect(),
        }
    }
}
