//! Questions answer alike, whichever database holds the rows.

use pga_storage::Timestamp;
use pga_storage::query::{
    Aggregate, FirstSeen, Kinds, Latest, Measure, Question, Series, Starts, StatementSecond,
    StatementSeconds, StatementSpan, StatementSpans, StatementSteps, TableCounters,
};
use pga_storage::store::Store;
use pga_storage::store::catalogue::{Table, VIEWS, tables_of, view_of};
use serde_json::{Value, json};

use super::data::{batch, collector, document};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn table(kind: &str, name: &str) -> &'static Table {
    let mut tables = tables_of(kind).map(pga_storage::store::catalogue::TableId::table);
    tables.find(|table| table.name == name).unwrap()
}

/// A minute's figures of one database.
fn figures(database: &str, seconds: i64, backends: i64, commits: i64) -> Value {
    json!({
        "type": "pg_stats", "timestamp": seconds, "database": database,
        "databases": [{ "database": database, "numbackends": backends,
            "transactions_committed": commits }],
        "tables": [{ "schema": "public", "name": "t", "live_tuples": backends * 10 }],
    })
}

async fn fill(store: &dyn Store) {
    let mut elements = Vec::new();
    for minute in 0..10 {
        let seconds = 600 + minute * 60;
        elements.push(document(figures("app", seconds, minute, 100 + minute * 5)));
        if minute < 5 {
            elements.push(document(figures("old", seconds, 7, 3)));
        }
    }
    elements.push(document(json!({
        "type": "pg_locks", "timestamp": 900, "databases": {
            "app": { "active_locks": [{ "pid": 1, "mode": "a" }, { "pid": 2, "mode": "b" }] } },
    })));
    let after = store.watermark().await.unwrap().position.index;
    let flushed = store.flush(batch(after, after + 1, elements)).await;
    flushed.unwrap();
}

pub(crate) async fn the_newest_row_of_each_thing_is_found(store: &dyn Store, _other: &dyn Store) {
    fill(store).await;
    let latest = |table, key, database: Option<&str>| Latest {
        table,
        key,
        collector: collector(),
        database: database.map(str::to_owned),
        from: at(0),
        to: at(10_000),
        limit: 10,
    };
    let databases = table("pg_stats", "metrics_pg_stats_database");
    let rows = latest(databases, &["database_name"], None)
        .ask(store)
        .await
        .unwrap();
    let found: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                row["database_name"].as_str().unwrap(),
                row["numbackends"].as_i64(),
            )
        })
        .collect();
    assert_eq!(found, [("app", Some(9)), ("old", Some(7))], "{rows:?}");
    assert_eq!(rows[0]["time"], "1970-01-01T00:19:00Z");
    assert!(rows[0].get("stats_reset").is_none(), "NULL is left out");

    let only = latest(databases, &["database_name"], Some("old"))
        .ask(store)
        .await
        .unwrap();
    assert_eq!(only.len(), 1);
    let locks = table("pg_locks", "metrics_pg_locks");
    let rows = latest(locks, &[], None).ask(store).await.unwrap();
    let pids: Vec<_> = rows
        .iter()
        .map(|row| row["pid"].as_i64().unwrap())
        .collect();
    assert_eq!(pids, [1, 2], "all of the newest element");
}

pub(crate) async fn series_are_the_sums_and_means_of_steps(store: &dyn Store, _other: &dyn Store) {
    fill(store).await;
    let series = Series {
        table: table("pg_stats", "metrics_pg_stats_database"),
        measures: vec![
            Measure {
                column: "numbackends",
                aggregate: Aggregate::Avg,
            },
            Measure {
                column: "xact_commit_delta",
                aggregate: Aggregate::Sum,
            },
            Measure {
                column: "numbackends",
                aggregate: Aggregate::Max,
            },
        ],
        collector: collector(),
        database: Some("app".to_owned()),
        from: at(600),
        to: at(1_200),
        step_micros: 300_000_000,
        limit: 100,
    };
    let points = series.ask(store).await.unwrap();
    let found: Vec<_> = points
        .iter()
        .map(|point| (point.time, point.samples, point.values.clone()))
        .collect();
    let want = [
        (at(600), 5, vec![Some(2.0), Some(20.0), Some(4.0)]),
        (at(900), 5, vec![Some(7.0), Some(25.0), Some(9.0)]),
    ];
    assert_eq!(found, want);
    let newest = Series { limit: 1, ..series };
    assert_eq!(newest.ask(store).await.unwrap()[0].time, at(900));
}

