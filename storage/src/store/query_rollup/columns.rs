//! The columns of an encoded rollup, for who wants few of them of many spans.

use super::difference::Level;
use super::sums::{Sums, WORDS_1, WORDS_2};
use super::{COUNTERS, KEY_WORDS, WORDS, damaged, take_u32, unpack};
use crate::Result;

/// Places of columns before the counters.
const HASH: usize = 0;
const DATABASE: usize = 1;
const USER: usize = 2;
const COVERED: usize = 8;
const FIRST_COUNTER: usize = 10;
/// Place of the sum of squares; after it, of how many calls it is.
const SQUARES: usize = KEY_WORDS + WORDS_1 + 1;
const LEVEL: usize = KEY_WORDS + WORDS_2;

/// An unpacked rollup: one row for each statement, database, user and level.
#[derive(Clone, Debug)]
pub struct Columns {
    names: Vec<String>,
    statements: usize,
    /// Words that a statement has.
    width: usize,
    bytes: Vec<u8>,
    /// Where the words begin.
    first: usize,
}

/// The words of one column, by row.
#[derive(Clone, Copy, Debug)]
pub struct Column<'a>(&'a [[u8; 8]]);

impl Column<'_> {
    /// The number in a row; 0 beyond the last.
    pub fn number(&self, row: usize) -> f64 {
        f64::from_le_bytes(self.0.get(row).copied().unwrap_or_default())
    }
}

impl Columns {
    /// Unpacks what [`super::Rollup::encode`] made.
    ///
    /// # Errors
    /// `Damaged` if the bytes are none of its.
    pub fn decode(encoded: &[u8]) -> Result<Self> {
        let (bytes, width) = unpack(encoded)?;
        let mut rest = bytes.as_slice();
        let mut names = Vec::new();
        for _ in 0..take_u32(&mut rest)? {
            let length = take_u32(&mut rest)? as usize;
            let name = rest.split_off(..length).ok_or_else(damaged)?;
            let name = std::str::from_utf8(name).map_err(|_| damaged())?;
            names.push(name.to_owned());
        }
        let statements = take_u32(&mut rest)? as usize;
        if rest.len() != statements.saturating_mul(width).saturating_mul(8) {
            return Err(damaged());
        }
        Ok(Self {
            names,
            statements,
            width,
            first: bytes.len() - rest.len(),
            bytes,
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

    fn column(&self, column: usize) -> Column<'_> {
        let words = self.bytes.get(self.first..).unwrap_or_default();
        let (words, _) = words.as_chunks::<8>();
        let from = column * self.statements;
        Column(words.get(from..from + self.statements).unwrap_or_default())
    }

    fn word(&self, column: usize, row: usize) -> [u8; 8] {
        self.column(column).0.get(row).copied().unwrap_or_default()
    }

    /// The statement of a row.
    pub fn hash(&self, row: usize) -> i64 {
        i64::from_le_bytes(self.word(HASH, row))
    }

    /// The names of databases and users.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Places of database and user among the names.
    pub(super) fn places(&self, row: usize) -> [Option<usize>; 2] {
        let place = |column| usize::try_from(u64::from_le_bytes(self.word(column, row))).ok();
        [DATABASE, USER].map(place)
    }

    /// The database of a row.
    pub fn database(&self, row: usize) -> &str {
        let [place, _] = self.places(row);
        self.name(place)
    }

    /// The user of a row.
    pub fn user(&self, row: usize) -> &str {
        let [_, place] = self.places(row);
        self.name(place)
    }

    fn name(&self, place: Option<usize>) -> &str {
        let name = place.and_then(|place| self.names.get(place));
        name.map_or("", String::as_str)
    }

    pub(super) fn level(&self, row: usize) -> Level {
        match self.width {
            WORDS => Level::from_word(u64::from_le_bytes(self.word(LEVEL, row))),
            _ => Level::Any,
        }
    }

    pub(super) fn sums(&self, row: usize) -> Sums {
        let word = |n: usize| self.word(KEY_WORDS + n, row);
        let words: [_; WORDS_1] = std::array::from_fn(word);
        let more: [_; 4] = std::array::from_fn(|n| word(WORDS_1 + n));
        Sums::from_words(&words, (self.width == WORDS).then_some(&more))
    }

    /// Seconds of the span of which something is known.
    pub fn covered(&self) -> Column<'_> {
        self.column(COVERED)
    }

    /// The standard deviation of the calls in the span, in milliseconds; `None` where the samples
    /// do not tell.
    pub fn stddev_ms(&self, row: usize) -> Option<f64> {
        let number = |column: usize| self.column(column).number(row);
        if self.width != WORDS {
            return None;
        }
        Sums::deviation_of(
            [number(FIRST_COUNTER), number(FIRST_COUNTER + 1)],
            [number(SQUARES), number(SQUARES + 1)],
        )
    }

    /// The differences of a counter of [`COUNTERS`] by its name; zeros for a name that is none.
    pub fn counter(&self, name: &str) -> Column<'_> {
        let place = COUNTERS.iter().position(|one| *one == name);
        place.map_or(Column(&[]), |place| self.column(FIRST_COUNTER + place))
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
        (counters[0], counters[1], counters[rows]) = (Some(10.0), Some(20.0), Some(70.0));
        let mut rollup = Rollup::default();
        for (hash, database) in [(7, "shop"), (-8, "bank")] {
            let difference = Difference {
                time: Timestamp::from_micros(660_000_000),
                interval: 60.0,
                names: [database.to_owned(), "ann".to_owned()],
                hash,
                // Ten calls of 20 ms in all, a half of 1 ms and a half of 3 ms.
                squares: Some(50.0),
                counters,
                ..Difference::default()
            };
            rollup.add(&difference, span(600, 300));
        }
        let encoded = rollup.encode().unwrap().unwrap();
        let columns = Columns::decode(&encoded).unwrap();
        let told: Vec<_> = (0..columns.len())
            .map(|row| {
                let figures = ["calls", "rows", "no"].map(|name| columns.counter(name).number(row));
                let stddev = columns.stddev_ms(row);
                (
                    columns.hash(row),
                    columns.database(row),
                    columns.covered().number(row),
                    figures,
                    stddev,
                )
            })
            .collect();
        assert_eq!(told.len(), 2);
        for (hash, database, covered, figures, stddev) in told {
            assert_eq!(database, if hash == 7 { "shop" } else { "bank" });
            assert_eq!(
                (covered, figures, stddev),
                (60.0, [10.0, 70.0, 0.0], Some(1.0))
            );
        }
        assert!(Columns::decode(&encoded[..encoded.len() - 1]).is_err());
    }
}
