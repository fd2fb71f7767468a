//! The binary protocol.

use serde_json::json;

use super::*;

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

/// A value of the protocol; a string that begins with `!` becomes the bytes that its rest spells in
/// hex.
fn encoded(value: &serde_json::Value) -> Vec<u8> {
    use serde_json::Value;
    let text = |text: &str| {
        let bytes = match text.strip_prefix('!') {
            Some(digits) => hex::decode(digits).unwrap(),
            None => text.as_bytes().to_vec(),
        };
        [vec![u8::try_from(bytes.len()).unwrap()], bytes].concat()
    };
    match value {
        Value::String(string) => [vec![6], text(string)].concat(),
        Value::Number(number) if number.is_i64() => {
            [vec![3], number.as_i64().unwrap().to_le_bytes().to_vec()].concat()
        }
        Value::Array(items) => {
            let head = vec![7, u8::try_from(items.len()).unwrap()];
            [vec![head], items.iter().map(encoded).collect()]
                .concat()
                .concat()
        }
        Value::Object(members) => {
            let head = vec![8, u8::try_from(members.len()).unwrap()];
            let member = |(key, value): (&String, _)| [text(key), encoded(value)].concat();
            [vec![head], members.iter().map(member).collect()]
                .concat()
                .concat()
        }
        // Stands for a number that is not finite.
        _ => [vec![5], f64::NAN.to_le_bytes().to_vec()].concat(),
    }
}

#[test]
fn a_bad_element_of_a_frame_is_refused_alone() {
    let deep = (0..200).fold(json!(1), |inner, _| json!([inner]));
    let time = 1_796_000_000;
    for (bad, want) in [
        (
            json!({"name": "s", "value": 1, "labels": {"a": "!63616600ff"}}),
            "nul",
        ),
        (
            json!({"name": "s", "value": 1, "labels": {"a": "!636166e9"}}),
            "utf8",
        ),
        (
            json!({"name": "s", "value": 1, "labels": {"!e9": "a"}}),
            "utf8",
        ),
        (json!({"name": "s", "value": null}), "number"),
        (json!({"type": "pg_x", "a": deep}), "depth"),
        (
            json!({"type": "pg_query_stats", "queries": [{"calls": -1}]}),
            "counter",
        ),
        (json!(7), "element"),
    ] {
        let good = json!({"name": "g", "value": 1, "timestamp": time});
        let push = json!({
            "collector_id": "c", "hostname": "h", "timestamp": time,
            "metrics": [good, bad, good],
        });
        let push = decode(frame_of(&encoded(&push))).unwrap();
        assert_eq!(push.elements.len(), 2, "{bad}");
        let named = push
            .rejected
            .first
            .iter()
            .map(|named| (named.index, named.reason));
        assert_eq!(named.collect::<Vec<_>>(), [(1, want)], "{bad}");
    }
}
