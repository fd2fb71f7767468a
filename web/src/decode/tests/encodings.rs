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

#[test]
fn a_deflate_stream_needs_no_zlib_header() {
    let mut packer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::new(6));
    packer.write_all(CYCLE).unwrap();
    let packed = packer.finish().unwrap();
    assert_eq!(decode(&packed).unwrap(), decode(CYCLE).unwrap());
    let cut = &packed[..packed.len() / 2];
    assert_eq!(decode(cut).unwrap_err().status(), 400);
    let mut bomb = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::new(6));
    bomb.write_all(&vec![b' '; 64 << 20]).unwrap();
    let bomb = bomb.finish().unwrap();
    assert_eq!(decode(bomb).unwrap_err().status(), 413);
}

#[test]
fn zstd_frames_may_follow_skippable_ones() {
    let skippable = |magic: u8, content: &[u8]| {
        let size = u32::try_from(content.len()).unwrap().to_le_bytes();
        [&[magic, 0x2a, 0x4d, 0x18][..], &size, content].concat()
    };
    let two = [skippable(0x50, b"note"), skippable(0x5f, b""), zstd(CYCLE)].concat();
    assert_eq!(decode(two).unwrap(), decode(CYCLE).unwrap());
    for body in [
        skippable(0x50, b"note"),
        skippable(0x50, b"note")[..9].to_vec(),
    ] {
        assert_eq!(decode(body).unwrap_err().status(), 400);
    }
}
