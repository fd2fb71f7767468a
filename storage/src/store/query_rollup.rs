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
//! (u32); the number of statements (u32), and 28 columns of as many words of 64 bits, which
//! pack better than rows. All are little-endian.

mod changes;
mod columns;
mod difference;
mod spans;

use std::collections::HashMap;

pub use self::changes::{Changes, changes};
pub use self::columns::Columns;
pub use self::difference::{COUNTERS, Difference, GAP_SECONDS, counter_type, difference_columns};
pub use self::spans::{LEVELS, LONGEST_SECONDS, Plan, Span, span};

use crate::query::QueryStats;
use crate::{Error, Result, Timestamp};

const FORMAT: u8 = 1;
/// Words of an encoded statement: hash, database, user, time, five values, which counters there
/// are, the counters.
const WORDS: usize = 10 + COUNTERS.len();
/// Largest rollup that is unpacked, in bytes: a million statements.
const MAX_BYTES: usize = 256 << 20;

/// Sums of one statement.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Sums {
    time: i64,
    min_time: f64,
    max_mean: f64,
    stddev_time: f64,
    max_time: f64,
    /// Seconds without gaps.
    covered: f64,
    /// Bit n: some difference had counter n.
    present: u64,
    counters: [f64; COUNTERS.len()],
}

/// What the statements of one collector did in a span.
#[derive(Clone, Debug, Default)]
pub struct Rollup {
    names: Vec<String>,
    places: HashMap<String, u32>,
    /// By hash, database and user.
    sums: HashMap<(i64, u32, u32), Sums>,
}

impl Rollup {
    /// Adds the share of `difference` that lies in `span`.
    pub fn add(&mut self, difference: &Difference, span: Span) {
        let end = difference.time.micros();
        let length = difference.interval * 1e6;
        let inside = (end.min(span.end.micros()) as f64)
            - (end as f64 - length).max(span.begin.micros() as f64);
        if inside <= 0.0 || length <= 0.0 {
            return;
        }
        let share = inside / length;
        let is_gap = difference.interval > f64::from(GAP_SECONDS);
        let [calls, total_time, ..] = difference.counters;
        let mean = total_time.unwrap_or(0.0) / calls.unwrap_or(0.0);
        let [min_time, stddev_time, max_time] = difference.lifetime;
        let mut sums = Sums {
            time: end,
            min_time,
            max_mean: if mean.is_finite() { mean } else { 0.0 },
            stddev_time,
            max_time,
            covered: if is_gap { 0.0 } else { inside / 1e6 },
            present: 0,
            counters: [0.0; COUNTERS.len()],
        };
        let cells = sums.counters.iter_mut().zip(difference.counters);
        for (n, (sum, counter)) in cells.enumerate() {
            if let Some(counter) = counter {
                sums.present |= 1 << n;
                *sum = counter * share;
            }
        }
        let [database, user] = &difference.names;
        let key = (difference.hash, self.place(database), self.place(user));
        self.put(key, &sums);
    }

