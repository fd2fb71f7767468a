use super::*;

fn element(time: &str, entries: &Value) -> String {
    json!({ "type": KIND, "timestamp": time, "database": "shop", "entries": entries }).to_string()
}

fn filter(query: &str) -> Filter {
    Filter::of(&QueryString::parse(query).unwrap()).unwrap()
}

fn ours() -> String {
    let entry = json!({
        "message": "Deadlock detected", "class": "deadlock", "severity": "error", "level": "ERROR",
        "query_id": -7, "query": "UPDATE t SET v = $1", "timestamp": "2026-03-01T08:00:00.5Z",
    });
    element("2026-03-01T08:00:00.5Z", &json!([entry]))
}

#[test]
fn lines_of_v3_have_a_class_and_the_time_of_their_element() {
    let entries = json!([
        { "timestamp": "2024-02-20T10:29:55Z", "level": "FATAL", "message": "first" },
        { "level": "LOG", "message": "second" },
        7,
    ]);
    let text = element("2026-03-01T08:00:00Z", &entries);
    let got = Value::from(filter("").lines(&text));
    let time = "2026-03-01T08:00:00Z";
    let want = json!([
        { "time": time, "database": "shop", "class": "other", "severity": "info", "level": "LOG", "message": "second" },
        { "time": time, "database": "shop", "class": "other", "severity": "error", "level": "FATAL", "message": "first" },
    ]);
    assert_eq!(got, want);
}

#[test]
fn a_filter_takes_what_it_names() {
    for (query, want) in [
        ("", 1),
        ("class=deadlock", 1),
        ("class=lock_wait,%20deadlock", 1),
        ("class=lock_wait", 0),
        ("severity=critical,error", 1),
        ("severity=warning", 0),
        ("database=shop", 1),
        ("database=other", 0),
        ("query_hash=-7", 1),
        ("query_hash=7", 0),
        ("text=dEADLOCK", 1),
        ("text=update%20t", 1),
        ("text=timeout", 0),
    ] {
        assert_eq!(filter(query).lines(&ours()).len(), want, "{query}");
    }
    for wrong in ["severity=bad", "query_hash=x"] {
        let args = QueryString::parse(wrong).unwrap();
        assert!(Filter::of(&args).is_err(), "{wrong}");
    }
}

#[test]
fn an_answer_is_full_after_so_many_elements() {
    let other = element("2026-03-01T08:00:00Z", &json!([{ "level": "LOG" }]));
    let elements = [ours(), other, ours(), ours()];
    let errors = filter("severity=error");
    for (room, want) in [(1, Some(1)), (2, Some(3)), (3, Some(4)), (4, None)] {
        assert_eq!(errors.fill(&elements, room), want, "{room}");
    }
}

#[test]
fn lines_are_counted_by_class_and_step() {
    let sum = json!([{ "class": "slow_statement", "severity": "info",
        "fields": { "count": 40, "max_ms": 3.0 } }]);
    let mut counted = BTreeMap::new();
    for text in [
        ours(),
        ours(),
        element("2026-03-01T08:01:59Z", &sum),
        element("2026-03-01T08:02:00Z", &sum),
    ] {
        for line in lines(&text) {
            count(&line, 60, &mut counted);
        }
    }
    let want = json!([
        { "class": "slow_statement", "severity": "info", "count": 80, "points": [
            { "time": "2026-03-01T08:01:00Z", "value": 40 },
            { "time": "2026-03-01T08:02:00Z", "value": 40 },
        ] },
        { "class": "deadlock", "severity": "error", "count": 2, "points": [
            { "time": "2026-03-01T08:00:00Z", "value": 2 },
        ] },
    ]);
    assert_eq!(Value::from(classes(counted, 60)), want);
}

#[test]
fn a_step_makes_a_bounded_number_of_points() {
    let hours = |n: i64| Timestamp::from_micros(n * 3_600_000_000);
    for (query, until, want) in [
        ("", 1, Some(60)),
        ("", 24, Some(1_440)),
        ("step=10", 1, Some(10)),
        ("step=3", 1, None),
        ("step=0", 1, None),
        ("step=x", 1, None),
    ] {
        let args = QueryString::parse(query).unwrap();
        let got = step(&args, hours(0), hours(until)).ok();
        assert_eq!(got, want, "{query} {until}");
    }
}
