//! What is around the elements.

use super::*;

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
fn the_first_value_counts_and_unknown_fields_are_counted() {
    let body = r#"{"collector_id":"c","hostname":"h","timestamp":1767225600,"metrics_count":99,"x":1,"y":{}}{"loose":1} garbage"#;
    let push = decode(body).unwrap();
    assert_eq!((push.unknown_fields, push.elements.len()), (2, 0));
    let broken_tail = [body.as_bytes(), b"\xff"].concat();
    assert_eq!(decode(broken_tail).unwrap(), push);
}
