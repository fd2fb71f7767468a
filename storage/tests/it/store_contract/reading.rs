//! Elements read back as they were sent.

use pga_config::CollectorId;
use pga_storage::query::{ElementOrder, ElementPage, Elements, Question};
use pga_storage::store::{Retention, Store};
use pga_storage::{Element, Sample, SampleForm, Timestamp};
use serde_json::{Value as Json, json};

use super::data::{batch, collector, document, many_cycles, one_cycle, sample};

fn all() -> Elements {
    Elements {
        collector: collector(),
        kind: None,
        from: None,
        to: None,
        order: Default::default(),
        limit: 1000,
        cursor: None,
    }
}

/// All pages of `query`.
async fn read(store: &dyn Store, mut query: Elements) -> Vec<String> {
    let mut data = Vec::new();
    loop {
        let ElementPage {
            data: page,
            next_cursor,
        } = query.ask(store).await.unwrap();
        assert!(page.len() <= query.limit as usize);
        assert!(next_cursor.is_none() || !page.is_empty());
        data.extend(page);
        match next_cursor {
            Some(cursor) => query.cursor = Some(cursor),
            None => return data,
        }
    }
}

fn body(element: &Element) -> String {
    match element {
        Element::Document(document) => String::from_utf8(document.body.clone()).unwrap(),
        Element::Sample(sample) => panic!("{sample:?}"),
    }
}

pub(crate) async fn every_real_element_reads_back_as_sent(store: &dyn Store, _other: &dyn Store) {
    for (after, upto, mut elements) in [(0, 1, one_cycle()), (1, 2, many_cycles())] {
        let report = store
            .flush(batch(after, upto, elements.clone()))
            .await
            .unwrap();
        assert_eq!(report.elements, elements.len() as u64);
        assert_eq!(report.untyped, 0);
        assert!(report.rows > 10 * report.elements, "{report:?}");
        // Both pushes begin with the same cycle: read this entry's elements only.
        elements.sort_by_key(Element::time);
        let want: Vec<_> = elements.iter().map(body).collect();
        let got = read(store, Elements { limit: 7, ..all() }).await;
        assert_eq!(
            got.iter().filter(|text| want.contains(text)).count(),
            got.len()
        );
        for text in &want {
            assert!(got.contains(text), "{text}");
        }
    }
    let elements = one_cycle().len() + many_cycles().len();
    assert_eq!(read(store, all()).await.len(), elements);
}

pub(crate) async fn plain_samples_read_back(store: &dyn Store, _other: &dyn Store) {
    let forms = [
        (
            SampleForm::UNIX_SECONDS | SampleForm::LABELS,
            json!({"labels": {"a": "é\"", "b": ""}, "name": "n", "timestamp": 7, "value": -1.5}),
        ),
        (
            SampleForm::TAGS,
            json!({"name": "n", "tags": {"a": "é\"", "b": ""}, "value": 1e300}),
        ),
        (
            SampleForm::LABELS,
            json!({"labels": {"a": "é\"", "b": ""}, "name": "n", "value": 0.1}),
        ),
    ];
    let mut elements = Vec::new();
    for (form, want) in &forms {
        elements.push(Element::Sample(Sample {
            name: "n".into(),
            labels: vec![("a".into(), "é\"".into()), ("b".into(), String::new())],
            time: Timestamp::from_micros(7_000_000),
            value: want["value"].as_f64().unwrap(),
            form: SampleForm::from_bits(*form),
        }));
    }
    elements.push(Element::Sample(Sample {
        name: "bare".into(),
        labels: vec![],
        time: Timestamp::from_micros(8_000_000),
        value: 3.0,
        form: SampleForm::from_bits(SampleForm::UNIX_SECONDS),
    }));
    let report = store.flush(batch(0, 1, elements)).await.unwrap();
    assert_eq!((report.elements, report.untyped), (4, 0));
    let got = read(store, all()).await;
    let got: Vec<Json> = got
        .iter()
        .map(|text| serde_json::from_str(text).unwrap())
        .collect();
    let mut want: Vec<Json> = forms.into_iter().map(|(_, want)| want).collect();
    want.push(json!({"name": "bare", "timestamp": 8, "value": 3}));
    assert_eq!(got, want);
}