pub(crate) async fn tables_are_told_by_name_with_what_they_counted(
    store: &dyn Store,
    _other: &dyn Store,
) {
    let sample = |seconds: i64, read: i64| {
        let table = |schema: &str, name: &str, read: Option<i64>| {
            json!({ "schema": schema, "name": name, "live_tuples": 9, "seq_tup_read": read,
                "n_tup_ins": 1, "n_tup_upd": 2, "n_tup_del": 3 })
        };
        let tables = [
            table("public", "a", Some(read)),
            table("old", "a", Some(read * 2)),
            table("public", "b", Some(7)),
            table("public", "c", None),
        ];
        document(
            json!({ "type": "pg_stats", "timestamp": seconds, "database": "app",
            "databases": [{ "database": "app", "numbackends": 1 }], "tables": tables }),
        )
    };
    let elements = vec![sample(600, 10), sample(660, 30), sample(720, 70)];
    let after = store.watermark().await.unwrap().position.index;
    let flushed = store.flush(batch(after, after + 1, elements)).await;
    flushed.unwrap();
    let asked = TableCounters {
        collector: collector(),
        names: vec!["a".to_owned(), "c".to_owned(), "none".to_owned()],
        from: at(600),
        to: at(720),
        limit: 100,
    };
    let mut told: Vec<_> = asked
        .ask(store)
        .await
        .unwrap()
        .into_iter()
        .map(|one| (one.second, one.schema, one.name, one.counters))
        .collect();
    told.sort_by(|one, other| one.0.cmp(&other.0).then(one.1.cmp(&other.1)));
    let row = |second: i64, schema: &str, read: f64| {
        let counters = [read, 1.0, 2.0, 3.0];
        (second, schema.to_owned(), "a".to_owned(), counters)
    };
    let want = [
        row(600, "old", 20.0),
        row(600, "public", 10.0),
        row(660, "old", 60.0),
        row(660, "public", 30.0),
    ];
    assert_eq!(told, want);
    let newest = TableCounters { limit: 2, ..asked };
    let newest = newest.ask(store).await.unwrap();
    assert!(newest.iter().all(|one| one.second == 660), "{newest:?}");
}

pub(crate) async fn each_start_of_a_server_is_told_once(store: &dyn Store, _other: &dyn Store) {
    let told = |seconds: i64, start: Option<&str>| {
        document(json!({ "type": "pg_identity", "timestamp": seconds,
            "postmaster_start_time": start }))
    };
    let (first, second) = ("1970-01-01T00:00:10Z", "1970-01-01T00:15:30Z");
    let elements = vec![
        told(600, Some(first)),
        told(660, Some(first)),
        told(720, None),
        told(960, Some(second)),
        told(1_020, Some(second)),
    ];
    let after = store.watermark().await.unwrap().position.index;
    let flushed = store.flush(batch(after, after + 1, elements)).await;
    flushed.unwrap();
    for (from, to, want) in [
        (600, 2_000, vec![at(10), at(930)]),
        (660, 960, vec![at(10)]),
        (1_000, 2_000, vec![at(930)]),
        (2_000, 3_000, vec![]),
    ] {
        let starts = Starts {
            collector: collector(),
            from: at(from),
            to: at(to),
        };
        assert_eq!(starts.ask(store).await.unwrap(), want, "{from} to {to}");
    }
}

pub(crate) async fn types_of_elements_are_counted(store: &dyn Store, _other: &dyn Store) {
    fill(store).await;
    let kinds = Kinds {
        collector: collector(),
        from: at(0),
        to: at(10_000),
    };
    let kinds = kinds.ask(store).await.unwrap();
    let found: Vec<_> = kinds
        .iter()
        .map(|kind| (kind.kind.as_str(), kind.elements, kind.cadence_seconds))
        .collect();
    assert_eq!(found, [("pg_locks", 1, None), ("pg_stats", 15, Some(60.0))]);
    assert_eq!((kinds[1].first, kinds[1].last), (at(600), at(1_140)));
}

