//! Causes that made the same plan do more, or do it slower.

use super::case::Case;
use crate::words::figure;

/// Share of the time's factor that explains it.
const EXPLAINS: f64 = 0.7;
/// Figures within this factor are the same.
const SAME: f64 = 1.2;
/// Least factor by which blocks for a row grew.
const MORE_BLOCKS: f64 = 1.3;
/// Least growth of the share of blocks that are read.
const COLDER: f64 = 0.1;

pub(super) fn more_rows(case: &Case<'_>) -> Option<String> {
    if case.pivot.is_some() {
        return None;
    }
    let (good, bad) = case.means;
    let time = factor(good.time_ms, bad.time_ms).filter(|time| *time > 1.0)?;
    let rows = factor(good.rows, bad.rows)?;
    let blocks = factor(good.blocks, bad.blocks)?;
    let holds = rows > 1.0 && blocks > 1.0 && rows.min(blocks) >= EXPLAINS * time;
    holds.then(|| {
        format!(
            "{} times the rows, {} times the blocks, for {} times the time",
            figure(rows),
            figure(blocks),
            figure(time)
        )
    })
}

pub(super) fn more_blocks(case: &Case<'_>) -> Option<String> {
    let (good, bad) = case.means;
    let rows = factor(good.rows, bad.rows)?;
    let blocks = factor(good.blocks, bad.blocks)?;
    if case.pivot.is_some() || !is_same(rows) || blocks / rows < MORE_BLOCKS {
        return None;
    }
    let more_fetches = factor(good.heap_fetches, bad.heap_fetches).is_some_and(|more| more > SAME);
    let why = if more_fetches {
        "fewer pages are all-visible"
    } else {
        "bloat, or lost correlation"
    };
    Some(format!(
        "{} times the blocks a row: {why}",
        figure(blocks / rows)
    ))
}

pub(super) fn colder(case: &Case<'_>) -> Option<String> {
    let (good, bad) = case.means;
    let blocks = factor(good.blocks, bad.blocks)?;
    let share = |read: Option<f64>, all: Option<f64>| Some(read? / all?.max(1.0));
    let was = share(good.blocks_read, good.blocks)?;
    let is = share(bad.blocks_read, bad.blocks)?;
    let holds = case.pivot.is_none() && is_same(blocks) && is - was >= COLDER;
    holds.then(|| {
        format!(
            "{:.0} % of the blocks were read, now {:.0} %",
            was * 100.0,
            is * 100.0
        )
    })
}

pub(super) fn waiting(case: &Case<'_>) -> Option<String> {
    let (good, bad) = case.means;
    let same_work = factor(good.blocks, bad.blocks).is_none_or(is_same);
    let wait = case
        .change
        .wait
        .as_ref()
        .filter(|_| case.pivot.is_none() && same_work)?;
    Some(format!("the statement waits for {wait}"))
}

fn factor(good: Option<f64>, bad: Option<f64>) -> Option<f64> {
    Some(bad?.max(1.0) / good?.max(1.0))
}

fn is_same(factor: f64) -> bool {
    (1.0 / SAME..=SAME).contains(&factor)
}
