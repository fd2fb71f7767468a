//! Documents and samples in one order.

use std::cmp::Ordering;
use std::iter::Peekable;

use super::cursor::Cursor;
use super::page::{ElementOrder, ElementPage, PAGE_BYTES};
use crate::Result;

/// An element and its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Placed {
    pub(super) place: Cursor,
    /// As JSON, as it was sent.
    pub(super) text: String,
}

/// The first `limit` elements of two lists, each of which is in order.
pub(super) fn merge(
    documents: impl Iterator<Item = Result<Placed>>,
    samples: impl Iterator<Item = Result<Placed>>,
    order: ElementOrder,
    limit: usize,
) -> Result<ElementPage> {
    let (mut documents, mut samples) = (documents.peekable(), samples.peekable());
    let mut page = ElementPage::default();
    let (mut bytes, mut last) = (0, None);
    while let Some(next) = next(&mut documents, &mut samples, order) {
        if page.data.len() >= limit || bytes >= PAGE_BYTES {
            page.next_cursor = last.map(|place: Cursor| place.to_string());
            break;
        }
        let Placed { place, text } = next?;
        bytes += text.len();
        page.data.push(text);
        last = Some(place);
    }
    Ok(page)
}

/// The one that comes first, or a failure.
fn next(
    one: &mut Peekable<impl Iterator<Item = Result<Placed>>>,
    other: &mut Peekable<impl Iterator<Item = Result<Placed>>>,
    order: ElementOrder,
) -> Option<Result<Placed>> {
    let wanted = match order {
        ElementOrder::Ascending => Ordering::Less,
        ElementOrder::Descending => Ordering::Greater,
    };
    let is_first = match (one.peek(), other.peek()) {
        (Some(Ok(one)), Some(Ok(other))) => one.place.cmp(&other.place) == wanted,
        (Some(Ok(_)), Some(Err(_))) => false,
        (one, _) => one.is_some(),
    };
    if is_first { one.next() } else { other.next() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    fn placed(at: i64, bytes: usize) -> Result<Placed> {
        let place = Cursor {
            time: Timestamp::from_micros(at),
            index: 1,
            ordinal: 0,
        };
        let mut text = "x".repeat(bytes - 1);
        text.insert_str(0, &at.to_string());
        Ok(Placed { place, text })
    }

    fn page(one: &[i64], other: &[i64], order: ElementOrder, limit: usize) -> ElementPage {
        let all = |times: &[i64]| -> Vec<_> { times.iter().map(|at| placed(*at, 1)).collect() };
        merge(all(one).into_iter(), all(other).into_iter(), order, limit).unwrap()
    }

    #[test]
    fn a_page_ends_at_its_limit_and_says_where_the_next_one_begins() {
        let (asc, desc) = (ElementOrder::Ascending, ElementOrder::Descending);
        for (one, other, order, limit, want, cursor) in [
            (&[1, 4][..], &[2, 3][..], asc, 4, "1 2 3 4", None),
            (&[1, 4], &[2, 3], asc, 3, "1 2 3", Some("3_1_0")),
            (&[4, 1], &[3, 2], desc, 2, "4 3", Some("3_1_0")),
            (&[], &[3, 2], desc, 5, "3 2", None),
            (&[], &[], asc, 5, "", None),
        ] {
            let page = page(one, other, order, limit);
            assert_eq!(page.data.join(" "), want, "{one:?} {other:?}");
            assert_eq!(page.next_cursor.as_deref(), cursor, "{one:?} {other:?}");
        }
    }

    #[test]
    fn a_page_ends_at_its_bytes_after_at_least_one_element() {
        let all = [
            placed(1, PAGE_BYTES - 1),
            placed(2, PAGE_BYTES),
            placed(3, 1),
        ];
        let page = merge(
            all.into_iter(),
            std::iter::empty(),
            ElementOrder::Ascending,
            9,
        );
        let page = page.unwrap();
        assert_eq!(page.data.len(), 2);
        assert_eq!(page.next_cursor.as_deref(), Some("2_1_0"));
    }
}