/// Three samples of two statements, the last after a gap.
async fn sample(store: &dyn Store) {
    let mut elements = Vec::new();
    for (minute, calls) in [(0, 10), (1, 40), (3, 100)] {
        let statement = |hash: i64| {
            json!({ "hash": hash, "text": "q", "calls": calls, "total_time": calls * 2,
                "rows": calls * hash, "shared_blks_read": 0 })
        };
        elements.push(document(json!({
            "type": "pg_query_stats", "timestamp": 600 + minute * 60, "database": "shop",
            "queries": [statement(1), statement(2)],
        })));
    }
    let after = store.watermark().await.unwrap().position.index;
    store
        .flush(batch(after, after + 1, elements))
        .await
        .unwrap();
}

/// Statement, second, and calls, milliseconds, rows, seconds.
fn told(seconds: Vec<StatementSecond>) -> Vec<(i64, i64, [f64; 4])> {
    let one = |one: StatementSecond| {
        let figures = [one.calls, one.total_ms, one.rows, one.interval_seconds];
        (one.query_hash, one.second, figures)
    };
    seconds.into_iter().map(one).collect()
}

pub(crate) async fn samples_of_statements_are_told_with_their_interval(
    store: &dyn Store,
    _other: &dyn Store,
) {
    sample(store).await;
    let asked = StatementSeconds {
        collector: collector(),
        hashes: vec![2, 3],
        from: at(600),
        to: at(10_000),
        limit: 10,
    };
    let one = told(asked.ask(store).await.unwrap());
    let of_two = [
        (2, 660, [30.0, 60.0, 60.0, 60.0]),
        (2, 780, [60.0, 120.0, 120.0, 120.0]),
    ];
    assert_eq!(one, of_two);
    let all = StatementSeconds {
        hashes: Vec::new(),
        ..asked
    };
    let all = told(all.ask(store).await.unwrap());
    let of_all = [
        (0, 660, [60.0, 120.0, 90.0, 60.0]),
        (0, 780, [120.0, 240.0, 180.0, 120.0]),
    ];
    assert_eq!(all, of_all); // What comes much later seals the five minutes.
    let late = document(json!({
        "type": "pg_query_stats", "timestamp": 4_000, "database": "shop",
        "queries": [{ "hash": 9, "text": "q", "calls": 1, "total_time": 1 }],
    }));
    let after = store.watermark().await.unwrap().position.index;
    store
        .flush(batch(after, after + 1, vec![late]))
        .await
        .unwrap();
    let spans = StatementSpans {
        collector: collector(),
        seconds: 300,
        from: at(0),
        to: at(10_000),
    };
    let spans = spans.ask(store).await.unwrap();
    let told = told_of(&spans);
    assert_eq!(
        told,
        [
            (at(600), 1, "shop".to_owned(), 90.0),
            (at(600), 2, "shop".to_owned(), 90.0)
        ]
    );
}

/// Of each row of spans: begin, statement, database, calls.
fn told_of(spans: &[StatementSpan]) -> Vec<(Timestamp, i64, String, f64)> {
    let of_span = |span: &StatementSpan| {
        let (begin, columns) = (span.begin, span.columns().unwrap());
        let rows = 0..columns.len();
        let row = |row| {
            let database = columns.database(row).to_owned();
            let calls = columns.counter("calls").number(row);
            (begin, columns.hash(row), database, calls)
        };
        rows.map(row).collect::<Vec<_>>()
    };
    spans.iter().flat_map(of_span).collect()
}

