//! `X-Cache` of an answer: whether the store was asked for it.
//!
//! Answers that are kept lie far below the routes, in the node. What happens there is noted beside
//! the request that it happens for; a read that goes on in a task of its own is noted nowhere.

use std::cell::Cell;

use http::{HeaderName, HeaderValue};
use warp::reply::Response;

/// As load generators of the v3 protocol read it (contract Q23).
const HEADER: HeaderName = HeaderName::from_static("x-cache");

tokio::task_local! {
    /// Whether all of an answer was kept, as far as anything was asked for.
    static ALL_KEPT: Cell<Option<bool>>;
}

/// Notes whether one read of the request that this task answers was kept.
pub fn note_cache(is_kept: bool) {
    let note = |all: &Cell<Option<bool>>| all.set(Some(all.get().unwrap_or(true) && is_kept));
    // Reads of the node's own jobs are of no request.
    ALL_KEPT.try_with(note).unwrap_or_default();
}

/// Answers a request, and tells in a good answer that asked the cache what became of it.
pub(crate) async fn told(answer: impl Future<Output = Response>) -> Response {
    let all = async {
        let response = answer.await;
        (response, ALL_KEPT.with(Cell::get))
    };
    let (mut response, all_kept) = ALL_KEPT.scope(Cell::new(None), all).await;
    if let Some(all_kept) = all_kept.filter(|_| response.status().is_success()) {
        let told = HeaderValue::from_static(if all_kept { "HIT" } else { "MISS" });
        response.headers_mut().insert(HEADER, told);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_read_that_was_not_kept_makes_a_miss() {
        for (reads, status, want) in [
            (&[][..], 200, None),
            (&[true, true], 200, Some("HIT")),
            (&[true, false, true], 200, Some("MISS")),
            (&[true], 503, None),
        ] {
            let answer = async {
                reads.iter().for_each(|is_kept| note_cache(*is_kept));
                let status = http::StatusCode::from_u16(status).unwrap();
                crate::reply::json(status, &serde_json::json!({}))
            };
            let response = told(answer).await;
            let found = response.headers().get(HEADER);
            assert_eq!(found.map(HeaderValue::as_bytes), want.map(str::as_bytes));
        }
        note_cache(true);
    }
}
