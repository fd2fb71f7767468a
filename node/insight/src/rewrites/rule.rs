//! What a rule is.

use super::about::About;
use super::finding::Draft;
use super::view::View;

/// One way to write a statement otherwise.
pub(super) trait Rule: Sync {
    /// What is always said about it.
    fn about(&self) -> About;

    /// Whether it also judges the condition of UPDATE and DELETE.
    fn judges_writes(&self) -> bool {
        false
    }

    /// Whether its rewrites evaluate conditions and values at other rows or at another number of
    /// them.
    fn evaluates_otherwise(&self) -> bool {
        false
    }

    /// What it finds in one query of a statement.
    fn check(&self, view: &View<'_>) -> Vec<Draft>;
}