pub(crate) async fn sealed_spans_tell_their_columns(store: &dyn Store, _other: &dyn Store) {
    sample(store).await;
    // What comes much later seals the five minutes.
    let late = document(json!({
        "type": "pg_query_stats", "timestamp": 4_000, "database": "shop",
        "queries": [{ "hash": 9, "text": "q", "calls": 1, "total_time": 1 }],
    }));
    let after = store.watermark().await.unwrap().position.index;
    let late = batch(after, after + 1, vec![late]);
    store.flush(late).await.unwrap();
    let spans = StatementSpans {
        collector: collector(),
        seconds: 300,
        from: at(0),
        to: at(10_000),
    };
    let spans = spans.ask(store).await.unwrap();
    let mut told = told_of(&spans);
    told.sort_by_key(|(_, hash, ..)| *hash);
    let want = [
        (at(600), 1, "shop".to_owned(), 90.0),
        (at(600), 2, "shop".to_owned(), 90.0),
    ];
    assert_eq!(told, want);
}

/// The same whether nothing is sealed, and all is made of rows, or the spans are.
pub(crate) async fn steps_of_a_statement_are_sums_of_its_rows(
    store: &dyn Store,
    _other: &dyn Store,
) {
    sample(store).await;
    let steps = async |seconds: i64, database: Option<&str>, limit| {
        let question = StatementSteps {
            query_hash: 2,
            collector: collector(),
            database: database.map(str::to_owned),
            from: at(650),
            to: at(4_100),
            seconds,
            limit,
        };
        let points = question.ask(store).await.unwrap();
        let told = points.into_iter().map(|one| {
            let covered = (one.coverage.unwrap() * seconds as f64).round();
            assert_eq!(one.mean_time, one.total_time / one.calls as f64);
            (one.time, one.calls, one.total_time, covered, one.query_text)
        });
        told.collect::<Vec<_>>()
    };
    let by_row = steps(300, None, 9).await;
    let [(begin, calls, total, covered, text)] = &by_row[..] else {
        panic!("{by_row:?}");
    };
    assert_eq!(
        (*begin, *calls, *total, *covered),
        (at(600), 90, 180.0, 180.0)
    );
    assert!(!text.is_empty());
    let hours = steps(3_600, Some("shop"), 9).await;
    assert_eq!(hours[0].0, at(0));
    assert_eq!(hours[0].1, 90);
    assert_eq!(steps(300, Some("bank"), 9).await, []);

    // What comes later seals the five minutes.
    let late = |hash: i64, calls: i64| {
        document(json!({
            "type": "pg_query_stats", "timestamp": 3_900, "database": "shop",
            "queries": [{ "hash": hash, "text": "q", "calls": calls, "total_time": calls * 2 }],
        }))
    };
    let after = store.watermark().await.unwrap().position.index;
    let sealing = batch(after, after + 1, vec![late(9, 1)]);
    store.flush(sealing).await.unwrap();
    assert_eq!(steps(300, None, 9).await, by_row);
    assert_eq!(steps(3_600, None, 9).await, hours);

    // A difference over 52 minutes is in no span, and has its share in each step.
    let long = batch(after + 1, after + 2, vec![late(2, 1_000)]);
    store.flush(long).await.unwrap();
    let all = steps(300, None, 99).await;
    let calls: Vec<_> = all.iter().map(|one| one.1).collect();
    let rest = [87; 10];
    assert_eq!((calls[0], &calls[1..]), (90 + 35, &rest[..]), "{all:?}");
    assert_eq!(steps(300, None, 2).await, all[9..]);
}

/// A list of tables, as our collector sends it.
fn tables_at(seconds: i64, rows: Value) -> pga_storage::Element {
    document(json!({
        "type": "pg_table", "timestamp": seconds, "database": "shop", "changed_only": true,
        "total": 2, "truncated": false, "rows": rows,
    }))
}

