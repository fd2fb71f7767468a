//! The columns of an encoded rollup, for who wants few of them of many spans.

use super::{COUNTERS, WORDS, damaged, take_u32, unpack};
use crate::Result;

/// Places of columns before the counters.
const HASH: usize = 0;
const DATABASE: usize = 1;
const STDDEV: usize = 6;
const COVERED: usize = 8;
const FIRST_COUNTER: usize = 10;

/// An unpacked rollup: one row for each statement, database and user.
#[derive(Clone, Debug)]
pub struct Columns {
    names: Vec<String>,
    statements: usize,
    words: Vec<[u8; 8]>,
}

impl Columns {
    /// Unpacks what [`super::Rollup::encode`] made.
    ///
    /// # Errors
    /// `Damaged` if the bytes are none of its.
    pub fn decode(encoded: &[u8]) -> Result<Self> {
        let bytes = unpack(encoded)?;
        let mut rest = bytes.as_slice();
        let mut names = Vec::new();
        for _ in 0..take_u32(&mut rest)? {
            let length = take_u32(&mut rest)? as usize;
            let name = rest.split_off(..length).ok_or_else(damaged)?;
            let name = std::str::from_utf8(name).map_err(|_| damaged())?;
            names.push(name.to_owned());
        }
        let statements = take_u32(&mut rest)? as usize;
        let (words, []) = rest.as_chunks::<8>() else {
            return Err(damaged());
        };
        if words.len() != statements.saturating_mul(WORDS) {
            return Err(damaged());
        }
        Ok(Self {
            names,
            statements,
            words: words.to_vec(),
        })
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.statements
    }

    /// Whether nothing happened.
    pub fn is_empty(&self) -> bool {
        self.statements == 0
    }

    fn word(&self, column: usize, row: usize) -> [u8; 8] {
        let place = column * self.statements + row;
        self.words.get(place).copied().unwrap_or_default()
    }

    /// The statement of a row.
    pub fn hash(&self, row: usize) -> i64 {
        i64::from_le_bytes(self.word(HASH, row))
    }

    /// The database of a row.
    pub fn database(&self, row: usize) -> &str {
        let place = usize::try_from(u64::from_le_bytes(self.word(DATABASE, row)));
        let name = place.ok().and_then(|place| self.names.get(place));
        name.map_or("", String::as_str)
    }

    /// Seconds of the span of which something is known.
    pub fn covered(&self, row: usize) -> f64 {
        f64::from_le_bytes(self.word(COVERED, row))
    }

    /// The standard deviation of all calls since the server's reset, in milliseconds.
    pub fn stddev_ms(&self, row: usize) -> f64 {
        f64::from_le_bytes(self.word(STDDEV, row))
    }

    /// A counter of [`COUNTERS`] by its name: its difference in the span, 0 for a name that is
    /// none.
    pub fn counter(&self, name: &str, row: usize) -> f64 {
        let place = COUNTERS.iter().position(|one| *one == name);
        place.map_or(0.0, |place| {
            f64::from_le_bytes(self.word(FIRST_COUNTER + place, row))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Difference, Rollup, span};
    use super::*;
    use crate::Timestamp;

    #[test]
    fn columns_tell_what_was_added() {
        let mut counters = [None; COUNTERS.len()];
        let rows = COUNTERS.iter().position(|name| *name == "rows").unwrap();
        (counters[0], counters[rows]) = (Some(10.0), Some(70.0));
        let mut rollup = Rollup::default();
        for (hash, database) in [(7, "shop"), (-8, "bank")] {
            let difference = Difference {
                time: Timestamp::from_micros(660_000_000),
                interval: 60.0,
                names: [database.to_owned(), "ann".to_owned()],
                hash,
                lifetime: [1.0, 2.0, 3.0],
                counters,
            };
            rollup.add(&difference, span(600, 300));
        }
        let encoded = rollup.encode().unwrap().unwrap();
        let columns = Columns::decode(&encoded).unwrap();
        let told: Vec<_> = (0..columns.len())
            .map(|row| {
                let figures = ["calls", "rows", "no"].map(|name| columns.counter(name, row));
                let lifetime = columns.stddev_ms(row);
                (
                    columns.hash(row),
                    columns.database(row),
                    columns.covered(row),
                    figures,
                    lifetime,
                )
            })
            .collect();
        assert_eq!(told.len(), 2);
        for (hash, database, covered, figures, lifetime) in told {
            assert_eq!(database, if hash == 7 { "shop" } else { "bank" });
            assert_eq!((covered, figures, lifetime), (60.0, [10.0, 70.0, 0.0], 2.0));
        }
        assert!(Columns::decode(&encoded[..encoded.len() - 1]).is_err());
    }
}
