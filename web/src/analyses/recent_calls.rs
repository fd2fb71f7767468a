//! How often statements were called in the last half an hour, from sample to sample.

use std::collections::{BTreeMap, BTreeSet};

use pga_config::CollectorId;
use pga_insight::rewrites::{CallShape, NPlusOne, SampledCalls, row_by_row};
use pga_storage::Timestamp;
use pga_storage::query::{StatementPart, StatementParts};

use crate::questions;
use crate::{ApiError, NodeApi};

/// Length of a part, in microseconds: no longer than from one sample to the next.
const PART: i64 = 10_000_000;
/// How many parts are read.
const PARTS: i64 = 180;
/// Rows that are read.
const MAX_ROWS: u32 = 500_000;
/// Statements of one database that are compared, those with most calls.
const STATEMENTS: usize = 1_000;

/// What the statements of a server did in each part.
#[derive(Debug, Default)]
pub(super) struct RecentCalls {
    /// By database and statement.
    of: BTreeMap<String, BTreeMap<i64, Vec<StatementPart>>>,
}

impl RecentCalls {
    /// Reads them.
    pub(super) async fn read(
        api: &dyn NodeApi,
        collector: CollectorId,
        now: Timestamp,
    ) -> Result<Self, ApiError> {
        let question = StatementParts {
            collector,
            from: Timestamp::from_micros(now.micros() - PARTS * PART),
            to: now,
            step_micros: PART,
            limit: MAX_ROWS,
        };
        let parts = questions::ask(api, collector, &question).await?;
        let mut recent = Self::default();
        for part in parts {
            let database = recent.of.entry(part.database.clone()).or_default();
            database.entry(part.query_hash).or_default().push(part);
        }
        Ok(recent)
    }

    /// Which look-ups of a database ran once for each row of another statement.
    pub(super) fn row_by_row(
        &self,
        database: &str,
        shapes: &BTreeMap<i64, CallShape>,
    ) -> Vec<NPlusOne> {
        let Some(statements) = self.of.get(database) else {
            return Vec::new();
        };
        let parts: BTreeSet<i64> = statements.values().flatten().map(|of| of.part).collect();
        let (Some(first), Some(last)) = (parts.first(), parts.last()) else {
            return Vec::new();
        };
        let seconds = ((last - first) * PART / 1_000_000) as f64;
        let mut all: Vec<SampledCalls> = statements
            .iter()
            .map(|(hash, seen)| sampled(*hash, seen, &parts, shapes))
            .collect();
        let calls = |of: &SampledCalls| of.samples.iter().map(|(calls, _)| calls).sum::<f64>();
        all.sort_by(|one, other| calls(other).total_cmp(&calls(one)));
        // The parent of a look-up has a tenth of its calls at most.
        all.truncate(STATEMENTS);
        row_by_row(&all, seconds)
    }
}

fn sampled(
    hash: i64,
    seen: &[StatementPart],
    parts: &BTreeSet<i64>,
    shapes: &BTreeMap<i64, CallShape>,
) -> SampledCalls {
    let by_part: BTreeMap<i64, &StatementPart> = seen.iter().map(|of| (of.part, of)).collect();
    let of = |part: &i64| {
        let held = by_part.get(part);
        held.map_or((0.0, 0.0), |of| (of.calls as f64, of.rows as f64))
    };
    let calls: i64 = seen.iter().map(|of| of.calls).sum();
    let ms: f64 = seen.iter().map(|of| of.total_ms).sum();
    SampledCalls {
        hash,
        samples: parts.iter().map(of).collect(),
        mean_ms: ms / (calls as f64).max(1.0),
        is_key_lookup: shapes.get(&hash) == Some(&CallShape::KeyLookup),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(hash: i64, part: i64, calls: i64, rows: i64) -> StatementPart {
        StatementPart {
            database: "shop".to_owned(),
            query_hash: hash,
            part,
            calls,
            total_ms: calls as f64 * 0.1,
            rows,
            blocks: 0,
        }
    }

    #[test]
    fn a_lookup_for_each_row_is_seen_within_minutes() {
        let mut recent = RecentCalls::default();
        let shop = recent.of.entry("shop".to_owned()).or_default();
        for place in [6, 12, 18, 24] {
            let lists = 10 + place;
            shop.entry(1)
                .or_default()
                .push(part(1, place, lists, lists * 50));
            shop.entry(2)
                .or_default()
                .push(part(2, place, lists * 50, lists * 50));
        }
        // In a part of its own, which says nothing of the others.
        shop.entry(3).or_default().push(part(3, 9, 1, 1));
        let shapes = BTreeMap::from([(1, CallShape::Other), (2, CallShape::KeyLookup)]);
        let found = recent.row_by_row("shop", &shapes);
        let pairs: Vec<_> = found.iter().map(|of| (of.parent, of.child)).collect();
        assert_eq!(pairs, [(1, 2)]);
        assert!((found[0].ratio - 50.0).abs() < 1e-9, "{found:?}");
        assert_eq!(recent.row_by_row("shop", &BTreeMap::new()), []);
        assert_eq!(recent.row_by_row("other", &shapes), []);
    }
}
