//! Reads what the statements of a server did in spans of time over weeks.
//!
//! Spans that a flush has sealed are read as such; what is younger, or a backlog that is not sealed
//! yet, is read from rows. Some spans are in memory at a time, and packed but for one.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use pga_config::CollectorId;
use pga_storage::Timestamp;
use pga_storage::query::{StatementParts, StatementSpan, StatementSpans};

use crate::questions;
use crate::{ApiError, NodeApi};

/// Spans that are read at once, so that memory stays small.
const AT_ONCE: i64 = 48;
/// Rows that are read of what is not sealed.
const MAX_ROWS: u32 = 500_000;

/// What a statement did in a span, over one or all users.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) database: &'a str,
    /// Nothing where nothing is sealed: these entries are over all users.
    pub(crate) user: Option<&'a str>,
    pub(crate) hash: i64,
    pub(crate) calls: f64,
    pub(crate) ms: f64,
    pub(crate) rows: f64,
    /// Shared blocks found in the cache; where nothing is sealed, those read as well.
    pub(crate) hits: f64,
    pub(crate) reads: f64,
    pub(crate) temp: f64,
    pub(crate) wal: f64,
    /// Milliseconds of reading and writing blocks; 0 where nothing is sealed.
    pub(crate) io_ms: f64,
    /// Seconds of the span of which something is known; 0 where nothing is sealed.
    pub(crate) covered: f64,
    /// Of the calls in the span; 0 where the samples do not tell, or nothing is sealed.
    pub(crate) stddev_ms: f64,
}

/// Who takes what was read.
pub(crate) trait Sink: Send + 'static {
    /// Takes what a statement did in the span that begins at this Unix second.
    fn take(&mut self, begin: i64, entry: &Entry<'_>);
}

/// Which spans are read, in Unix seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spans {
    /// Length of a span: 300 or 3,600.
    pub(crate) seconds: i64,
    pub(crate) from: i64,
    pub(crate) to: i64,
    /// Whether it rests for as long as it works, so that it takes half a core at most.
    pub(crate) is_paced: bool,
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(second.saturating_mul(1_000_000))
}

/// Reads the spans of a server, oldest first.
pub(crate) async fn read<S: Sink>(
    api: &dyn NodeApi,
    collector: CollectorId,
    spans: Spans,
    sink: S,
) -> Result<S, ApiError> {
    let (sink, from) = sealed(api, collector, spans, sink).await?;
    read_rows(api, collector, Spans { from, ..spans }, sink).await
}

/// Reads those spans of a server that are sealed, oldest first; and up to when that is.
pub(crate) async fn sealed<S: Sink>(
    api: &dyn NodeApi,
    collector: CollectorId,
    spans: Spans,
    mut sink: S,
) -> Result<(S, i64), ApiError> {
    let (mut from, mut sealed) = (spans.from, spans.from);
    while from < spans.to {
        let to = (from + AT_ONCE * spans.seconds).min(spans.to);
        let question = StatementSpans {
            collector,
            seconds: spans.seconds,
            from: at(from),
            to: at(to),
        };
        let begun = pga_runtime::now();
        let found = questions::ask(api, collector, &question).await?;
        let told = pga_runtime::spawn_blocking(move || {
            for span in &found {
                let begin = span.begin.micros().div_euclid(1_000_000);
                sealed = sealed.max(begin + spans.seconds);
                tell(span, begin, &mut sink)?;
            }
            Ok((sink, sealed))
        });
        let told: Result<_, pga_storage::Error> = told.await.map_err(|_| ApiError::Internal)?;
        (sink, sealed) = told.map_err(|error| questions::failed(&error))?;
        if spans.is_paced {
            tokio::time::sleep(begun.elapsed()).await;
        }
        from = to;
    }
    Ok((sink, sealed))
}

