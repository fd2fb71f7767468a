//! What access to a relation costs, in the planner's units.
//!
//! # Source
//! PostgreSQL's `costsize.c` and `btcostestimate`: sequential scan, index scan, index-only scan,
//! bitmap heap scan, sort. Pages of scattered rows are those of Mackert and Lohman, "Index Scans
//! Using a Finite LRU Buffer" (1989), for a cache that holds the table. Inner pages of an index are
//! taken to be in memory, as `btcostestimate` takes them.

mod matching;

use super::catalog::{Relation, Settings};
use super::demand::{Term, Test};
use super::need::{Need, is_join};
use super::selectivity::{combined, count};
use super::shape::Shape;

use self::matching::{Match, gives_order, matched};

/// Operators that a descent by one page costs.
const DESCENT_OPERATORS: f64 = 50.0;

/// The planner's prices.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Prices {
    pub(super) seq_page: f64,
    pub(super) random_page: f64,
    pub(super) tuple: f64,
    pub(super) index_tuple: f64,
    pub(super) operator: f64,
    pub(super) miss_share: f64,
    pub(super) has_c_collation: bool,
    pub(super) can_skip: bool,
}

impl Prices {
    pub(super) fn of(settings: &Settings, server_major: Option<u32>) -> Self {
        Self {
            seq_page: settings.seq_page_cost.unwrap_or(1.0),
            random_page: settings.random_page_cost.unwrap_or(4.0),
            tuple: settings.cpu_tuple_cost.unwrap_or(0.01),
            index_tuple: settings.cpu_index_tuple_cost.unwrap_or(0.005),
            operator: settings.cpu_operator_cost.unwrap_or(0.0025),
            miss_share: settings.index_miss_share.unwrap_or(0.02),
            has_c_collation: settings.has_c_collation,
            can_skip: server_major.is_some_and(|major| major >= 18),
        }
    }

    /// What it costs to go down an index.
    pub(super) fn descent(&self, height: f64) -> f64 {
        (height + 1.0) * DESCENT_OPERATORS * self.operator
    }
}

/// What one way to the rows costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Path {
    /// The whole cost of a call.
    pub(super) cost: f64,
    /// Rows of the table that are read, for each row of a partner.
    pub(super) rows_read: f64,
}

/// Pages that hold `rows` rows scattered over a table of `pages`.
pub(super) fn scattered_pages(pages: f64, rows: f64) -> f64 {
    if pages <= 0.0 || rows <= 0.0 {
        return 0.0;
    }
    (2.0 * pages * rows / (2.0 * pages + rows)).min(pages)
}

/// The cost of reading the whole table.
pub(super) fn sequential(need: &Need, relation: &Relation, prices: &Prices) -> Path {
    let rows = relation.known_rows().unwrap_or(0.0);
    let operators: f64 = need.terms.iter().map(operators).sum();
    let scan = relation.known_pages() * prices.seq_page
        + rows * (prices.tuple + operators * prices.operator);
    let found = if need.is_correlated {
        let shares = need.terms.iter().map(|priced| priced.share);
        rows * combined(&shares.collect::<Vec<f64>>())
    } else {
        need.own_rows(relation)
    };
    let cost = if need.order.keys.is_empty() {
        scan * taken(need, found)
    } else {
        scan + sort(need, found, prices)
    };
    let outer = need.drivers.values().copied();
    let outer = outer.filter(|_| need.is_correlated);
    Path {
        cost: cost * outer.fold(1.0, f64::max),
        rows_read: rows,
    }
}

/// The cost of the cheapest way through an index; nothing if it does not help.
pub(super) fn indexed(
    need: &Need,
    shape: &Shape,
    relation: &Relation,
    prices: &Prices,
) -> Option<Path> {
    let mut partners: Vec<Option<usize>> = need.drivers.keys().copied().map(Some).collect();
    if !need.is_correlated {
        partners.push(None);
    }
    let ways = partners.into_iter().filter_map(|partner| {
        let found = matched(need, shape, partner, relation, prices)?;
        Some(through(need, shape, relation, prices, &found))
    });
    ways.min_by(|one, other| one.cost.total_cmp(&other.cost))
}

