//! Stored patterns and those of a new run.

use serde::{Deserialize, Serialize};

use super::Pattern;

/// Runs that may miss a pattern before it is dropped.
const MAY_MISS: u32 = 1;

/// A stored pattern.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// As it was found last.
    pub pattern: Pattern,
    /// Runs in a row that did not find it.
    pub missed_runs: u32,
}

/// Joins the stored patterns of one database with those of a run: found ones replace stored ones of
/// the same [`Pattern::key`], and one that two runs in a row did not find is dropped.
#[must_use]
pub fn keep(stored: Vec<Kept>, found: Vec<Pattern>) -> Vec<Kept> {
    let is_found = |kept: &Kept| found.iter().any(|found| found.key() == kept.pattern.key());
    let missed = stored
        .into_iter()
        .filter(|kept| !is_found(kept) && kept.missed_runs < MAY_MISS)
        .map(|kept| Kept {
            missed_runs: kept.missed_runs + 1,
            ..kept
        });
    let missed: Vec<Kept> = missed.collect();
    let found = found.into_iter().map(|pattern| Kept {
        pattern,
        missed_runs: 0,
    });
    found.chain(missed).collect()
}
