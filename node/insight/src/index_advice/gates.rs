//! When an index is worth an advice.

use super::board::Board;
use super::candidate::Candidate;
use super::catalog::{IndexKey, Relation};
use super::existing::Existing;
use super::need::Need;
use super::selectivity::count;
use super::shape::Shape;

/// Rows of a table that needs indexes. Rows and not pages: a small table that is written often has
/// many pages between two vacuums, and no index is the answer to that.
const MIN_ROWS: f64 = 1_000.0;
/// Share of its time that the best served statement saves at least: of what other new indexes
/// leave of it.
const MIN_SHARE: f64 = 0.2;
/// Seconds a day that all statements save at least.
const MIN_SECONDS: f64 = 60.0;
/// How many times its own cost an index saves at least.
const MIN_RETURN: f64 = 3.0;
/// Days or calls that a demand was seen.
const MIN_DAYS: f64 = 2.0;
const MIN_CALLS: f64 = 1_000.0;
/// Share of the whole table's cost that a branch of an OR may have when served.
pub(super) const BRANCH_SHARE: f64 = 0.8;
/// Rows that an existing index may leave to be read.
const MAX_ROWS_LEFT: f64 = 100.0;
/// Share of the whole table's cost that an existing index may leave, and rows with it.
const MAX_COST_LEFT: f64 = 0.05;
const MAX_ROWS_WITH_COST: f64 = 1_000.0;

/// How well a demand is known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Seen {
    pub(super) days: f64,
    pub(super) calls: f64,
}

/// Why no index on a relation is advised at all.
pub(super) fn relation(relation: &Relation) -> Option<String> {
    if relation.is_partitioned {
        let text = "the table is partitioned: indexes are advised for its partitions";
        return Some(text.to_owned());
    }
    let rows = relation.known_rows()?;
    (rows < MIN_ROWS).then(|| {
        format!("the table has {rows:.0} rows, fewer than {MIN_ROWS:.0}: it is read as a whole")
    })
}

/// Whether an existing index leaves so little that no other one is worth it.
pub(super) fn is_enough(served: &super::board::Served) -> bool {
    let Some((_, path)) = &served.index else {
        return false;
    };
    let is_cheap = path.cost <= MAX_COST_LEFT * served.sequential;
    path.rows_read <= MAX_ROWS_LEFT || is_cheap && path.rows_read <= MAX_ROWS_WITH_COST
}

/// Checks what a candidate would save for each need, of what its statement still takes.
pub(super) fn check(
    board: &Board<'_>,
    seen: &[Seen],
    gains: &[f64],
    left: &[f64],
    candidate: &Candidate,
) -> Result<(), String> {
    if let Some(name) = failed_build(board.existing, &candidate.shape) {
        return Err(format!(
            "the index {name} with these columns is invalid or being built: finish or drop it first"
        ));
    }
    let saved: f64 = gains.iter().sum();
    if saved < MIN_SECONDS {
        return Err(format!(
            "it would save {saved:.1} s a day, less than {MIN_SECONDS:.0}"
        ));
    }
    let write = candidate.write_seconds;
    if saved < MIN_RETURN * write {
        return Err(format!(
            "it would save {saved:.0} s a day and cost writes {write:.0} s: less than \
            {MIN_RETURN:.0} times"
        ));
    }
    let share = best_share(board, gains, left);
    if share < MIN_SHARE {
        let percent = share * 100.0;
        return Err(format!(
            "the statement that gains most would save {percent:.0} % of the time that other new \
            indexes leave of it, less than 20 %"
        ));
    }
    let helped = gains.iter().zip(seen).filter(|(gain, _)| **gain > 0.0);
    let is_known = |seen: &Seen| seen.days >= MIN_DAYS || seen.calls >= MIN_CALLS;
    if !helped.clone().any(|(_, seen)| is_known(seen)) {
        return Err(
            "the demand was seen on fewer than 2 days and fewer than 1,000 times".to_owned(),
        );
    }
    Ok(())
}

/// Share of its statement's time that the need which gains most saves. A branch of an OR counts for
/// all of them: they are served together or not at all.
fn best_share(board: &Board<'_>, gains: &[f64], left: &[f64]) -> f64 {
    let pairs = gains.iter().zip(&board.needs).zip(left);
    let shares = pairs.map(|((gain, need), left)| {
        let branches = need.group.map_or(1, |group| {
            let same = |other: &&&Need| other.asker == need.asker && other.group == Some(group);
            board.needs.iter().filter(same).count()
        });
        gain * count(branches) / left.max(f64::MIN_POSITIVE)
    });
    shares.fold(0.0, f64::max)
}

/// An index that cannot be used yet and starts with the same columns.
fn failed_build(existing: &[Existing<'_>], shape: &Shape) -> Option<String> {
    let texts: Vec<&str> = shape.keys.iter().map(|key| key.key.text()).collect();
    let same = |existing: &&Existing<'_>| {
        let index = existing.index;
        let keys: Vec<&str> = existing.keys.iter().map(IndexKey::text).collect();
        let is_unusable = !index.is_valid || !index.is_ready || index.is_in_progress;
        is_unusable && !texts.is_empty() && keys.starts_with(&texts)
    };
    existing
        .iter()
        .find(same)
        .map(|existing| existing.index.name.clone())
}