/// One way through an index: the cheaper of an index scan and a bitmap.
fn through(need: &Need, shape: &Shape, table: &Relation, prices: &Prices, found: &Match) -> Path {
    let entries = found.entries;
    let rows = found.rows;
    let leaves = (entries / found.index_rows.max(1.0) * shape.pages).ceil();
    let pages = leaves.max(found.descents);
    let index_pages = scattered_pages(shape.pages, pages * found.loops).max(1.0);
    let startup = found.descents
        * (prices.descent(shape.height) + found.index_rows.max(2.0).log2() * prices.operator);
    let index_cpu = entries * (prices.index_tuple + found.index_operators * prices.operator);
    let index = index_pages * prices.random_page + found.loops * index_cpu;
    let heap_cpu = rows * (prices.tuple + found.heap_operators * prices.operator);
    let heap = heap_cost(found, shape, table, prices) + found.loops * heap_cpu;
    let run = index + heap;
    let final_rows = found.final_rows;
    let has_order = gives_order(need, shape, found);
    let start = startup * found.loops;
    let (plain, share) = if need.order.keys.is_empty() || has_order {
        let share = taken(need, final_rows);
        (start + run * share, share)
    } else {
        (start + run + sort(need, final_rows, prices), 1.0)
    };
    let recheck = found.recheck_operators * prices.operator;
    let bitmap_rows = found.loops * rows * (prices.tuple + recheck + 0.1 * prices.operator);
    let mut bitmap = start + index + bitmap_rows + bitmap_pages(found, table, prices);
    bitmap += if need.order.keys.is_empty() {
        0.0
    } else {
        sort(need, final_rows, prices)
    };
    let factor = observed_factor(need, shape, rows * share);
    let cost = plain.min(bitmap) * factor;
    let share = if plain <= bitmap { share } else { 1.0 };
    Path {
        cost,
        rows_read: rows * share * factor,
    }
}

/// How much more a plan read through this index than is modelled, if over ten times.
fn observed_factor(need: &Need, shape: &Shape, rows: f64) -> f64 {
    let is_same = shape.name.is_some() && shape.name == need.observed.index;
    let factor = need
        .observed
        .rows_read
        .map_or(1.0, |read| read / rows.max(1.0));
    if is_same && factor > 10.0 {
        factor
    } else {
        1.0
    }
}

/// Pages of the table for an index scan, scattered and in order mixed by the correlation squared.
fn heap_cost(found: &Match, shape: &Shape, table: &Relation, prices: &Prices) -> f64 {
    let pages = table.known_pages();
    let scattered = scattered_pages(pages, found.rows * found.loops) * prices.random_page;
    let share = found.rows / table.known_rows().unwrap_or(0.0).max(1.0);
    let in_order = (share * pages).ceil().max(1.0);
    let first = prices.random_page + (in_order - 1.0) * prices.seq_page;
    let in_order = (first * found.loops).min(scattered);
    let mix = shape.correlation * shape.correlation;
    let heap = scattered + mix * (in_order - scattered);
    if found.is_index_only {
        let visible = table.all_visible_share.unwrap_or(0.0).clamp(0.0, 1.0);
        return heap * (1.0 - visible);
    }
    heap
}

/// Pages of the table for a bitmap: the more of them, the more in order.
fn bitmap_pages(found: &Match, table: &Relation, prices: &Prices) -> f64 {
    let all = table.known_pages().max(1.0);
    let total = scattered_pages(all, found.rows * found.loops);
    let a_loop = (total / found.loops).max(1.0);
    let price = if a_loop >= 2.0 {
        prices.random_page - (prices.random_page - prices.seq_page) * (a_loop / all).sqrt()
    } else {
        prices.random_page
    };
    a_loop * found.loops * price
}

/// Share of a scan that a limit needs.
fn taken(need: &Need, rows: f64) -> f64 {
    need.limit
        .map_or(1.0, |limit| (limit / rows.max(1.0)).min(1.0))
}

/// The cost of a sort, of a heap of the first rows, or of a hash table for groups.
fn sort(need: &Need, rows: f64, prices: &Prices) -> f64 {
    let rows = rows.max(2.0);
    if need.order.is_grouping {
        return rows * prices.operator * count(need.order.keys.len());
    }
    let kept = need
        .limit
        .map_or(rows, |limit| (2.0 * limit).min(rows))
        .max(2.0);
    rows * kept.log2() * 2.0 * prices.operator
}

/// Operators that a test of a row costs.
fn operators(priced: &super::need::Priced) -> f64 {
    let term = &priced.term;
    let is_double = term.key.expression.is_some() || matches!(term.test, Test::Between(..));
    if is_double { 2.0 } else { 1.0 }
}

/// Share of rows that predicates keep, those of one partner and those that need none.
fn share_with(need: &Need, partner: Option<usize>) -> f64 {
    let terms = need
        .terms
        .iter()
        .filter(|priced| applies(&priced.term, partner));
    combined(&terms.map(|priced| priced.share).collect::<Vec<f64>>())
}

/// Whether a predicate can be tested when only rows of this partner are known.
fn applies(term: &Term, partner: Option<usize>) -> bool {
    match term.test {
        Test::Join(other, _) => partner == Some(other),
        _ => !is_join(term),
    }
}