/// Shows all statements of a span.
fn tell(span: &StatementSpan, begin: i64, sink: &mut impl Sink) -> Result<(), pga_storage::Error> {
    let columns = span.columns()?;
    let column = |name| columns.counter(name);
    let [calls, ms, rows] = ["calls", "total_time", "rows"].map(column);
    let [hits, reads, wal] = ["shared_blks_hit", "shared_blks_read", "wal_bytes"].map(column);
    let temp = ["temp_blks_read", "temp_blks_written"].map(column);
    let covered = columns.covered();
    let io = ["blk_read_time", "blk_write_time"].map(column);
    for row in 0..columns.len() {
        let entry = Entry {
            database: columns.database(row),
            user: Some(columns.user(row)),
            hash: columns.hash(row),
            calls: calls.number(row),
            ms: ms.number(row),
            rows: rows.number(row),
            hits: hits.number(row),
            reads: reads.number(row),
            temp: temp.iter().map(|one| one.number(row)).sum(),
            wal: wal.number(row),
            io_ms: io.iter().map(|one| one.number(row)).sum(),
            covered: covered.number(row),
            stddev_ms: columns.stddev_ms(row).unwrap_or_default(),
        };
        sink.take(begin, &entry);
    }
    Ok(())
}

/// Reads what is not sealed.
async fn read_rows<S: Sink>(
    api: &dyn NodeApi,
    collector: CollectorId,
    spans: Spans,
    mut sink: S,
) -> Result<S, ApiError> {
    let question = StatementParts {
        collector,
        from: at(spans.from),
        to: at(spans.to),
        step_micros: spans.seconds * 1_000_000,
        limit: MAX_ROWS,
    };
    for part in questions::ask(api, collector, &question).await? {
        let entry = Entry {
            database: &part.database,
            user: None,
            hash: part.query_hash,
            calls: part.calls as f64,
            ms: part.total_ms,
            rows: part.rows as f64,
            hits: part.blocks as f64,
            reads: 0.0,
            temp: 0.0,
            wal: 0.0,
            io_ms: 0.0,
            covered: 0.0,
            stddev_ms: 0.0,
        };
        sink.take(part.part.saturating_mul(spans.seconds), &entry);
    }
    Ok(sink)
}

/// Milliseconds of each statement, by database.
#[derive(Debug, Default)]
pub(crate) struct Times(BTreeMap<String, HashMap<i64, f64>>);

impl Sink for Times {
    fn take(&mut self, _begin: i64, entry: &Entry<'_>) {
        if !self.0.contains_key(entry.database) {
            self.0.insert(entry.database.to_owned(), HashMap::new());
        }
        if let Some(of) = self.0.get_mut(entry.database) {
            *of.entry(entry.hash).or_default() += entry.ms;
        }
    }
}

impl Times {
    /// Adds up the hours of a server: a twelfth of what five minutes are.
    pub(crate) async fn read(
        api: &dyn NodeApi,
        collector: CollectorId,
        spans: Spans,
    ) -> Result<Self, ApiError> {
        let hours = Spans {
            seconds: 3_600,
            ..spans
        };
        read(api, collector, hours, Self::default()).await
    }

    /// How many statements there are.
    pub(crate) fn len(&self) -> usize {
        self.0.values().map(HashMap::len).sum()
    }

    /// Those that take most time, the most first: at most so many of a database, and in all.
    pub(crate) fn most(&self, of_one: usize, in_all: usize) -> Vec<(&str, i64)> {
        let mut most = Vec::new();
        for (database, of) in &self.0 {
            let mut times: Vec<(i64, f64)> = of.iter().map(|(hash, ms)| (*hash, *ms)).collect();
            times.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
            let first = times.into_iter().take(of_one);
            most.extend(first.map(|(hash, ms)| (database.as_str(), hash, ms)));
        }
        most.sort_by(|(.., one), (.., other)| other.total_cmp(one));
        most.truncate(in_all);
        most.into_iter()
            .map(|(database, hash, _)| (database, hash))
            .collect()
    }

    /// The ids of those that take most time, over all databases.
    pub(crate) fn most_hashes(&self, in_all: usize) -> BTreeSet<i64> {
        let most = self.most(in_all, in_all).into_iter();
        most.map(|(_, hash)| hash).collect()
    }
}
