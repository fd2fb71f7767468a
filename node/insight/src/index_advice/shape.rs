//! An index as a cost sees it, whether it exists or not.

use super::catalog::{Column, Relation};
use super::demand::{Key, Term};
use super::selectivity::{combined, count, distinct, selectivity};

/// Bytes of a page that entries fill: 8,192 less headers, filled to 90 %.
const PAGE_BYTES: f64 = 8_152.0 * 0.9;
/// Bytes of a page.
pub(super) const BLOCK_BYTES: f64 = 8_192.0;
/// Row pointers that one deduplicated entry holds at most.
const MAX_POINTERS: f64 = 200.0;
/// Bytes of a row pointer.
const POINTER_BYTES: f64 = 6.0;

/// One key.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ShapeKey {
    pub(super) key: Key,
    pub(super) is_descending: bool,
    pub(super) has_nulls_first: bool,
    /// Whether the operator class compares byte by byte, as prefixes need.
    pub(super) has_pattern_class: bool,
    /// Whether it compares as the default does, as ranges and orders need.
    pub(super) has_default_order: bool,
}

impl ShapeKey {
    pub(super) fn ascending(key: Key) -> Self {
        Self {
            key,
            is_descending: false,
            has_nulls_first: false,
            has_pattern_class: false,
            has_default_order: true,
        }
    }
}

/// A B-tree.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shape {
    /// Its name; nothing if it does not exist.
    pub(super) name: Option<String>,
    pub(super) keys: Vec<ShapeKey>,
    pub(super) include: Vec<String>,
    pub(super) predicate: Vec<Term>,
    pub(super) is_unique: bool,
    /// Share of the table's rows in it.
    pub(super) share: f64,
    pub(super) pages: f64,
    /// Levels above the leaves.
    pub(super) height: f64,
    /// How far its order follows that of the rows.
    pub(super) correlation: f64,
}

impl Shape {
    /// Sizes an index of these keys. `pages` are those of an existing one.
    pub(super) fn sized(mut self, relation: &Relation, pages: Option<f64>) -> Self {
        let rows = relation.known_rows().unwrap_or(0.0);
        let shares = self
            .predicate
            .iter()
            .filter_map(|term| selectivity(relation, &term.key, &term.test));
        self.share = combined(&shares.collect::<Vec<f64>>());
        let entry = entry_bytes(relation, &self);
        let rows = (rows * self.share).max(1.0);
        let bytes = row_bytes(relation, &self, rows, entry);
        self.pages = pages
            .unwrap_or_else(|| (rows * bytes / PAGE_BYTES).ceil())
            .max(1.0);
        let fanout = (PAGE_BYTES / entry).max(2.0);
        self.height = (self.pages.ln() / fanout.ln()).ceil().max(0.0);
        self.correlation = correlation(relation, &self);
        self
    }

    /// Whether the other one starts with all keys of this one and has the same rows.
    pub(super) fn is_prefix_of(&self, other: &Self) -> bool {
        self.predicate == other.predicate && other.keys.starts_with(&self.keys)
    }

    /// Columns whose change writes to the index.
    pub(super) fn columns(&self) -> Vec<&str> {
        let keys = self.keys.iter().map(|key| key.key.column.as_str());
        let predicate = self.predicate.iter().map(|term| term.key.column.as_str());
        let include = self.include.iter().map(String::as_str);
        keys.chain(predicate).chain(include).collect()
    }
}

/// Bytes of an entry: header, values aligned to eight, line pointer.
///
/// # Source
/// `IndexTupleData` and `ItemIdData` of PostgreSQL.
fn entry_bytes(relation: &Relation, shape: &Shape) -> f64 {
    let keys = shape.keys.iter().map(|key| key.key.column.as_str());
    let names = keys.chain(shape.include.iter().map(String::as_str));
    let columns: Vec<&Column> = names.filter_map(|name| relation.column(name)).collect();
    let widths: f64 = columns.iter().map(|column| width(column)).sum();
    let has_nulls = columns
        .iter()
        .any(|column| column.null_frac.unwrap_or(0.0) > 0.0);
    let bitmap = if has_nulls { 4.0 } else { 0.0 };
    8.0 + ((widths + bitmap) / 8.0).ceil() * 8.0 + 4.0
}

/// Bytes a row, less where equal keys share an entry.
fn row_bytes(relation: &Relation, shape: &Shape, rows: f64, entry: f64) -> f64 {
    let columns = shape
        .keys
        .iter()
        .map(|key| relation.column(&key.key.column));
    let columns: Vec<&Column> = columns.flatten().collect();
    let is_exact = columns.iter().all(|column| {
        let name = column.type_name.as_str();
        let is_inexact = ["numeric", "real", "double", "float", "jsonb"];
        !is_inexact.iter().any(|inexact| name.starts_with(inexact))
    });
    if !is_exact || !shape.include.is_empty() || shape.is_unique {
        return entry;
    }
    let all_rows = relation.known_rows().unwrap_or(rows);
    let product = columns
        .iter()
        .map(|column| distinct(column, all_rows).unwrap_or(all_rows));
    let keys = product.product::<f64>().clamp(1.0, rows);
    let equal = rows / keys;
    if equal < 4.0 {
        return entry;
    }
    POINTER_BYTES + entry / equal.min(MAX_POINTERS)
}

/// Mean width of a value in bytes; by type where not told.
pub(super) fn width(column: &Column) -> f64 {
    let name = column.type_name.as_str();
    let by_type = || match name {
        "boolean" | "bool" => 1.0,
        "smallint" | "int2" => 2.0,
        "integer" | "int4" | "date" | "real" => 4.0,
        "uuid" => 16.0,
        _ if name.starts_with("timestamp") => 8.0,
        "bigint" | "int8" | "double precision" => 8.0,
        _ => 24.0,
    };
    column.avg_width.unwrap_or_else(by_type)
}

/// Correlation of the first column, three quarters of it with more columns.
fn correlation(relation: &Relation, shape: &Shape) -> f64 {
    let first = shape
        .keys
        .first()
        .filter(|key| key.key.expression.is_none());
    let column = first.and_then(|first| relation.column(&first.key.column));
    let own = column.and_then(|column| column.correlation).unwrap_or(0.0);
    if count(shape.keys.len()) > 1.0 {
        own * 0.75
    } else {
        own
    }
}
