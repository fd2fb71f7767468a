//! Elements that are refused alone: the rest of their push takes effect.

use std::collections::BTreeMap;

use pga_storage::Element;
use serde::Serialize;

use super::fault::DecodeError;
use super::skip::Skipped;

/// Most elements of a push that are named.
const NAMED: usize = 20;

/// Why an element may be refused alone.
pub(crate) const REASONS: [&str; 16] = [
    "control_character",
    "counter",
    "depth",
    "duplicate_key",
    "element",
    "element_time",
    "escape",
    "integer_range",
    "labels",
    "nul",
    "number",
    "string_bytes",
    "surrogate",
    "time_range",
    "type",
    "utf8",
];

/// The elements of a push that were refused, each alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Rejected {
    /// How many.
    pub count: u64,
    /// How many for each reason.
    pub by_reason: BTreeMap<&'static str, u64>,
    /// The first twenty.
    pub first: Vec<RejectedElement>,
    #[serde(skip)]
    error: Option<DecodeError>,
}

/// An element that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RejectedElement {
    /// Its place in the push, from 0 on.
    pub index: u64,
    /// Its type; empty if it does not tell.
    #[serde(rename = "type")]
    pub kind: String,
    /// Which rule it breaks.
    pub reason: &'static str,
}

impl Rejected {
    /// The error of the first one, which refuses the whole push where that is asked for.
    pub fn error(&self) -> Option<&DecodeError> {
        self.error.as_ref()
    }

    /// Adds an element.
    pub(super) fn add(&mut self, index: u64, kind: &str, error: DecodeError) {
        self.count += 1;
        *self.by_reason.entry(error.reason).or_default() += 1;
        if self.first.len() < NAMED {
            self.first.push(RejectedElement {
                index,
                kind: kind.to_owned(),
                reason: error.reason,
            });
        }
        self.error.get_or_insert(error);
    }
}

impl DecodeError {
    /// Whether it may be about one element alone, if that ends somewhere.
    pub(super) fn is_of_element(&self) -> bool {
        REASONS.contains(&self.reason)
    }
}

/// The type of an element that was not read.
pub(super) fn kind<'a>(skipped: &Skipped<'a>) -> &'a str {
    let default = if skipped.is_object {
        Element::SAMPLES
    } else {
        ""
    };
    skipped.kind.unwrap_or(default)
}
