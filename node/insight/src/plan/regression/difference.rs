//! The figures that differ most.

use serde::Serialize;

use super::change::Means;

/// How many are told.
const TOLD: usize = 3;

/// One figure that differs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// What it is.
    pub name: &'static str,
    /// When the statement was good.
    pub good: f64,
    /// Now.
    pub bad: f64,
}

impl Difference {
    /// How many times more it is now; zero counts as one.
    #[must_use]
    pub fn factor(&self) -> f64 {
        self.bad.max(1.0) / self.good.max(1.0)
    }
}

/// The figures that differ most, the largest first. Time is what is explained, so it is none of
/// them.
pub(super) fn largest(good: &Means, bad: &Means) -> Vec<Difference> {
    let figures = [
        ("planning time", good.planning_ms, bad.planning_ms),
        ("rows", good.rows, bad.rows),
        ("blocks", good.blocks, bad.blocks),
        ("blocks read", good.blocks_read, bad.blocks_read),
        ("temporary blocks", good.temp_written, bad.temp_written),
        ("heap fetches", good.heap_fetches, bad.heap_fetches),
    ];
    let told = figures.into_iter().filter_map(|(name, good, bad)| {
        let difference = Difference {
            name,
            good: good?,
            bad: bad?,
        };
        (difference.factor() != 1.0).then_some(difference)
    });
    let mut told: Vec<Difference> = told.collect();
    let size = |difference: &Difference| difference.factor().ln().abs();
    told.sort_by(|one, other| size(other).total_cmp(&size(one)));
    told.truncate(TOLD);
    told
}