    /// Adds what `encoded` says.
    ///
    /// # Errors
    /// `Damaged` if the bytes are none of [`Self::encode`]'s.
    pub fn merge(&mut self, encoded: &[u8]) -> Result<()> {
        let bytes = unpack(encoded)?;
        let mut rest = bytes.as_slice();
        let names = take_u32(&mut rest)?;
        let mut places = Vec::new();
        for _ in 0..names {
            let length = take_u32(&mut rest)? as usize;
            let name = rest.split_off(..length).ok_or_else(damaged)?;
            let name = std::str::from_utf8(name).map_err(|_| damaged())?;
            places.push(self.place(name));
        }
        let statements = take_u32(&mut rest)? as usize;
        let (words, []) = rest.as_chunks::<8>() else {
            return Err(damaged());
        };
        if words.len() != statements.saturating_mul(WORDS) {
            return Err(damaged());
        }
        self.sums
            .reserve(statements.saturating_sub(self.sums.len()));
        for at in 0..statements {
            let mut row = [[0; 8]; WORDS];
            let column = words.iter().skip(at).step_by(statements);
            for (cell, word) in row.iter_mut().zip(column) {
                *cell = *word;
            }
            let [hash, database, user, ref sums @ ..] = row;
            let place = |word: [u8; 8]| {
                let at = usize::try_from(u64::from_le_bytes(word)).ok();
                at.and_then(|at| places.get(at))
                    .copied()
                    .ok_or_else(damaged)
            };
            let key = (i64::from_le_bytes(hash), place(database)?, place(user)?);
            self.put(key, &Sums::from_words(sums));
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
        for ((hash, database, user), sums) in keys {
            let names = [database, user].map(|name| u64::from(*name).to_le_bytes());
            let key = [hash.to_le_bytes()].into_iter().chain(names);
            for (column, word) in columns.iter_mut().zip(key.chain(sums.words())) {
                column.extend_from_slice(&word);
            }
        }
        columns
            .iter()
            .for_each(|column| bytes.extend_from_slice(column));
        let packed = zstd::bulk::compress(&bytes, 1).map_err(|_| damaged())?;
        Ok(Some([&[FORMAT], packed.as_slice()].concat()))
    }

    /// One row for each statement that ran, of the database `only` if that is given, without texts.
    pub fn stats(&self, collector: &str, span: Span, only: Option<&str>) -> Vec<QueryStats> {
        let seconds = (span.end.micros() - span.begin.micros()) as f64 / 1e6;
        let name = |at: &u32| self.names.get(*at as usize).map_or("", String::as_str);
        let of_database = |database: &u32| only.is_none_or(|only| only == name(database));
        let sums = self.sums.iter();
        sums.filter(|((_, database, _), sums)| sums.counters[0] > 0.0 && of_database(database))
            .map(|((hash, database, user), sums)| QueryStats {
                collector_id: collector.to_owned(),
                database_name: name(database).to_owned(),
                user_name: name(user).to_owned(),
                query_hash: *hash,
                coverage: Some(sums.covered / seconds),
                ..sums.stats()
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

    fn put(&mut self, key: (i64, u32, u32), sums: &Sums) {
        match self.sums.get_mut(&key) {
            Some(known) => known.merge(sums),
            None => drop(self.sums.insert(key, *sums)),
        }
    }
}

impl Sums {
    fn merge(&mut self, other: &Self) {
        self.time = self.time.max(other.time);
        self.min_time = self.min_time.min(other.min_time);
        self.max_mean = self.max_mean.max(other.max_mean);
        self.stddev_time = self.stddev_time.max(other.stddev_time);
        self.max_time = self.max_time.max(other.max_time);
        self.covered += other.covered;
        self.present |= other.present;
        for (sum, counter) in self.counters.iter_mut().zip(other.counters) {
            *sum += counter;
        }
    }

    fn words(&self) -> impl Iterator<Item = [u8; 8]> {
        let values = [
            self.min_time,
            self.max_mean,
            self.stddev_time,
            self.max_time,
            self.covered,
        ];
        let head = [self.time.to_le_bytes()].into_iter();
        let values = values.into_iter().map(f64::to_le_bytes);
        let counters = self.counters.into_iter().map(f64::to_le_bytes);
        head.chain(values)
            .chain([self.present.to_le_bytes()])
            .chain(counters)
    }

    fn from_words(words: &[[u8; 8]; WORDS - 3]) -> Self {
        let [
            time,
            min_time,
            max_mean,
            stddev_time,
            max_time,
            covered,
            present,
            counters @ ..,
        ] = *words;
        Self {
            time: i64::from_le_bytes(time),
            min_time: f64::from_le_bytes(min_time),
            max_mean: f64::from_le_bytes(max_mean),
            stddev_time: f64::from_le_bytes(stddev_time),
            max_time: f64::from_le_bytes(max_time),
            covered: f64::from_le_bytes(covered),
            present: u64::from_le_bytes(present),
            counters: counters.map(f64::from_le_bytes),
        }
    }

    fn stats(&self) -> QueryStats {
        let float = |n: usize| self.counters.get(n).copied().unwrap_or_default();
        let int = |n: usize| float(n).round() as i64;
        let sent = |n: usize| (self.present >> n & 1 == 1).then(|| int(n));
        QueryStats {
            time: Timestamp::from_micros(self.time),
            min_time: self.min_time,
            max_time: self.max_mean,
            stddev_time: self.stddev_time,
            max_time_lifetime: self.max_time,
            ..QueryStats::default()
        }
        .with_counters(int, float, sent)
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

fn unpack(encoded: &[u8]) -> Result<Vec<u8>> {
    let packed = encoded.strip_prefix(&[FORMAT]).ok_or_else(damaged)?;
    let size = zstd::zstd_safe::get_frame_content_size(packed);
    let size = size
        .ok()
        .flatten()
        .and_then(|size| usize::try_from(size).ok());
    let size = size.filter(|size| *size <= MAX_BYTES).ok_or_else(damaged)?;
    zstd::bulk::decompress(packed, size).map_err(|_| damaged())
}

fn damaged() -> Error {
    Error::Damaged {
        path: "query_rollups".into(),
        what: "a rollup of statements".to_owned(),
    }
}

#[cfg(test)]
mod tests;
