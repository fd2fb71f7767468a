//! Typed rows on their way into a store.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Timestamp;
use crate::store::catalogue::{TABLES, TableId};

/// One value of a typed row. It has the type of its column, or is NULL.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// NULL.
    Null,
    /// `bigint` or `integer` (then it fits).
    Int(i64),
    /// `double precision`.
    Float(f64),
    /// `boolean`.
    Bool(bool),
    /// `text`, without NUL.
    Text(String),
    /// `timestamptz`.
    Time(Timestamp),
    /// `uuid`.
    Uuid(Uuid),
    /// `bytea`. No typed table has it; questions read it.
    Bytes(Vec<u8>),
}

/// The rows of one table: values in the order of [`crate::store::catalogue::Table::columns`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TableRows {
    rows: Vec<Vec<Value>>,
}

impl TableRows {
    /// The rows, in the order of their elements.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[Value]> {
        self.rows.iter().map(Vec::as_slice)
    }

    /// The rows, to fill in what depends on earlier ones.
    pub fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = &mut [Value]> {
        self.rows.iter_mut().map(Vec::as_mut_slice)
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// Typed rows of a batch, by table.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    tables: Vec<TableRows>,
}

impl Default for Rows {
    fn default() -> Self {
        Self {
            tables: vec![TableRows::default(); TABLES.len()],
        }
    }
}

impl Rows {
    /// Adds a row; its values are those of the table's columns.
    pub fn push(&mut self, table: TableId, row: Vec<Value>) {
        debug_assert_eq!(row.len(), table.table().width());
        if let Some(rows) = self.tables.get_mut(table.index()) {
            rows.rows.push(row);
        }
    }

    /// The tables that have rows.
    pub fn tables(&self) -> impl Iterator<Item = (TableId, &TableRows)> {
        let all = self.tables.iter().enumerate();
        all.filter(|(_, rows)| !rows.is_empty())
            .map(|(index, rows)| (TableId(index), rows))
    }

    /// The rows of `table`.
    pub fn table_mut(&mut self, table: TableId) -> Option<&mut TableRows> {
        self.tables.get_mut(table.index())
    }

    /// The rows of `table`.
    pub fn table(&self, table: TableId) -> Option<&TableRows> {
        self.tables.get(table.index())
    }

    /// How many rows there are in all.
    pub fn len(&self) -> usize {
        self.tables.iter().map(TableRows::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tables.iter().all(TableRows::is_empty)
    }
}
