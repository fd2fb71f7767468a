//! What a body is, and which of its headers are to blame.

use super::*;

#[test]
fn every_encoding_gives_the_same_push() {
    let plain = decode(CYCLE).unwrap();
    assert_eq!(plain.elements.len(), 14);
    for (name, body) in [
        ("gzip", gzip(CYCLE)),
        ("zlib", zlib(CYCLE)),
        ("zstd", zstd(CYCLE)),
    ] {
        assert_eq!(decode(&body).unwrap(), plain, "{name}");
        let cut = &body[..body.len() - 3];
        assert_eq!(refused(cut), (400, name), "{name} cut off");
    }
}

#[test]
fn headers_are_blamed_only_when_the_body_is_no_json() {
    let headers = |name: http::HeaderName, value: &'static str| {
        HeaderMap::from_iter([(name, http::HeaderValue::from_static(value))])
    };
    let syntax = DecodeError::bad("json", "x");
    for (name, value, want) in [
        (CONTENT_ENCODING, "br", 415),
        (CONTENT_ENCODING, "gzip, br", 415),
        (CONTENT_ENCODING, "gzip", 400),
        (CONTENT_TYPE, "image/png", 415),
        (CONTENT_TYPE, "application/json; charset=utf-8", 400),
        (CONTENT_TYPE, "application/x-www-form-urlencoded", 400),
    ] {
        assert_eq!(
            blame_headers(syntax.clone(), &headers(name, value)).status(),
            want,
            "{value}"
        );
    }
    let other = DecodeError::bad("timestamp", "x");
    assert_eq!(
        blame_headers(other, &headers(CONTENT_ENCODING, "br")).status(),
        400
    );
}
