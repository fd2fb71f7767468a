//! The needs of one relation and what each index would be worth to them.

use std::collections::BTreeMap;

use super::catalog::Relation;
use super::cost::{Path, Prices, indexed, sequential};
use super::demand::Write;
use super::existing::Existing;
use super::need::{Asker, Need};
use super::selectivity::count;
use super::shape::Shape;

/// Share of updates that must be HOT today before losing that counts.
const HOT_SHARE: f64 = 0.5;
/// Pages that a write to an index touches.
const WRITE_PAGES: f64 = 1.2;
/// What a deleted row costs an index, by an inserted one: the entry is removed later, in bulk.
const DELETE_SHARE: f64 = 0.2;

/// Rows a day that a family writes to the relation.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Writer {
    pub(super) hash: i64,
    pub(super) write: Write,
    pub(super) rows_per_day: f64,
}

/// All that is known of one relation.
#[derive(Debug)]
pub(super) struct Board<'a> {
    pub(super) relation: &'a Relation,
    pub(super) needs: Vec<&'a Need>,
    /// Seconds a day that new indexes of other relations save for who asks.
    pub(super) saved_elsewhere: BTreeMap<&'a Asker, f64>,
    pub(super) existing: &'a [Existing<'a>],
    pub(super) writers: Vec<Writer>,
    pub(super) prices: &'a Prices,
    /// Milliseconds that a unit of cost takes on this server.
    pub(super) ms_per_unit: f64,
}

/// What serves a need now.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Served {
    pub(super) cost: f64,
    /// The cheapest existing index, with its path, if it is cheaper than the whole table.
    pub(super) index: Option<(String, Path)>,
    /// The cost of reading the whole table.
    pub(super) sequential: f64,
}

/// Answers what serves a need now.
pub(super) fn served(
    need: &Need,
    relation: &Relation,
    existing: &[Existing<'_>],
    prices: &Prices,
) -> Served {
    let whole = sequential(need, relation, prices);
    let paths = existing.iter().filter_map(|existing| {
        let path = indexed(need, existing.shape.as_ref()?, relation, prices)?;
        Some((existing.index.name.clone(), path))
    });
    let best = paths.min_by(|one, other| one.1.cost.total_cmp(&other.1.cost));
    let index = best.filter(|(_, path)| path.cost < whole.cost);
    Served {
        cost: index.as_ref().map_or(whole.cost, |(_, path)| path.cost),
        index,
        sequential: whole.cost,
    }
}

impl Board<'_> {
    /// What serves each need now.
    pub(super) fn served(&self) -> Vec<Served> {
        let served = |need: &&Need| served(need, self.relation, self.existing, self.prices);
        self.needs.iter().map(served).collect()
    }

    /// The cost of each need through an index; infinite if it is of no use.
    pub(super) fn costs(&self, shape: &Shape) -> Vec<f64> {
        let cost = |need: &&Need| {
            let path = indexed(need, shape, self.relation, self.prices);
            path.map_or(f64::INFINITY, |path| path.cost)
        };
        self.needs.iter().map(cost).collect()
    }

    /// Seconds a day that writes to an index take.
    pub(super) fn write_seconds(&self, shape: &Shape) -> f64 {
        self.insert_rows() * self.write_unit(shape) + self.update_seconds(shape)
    }

    /// Seconds that one row's entry takes: the descent, and pages that are not in memory.
    pub(super) fn write_unit(&self, shape: &Shape) -> f64 {
        let prices = self.prices;
        let pages = WRITE_PAGES * prices.random_page * prices.miss_share;
        (prices.descent(shape.height) + pages) * self.ms_per_unit / 1_000.0 * shape.share
    }

    fn insert_rows(&self) -> f64 {
        self.relation.inserts_per_day + DELETE_SHARE * self.relation.deletes_per_day
    }

    /// Updates of its columns: those that were HOT now pay for all indexes of the table.
    fn update_seconds(&self, shape: &Shape) -> f64 {
        let rows = self.updated_rows(shape);
        if rows <= 0.0 {
            return 0.0;
        }
        let updates = self.relation.updates_per_day.max(1.0);
        let hot = (self.relation.hot_updates_per_day / updates).clamp(0.0, 1.0);
        let others = if hot > HOT_SHARE {
            hot * count(self.existing.len())
        } else {
            0.0
        };
        rows * (1.0 + others) * self.write_unit(shape)
    }

    /// Updates a day that touch a column of the index: the counter, split by the families seen. If
    /// none was seen, all updates do.
    fn updated_rows(&self, shape: &Shape) -> f64 {
        let (mut all, mut touching) = (0.0, 0.0);
        for writer in &self.writers {
            if let Write::Update(_, columns) = &writer.write {
                all += writer.rows_per_day;
                if touches(shape, columns) {
                    touching += writer.rows_per_day;
                }
            }
        }
        let counted = self.relation.updates_per_day;
        if all > 0.0 {
            return if counted > 0.0 {
                counted * touching / all
            } else {
                touching
            };
        }
        counted
    }

    /// Whether a family writes to an index, and its rows a day.
    pub(super) fn written_rows(&self, writer: &Writer, shape: &Shape) -> f64 {
        match &writer.write {
            Write::Insert(_) => writer.rows_per_day,
            Write::Delete(_) => DELETE_SHARE * writer.rows_per_day,
            Write::Update(_, columns) if touches(shape, columns) => writer.rows_per_day,
            Write::Update(..) => 0.0,
        }
    }
}

fn touches(shape: &Shape, columns: &std::collections::BTreeSet<String>) -> bool {
    shape
        .columns()
        .iter()
        .any(|column| columns.contains(*column))
}
