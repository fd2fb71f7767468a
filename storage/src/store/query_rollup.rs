//! What the statements of one collector did in a span of time, and the levels of spans that are
//! kept.
//!
//! A flush *seals* the spans of five minutes that are over: it adds up the shares of the
//! differences inside each and keeps the sums as one [`Rollup`]. Full hours are made of the twelve
//! in them, full days of the 24 hours. A window is then the sum of the widest spans inside it, and
//! of the rows at its ends. Differences of more than
//! [`LONGEST_SECONDS`] are in no span: they are few, and a window reads them as rows.
//!
//! A row that reaches into a sealed span (a late sample, a slow collector) seals it anew.
//!
//! An encoded rollup is a format byte and zstd of: the number of names (u32), each with its length
//! (u32); the number of statements (u32), and 33 columns of as many words of 64 bits, which
//! pack better than rows. All are little-endian. The first format had the first 28 columns only: no
//! level, no sums of squares, no least mean, and not since when extremes are counted.

mod changes;
mod columns;
mod deviation;
mod difference;
mod interval;
mod spans;
mod sums;

use std::collections::HashMap;

pub use self::changes::{Changes, changes};
pub use self::columns::{Column, Columns};
pub use self::deviation::deviation;
pub use self::difference::{COUNTERS, Difference, Level, counter_type, difference_columns};
pub use self::interval::is_gap;
pub use self::spans::{LEVELS, LONGEST_SECONDS, Plan, Span, span};

use self::sums::{Sums, WORDS_1, WORDS_2};
use crate::query::QueryStats;
use crate::{Error, Result, zstd_frames};

const FORMAT_1: u8 = 1;
const FORMAT_2: u8 = 2;
/// Words before the sums: hash, database and user.
const KEY_WORDS: usize = 3;
/// Words of an encoded statement: the key, the sums, the level.
const WORDS: usize = KEY_WORDS + WORDS_2 + 1;
/// Largest rollup that is unpacked, in bytes: a million statements.
const MAX_BYTES: usize = 288 << 20;

/// A statement: hash, places of database and user, level.
type Key = (i64, u32, u32, Level);

/// What the statements of one collector did in a span.
#[derive(Clone, Debug, Default)]
pub struct Rollup {
    names: Vec<String>,
    places: HashMap<String, u32>,
    sums: HashMap<Key, Sums>,
}

impl Rollup {
    /// Adds the share of `difference` that lies in `span`.
    pub fn add(&mut self, difference: &Difference, span: Span) {
        let Some(sums) = Sums::of(difference, span) else {
            return;
        };
        let [database, user] = &difference.names;
        let (database, user) = (self.place(database), self.place(user));
        let key = (difference.hash, database, user, difference.level);
        self.put(key, &sums);
    }

    /// Adds what `encoded` says.
    ///
    /// # Errors
    /// `Damaged` if the bytes are none of [`Self::encode`]'s.
    pub fn merge(&mut self, encoded: &[u8]) -> Result<()> {
        self.merge_if(encoded, |_| true)
    }

    /// Adds what `encoded` says about one statement.
    ///
    /// # Errors
    /// As [`Self::merge`].
    pub fn merge_statement(&mut self, encoded: &[u8], hash: i64) -> Result<()> {
        self.merge_if(encoded, |one| one == hash)
    }

    fn merge_if(&mut self, encoded: &[u8], is_wanted: impl Fn(i64) -> bool) -> Result<()> {
        let columns = Columns::decode(encoded)?;
        let places: Vec<u32> = columns.names().map(|name| self.place(name)).collect();
        let place = |at: Option<usize>| {
            let place = at.and_then(|at| places.get(at)).copied();
            place.ok_or_else(damaged)
        };
        let wanted: Vec<usize> = (0..columns.len())
            .filter(|row| is_wanted(columns.hash(*row)))
            .collect();
        self.sums
            .reserve(wanted.len().saturating_sub(self.sums.len()));
        for row in wanted {
            let [database, user] = columns.places(row);
            let (database, user) = (place(database)?, place(user)?);
            let key = (columns.hash(row), database, user, columns.level(row));
            self.put(key, &columns.sums(row));
        }
        Ok(())
    }

