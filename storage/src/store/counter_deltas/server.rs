//! Which server counted.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::store::catalogue::Table;
use crate::store::mapper::Value;

/// The columns that tell it. States hold their values in this order.
pub(super) const COLUMNS: [&str; 3] = ["system_identifier", "timeline", "server_address"];

/// What a sample says of the server that it was taken from; `None` where it says nothing. A text is
/// its hash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Server(pub(super) [Option<i64>; COLUMNS.len()]);

impl Server {
    /// Places of [`COLUMNS`] in a row of `table`.
    pub(super) fn places(table: &Table) -> [Option<usize>; COLUMNS.len()] {
        COLUMNS.map(|name| table.position(name))
    }

    /// What `row` says.
    pub(super) fn of(row: &[Value], places: &[Option<usize>; COLUMNS.len()]) -> Self {
        Self(places.map(|at| part(row.get(at?)?)))
    }

    /// Whether both name a part, and differ in it.
    pub(super) fn differs(&self, other: &Self) -> bool {
        let pairs = self.0.iter().zip(&other.0);
        pairs
            .into_iter()
            .any(|(one, other)| matches!((one, other), (Some(one), Some(other)) if one != other))
    }

    /// With what `other` says where this says nothing.
    pub(super) fn or(self, other: &Self) -> Self {
        let [a, b, c] = self.0;
        let [x, y, z] = other.0;
        Self([a.or(x), b.or(y), c.or(z)])
    }

    /// Of two rows of one sample.
    pub(super) fn max(self, other: Self) -> Self {
        let [a, b, c] = self.0;
        let [x, y, z] = other.0;
        Self([a.max(x), b.max(y), c.max(z)])
    }

    pub(super) fn is_unknown(&self) -> bool {
        self.0 == [None; COLUMNS.len()]
    }
}

/// One part as a number.
fn part(value: &Value) -> Option<i64> {
    match value {
        Value::Int(n) => Some(*n),
        Value::Text(text) if !text.is_empty() => {
            Some(i64::from_le_bytes(xxh3_64(text.as_bytes()).to_le_bytes()))
        }
        _ => None,
    }
}
