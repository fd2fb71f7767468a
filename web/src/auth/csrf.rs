//! Requests that a browser sends with a cookie, but that its user did not mean.
//!
//! A change by cookie has to carry the token that came with the login, which other sites cannot
//! read; and its `Origin`, where the browser names one, has to be ours (OWASP, Cross-Site Request
//! Forgery Prevention Cheat Sheet: signed double submit, and verifying the origin).

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, StatusCode};

use super::Claims;
use crate::refusal::Refusal;

/// What proves that a request with a cookie was meant.
const CSRF_HEADER: &str = "x-csrf-token";

/// Refuses a change by cookie that does not prove that it was meant.
pub(super) fn check(method: &str, headers: &HeaderMap, claims: &Claims) -> Result<(), Refusal> {
    if matches!(method, "GET" | "HEAD" | "OPTIONS") {
        return Ok(());
    }
    same(headers, claims.csrf.as_deref())
}

/// Refuses a request without the token that `wanted` is, or from another site.
pub(crate) fn same(headers: &HeaderMap, wanted: Option<&str>) -> Result<(), Refusal> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let is_ours = text(ORIGIN.as_str()).is_none_or(|origin| {
        let host = origin.split_once("://").map(|(_, host)| host);
        host.is_some() && host == text(HOST.as_str())
    });
    let given = text(CSRF_HEADER);
    if is_ours && given.is_some() && given == wanted {
        return Ok(());
    }
    let text = "A change with a cookie needs the X-CSRF-Token of the login, from the same site";
    Err(Refusal::new(StatusCode::FORBIDDEN, "csrf", text))
}
