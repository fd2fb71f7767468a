//! Rows 25, 26 and 34: heads of requests.

use super::Row;
use crate::raw_http::PUSH;

fn head(headers: &str) -> Vec<u8> {
    format!("POST {PUSH} HTTP/1.1\r\nHost: x\r\n{headers}\r\n").into_bytes()
}

fn path(method: &str, path: &str) -> Vec<u8> {
    format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        .into_bytes()
}

/// Ends like the body of a chunked request, with another request behind it.
const SMUGGLED: &str = "0\r\n\r\nGET /livez HTTP/1.1\r\nHost: x\r\n\r\n";

fn smuggling(headers: &str) -> Vec<u8> {
    [head(headers), SMUGGLED.into()].concat()
}

pub(super) fn rows() -> Vec<Row> {
    let bare = format!("POST {PUSH} HTTP/1.1\nHost: x\nContent-Length: 2\n\n{{}}");
    let one_bare = format!("POST {PUSH} HTTP/1.1\r\nHost: x\nContent-Length: 2\r\n\r\n{{}}");
    let many: String = (0..300).map(|n| format!("X-{n}: y\r\n")).collect();
    let long = format!("X-Long: {}\r\n", "y".repeat(64 << 10));
    vec![
        Row::closed(
            "25 length, then chunked",
            smuggling("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"),
            400,
            "",
        ),
        Row::closed(
            "25 chunked, then length",
            smuggling("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n"),
            400,
            "",
        ),
        Row::closed(
            "25 two lengths",
            smuggling("Content-Length: 1\r\nContent-Length: 2\r\n"),
            400,
            "",
        ),
        Row::closed(
            "25 xchunked",
            smuggling("Transfer-Encoding: xchunked\r\n"),
            400,
            "",
        ),
        Row::closed("25 bare line feeds", bare.into_bytes(), 400, ""),
        Row::closed("25 one bare line feed", one_bare.into_bytes(), 400, ""),
        Row::closed(
            "25 space before the colon",
            smuggling("Content-Length : 1\r\n"),
            400,
            "",
        ),
        Row::closed("26 300 headers", head(&many), 431, ""),
        Row::closed("26 header of 64 KiB", head(&long), 431, ""),
        Row::refused("34 unknown path", path("GET", "/nope"), 404, "Not found"),
        Row::refused("34 wrong method", path("GET", PUSH), 405, ""),
        Row::refused("34 encoded slash", path("GET", "/..%2f"), 404, ""),
        Row::refused("34 two slashes", path("GET", "//"), 404, ""),
        Row::refused("34 encoded NUL", path("GET", "/%00"), 404, ""),
    ]
}
