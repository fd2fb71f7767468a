//! Reads what the statements of a server did in spans of time over weeks.
//!
//! Spans that a flush has sealed are read as such; what is younger, or a backlog that is not sealed
//! yet, is read from rows.

use pga_config::CollectorId;
use pga_storage::Timestamp;
use pga_storage::query::{StatementParts, StatementSpans};

use crate::questions;
use crate::{ApiError, NodeApi};

/// Spans that are read at once, so that memory stays small.
const AT_ONCE: i64 = 96;
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
    /// Of the calls in the span; 0 where the samples do not tell, or nothing is sealed.
    pub(crate) stddev_ms: f64,
}

/// Who takes what was read.
pub(crate) trait Sink: Send + 'static {
    /// Takes what a statement did in the span that begins at this Unix second.
    fn take(&mut self, begin: i64, entry: &Entry<'_>);

    /// Some spans are over: memory may be given back.
    fn pause(&mut self) {}
}

/// Which spans are read, in Unix seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spans {
    /// Length of a span: 300 or 3,600.
    pub(crate) seconds: i64,
    pub(crate) from: i64,
    pub(crate) to: i64,
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(second.saturating_mul(1_000_000))
}

/// Reads the spans of a server, oldest first.
pub(crate) async fn read<S: Sink>(
    api: &dyn NodeApi,
    collector: CollectorId,
    spans: Spans,
    mut sink: S,
) -> Result<S, ApiError> {
    let (mut from, mut sealed) = (spans.from, spans.from);
    while from < spans.to {
        let to = (from + AT_ONCE * spans.seconds).min(spans.to);
        let question = StatementSpans {
            collector,
            seconds: spans.seconds,
            from: at(from),
            to: at(to),
        };
        let found = questions::ask(api, collector, &question).await?;
        let told = pga_runtime::spawn_blocking(move || {
            for span in found {
                let begin = span.begin.micros().div_euclid(1_000_000);
                sealed = sealed.max(begin + spans.seconds);
                let columns = &span.columns;
                for row in 0..columns.len() {
                    let of = |name| columns.counter(name, row);
                    let entry = Entry {
                        database: columns.database(row),
                        user: Some(columns.user(row)),
                        hash: columns.hash(row),
                        calls: of("calls"),
                        ms: of("total_time"),
                        rows: of("rows"),
                        hits: of("shared_blks_hit"),
                        reads: of("shared_blks_read"),
                        temp: of("temp_blks_read") + of("temp_blks_written"),
                        wal: of("wal_bytes"),
                        stddev_ms: columns.stddev_ms(row).unwrap_or_default(),
                    };
                    sink.take(begin, &entry);
                }
            }
            sink.pause();
            (sink, sealed)
        });
        (sink, sealed) = told.await.map_err(|_| ApiError::Internal)?;
        from = to;
    }
    rest(
        api,
        collector,
        Spans {
            from: sealed,
            ..spans
        },
        sink,
    )
    .await
}

/// Reads what is not sealed.
async fn rest<S: Sink>(
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
            stddev_ms: 0.0,
        };
        sink.take(part.part.saturating_mul(spans.seconds), &entry);
    }
    Ok(sink)
}
