//! What would take more memory than a push may.

use super::*;
use crate::admission::Admission;

#[test]
fn bombs_are_refused() {
    let limits = WebLimits {
        decoded_body_bytes: 8 << 20,
        ..WebLimits::default()
    };
    let bomb = vec![b' '; 64 << 20];
    let refused = |body: &[u8], limits: &WebLimits| {
        let error = with_limits(body, limits).unwrap_err();
        (error.status(), error.reason())
    };
    for body in [gzip(&bomb), zlib(&bomb)] {
        let error = refused(&body, &limits);
        assert!(
            error == (413, "decoded_bytes") || error == (413, "ratio"),
            "{error:?}"
        );
    }
    assert_eq!(refused(&zstd(&bomb), &limits), (413, "decoded_bytes"));
    let mut unsized_bomb = ::zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
    unsized_bomb.write_all(&bomb).unwrap();
    let unsized_bomb = unsized_bomb.finish().unwrap();
    assert_eq!(
        refused(&unsized_bomb, &WebLimits::default()),
        (413, "ratio")
    );
    let mut wide = ::zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
    wide.window_log(28).unwrap();
    wide.write_all(CYCLE).unwrap();
    assert_eq!(refused(&wide.finish().unwrap(), &limits), (413, "window"));
    for (name, twice) in [
        ("gzip in gzip", gzip(&gzip(CYCLE))),
        ("zlib in gzip", gzip(&zlib(CYCLE))),
        ("zstd in zlib", zlib(&zstd(CYCLE))),
        ("gzip in zstd", zstd(&gzip(CYCLE))),
    ] {
        assert_eq!(refused(&twice, &limits), (413, "decoded_bytes"), "{name}");
    }
    let many = push_of(&format!("[{}{{}}]", "{},".repeat(10)));
    let few = WebLimits {
        max_elements: 10,
        ..WebLimits::default()
    };
    assert_eq!(refused(many.as_bytes(), &few), (413, "elements"));
}

/// A zstd frame of `plain` that claims another size.
fn claiming(plain: &[u8], size: u64, is_single_segment: bool) -> Vec<u8> {
    let frame = zstd(plain);
    // The encoder's frames are of a single segment, without dictionary and checksum.
    let sizes = match frame[4] {
        0x20 => 1,
        0x60 => 2,
        0xa0 => 4,
        other => panic!("{other:x}"),
    };
    let mut head = frame[..4].to_vec();
    match is_single_segment {
        true => head.push(0xe0),
        // A window of 1 MiB.
        false => head.extend([0xc0, 10 << 3]),
    }
    head.extend(size.to_le_bytes());
    [&head, &frame[5 + sizes..]].concat()
}

#[test]
fn zstd_frames_of_a_false_size_are_refused() {
    let long = push_of(&format!("[{}{{}}]", "{},".repeat(60_000)));
    for plain in [CYCLE, long.as_bytes()] {
        let size = plain.len() as u64;
        for is_single_segment in [true, false] {
            let right = claiming(plain, size, is_single_segment);
            let refusal = decode(&right).err().map(|error| error.status());
            assert_ne!(refusal, Some(413), "{size}");
            let shorter = [0, 1, 50, size / 2, size - 1];
            let longer = [size + 1, 2 * size, 1 << 20, 100 << 20, 1 << 27];
            let beyond = [(1 << 27) + 1, u64::from(u32::MAX), 1 << 62, u64::MAX - 2];
            for claim in [&shorter[..], &longer, &beyond].concat() {
                let frame = claiming(plain, claim, is_single_segment);
                let error = decode(&frame).unwrap_err();
                let name = format!("{claim} for {size}, {is_single_segment}: {error}");
                assert_eq!(error.status(), 413, "{name}");
                // A damaged or truncated one is no less damaged for what it claims.
                let cut = decode(&frame[..frame.len() - 3]).unwrap_err();
                if claim <= 1 << 27 {
                    assert_eq!(cut.status(), 400, "cut, {name}");
                }
            }
        }
    }
}

#[test]
fn a_push_takes_no_more_memory_than_it_holds() {
    let documents = r#"{"type":"a"}"#;
    let samples = r#"{"name":"a","value":1}"#;
    let labels = r#"{"name":"a","value":1,"labels":{"a":"b","c":"d"}}"#;
    for (name, element, count) in [
        ("documents", documents, 50_000),
        ("samples", samples, 50_000),
        ("labels", labels, 50_000),
        ("a few samples", samples, 100),
    ] {
        let push = push_of(&format!(
            "[{}{element}]",
            format!("{element},").repeat(count)
        ));
        let used = prometheus::IntGauge::new("used", "used").unwrap();
        let limits = WebLimits {
            inflight_bytes: 1 << 30,
            ..WebLimits::default()
        };
        let budget = Admission::new(&limits, used.clone(), used.clone());
        let decode = |lease: &mut Lease| {
            let (limits, route) = (WebLimits::default(), PushRoute::Json);
            decode_within(push.as_bytes(), route, &limits, NOW, Some(lease))
        };
        let (mut lease, mut decoded) = (budget.lease(), None);
        let taken = allocation_counter::measure(|| {
            decoded = Some(decode(&mut lease).unwrap());
        });
        let (held, kept) = (used.get() as u64, taken.bytes_current as u64);
        assert!(kept <= held, "{name}: {kept} kept, {held} held");
        assert!(held <= 3 * kept, "{name}: {kept} kept, {held} held");
        drop(lease);

        // What was received is memory, too. With less than that left, the push is refused.
        let most = taken.bytes_max + push.len() as u64;
        let mut others = budget.lease();
        others.hold((1 << 30) - most + 1024).unwrap();
        let refused = decode(&mut budget.lease()).unwrap_err();
        assert_eq!(refused.reason, "inflight_bytes", "{name}");
        assert_eq!(decoded.unwrap().elements.len(), count + 1, "{name}");
    }
}
