//! What a condition consists of.

use crate::index_advice::demand::Term;

/// Predicates that a condition consists of.
#[derive(Debug)]
pub(super) struct Terms {
    /// Access and predicate; all hold.
    pub(super) terms: Vec<(usize, Term)>,
    /// Access and alternatives.
    pub(super) branches: Vec<(usize, Vec<Vec<Term>>)>,
    /// Whether the predicates say all that the condition says.
    pub(super) is_complete: bool,
}

impl Terms {
    pub(super) fn none() -> Self {
        Self {
            terms: Vec::new(),
            branches: Vec::new(),
            is_complete: false,
        }
    }

    pub(super) fn of(terms: Vec<(usize, Term)>) -> Self {
        let is_complete = !terms.is_empty();
        Self {
            terms,
            branches: Vec::new(),
            is_complete,
        }
    }

    pub(super) fn and(mut self, other: Self) -> Self {
        self.terms.extend(other.terms);
        self.branches.extend(other.branches);
        self.is_complete &= other.is_complete;
        self
    }
}
