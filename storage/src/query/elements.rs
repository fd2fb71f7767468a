//! A page of a collector's elements, as they were sent.
//!
//! A page is the first of two lists merged in the order (time, log index, ordinal), which is also
//! what the cursor names: the documents, which a statement reads, and the plain samples, which each
//! store keeps in a way of its own ([`Read::Samples`]).

mod cursor;
mod documents;
mod merge;
mod range;

use pga_config::CollectorId;

pub use self::cursor::Cursor;
use self::merge::{Placed, merge};
pub use self::range::ElementRange;
use super::{Question, Read, Row};
use crate::store::ReadStore;
use crate::store::mapper::Value;
use crate::{Element, Result, Timestamp};

/// Most elements of a page, whatever the query asks.
const MOST: u32 = 10_000;
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

impl Question for Elements {
    type Answer = ElementPage;

    async fn ask(&self, store: &dyn ReadStore) -> Result<ElementPage> {
        let range = ElementRange::of(self)?;
        let kind = self.kind.as_deref();
        let mut reads = vec![Read::Select(documents::select(&range, kind))];
        if kind.is_none_or(|kind| kind == Element::SAMPLES) {
            reads.push(Read::Samples(range));
        }
        let mut found = store.read(reads).await?.into_iter();
        let documents = found.next().unwrap_or_default().into_iter();
        let samples = found.next().unwrap_or_default().into_iter();
        merge(
            documents.map(documents::placed),
            samples.map(|row| Ok(sample(row))),
            self.order,
            self.limit.clamp(1, MOST) as usize,
        )
    }
}

/// The sample that a row holds.
fn sample(row: Row) -> Placed {
    let place = place(&row);
    let text = match row.into_values().pop() {
        Some(Value::Text(text)) => text,
        _ => String::new(),
    };
    Placed { place, text }
}

/// The place in the first three columns of a row.
fn place(row: &Row) -> Cursor {
    let int = |column| row.int(column).unwrap_or_default();
    Cursor {
        time: row.time(0).unwrap_or_default(),
        index: int(1).unsigned_abs(),
        ordinal: u32::try_from(int(2)).unwrap_or_default(),
    }
}
