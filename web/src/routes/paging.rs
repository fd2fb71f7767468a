//! Pages of lists, by number (contract, appendix A: PaginatedResponse).

use serde_json::{Value, json};

use super::bounded::Bounded;
use super::query_string::QueryString;
use super::route::Content;
use super::shape::{Field, Shape, always, number};

/// Which page of a list.
pub(super) const PAGE_NUMBER: Bounded = Bounded::new("page", 1, u32::MAX, 1);
const SIZE_OF_PAGE: Bounded = Bounded::new("page_size", 1, 100, 20);
/// The arguments of a list.
pub(super) const PAGE: Field = number(PAGE_NUMBER);
/// The arguments of a list.
pub(super) const PAGE_SIZE: Field = number(SIZE_OF_PAGE);

/// Which page of a list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page {
    number: u32,
    size: u32,
}

impl Page {
    /// As asked for.
    pub(super) fn of(args: &QueryString) -> Self {
        Self {
            number: args.number(PAGE_NUMBER),
            size: args.number(SIZE_OF_PAGE),
        }
    }

    /// The answer: this page of `all`, made by `show`.
    pub(super) fn answer<T>(self, all: &[T], show: impl Fn(&T) -> Value) -> Value {
        let size = self.size as usize;
        let skipped = (self.number as usize - 1).saturating_mul(size);
        let data: Vec<Value> = all.iter().skip(skipped).take(size).map(show).collect();
        json!({
            "data": data,
            "total": all.len(),
            "page": self.number,
            "page_size": self.size,
            "total_pages": all.len().div_ceil(size),
        })
    }
}

/// The shape of a list of such items.
macro_rules! paginated {
    ($item:expr) => {
        $crate::routes::route::Content::Json($crate::routes::shape::Shape::Object(&[
            $crate::routes::shape::always("data", $crate::routes::shape::Shape::List(&$item)),
            $crate::routes::paging::TOTAL,
            $crate::routes::paging::NUMBER,
            $crate::routes::paging::SIZE,
            $crate::routes::paging::PAGES,
        ]))
    };
}
pub(super) use paginated;

pub(super) const TOTAL: Field = always("total", Shape::Integer);
pub(super) const NUMBER: Field = always("page", Shape::Integer);
pub(super) const SIZE: Field = always("page_size", Shape::Integer);
pub(super) const PAGES: Field = always("total_pages", Shape::Integer);

/// `{"message": …}`.
pub(super) const MESSAGE: Content = Content::Json(Shape::Object(&[always("message", Shape::Text)]));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_divide_the_list() {
        let all: Vec<u32> = (0..45).collect();
        for (query, want) in [
            ("", (20, 0, 3)),
            ("page=3", (5, 40, 3)),
            ("page=4", (0, 0, 3)),
            ("page=2&page_size=10", (10, 10, 5)),
            ("page=0&page_size=0", (20, 0, 3)),
            ("page_size=101", (45, 0, 1)),
        ] {
            let args = QueryString::parse(query).unwrap();
            let answer = Page::of(&args).answer(&all, |n| json!(n));
            let data = answer["data"].as_array().unwrap();
            let first = data.first().and_then(Value::as_u64).unwrap_or(0);
            let pages = answer["total_pages"].as_u64().unwrap();
            assert_eq!((data.len(), first, pages), want, "{query}");
            assert_eq!(answer["total"], 45);
        }
    }
}
