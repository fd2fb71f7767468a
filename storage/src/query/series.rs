//! Columns of a typed table over time, in buckets.
//!
//! Buckets of whole hours are read from the sums that the store keeps of them
//! ([`crate::store::series_rollup`]), but for what is not sealed at the ends of the window.

mod pieces;
mod reads;

use std::collections::BTreeMap;

use pga_config::CollectorId;

pub(super) use self::pieces::Pieces;
pub(super) use self::reads::mark;
use super::questions::{Question, rows};
use super::{Read, Row};
use crate::store::ReadStore;
use crate::store::catalogue::Table;
use crate::store::series_rollup::HOUR;
use crate::{Result, Timestamp};

/// How the values of a bucket become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    /// Their mean.
    Avg,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// Their sum: of differences, what happened in the bucket.
    Sum,
}

/// One column and what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    /// Column of the table: a number.
    pub column: &'static str,
    /// How its values of a bucket become one.
    pub aggregate: Aggregate,
}

/// Measures of a typed table of one collector, by bucket and, where the table has one, database.
#[derive(Clone, Debug)]
pub struct Series {
    /// Which table.
    pub table: &'static Table,
    /// What of it.
    pub measures: Vec<Measure>,
    /// Whose.
    pub collector: CollectorId,
    /// Only of this database, where the table has one.
    pub database: Option<String>,
    /// Not older than this, inclusive.
    pub from: Timestamp,
    /// Older than this, exclusive.
    pub to: Timestamp,
    /// Width of a bucket, in microseconds.
    pub step_micros: i64,
    /// At most so many points, the newest.
    pub limit: u32,
}

/// The measures of one bucket.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Begin of the bucket.
    pub time: Timestamp,
    /// Database, or empty where the table has none.
    pub database: String,
    /// Rows in the bucket.
    pub samples: i64,
    /// A value for each measure, in their order; `None` if the bucket has none.
    pub values: Vec<Option<f64>>,
}

impl Series {
    /// The points of all pieces, those of one bucket together.
    fn points(&self, found: Vec<Vec<Row>>) -> Vec<Point> {
        let mut buckets: BTreeMap<(i64, String), Bucket> = BTreeMap::new();
        for row in found.iter().flatten() {
            let bucket = row.int(0).unwrap_or_default();
            let database = row.text(1).unwrap_or_default().to_owned();
            let of = buckets.entry((bucket, database)).or_insert_with(|| Bucket {
                samples: 0,
                values: vec![Summary::default(); self.measures.len()],
            });
            of.samples += row.int(2).unwrap_or_default();
            for (measure, summary) in of.values.iter_mut().enumerate() {
                summary.add(row, 3 + 4 * measure);
            }
        }
        let excess = buckets.len().saturating_sub(self.limit as usize);
        let step = self.step_micros.max(1);
        let points = buckets.into_iter().skip(excess);
        points
            .map(|((bucket, database), of)| Point {
                time: Timestamp::from_micros(bucket.saturating_mul(step)),
                database,
                samples: of.samples,
                values: of
                    .values
                    .iter()
                    .zip(&self.measures)
                    .map(|(summary, measure)| summary.value(measure.aggregate))
                    .collect(),
            })
            .collect()
    }
}

impl Question for Series {
    /// Oldest first.
    type Answer = Vec<Point>;

    async fn ask(&self, store: &dyn ReadStore) -> Result<Vec<Point>> {
        let is_of_hours = self.step_micros > 0 && self.step_micros % (HOUR * 1_000_000) == 0;
        let sealed = match is_of_hours && self.table.is_charted() {
            true => {
                let marks = rows(store, mark(self.collector, self.table.name)).await?;
                marks
                    .first()
                    .and_then(|row| Some((row.int(0)?, row.int(1)?)))
            }
            false => None,
        };
        let pieces = Pieces::new(self, sealed);
        let raw = pieces.raw.iter().map(|range| self.raw(*range));
        let spans = pieces.spans.iter();
        let spans = spans.map(|(seconds, range)| self.sealed(*seconds, *range));
        let reads = raw.chain(spans).map(Read::Select).collect();
        Ok(self.points(store.read(reads).await?))
    }
}

/// What one bucket of one database holds.
struct Bucket {
    samples: i64,
    values: Vec<Summary>,
}

/// Values of one column.
#[derive(Clone, Copy, Debug, Default)]
struct Summary {
    count: i64,
    total: f64,
    least: Option<f64>,
    most: Option<f64>,
}

impl Summary {
    /// With the four columns of `row` from `at` on.
    fn add(&mut self, row: &Row, at: usize) {
        self.count += row.int(at).unwrap_or_default();
        self.total += row.float(at + 1).unwrap_or_default();
        let (least, most) = (row.float(at + 2), row.float(at + 3));
        self.least = [self.least, least].into_iter().flatten().reduce(f64::min);
        self.most = [self.most, most].into_iter().flatten().reduce(f64::max);
    }

    fn value(&self, aggregate: Aggregate) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        match aggregate {
            Aggregate::Avg => Some(self.total / self.count as f64),
            Aggregate::Min => self.least,
            Aggregate::Max => self.most,
            Aggregate::Sum => Some(self.total),
        }
    }
}
