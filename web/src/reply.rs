//! Successful answers.

use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};
use serde::Serialize;
use warp::reply::Response;

/// Compact JSON (contract 1.1, Q10).
pub(crate) fn json<T: Serialize>(status: StatusCode, body: &T) -> Response {
    // INVARIANT: the answers are structs and maps with text keys, which always encode.
    raw_json(status, serde_json::to_vec(body).unwrap_or_default())
}

/// A body that is JSON text already.
pub(crate) fn raw_json(status: StatusCode, body: impl Into<hyper::body::Bytes>) -> Response {
    content(status, "application/json; charset=utf-8", body)
}

/// Any body.
pub(crate) fn content(
    status: StatusCode,
    media_type: &'static str,
    body: impl Into<hyper::body::Bytes>,
) -> Response {
    let body: hyper::body::Bytes = body.into();
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(
        "x-content-type-options",
        HeaderValue::from_static("nosniff"),
    );
    response
}
