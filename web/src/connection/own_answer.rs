//! Answers to requests that never reached a handler, in the shape of all other errors.

use serde_json::json;

use crate::request_id::RequestId;

/// The answer to what hyper refused to parse, in place of hyper's own, and the metric's label;
/// `None` if `written` is anything else. Our answers have a request id and hyper's have not.
pub(super) fn in_place_of(written: &[u8]) -> Option<(Vec<u8>, &'static str)> {
    let status = written.strip_prefix(b"HTTP/1.1 4")?.get(..2)?;
    let head = str::from_utf8(written).ok()?;
    if !head.contains("\r\ncontent-length: 0\r\n") || head.contains("\r\nx-request-id: ") {
        return None;
    }
    match status {
        b"00" => Some((malformed(), "malformed_head")),
        b"14" => {
            let answer = answer(414, "URI Too Long", "The URI is too long");
            Some((answer, "uri_length"))
        }
        b"31" => {
            let phrase = "Request Header Fields Too Large";
            let answer = answer(431, phrase, "The request's head is too large");
            Some((answer, "head_size"))
        }
        _ => None,
    }
}

/// The answer to a head that is none, or that can be read in two ways.
pub(super) fn malformed() -> Vec<u8> {
    answer(400, "Bad Request", "Malformed request")
}

/// The answer to a head that does not arrive in time.
pub(super) fn head_timeout() -> Vec<u8> {
    answer(
        408,
        "Request Timeout",
        "The request's head arrives too slowly",
    )
}

/// The answer to a connection over the limit.
pub(super) fn over_limit() -> Vec<u8> {
    let text = "Temporarily unavailable: too many connections to this node";
    answer(503, "Service Unavailable\r\nretry-after: 1", text)
}

fn answer(code: u16, phrase: &str, message: &str) -> Vec<u8> {
    let id = RequestId::random();
    let id = id.as_str();
    let body = json!({"code": code, "message": message, "error": message, "request_id": id});
    let body = body.to_string();
    format!(
        "HTTP/1.1 {code} {phrase}\r\ncontent-type: application/json; charset=utf-8\r\n\
         x-content-type-options: nosniff\r\nx-request-id: {id}\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