/// Lists with what fits, and with what does not.
fn odd_lists() -> Vec<pga_storage::Element> {
    let orders = json!({
        "relid": "16385", "relname": "orders", "seq_scan": 9_007_199_254_740_993_i64,
        "n_live_tup": -1, "reltuples": 1.5, "reloptions": ["fillfactor=70", "a=b"],
        "relispartition": false, "last_vacuum": "1970-01-01T02:00:00.5+02:00",
    });
    let moved = json!({ "relid": "16385", "relname": "orders", "seq_scan": 12 });
    let odd = json!({
        "relid": 7, "relname": { "a": 1 }, "seq_scan": "many", "idx_scan": 1e30, "n_tup_ins": 5.0,
        "n_tup_upd": "18446744073709551616", "reltuples": "NaN", "reloptions": [],
        "relispartition": 1, "last_vacuum": "1970-13-45T00:00:00Z", "last_analyze": "now",
    });
    vec![
        tables_at(100, json!([orders, "no object", odd])),
        tables_at(160, json!([moved])),
        tables_at(170, json!("no list")),
        // PostgreSQL cannot read it; it is in the list of elements.
        tables_at(180, json!([{ "n": "a\u{0}b" }])),
    ]
}

pub(crate) async fn long_lists_are_read_by_column(store: &dyn Store, _other: &dyn Store) {
    let elements = odd_lists();
    let stored = elements.len() as u64;
    let report = store.flush(batch(0, 1, elements)).await.unwrap();
    assert_eq!((report.elements, report.untyped), (stored, 0));
    let view = view_of("pg_table").unwrap();
    let rows = Latest {
        table: view,
        key: &["database_name", "relid"],
        collector: collector(),
        database: Some("shop".to_owned()),
        from: at(0),
        to: at(175),
        limit: 10,
    };
    let (newest, first) = (
        rows.clone(),
        Latest {
            to: at(150),
            ..rows
        },
    );
    let newest = newest.ask(store).await.unwrap();
    let scans = |row: &Value| (row["relid"].as_i64(), row["seq_scan"].as_i64());
    let found: Vec<_> = newest.iter().map(scans).collect();
    assert_eq!(found, [(Some(16385), Some(12)), (Some(7), None)]);
    let mut first = first.ask(store).await.unwrap();
    first.sort_by_key(|row| std::cmp::Reverse(row["relid"].as_i64()));
    assert_eq!(
        first,
        [
            json!({
                "time": "1970-01-01T00:01:40Z", "database_name": "shop", "relid": 16385,
                "relname": "orders", "seq_scan": 9_007_199_254_740_993_i64, "n_live_tup": -1,
                "reltuples": 1.5, "reloptions": "fillfactor=70, a=b", "relispartition": false,
                "last_vacuum": "1970-01-01T00:00:00.5Z",
            }),
            json!({
                "time": "1970-01-01T00:01:40Z", "database_name": "shop", "relid": 7, "n_tup_ins": 5,
            }),
        ]
    );
    every_view_is_read(store).await;
}

async fn every_view_is_read(store: &dyn Store) {
    for view in VIEWS {
        let question = Latest {
            table: view,
            key: view.key(),
            collector: collector(),
            database: None,
            from: at(0),
            to: at(10_000),
            limit: 10,
        };
        let rows = question.ask(store).await.unwrap();
        assert_eq!(rows.is_empty(), view.kind != "pg_table", "{}", view.name);
    }
}

pub(crate) async fn the_first_sample_of_each_statement_is_found(
    store: &dyn Store,
    _other: &dyn Store,
) {
    let sample = |seconds: i64, database: &str, hash: i64| {
        document(
            json!({ "type": "pg_query_stats", "timestamp": seconds, "database": database,
            "queries": [{ "hash": hash, "text": "q", "calls": seconds, "total_time": 1 }] }),
        )
    };
    let elements = vec![
        sample(600, "app", 7),
        sample(300, "app", 7),
        sample(200, "shop", 7),
        sample(900, "app", -9),
    ];
    store.flush(batch(0, 1, elements)).await.unwrap();
    let asked = [("app", 7), ("none", 7), ("app", -9), ("shop", 7)];
    let question = FirstSeen {
        collector: collector(),
        statements: asked
            .map(|(database, hash)| (hash, database.to_owned()))
            .to_vec(),
    };
    let found = question.ask(store).await.unwrap();
    assert_eq!(found, [Some(at(300)), None, Some(at(900)), Some(at(200))]);
    let none = FirstSeen {
        statements: Vec::new(),
        ..question
    };
    assert_eq!(none.ask(store).await.unwrap(), []);
}
