//! What a page of elements is asked with, and what it holds.

use pga_config::CollectorId;

use crate::Timestamp;

/// Most elements of a page, whatever the query asks.
pub(super) const MOST: u32 = 10_000;
/// A page ends at this many bytes of text, after at least one element.
pub(crate) const PAGE_BYTES: usize = 8 << 20;

/// Which elements of a collector, and where to go on.
#[derive(Clone, Debug, PartialEq)]
pub struct Elements {
    /// Whose.
    pub collector: CollectorId,
    /// Only this type; plain samples are `samples`.
    pub kind: Option<String>,
    /// Not older than this, inclusive.
    pub from: Option<Timestamp>,
    /// Older than this, exclusive.
    pub to: Option<Timestamp>,
    /// Which end comes first.
    pub order: ElementOrder,
    /// At most this many elements, 1 to 10,000.
    pub limit: u32,
    /// `next_cursor` of the page before; opaque to callers.
    pub cursor: Option<String>,
}

/// Which end of a collector's elements a page begins at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ElementOrder {
    /// The oldest first.
    #[default]
    Ascending,
    /// The newest first.
    Descending,
}

/// A page of elements, ordered by (time, position, ordinal).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ElementPage {
    /// Each element as JSON text, as it was sent.
    pub data: Vec<String>,
    /// Where the next page starts; `None` at the end.
    pub next_cursor: Option<String>,
}
