//! Documents and samples.

use pga_storage::{Document, Element, Sample, SampleForm, Timestamp};
use serde_json::Value;

use super::*;

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
fn a_bad_element_is_refused_alone() {
    let good = r#"{"name":"a","value":1,"timestamp":1795999000}"#;
    let long = format!(r#"{{"type":"pg_log","x":"{}"}}"#, "x".repeat(2 << 20));
    let deep = format!(
        r#"{{"type":"pg_log","x":{}1{}}}"#,
        "[".repeat(200),
        "]".repeat(200)
    );
    for (bad, kind, reason) in [
        (r#"{"type":"pg_log","x":"a\u0000b"}"#, "pg_log", "nul"),
        (r#"{"name":"a\u0000","value":1}"#, "samples", "nul"),
        (
            r#"{"name":"a","value":1,"labels":{"\u0000":"b"}}"#,
            "samples",
            "nul",
        ),
        (r#"{"type":"pg_log","x":"\ud800"}"#, "pg_log", "surrogate"),
        (r#"{"type":"pg_log","x":"\x"}"#, "pg_log", "escape"),
        (
            "{\"type\":\"pg_log\",\"x\":\"a\u{0}\"}",
            "pg_log",
            "control_character",
        ),
        (&long, "pg_log", "string_bytes"),
        (&deep, "pg_log", "depth"),
        (
            r#"{"type":"pg_query_stats","queries":[{"calls":-1}]}"#,
            "pg_query_stats",
            "counter",
        ),
        (
            r#"{"type":"x","y":18446744073709551616}"#,
            "x",
            "integer_range",
        ),
        (r#"{"name":"a","value":1e400}"#, "samples", "number"),
        (r#"{"type":"x","y":1,"y":2}"#, "x", "duplicate_key"),
        (r#"{"type":7,"y":1}"#, "samples", "type"),
        (
            r#"{"name":"a","value":1,"timestamp":"soon"}"#,
            "samples",
            "element_time",
        ),
        (
            r#"{"name":"a","value":1,"timestamp":1796000301}"#,
            "samples",
            "time_range",
        ),
        (
            r#"{"type":"x","timestamp":"9999-12-31T23:59:59Z"}"#,
            "x",
            "time_range",
        ),
        ("7", "", "element"),
        (r#""a\u0000""#, "", "nul"),
        ("[1]", "", "element"),
    ] {
        let push = decode(push_of(&format!("[{good},{bad},{good}]"))).unwrap();
        assert_eq!(push.elements.len(), 2, "{reason}");
        let [first] = &push.rejected.first[..] else {
            panic!("{:?}", push.rejected)
        };
        assert_eq!((first.index, &*first.kind, first.reason), (1, kind, reason));
        assert_eq!(push.rejected.by_reason, [(reason, 1)].into());
    }
}

#[test]
fn bytes_that_are_no_utf8_refuse_their_element() {
    let text = push_of(r#"[{"name":"a","value":1,"labels":{"n":"caf#"}},{"name":"b","value":1}]"#);
    let bytes: Vec<u8> = text
        .bytes()
        .map(|byte| if byte == b'#' { 0xe9 } else { byte })
        .collect();
    let push = decode(&bytes).unwrap();
    assert_eq!((push.elements.len(), push.rejected.count), (1, 1));
    assert_eq!(push.rejected.first[0].reason, "utf8");
}

#[test]
fn what_is_older_than_the_retention_is_refused_alone_by_its_own_time_or_the_envelopes() {
    let limits = WebLimits {
        max_age: Some(std::time::Duration::from_secs(1_000)),
        ..WebLimits::default()
    };
    let elements = r#"[{"name":"a","value":1},{"name":"b","value":1,"timestamp":1795998999},
        {"name":"c","value":1,"timestamp":1795999000},{"type":"x"}]"#;
    for (envelope, kept, rejected) in [
        (1_767_225_600, vec!["samples"], vec![1, 3, 0]),
        (1_796_000_000, vec!["samples", "samples", "x"], vec![1]),
        (1_796_000_301, vec!["samples"], vec![1, 3, 0]),
    ] {
        let body = push_of(elements).replace("1767225600", &envelope.to_string());
        let push = with_limits(body.as_bytes(), &limits).unwrap();
        let kinds: Vec<_> = push.elements.iter().map(|element| element.kind()).collect();
        assert_eq!(kinds, kept, "{envelope}");
        let mut found: Vec<_> = push
            .rejected
            .first
            .iter()
            .map(|first| first.index)
            .collect();
        let mut rejected = rejected;
        found.sort_unstable();
        rejected.sort_unstable();
        assert_eq!(found, rejected, "{envelope}");
    }
}

#[test]
fn at_most_twenty_are_named_and_all_count_as_elements() {
    let bad = vec!["7"; 30].join(",");
    let push = decode(push_of(&format!("[{bad}]"))).unwrap();
    assert_eq!((push.rejected.count, push.rejected.first.len()), (30, 20));
    let limits = WebLimits {
        max_elements: 29,
        ..WebLimits::default()
    };
    let error = with_limits(push_of(&format!("[{bad}]")).as_bytes(), &limits).unwrap_err();
    assert_eq!((error.status(), error.reason()), (413, "elements"));
}
