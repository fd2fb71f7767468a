//! A page of a collector's elements, as they were sent.
//!
//! A page is the first of two lists merged in the order (time, log index, ordinal), which is also
//! what the cursor names: the documents, which a statement reads, and the plain samples, which each
//! store keeps in a way of its own ([`Read::Samples`]).

mod cursor;
mod documents;
mod merge;
mod page;
mod range;

pub use self::cursor::Cursor;
use self::merge::{Placed, merge};
use self::page::MOST;
pub(crate) use self::page::PAGE_BYTES;
pub use self::page::{ElementOrder, ElementPage, Elements};
pub use self::range::ElementRange;
use super::{Question, Read, Row};
use crate::store::ReadStore;
use crate::store::mapper::Value;
use crate::{Element, Result};

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