pub(crate) async fn odd_documents_are_kept_whole(store: &dyn Store, _other: &dyn Store) {
    let odd = [
        json!({"type": "novel", "timestamp": 1, "x": [1, 2.5, null, {"y": 18_446_744_073_709_551_615_u64}]}),
        json!({"type": "pg_stats", "timestamp": 2, "databases": "none"}),
        json!({"type": "pg_query_stats", "timestamp": 3, "database": "d", "queries": [1, {"hash": "x"}]}),
        json!({"type": "pg_schema", "timestamp": 4, "databases": {"d": 3}}),
        json!({"name": "n", "timestamp": 5, "value": "high"}),
    ];
    let elements: Vec<_> = odd.iter().cloned().map(document).collect();
    let report = store.flush(batch(0, 1, elements)).await.unwrap();
    assert_eq!((report.elements, report.untyped), (5, 5));
    let got = read(store, all()).await;
    assert_eq!(got, odd.iter().map(Json::to_string).collect::<Vec<_>>());
}

pub(crate) async fn pages_are_complete_and_ordered(store: &dyn Store, _other: &dyn Store) {
    // Two entries; equal times across and within them; documents between samples.
    let entry = |base: i64| -> Vec<Element> {
        let log = |n: i64| document(json!({"type": "pg_log", "timestamp": 50, "n": base + n}));
        let point = |n: i64| sample(&format!("s{}", base + n), 50 - n % 2, 1.0);
        (0..20)
            .map(|n| if n % 3 == 0 { log(n) } else { point(n) })
            .collect()
    };
    store.flush(batch(0, 1, entry(100))).await.unwrap();
    store.flush(batch(1, 2, entry(200))).await.unwrap();
    let whole = read(store, all()).await;
    assert_eq!(whole.len(), 40);
    let mut distinct = whole.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), 40);
    let times: Vec<_> = whole
        .iter()
        .map(|text| {
            serde_json::from_str::<Json>(text).unwrap()["timestamp"]
                .as_i64()
                .unwrap()
        })
        .collect();
    assert!(times.is_sorted());
    for limit in [1, 3, 40, 41] {
        assert_eq!(
            read(store, Elements { limit, ..all() }).await,
            whole,
            "limit {limit}"
        );
    }
    let at_fifty: Vec<_> = whole
        .iter()
        .filter(|text| text.contains("\"timestamp\":50"))
        .collect();
    let first_of_second = at_fifty
        .iter()
        .position(|text| text.contains("\"n\":200"))
        .unwrap();
    assert!(
        at_fifty[..first_of_second]
            .iter()
            .all(|text| !text.contains("s2")),
        "by log index"
    );
    let bad = Elements {
        cursor: Some("nonsense".into()),
        ..all()
    };
    assert!(bad.ask(store).await.is_err());
}

pub(crate) async fn busy_and_quiet_series_share_pages(store: &dyn Store, _other: &dyn Store) {
    let quiet = |at: i64| (0..9).map(move |n| sample(&format!("quiet{n}"), at + n % 2, 0.0));
    let busy = (0..400).map(|n| sample("busy", n, n as f64));
    let elements: Vec<_> = quiet(3).chain(busy).chain(quiet(390)).collect();
    store.flush(batch(0, 1, elements)).await.unwrap();
    let whole = read(store, all()).await;
    assert_eq!(whole.len(), 418);
    let pages = |limit| read(store, Elements { limit, ..all() });
    for limit in [1, 5, 100, 417] {
        assert_eq!(pages(limit).await, whole, "limit {limit}");
    }
    let full = Elements {
        limit: 100,
        ..all()
    };
    assert_eq!(full.ask(store).await.unwrap().data.len(), 100);
}

pub(crate) async fn a_large_push_is_paged(store: &dyn Store, _other: &dyn Store) {
    let element = |n: i64| match n % 100 {
        7 => document(json!({"type": "pg_log", "timestamp": 50, "n": n})),
        8 => sample(&format!("s{n}"), 49, n as f64),
        _ => sample(&format!("s{}", n % 9), 50, n as f64),
    };
    store
        .flush(batch(0, 1, (0..1_500).map(element).collect()))
        .await
        .unwrap();
    let whole = read(store, all()).await;
    let number = |text: &String| {
        let json: Json = serde_json::from_str(text).unwrap();
        json["n"].as_i64().or(json["value"].as_i64()).unwrap()
    };
    let numbers: Vec<i64> = whole.iter().map(number).collect();
    let (early, late): (Vec<i64>, Vec<i64>) = (0..1_500).partition(|n| n % 100 == 8);
    assert_eq!(numbers, [early, late].concat());
    for limit in [1, 511, 512, 513, 1_499] {
        let pages = read(store, Elements { limit, ..all() }).await;
        assert_eq!(pages, whole, "limit {limit}");
    }
    let at = Timestamp::from_micros(1_000_000_000_000_000);
    assert!(store.drop_old(Retention::all(at)).await.unwrap() > 0);
    assert!(read(store, all()).await.is_empty());
}

