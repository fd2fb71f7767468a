//! What a store has of a window of statements: sealed spans, and the differences beside them
//! ([`crate::store::query_rollup`]).

use pga_config::CollectorId;

use super::cover::Cover;
use super::reads;
use crate::Result;
use crate::query::questions::rows;
use crate::query::{Read, Row};
use crate::store::ReadStore;
use crate::store::query_rollup::Span;

/// What was found.
pub(in crate::query) struct SealedSums {
    /// Differences, each with the span that it counts in.
    pub(in crate::query) differences: Vec<(Span, Vec<Row>)>,
    /// Begins and contents of sealed spans.
    pub(in crate::query) spans: Vec<Vec<Row>>,
}

impl SealedSums {
    /// Reads a window of a collector, or of one of its statements. `cover` says what of it is read
    /// as spans and what as rows, if all before a moment (in Unix seconds) is sealed.
    pub(in crate::query) async fn read(
        store: &dyn ReadStore,
        collector: CollectorId,
        (window, statement): (Span, Option<i64>),
        cover: impl Fn(Option<i64>) -> Cover,
    ) -> Result<Self> {
        let mut sealed = mark(&rows(store, reads::mark(collector)).await?);
        loop {
            let cover = cover(sealed);
            let mut wanted = vec![reads::mark(collector)];
            let ends = cover.rows.iter();
            wanted.extend(ends.map(|span| reads::differences(collector, *span, statement)));
            wanted.push(reads::long_differences(collector, window, statement));
            let spans = cover.spans.iter();
            wanted.extend(spans.map(|spans| reads::spans(collector, *spans)));
            let wanted = wanted.into_iter().map(Read::Select).collect();
            let mut found = store.read(wanted).await?.into_iter();
            let now = mark(&found.next().unwrap_or_default());
            // A copy from another node may have taken the store's place, and have sealed less.
            if now >= sealed {
                let windows = cover.rows.into_iter().chain([window]);
                return Ok(Self {
                    differences: windows.zip(found.by_ref()).collect(),
                    spans: found.collect(),
                });
            }
            sealed = now;
        }
    }
}

/// Before which moment all is sealed, in Unix seconds.
fn mark(rows: &[Row]) -> Option<i64> {
    rows.first().and_then(|row| row.int(0))
}
