//! What the causes of a regression look at.

use super::change::{Change, Means};
use super::pivot::Pivot;
use crate::plan::document::Plan;

/// What the causes look at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case<'a> {
    pub(super) good: &'a Plan,
    pub(super) bad: &'a Plan,
    pub(super) change: &'a Change,
    pub(super) pivot: Option<&'a Pivot>,
    /// Per call, when it was good and now.
    pub(super) means: (Means, Means),
}
