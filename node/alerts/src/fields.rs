//! What rules ask to be remembered.

use std::collections::BTreeSet;

/// The fields of one type of elements of which more than the newest value is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// Those with a history of an hour and of a day.
    pub histories: BTreeSet<String>,
    /// Those whose usual level is learnt.
    pub values: BTreeSet<String>,
    /// Counters whose usual growth is learnt.
    pub growths: BTreeSet<String>,
}

impl Fields {
    pub(crate) fn add(&mut self, other: Self) {
        self.histories.extend(other.histories);
        self.values.extend(other.values);
        self.growths.extend(other.growths);
    }
}
