//! An index that could be, with its figures.

use super::shape::Shape;

/// A candidate with its figures.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Candidate {
    pub(super) shape: Shape,
    /// Cost of each need.
    pub(super) costs: Vec<f64>,
    pub(super) write_seconds: f64,
}