pub(crate) async fn windows_and_kinds_filter(store: &dyn Store, _other: &dyn Store) {
    let elements = vec![
        sample("a", 10, 1.0),
        document(json!({"type": "pg_log", "timestamp": 20})),
        document(json!({"name": "odd", "timestamp": 30, "value": null})),
        sample("b", 40, 1.0),
    ];
    store.flush(batch(0, 1, elements)).await.unwrap();
    for (name, change, want) in filters() {
        let mut query = Elements { limit: 1, ..all() };
        change(&mut query);
        assert_eq!(read(store, query).await.len(), want, "{name}");
    }
}

type Change = fn(&mut Elements);

fn filters() -> [(&'static str, Change, usize); 8] {
    const fn at(seconds: i64) -> Option<Timestamp> {
        Some(Timestamp::from_micros(seconds * 1_000_000))
    }
    [
        ("all", |_| {}, 4),
        ("from is inclusive", |query| query.from = at(20), 3),
        ("to is exclusive", |query| query.to = at(40), 3),
        (
            "between",
            |query| (query.from, query.to) = (at(11), at(21)),
            1,
        ),
        ("logs", |query| query.kind = Some("pg_log".into()), 1),
        (
            "samples of both shapes",
            |query| query.kind = Some("samples".into()),
            3,
        ),
        (
            "no such kind",
            |query| query.kind = Some("sysstat".into()),
            0,
        ),
        (
            "another collector",
            |query| query.collector = CollectorId::from_external("x"),
            0,
        ),
    ]
}

pub(crate) async fn inventories_cost_a_reference(store: &dyn Store, _other: &dyn Store) {
    let tables: Vec<_> = (0..50)
        .map(|n| json!({"schema": "s", "name": format!("t{n}")}))
        .collect();
    let at = |seconds: i64, tables: &[Json]| {
        let databases = json!({"shop": {"tables": tables}});
        document(json!({"type": "pg_schema", "timestamp": seconds, "databases": databases}))
    };
    let sent = [
        at(1, &tables),
        at(2, &tables),
        at(3, &tables[1..]),
        at(4, &tables[1..]),
    ];
    let mut rows = Vec::new();
    for (n, element) in sent.iter().enumerate() {
        let n = n as u64;
        rows.push(
            store
                .flush(batch(n, n + 1, vec![element.clone()]))
                .await
                .unwrap()
                .rows,
        );
    }
    assert_eq!(rows, [51, 1, 50, 1]);
    let want: Vec<_> = sent.iter().map(body).collect();
    assert_eq!(read(store, all()).await, want);
}

pub(crate) async fn newest_first_is_the_same_backwards(store: &dyn Store, _other: &dyn Store) {
    let run = (0..1_200).map(|n| sample(if n % 2 == 0 { "a" } else { "b" }, 3, f64::from(n)));
    let others = (0..40).map(|n| sample("busy", 3 + n % 7, f64::from(n as i32)));
    for (after, elements) in [
        (0, run.collect::<Vec<_>>()),
        (1, one_cycle()),
        (2, others.collect()),
    ] {
        store
            .flush(batch(after, after + 1, elements))
            .await
            .unwrap();
    }
    let windows = [
        (None, None, None),
        (Some(4), Some(7), None),
        (None, Some(4), Some("samples")),
    ];
    for (from, to, kind) in windows {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let query = Elements {
            from: from.map(at),
            to: to.map(at),
            kind: kind.map(str::to_owned),
            ..all()
        };
        let mut want = read(store, query.clone()).await;
        want.reverse();
        for limit in [7, 600, 1000] {
            let newest = Elements {
                order: ElementOrder::Descending,
                limit,
                ..query.clone()
            };
            let got = read(store, newest).await;
            assert!(got == want, "{from:?} {to:?} {kind:?} by {limit}");
        }
    }
}
