//! Each rule of decoding, by table.

use std::io::Write;

use pga_storage::{Document, Element, Sample, SampleForm, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const NOW: Timestamp = Timestamp::from_micros(1_796_000_000_000_000);
const CYCLE: &[u8] = include_bytes!("../../tests/data/push-one-cycle.json");
const GOLDEN_JSON: &str = r#"{"collector_id":"c1","hostname":"h","metrics":[{"ok":true,"type":"sysstat","x":1.5}],"timestamp":1767225600,"version":"3.0.0"}"#;
const GOLDEN_FRAME: &str = "efbeadde010000000100000067000000\
    5b33b1370000000000000000000000000805\
    0c636f6c6c6563746f725f69640602633108686f73746e616d65060168076d657472696373070108\
    03026f6b0101047479706506077379737374617401780500000000\
    0000f83f0974696d657374616d700200b955690776657273696f6e0605332e302e30";

fn frame() -> Vec<u8> {
    hex::decode(GOLDEN_FRAME.replace(char::is_whitespace, "")).unwrap()
}

fn with_limits(body: &[u8], limits: &WebLimits) -> Result<DecodedPush, DecodeError> {
    decode_push(body, PushRoute::Json, limits, NOW)
}

fn decode(body: impl AsRef<[u8]>) -> Result<DecodedPush, DecodeError> {
    with_limits(body.as_ref(), &WebLimits::default())
}

fn push_of(elements: &str) -> String {
    format!(r#"{{"collector_id":"c","hostname":"h","timestamp":1767225600,"metrics":{elements}}}"#)
}

fn refused(body: impl AsRef<[u8]>) -> (u16, &'static str) {
    let error = decode(body).unwrap_err();
    (error.status(), error.reason())
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn zlib(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn zstd(body: &[u8]) -> Vec<u8> {
    ::zstd::bulk::compress(body, 3).unwrap()
}

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
fn real_elements_keep_their_meaning() {
    let sent: Value = serde_json::from_slice(CYCLE).unwrap();
    let push = decode(CYCLE).unwrap();
    for (element, sent) in push
        .elements
        .iter()
        .zip(sent["metrics"].as_array().unwrap())
    {
        let Element::Document(document) = element else {
            panic!("a document")
        };
        let back: Value = serde_json::from_slice(&document.body).unwrap();
        assert_eq!(&back, sent);
        assert_eq!(document.kind, sent["type"].as_str().unwrap());
        assert_eq!(document.database, sent["database"].as_str().unwrap_or(""));
        assert_eq!(
            document.time.to_string(),
            sent["timestamp"].as_str().unwrap()
        );
    }
}

#[test]
fn the_golden_frame_and_its_layers_decode() {
    let want = decode(GOLDEN_JSON).unwrap();
    let mut inner = frame();
    let payload = zstd(&inner[32..]);
    inner.truncate(32);
    inner[12..16].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    inner[16..20].copy_from_slice(&crc32fast::hash(&payload).to_le_bytes());
    inner[20] = 1;
    inner.extend(payload);
    let mut labelled = frame();
    labelled[20] = 1;
    let mut reserved = frame();
    reserved[25] = 9;
    for (name, body) in [
        ("raw", frame()),
        ("labelled zstd, raw", labelled),
        ("reserved bytes set", reserved),
        ("zstd outside", zstd(&frame())),
        ("zstd inside", inner.clone()),
        ("zstd twice", zstd(&inner)),
    ] {
        for route in [PushRoute::Json, PushRoute::Binary] {
            let push = decode_push(&body, route, &WebLimits::default(), NOW);
            assert_eq!(push.as_ref(), Ok(&want), "{name} {route:?}");
        }
    }
}

/// The golden frame with another payload.
fn frame_of(payload: &[u8]) -> Vec<u8> {
    let mut frame = frame();
    frame.truncate(32);
    frame[12..16].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    frame[16..20].copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
    frame.extend(payload);
    frame
}

#[test]
fn bad_frames_are_refused() {
    let patched = |at: usize, bytes: &[u8]| {
        let mut frame = frame();
        frame[at..at + bytes.len()].copy_from_slice(bytes);
        frame
    };
    let mut trailing = frame()[32..].to_vec();
    trailing.push(0);
    let (eleven, overlong) = ([&[6u8][..], &[0x80; 11]].concat(), [6u8, 0x81, 0x00, b'a']);
    for (name, body, want) in [
        ("39 short header", frame()[..31].to_vec(), (400, "frame")),
        ("40 wrong magic", patched(0, &[1]), (400, "frame")),
        (
            "40 big endian magic",
            patched(0, &[0xde, 0xad, 0xbe, 0xef]),
            (400, "frame"),
        ),
        (
            "41 version 0",
            patched(4, &[0]),
            (400, "unsupported_version"),
        ),
        (
            "41 version 2",
            patched(4, &[2]),
            (400, "unsupported_version"),
        ),
        (
            "41 version max",
            patched(4, &[0xff; 4]),
            (400, "unsupported_version"),
        ),
        ("42 message 0", patched(8, &[0]), (422, "message_type")),
        ("42 message 8", patched(8, &[8]), (422, "message_type")),
        ("42 response", patched(8, &[3]), (422, "message_type")),
        ("43 length 0", patched(12, &[0]), (400, "frame")),
        ("43 length short", patched(12, &[0x66]), (400, "frame")),
        ("43 length long", patched(12, &[0x68]), (400, "frame")),
        (
            "43 length max",
            patched(12, &[0xff; 4]),
            (413, "decoded_bytes"),
        ),
        ("44 crc", patched(16, &[0]), (400, "crc")),
        (
            "45 compression 3",
            patched(20, &[3]),
            (415, "frame_compression"),
        ),
        ("46 encrypted", patched(21, &[1]), (415, "frame_encrypted")),
        ("48 varint of 11", frame_of(&eleven), (400, "frame")),
        ("48 overlong", frame_of(&overlong), (400, "frame")),
        (
            "49 string past end",
            frame_of(&[6, 5, b'a']),
            (400, "frame"),
        ),
        (
            "50 value type 4",
            frame_of(&[4, 0, 0, 0, 0]),
            (400, "frame"),
        ),
        ("50 value type 9", frame_of(&[9]), (400, "frame")),
        (
            "array of 4 billion",
            frame_of(&[7, 0xff, 0xff, 0xff, 0xff, 0x0f]),
            (400, "frame"),
        ),
        ("52 trailing", frame_of(&trailing), (400, "frame")),
        (
            "52 after the frame",
            [frame(), vec![0]].concat(),
            (400, "frame"),
        ),
        (
            "nan",
            frame_of(&[5, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f]),
            (400, "number"),
        ),
        (
            "deep",
            frame_of(&[[7u8, 1].repeat(5_000), vec![0]].concat()),
            (400, "depth"),
        ),
        ("bad utf-8", frame_of(&[6, 1, 0xff]), (400, "utf8")),
        ("nul", frame_of(&[6, 1, 0]), (422, "nul")),
    ] {
        let route = PushRoute::Binary;
        let error = decode_push(&body, route, &WebLimits::default(), NOW).unwrap_err();
        assert_eq!((error.status(), error.reason()), want, "{name}: {error}");
    }
    let mut snappy = frame_of(&[0xff, 0xff, 0xff, 0xff, 0x0f]);
    snappy[20] = 2;
    assert_eq!(
        refused(snappy),
        (413, "decoded_bytes"),
        "53 snappy claims 4 GiB"
    );
}

#[test]
fn bad_envelopes_are_refused() {
    let deep = |n: usize| format!("{{\"x\":{}{}}}", "[".repeat(n), "]".repeat(n));
    let at = |time: &str| {
        format!(r#"{{"collector_id":"c","hostname":"h","timestamp":{time},"metrics":[]}}"#)
    };
    for (name, body, want) in [
        ("1 empty", String::new(), (400, "json")),
        ("2 truncated", "{".into(), (400, "json")),
        ("3 array", "[]".into(), (400, "envelope")),
        ("3 null", "null".into(), (400, "envelope")),
        ("4 deep", deep(10_000), (400, "depth")),
        ("4 deep and open", "[".repeat(100_000), (400, "depth")),
        (
            "5 duplicate",
            r#"{"hostname":"a","hostname":"a"}"#.into(),
            (400, "duplicate_key"),
        ),
        (
            "5 duplicate, escaped",
            r#"{"a":1,"\u0061":2}"#.into(),
            (400, "duplicate_key"),
        ),
        (
            "5 duplicate, ignored field",
            r#"{"x":{"a":1,"b":2,"a":3}}"#.into(),
            (400, "duplicate_key"),
        ),
        (
            "no collector",
            r#"{"hostname":"h","timestamp":1767225600}"#.into(),
            (400, "envelope"),
        ),
        (
            "no hostname",
            r#"{"collector_id":"c","timestamp":1767225600}"#.into(),
            (400, "envelope"),
        ),
        (
            "empty collector",
            r#"{"collector_id":"","hostname":"h","timestamp":1767225600}"#.into(),
            (400, "envelope"),
        ),
        (
            "numeric collector",
            r#"{"collector_id":5,"hostname":"h","timestamp":1767225600}"#.into(),
            (400, "envelope"),
        ),
        (
            "metrics no array",
            r#"{"collector_id":"c","hostname":"h","timestamp":1767225600,"metrics":{}}"#.into(),
            (400, "envelope"),
        ),
        (
            "14 missing",
            r#"{"collector_id":"c","hostname":"h"}"#.into(),
            (400, "timestamp"),
        ),
        ("14 null", at("null"), (400, "timestamp")),
        ("14 never", at("\"never\""), (400, "timestamp")),
        ("14 word", at("\"soon\""), (400, "timestamp")),
        ("14 bool", at("true"), (400, "timestamp")),
        (
            "14 year 9999",
            at("\"9999-01-01T00:00:00Z\""),
            (422, "timestamp"),
        ),
        (
            "14 1969",
            at("\"1969-12-31T00:00:00Z\""),
            (422, "timestamp"),
        ),
        ("14 zero", at("0"), (422, "timestamp")),
        (
            "14 30 February",
            at("\"2026-02-30T00:00:00Z\""),
            (422, "timestamp"),
        ),
        ("14 future", at("1796003700"), (422, "timestamp")),
        (
            "17 lone surrogate",
            r#"{"x":"\ud800"}"#.into(),
            (400, "surrogate"),
        ),
        (
            "17 lone low surrogate",
            r#"{"x":"\udc00"}"#.into(),
            (400, "surrogate"),
        ),
        (
            "17 surrogate and other",
            r#"{"x":"\ud800\u0041"}"#.into(),
            (400, "surrogate"),
        ),
        ("17 nul", r#"{"x":"\u0000"}"#.into(), (422, "nul")),
        ("17 nul in a key", r#"{"\u0000":1}"#.into(), (422, "nul")),
        ("15 1e400", r#"{"x":1e400}"#.into(), (400, "number")),
        ("leading zero", r#"{"x":01}"#.into(), (400, "json")),
        ("trailing comma", r#"{"x":[1,]}"#.into(), (400, "json")),
        ("leading comma", r#"{"x":[,1]}"#.into(), (400, "json")),
    ] {
        assert_eq!(refused(&body), want, "{name}");
    }
    assert_eq!(refused(b"{\"x\":\"\xff\"}"), (400, "utf8"));
    assert!(decode(at("1796003500")).is_ok(), "just under an hour ahead");
    assert!(decode(at("\"2026-02-22T19:07:21.123456Z\"")).is_ok());
}

#[test]
fn bad_elements_are_refused() {
    let big = "x".repeat((1 << 20) + 1);
    let labels = |n: usize| {
        let labels: Vec<_> = (0..n).map(|n| format!("\"l{n:03}\":\"v\"")).collect();
        format!(
            r#"[{{"name":"a","value":1,"labels":{{{}}}}}]"#,
            labels.join(",")
        )
    };
    let label = format!(
        r#"[{{"name":"a","value":1,"tags":{{"k":"{}"}}}}]"#,
        "x".repeat(64 << 10)
    );
    for (name, elements, want) in [
        ("7 type", r#"[{"type":5}]"#.to_owned(), (422, "type")),
        ("not an object", "[5]".into(), (422, "element")),
        ("null", "[null]".into(), (422, "element")),
        (
            "15 NaN",
            r#"[{"name":"a","value":NaN}]"#.into(),
            (400, "json"),
        ),
        (
            "15 Infinity",
            r#"[{"name":"a","value":Infinity}]"#.into(),
            (400, "json"),
        ),
        (
            "15 1e400",
            r#"[{"name":"a","value":1e400}]"#.into(),
            (400, "number"),
        ),
        (
            "16 too large",
            r#"[{"type":"pg_stats","x":18446744073709551616}]"#.into(),
            (422, "integer_range"),
        ),
        (
            "16 too small",
            r#"[{"type":"pg_stats","x":-9223372036854775809}]"#.into(),
            (422, "integer_range"),
        ),
        (
            "16 negative",
            r#"[{"type":"pg_query_stats","queries":[{"calls":-1}]}]"#.into(),
            (422, "counter"),
        ),
        (
            "17 long string",
            format!(r#"[{{"type":"pg_log","x":"{big}"}}]"#),
            (422, "string_bytes"),
        ),
        (
            "17 long name",
            format!(r#"[{{"name":"{big}","value":1}}]"#),
            (422, "string_bytes"),
        ),
        (
            "17 nul name",
            r#"[{"name":"a\u0000","value":1}]"#.into(),
            (422, "nul"),
        ),
        ("19 labels", labels(101), (422, "labels")),
        ("19 long label", label, (422, "labels")),
        (
            "5 duplicate",
            r#"[{"name":"a","name":"a","value":1}]"#.into(),
            (400, "duplicate_key"),
        ),
        (
            "5 duplicate label",
            r#"[{"name":"a","value":1,"labels":{"a":"1","a":"2"}}]"#.into(),
            (400, "duplicate_key"),
        ),
        (
            "time",
            r#"[{"type":"sysstat","timestamp":"soon"}]"#.into(),
            (422, "element_time"),
        ),
        (
            "time 2",
            r#"[{"type":"sysstat","timestamp":1e300}]"#.into(),
            (422, "element_time"),
        ),
    ] {
        assert_eq!(refused(push_of(&elements)), want, "{name}");
    }
    assert_eq!(decode(push_of(&labels(100))).unwrap().elements.len(), 1);
}

#[test]
fn what_a_sample_is() {
    let sample = |form: u8, seconds: i64, labels: &[(&str, &str)]| {
        let labels = labels
            .iter()
            .map(|(k, v)| ((*k).into(), (*v).into()))
            .collect();
        Element::Sample(Sample {
            name: "a".into(),
            labels,
            time: Timestamp::from_micros(seconds * 1_000_000),
            value: 97.0,
            form: SampleForm::from_bits(form),
        })
    };
    const OWN: i64 = 1_772_352_000;
    const ENVELOPE: i64 = 1_767_225_600;
    for (text, want) in [
        (r#"{"name":"a","value":97}"#, sample(0, ENVELOPE, &[])),
        (
            r#"{"value":97.0,"name":"a","timestamp":1772352000}"#,
            sample(1, OWN, &[]),
        ),
        (
            r#" { "name" : "\u0061" , "value" : 9.7e1 , "labels" : { } } "#,
            sample(2, ENVELOPE, &[]),
        ),
        (
            r#"{"name":"a","tags":{"z":"1","b":"2"},"value":97}"#,
            sample(4, ENVELOPE, &[("b", "2"), ("z", "1")]),
        ),
    ] {
        assert_eq!(
            decode(push_of(&format!("[{text}]"))).unwrap().elements,
            [want],
            "{text}"
        );
    }
    for text in [
        r#"{"name":"a"}"#,
        r#"{"name":"a","value":null}"#,
        r#"{"name":"a","value":"97"}"#,
        r#"{"name":"a","value":9007199254740993}"#,
        r#"{"name":"a","value":1,"timestamp":1772352000000}"#,
        r#"{"name":"a","value":1,"timestamp":1772352000.5}"#,
        r#"{"name":"a","value":1,"timestamp":"2026-03-01T08:00:00Z"}"#,
        r#"{"name":"a","value":1,"labels":{"a":1}}"#,
        r#"{"name":"a","value":1,"labels":{},"tags":{}}"#,
        r#"{"name":"a","value":1,"unit":"s"}"#,
    ] {
        let push = decode(push_of(&format!("[{text}]"))).unwrap();
        let [Element::Document(document)] = push.elements.as_slice() else {
            panic!("{text}")
        };
        let (back, sent): (Value, Value) = (
            serde_json::from_slice(&document.body).unwrap(),
            serde_json::from_str(text).unwrap(),
        );
        assert_eq!((document.kind.as_str(), back), ("samples", sent), "{text}");
    }
}

#[test]
fn documents_are_canonical_and_dated() {
    let text = r#"[ {"type":"x\u0079", "b":[1, 2.50,-0,1e2,{"z":null,"a":true}], "a":"\u00e9\/\n\"",
        "timestamp":"2024-02-20T10:29:55Z", "database":"shop"}, {"type":"t","timestamp":"never"} ] "#;
    let push = decode(push_of(text)).unwrap();
    let body = "{\"a\":\"é/\\n\\\"\",\"b\":[1,2.5,-0.0,100.0,{\"a\":true,\"z\":null}],\"database\":\"shop\",\"timestamp\":\"2024-02-20T10:29:55Z\",\"type\":\"xy\"}";
    let want = Document {
        kind: "xy".into(),
        time: Timestamp::from_micros(1_708_424_995_000_000),
        database: "shop".into(),
        body: body.into(),
    };
    assert_eq!(push.elements.first(), Some(&Element::Document(want)));
    assert_eq!(push.elements.last().unwrap().time(), push.time);
    assert_eq!(push.unknown_kinds, 2);
}

#[test]
fn the_first_value_counts_and_unknown_fields_are_counted() {
    let body = r#"{"collector_id":"c","hostname":"h","timestamp":1767225600,"metrics_count":99,"x":1,"y":{}}{"loose":1} garbage"#;
    let push = decode(body).unwrap();
    assert_eq!((push.unknown_fields, push.elements.len()), (2, 0));
    let broken_tail = [body.as_bytes(), b"\xff"].concat();
    assert_eq!(decode(broken_tail).unwrap(), push);
}

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
    for (name, element) in [
        ("documents", r#"{"type":"a"}"#),
        ("samples", r#"{"name":"a","value":1}"#),
        (
            "labels",
            r#"{"name":"a","value":1,"labels":{"a":"b","c":"d"}}"#,
        ),
    ] {
        let push = push_of(&format!(
            "[{}{element}]",
            format!("{element},").repeat(50_000)
        ));
        let used = prometheus::IntGauge::new("used", "used").unwrap();
        let budget = crate::budget::Budget::new(1 << 30, used.clone());
        let (mut lease, mut decoded) = (budget.lease(), None);
        let taken = allocation_counter::measure(|| {
            let limits = WebLimits::default();
            let outcome = decode_within(
                push.as_bytes(),
                PushRoute::Json,
                &limits,
                NOW,
                Some(&mut lease),
            );
            decoded = Some(outcome.unwrap());
        });
        // What was received is memory, too.
        let taken = taken.bytes_max + push.len() as u64;
        let held = used.get() as u64;
        assert!(taken <= held, "{name}: {taken} taken, {held} held");
        assert_eq!(decoded.unwrap().elements.len(), 50_001, "{name}");
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

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[^\0]*".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::btree_map("[^\0]{0,8}", inner, 0..8)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_document_keeps_its_meaning(value in any_json(), pretty in any::<bool>()) {
        let element = json!({ "type": "t", "value": value });
        let text = if pretty { serde_json::to_string_pretty(&element) } else { serde_json::to_string(&element) };
        let push = decode(push_of(&format!("[{}]", text.unwrap()))).unwrap();
        let Some(Element::Document(document)) = push.elements.first() else { panic!("a document") };
        let back: Value = serde_json::from_slice(&document.body).unwrap();
        prop_assert_eq!(&back, &element);
        prop_assert_eq!(&document.body, &serde_json::to_vec(&back).unwrap());
    }

    #[test]
    fn any_bytes_are_refused_or_read_and_never_a_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        head in 0usize..6,
        cut in 0usize..130,
    ) {
        let heads: [&[u8]; 6] =
            [b"", b"\x1f\x8b\x08", b"\x78\x9c", &[0x28, 0xb5, 0x2f, 0xfd], b"\xef\xbe\xad\xde\x01\0\0\0\x01\0\0\0", b"{\"metrics\":["];
        let mut body = heads[head].to_vec();
        body.extend(&bytes);
        drop(decode(&body));
        let json = GOLDEN_JSON.as_bytes();
        let mut mixed = json[..cut.min(json.len())].to_vec();
        mixed.extend(&bytes);
        drop(decode(&mixed));
        drop(decode(frame_of(&bytes)));
    }

    /// What serde_json refuses, so do we, and the other way round (duplicates, depth and ranges aside).
    #[test]
    fn syntax_agrees_with_serde_json(text in "[\\[\\]{}:,\"a1e.+\\- \\\\nulltrue]{0,24}") {
        let ours = decode(push_of(&format!("[{{\"type\":\"t\",\"v\":{text}}}]")));
        let theirs = serde_json::from_str::<Value>(&push_of(&format!("[{{\"type\":\"t\",\"v\":{text}}}]")));
        if let Err(error) = &ours {
            prop_assert!(theirs.is_err() || error.reason() != "json", "{} {:?}", text, error);
        } else {
            // We stop after the first value, serde_json does not.
            let ok = theirs.is_ok() || text.contains(['}', ']']);
            prop_assert!(ok, "{}", text);
        }
    }
}