    /// As bytes; `None` if nothing happened.
    ///
    /// # Errors
    /// Those of the compressor.
    pub fn encode(&self) -> Result<Option<Vec<u8>>> {
        if self.sums.is_empty() {
            return Ok(None);
        }
        let mut bytes = Vec::with_capacity(16 + self.sums.len() * WORDS * 8);
        put_length(&mut bytes, self.names.len());
        for name in &self.names {
            put_length(&mut bytes, name.len());
            bytes.extend_from_slice(name.as_bytes());
        }
        put_length(&mut bytes, self.sums.len());
        let mut keys: Vec<_> = self.sums.iter().collect();
        keys.sort_unstable_by_key(|(key, _)| **key);
        let mut columns: [Vec<u8>; WORDS] = [const { Vec::new() }; WORDS];
        for ((hash, database, user, level), sums) in keys {
            let names = [database, user].map(|name| u64::from(*name).to_le_bytes());
            let key = [hash.to_le_bytes()].into_iter().chain(names);
            let level = level.to_word().to_le_bytes();
            let words = key.chain(sums.words()).chain([level]);
            for (column, word) in columns.iter_mut().zip(words) {
                column.extend_from_slice(&word);
            }
        }
        columns
            .iter()
            .for_each(|column| bytes.extend_from_slice(column));
        let packed = zstd_frames::compress(&bytes).map_err(|_| damaged())?;
        Ok(Some([&[FORMAT_2], packed.as_slice()].concat()))
    }

    /// One row for each statement that ran, over its levels, of the database `only` if that is
    /// given, without texts.
    pub fn stats(&self, collector: &str, span: Span, only: Option<&str>) -> Vec<QueryStats> {
        let seconds = (span.end.micros() - span.begin.micros()) as f64 / 1e6;
        let name = |at: u32| self.names.get(at as usize).map_or("", String::as_str);
        let mut all = HashMap::<(i64, u32, u32), Sums>::new();
        for ((hash, database, user, _), sums) in &self.sums {
            if only.is_some_and(|only| only != name(*database)) {
                continue;
            }
            let of_levels = all.entry((*hash, *database, *user));
            of_levels
                .and_modify(|known| known.beside(sums))
                .or_insert(*sums);
        }
        let ran = all.into_iter().filter(|(_, sums)| sums.counters[0] > 0.0);
        ran.map(|((hash, database, user), sums)| QueryStats {
            collector_id: collector.to_owned(),
            database_name: name(database).to_owned(),
            user_name: name(user).to_owned(),
            query_hash: hash,
            coverage: Some(sums.covered / seconds),
            ..sums.stats(span.begin)
        })
        .collect()
    }

    fn place(&mut self, name: &str) -> u32 {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        let place = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push(name.to_owned());
        self.places.insert(name.to_owned(), place);
        place
    }

    fn put(&mut self, key: Key, sums: &Sums) {
        match self.sums.get_mut(&key) {
            Some(known) => known.merge(sums),
            None => drop(self.sums.insert(key, *sums)),
        }
    }
}

fn put_length(bytes: &mut Vec<u8>, length: usize) {
    // INVARIANT: a rollup has less than 2^32 statements, and names of less than 2^32 bytes.
    bytes.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
}

fn take_u32(rest: &mut &[u8]) -> Result<u32> {
    let (bytes, tail) = rest.split_first_chunk().ok_or_else(damaged)?;
    *rest = tail;
    Ok(u32::from_le_bytes(*bytes))
}

/// The bytes, and how many words a statement has in them.
fn unpack(encoded: &[u8]) -> Result<(Vec<u8>, usize)> {
    let (packed, words) = match encoded.split_first() {
        Some((&FORMAT_1, packed)) => (packed, KEY_WORDS + WORDS_1),
        Some((&FORMAT_2, packed)) => (packed, WORDS),
        _ => return Err(damaged()),
    };
    let bytes = zstd_frames::decompress(packed, MAX_BYTES).map_err(|_| damaged())?;
    Ok((bytes, words))
}

fn damaged() -> Error {
    Error::Damaged {
        path: "query_rollups".into(),
        what: "a rollup of statements".to_owned(),
    }
}

#[cfg(test)]
mod tests;
