//! Where a page begins and ends.

use pga_config::CollectorId;

use super::cursor::Cursor;
use super::page::{ElementOrder, Elements, MOST};
use crate::{Result, Timestamp};

/// A part of a collector's elements, in their order (time, log index, ordinal).
#[derive(Clone, Debug, PartialEq)]
pub struct ElementRange {
    /// Whose.
    pub collector: CollectorId,
    /// Which end comes first.
    pub order: ElementOrder,
    /// The place (time, log index, ordinal) after which it begins, or before which if the newest
    /// come first. Index and ordinal are -1 before all elements of the time.
    pub start: (Timestamp, i64, i64),
    /// The time at which it ends: exclusive with the oldest first, else inclusive.
    pub end: Timestamp,
    /// At most so many elements.
    pub limit: u32,
}

impl ElementRange {
    /// What a page is made of, and one element more: it tells whether there is another page.
    ///
    /// # Errors
    /// `Argument` if the cursor is none.
    pub(super) fn of(asked: &Elements) -> Result<Self> {
        let cursor: Option<Cursor> = asked.cursor.as_deref().map(str::parse).transpose()?;
        let cursor = cursor.map(|cursor| {
            let index = i64::try_from(cursor.index).unwrap_or(i64::MAX);
            // Columns of ordinals are of 32 bits with a sign.
            let ordinal = i32::try_from(cursor.ordinal).unwrap_or(i32::MAX);
            (cursor.time, index, i64::from(ordinal))
        });
        let (first, last) = (
            asked.from.unwrap_or(Timestamp::from_micros(i64::MIN)),
            asked.to.unwrap_or(Timestamp::from_micros(i64::MAX)),
        );
        let (start, end) = match asked.order {
            ElementOrder::Ascending => {
                let bound = (first, -1, -1);
                (cursor.map_or(bound, |cursor| cursor.max(bound)), last)
            }
            ElementOrder::Descending => {
                let bound = (last, -1, -1);
                (cursor.map_or(bound, |cursor| cursor.min(bound)), first)
            }
        };
        Ok(Self {
            collector: asked.collector,
            order: asked.order,
            start,
            end,
            limit: asked.limit.clamp(1, MOST) + 1,
        })
    }

    /// The earliest and the latest time in it.
    pub const fn times(&self) -> (Timestamp, Timestamp) {
        match self.order {
            ElementOrder::Ascending => (self.start.0, self.end),
            ElementOrder::Descending => (self.end, self.start.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_begins_at_the_later_of_its_bound_and_its_cursor() {
        let at = Timestamp::from_micros;
        let asked = |order, from: Option<i64>, to: Option<i64>, cursor: Option<&str>| Elements {
            collector: CollectorId::from_external("c"),
            kind: None,
            from: from.map(at),
            to: to.map(at),
            order,
            limit: 0,
            cursor: cursor.map(str::to_owned),
        };
        let (asc, desc) = (ElementOrder::Ascending, ElementOrder::Descending);
        for (order, from, to, cursor, start, times) in [
            (asc, Some(5), Some(9), None, (5, -1, -1), (5, 9)),
            (
                asc,
                Some(5),
                None,
                Some("4_7_1"),
                (5, -1, -1),
                (5, i64::MAX),
            ),
            (asc, Some(5), Some(9), Some("6_7_1"), (6, 7, 1), (6, 9)),
            (desc, Some(5), Some(9), None, (9, -1, -1), (5, 9)),
            (
                desc,
                None,
                Some(9),
                Some("9_7_1"),
                (9, -1, -1),
                (i64::MIN, 9),
            ),
            (desc, Some(5), Some(9), Some("6_7_1"), (6, 7, 1), (5, 6)),
        ] {
            let range = ElementRange::of(&asked(order, from, to, cursor)).unwrap();
            let name = format!("{order:?} {from:?} {to:?} {cursor:?}");
            assert_eq!(range.start, (at(start.0), start.1, start.2), "{name}");
            assert_eq!(range.times(), (at(times.0), at(times.1)), "{name}");
            assert_eq!(range.limit, 2, "{name}");
        }
        assert!(ElementRange::of(&asked(asc, None, None, Some("5_1"))).is_err());
    }
}
