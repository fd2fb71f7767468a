//! The refusal of a value that cannot be.

use crate::refusal::Refusal;

/// 400, with what to correct.
pub(super) fn invalid(details: impl Into<String>) -> Refusal {
    Refusal::bad("invalid", "Validation failed").with_details(details)
}
