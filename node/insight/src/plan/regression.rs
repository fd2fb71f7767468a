//! Why a statement became slower: two plans and what happened between them.

mod case;
mod cause;
mod change;
mod difference;
mod flip;
mod pivot;
mod planner;
mod slower;
mod work;

use serde::Serialize;

use super::document::Plan;

pub use self::cause::{Cause, CauseKind};
pub use self::change::{Change, Means, TableChange};
pub use self::difference::Difference;
pub use self::flip::{Flip, Sighting};
pub use self::pivot::Pivot;
pub use self::slower::{Slower, may_be_slower};

use self::case::Case;
use self::cause::CAUSES;

/// Why a statement became slower.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Regression {
    /// The first node that differs; nothing if the structure is the same.
    pub pivot: Option<Pivot>,
    /// The first cause that holds.
    pub cause: Cause,
    /// Further causes that hold.
    pub contributing: Vec<Cause>,
    /// The three figures that differ most, the largest first.
    pub differences: Vec<Difference>,
}

/// Compares the last good plan of a statement with the present one.
///
/// Causes that can be told from the plans are; the others need `change`, and do not hold for what
/// it does not tell.
#[must_use]
pub fn compare(good: &Plan, bad: &Plan, change: &Change) -> Regression {
    let pivot = Pivot::find(good, bad);
    let means = (
        change.good.unwrap_or_else(|| Means::of(good)),
        change.bad.unwrap_or_else(|| Means::of(bad)),
    );
    let case = Case {
        good,
        bad,
        change,
        pivot: pivot.as_ref(),
        means,
    };
    let mut holding = CAUSES.iter().filter_map(|(kind, holds)| {
        holds(&case).map(|evidence| Cause {
            kind: *kind,
            evidence,
        })
    });
    let cause = holding.next();
    let contributing = holding.collect();
    let differences = difference::largest(&means.0, &means.1);
    let cause = cause.unwrap_or_else(|| Cause::unknown(&differences));
    Regression {
        pivot,
        cause,
        contributing,
        differences,
    }
}

#[cfg(test)]
mod tests;
