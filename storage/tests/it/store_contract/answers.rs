//! Top queries and timelines come from counter differences (design D6).

use pga_storage::query::{QueryOrder, Question, Timeline, TopQueries};
use pga_storage::store::Store;
use pga_storage::{Element, Timestamp};
use serde_json::{Value as Json, json};

use super::data::{batch, collector, document};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn query(hash: i64, calls: i64, total: f64, max: f64) -> Json {
    json!({"hash": hash, "text": format!("select {hash}"), "calls": calls, "total_time": total,
        "mean_time": total / calls as f64, "min_time": 0.5, "max_time": max, "stddev_time": 0.1,
        "rows": calls * 2, "shared_blks_hit": calls * 3, "wal_bytes": calls * 4})
}

fn stats(database: &str, seconds: i64, queries: &[Json]) -> Element {
    document(
        json!({"type": "pg_query_stats", "timestamp": seconds, "database": database,
        "queries": queries}),
    )
}

async fn flush(store: &dyn Store, elements: Vec<Element>) {
    let after = store.watermark().await.unwrap().position.index;
    store
        .flush(batch(after, after + 1, elements))
        .await
        .unwrap();
}

fn any(query_hash: i64) -> Timeline {
    Timeline {
        query_hash,
        collector: None,
        database: None,
        from: at(0),
        to: at(2_000_000),
        limit: 1000,
    }
}

/// (hash, calls, total_time) of the top queries.
async fn top(store: &dyn Store, order: QueryOrder, window: (i64, i64)) -> Vec<(i64, i64, f64)> {
    let query = TopQueries {
        collector: collector(),
        database: None,
        order,
        from: at(window.0),
        to: at(window.1),
        limit: 10,
        has_texts: true,
    };
    let top = query.ask(store).await.unwrap();
    top.iter()
        .map(|q| (q.query_hash, q.calls, q.total_time))
        .collect()
}

/// (seconds, calls) of the points of query `hash`.
async fn points(store: &dyn Store, hash: i64) -> Vec<(i64, i64)> {
    let points = any(hash).ask(store).await.unwrap();
    points
        .iter()
        .map(|p| (p.time.micros() / 1_000_000, p.calls))
        .collect()
}

pub(crate) async fn top_queries_count_the_window_only(store: &dyn Store, _other: &dyn Store) {
    for (seconds, calls) in [(100, 1000), (200, 1010), (300, 1050)] {
        let queries = [
            query(-1, calls, calls as f64 * 2.0, 40.0),
            query(2, 7, 700.0, 900.0),
            query(3, 2 * calls, calls as f64, 5.0),
        ];
        flush(store, vec![stats("shop", seconds, &queries)]).await;
    }
    let frequent = QueryOrder::Calls;
    assert_eq!(
        top(store, frequent, (0, 1000)).await,
        [(3, 100, 50.0), (-1, 50, 100.0)]
    );
    assert_eq!(
        top(store, QueryOrder::Mean, (0, 1000)).await,
        [(-1, 50, 100.0), (3, 100, 50.0)]
    );
    assert_eq!(
        top(store, frequent, (200, 300)).await,
        [(3, 80, 40.0), (-1, 40, 80.0)]
    );
    assert_eq!(
        top(store, frequent, (0, 200)).await,
        [(3, 20, 10.0), (-1, 10, 20.0)]
    );
    assert_eq!(
        top(store, frequent, (150, 225)).await,
        [(3, 30, 15.0), (-1, 15, 30.0)]
    );
    assert_eq!(top(store, frequent, (0, 100)).await, []);
    assert_eq!(points(store, -1).await, [(200, 10), (300, 40)]);
    assert_eq!(points(store, 2).await, [(200, 0), (300, 0)]);
    let point = any(-1).ask(store).await.unwrap().pop().unwrap();
    assert_eq!(
        (point.mean_time, point.rows, point.shared_blks_hit),
        (2.0, 80, 120)
    );
    assert_eq!((point.wal_bytes, point.wal_fpi), (Some(160), None));
    assert_eq!(
        (
            point.min_time,
            point.max_time,
            point.stddev_time.map(|ms| (ms * 1e6).round())
        ),
        (2.0, 2.0, Some(1e5))
    );
    assert_eq!(point.collector_id, collector().to_string());
    assert_eq!(
        (point.database_name.as_str(), point.query_text.as_str()),
        ("shop", "select -1")
    );
}

pub(crate) async fn a_reset_counts_from_zero(store: &dyn Store, _other: &dyn Store) {
    for (seconds, calls) in [(100, 1000), (200, 5), (300, 9)] {
        let query = query(1, calls, calls as f64, 9.0);
        flush(store, vec![stats("shop", seconds, &[query])]).await;
    }
    assert_eq!(points(store, 1).await, [(200, 5), (300, 4)]);
    assert_eq!(
        top(store, QueryOrder::Calls, (0, 1000)).await,
        [(1, 9, 9.0)]
    );
}

pub(crate) async fn late_samples_take_their_part(store: &dyn Store, _other: &dyn Store) {
    for (seconds, calls) in [(200, 10), (100, 5), (200, 10), (300, 12), (250, 11)] {
        let query = query(1, calls, calls as f64, 9.0);
        flush(store, vec![stats("shop", seconds, &[query])]).await;
    }
    assert_eq!(points(store, 1).await, [(200, 5), (250, 1), (300, 1)]);
}

/// One case of the rules: pushes in their order, each of samples of (seconds, rows), and what is to
/// be read.
struct Rule {
    name: &'static str,
    hash: i64,
    pushes: Vec<Vec<Json>>,
    want: Vec<(i64, i64)>,
}

fn rows(seconds: i64, queries: &[Json]) -> Json {
    json!({"type": "pg_query_stats", "timestamp": seconds, "database": "shop", "queries": queries})
}

fn since(seconds: i64, reset: i64, calls: i64, hash: i64) -> Json {
    let mut rows = rows(seconds, &[query(hash, calls, calls as f64, 9.0)]);
    if calls == 0 {
        rows["queries"] = json!([{"hash": hash, "calls": 0}]);
    }
    rows["stats_reset"] = json!(reset);
    rows
}

fn rule(hash: i64, name: &'static str, pushes: Vec<Vec<Json>>, want: Vec<(i64, i64)>) -> Rule {
    Rule {
        name,
        hash,
        pushes,
        want,
    }
}

fn rules() -> Vec<Rule> {
    let one = |hash, calls: i64| query(hash, calls, calls as f64, 9.0);
    vec![
        rule(
            20,
            "R2: rows of one key and time are added",
            vec![
                vec![rows(100, &[one(20, 100), one(20, 5000)])],
                vec![rows(200, &[one(20, 5010), one(20, 103)])],
                vec![rows(300, &[one(20, 110), one(20, 5020)])],
            ],
            vec![(100, 5100), (200, 13), (300, 17)],
        ),
        rule(
            21,
            "R3: the order inside one push does not matter",
            vec![
                [(400, 130), (300, 110), (500, 160)]
                    .map(|(at, calls)| rows(at, &[one(21, calls)]))
                    .to_vec(),
            ],
            vec![(300, 110), (400, 20), (500, 30)],
        ),
        rule(
            22,
            "R4: a marker that moved forward",
            vec![
                vec![since(600, 10, 100, 22)],
                vec![since(700, 650, 170, 22)],
            ],
            vec![(600, 100), (700, 170)],
        ),
    ]
}

fn later_rules() -> Vec<Rule> {
    let one = |hash, calls: i64| query(hash, calls, calls as f64, 9.0);
    let mut old = one(24, 900);
    old["stats_since"] = json!(5);
    let mut grown = one(24, 904);
    grown["stats_since"] = json!(5);
    vec![
        rule(
            23,
            "R7: a marker that moved backward",
            vec![
                vec![since(800, 700, 10, 23)],
                vec![since(900, 100, 5_000, 23)],
                vec![since(1000, 100, 5_010, 23)],
            ],
            vec![(800, 10), (1000, 10)],
        ),
        rule(
            25,
            "R8: a statement that is new has run since the sample before",
            vec![vec![rows(1100, &[one(25, 7)])]],
            vec![(1100, 7)],
        ),
        rule(
            24,
            "R8: one that began before that sample has not",
            vec![vec![rows(1200, &[old])], vec![rows(1300, &[grown])]],
            vec![(1300, 4)],
        ),
        rule(
            26,
            "R10: zeros are a failed reading, with a moved marker a reset",
            vec![
                vec![since(1400, 10, 100, 26)],
                vec![since(1500, 10, 0, 26)],
                vec![since(1600, 10, 115, 26)],
                vec![since(1700, 1650, 0, 26)],
                vec![since(1800, 1650, 2500, 26)],
            ],
            vec![(1400, 100), (1600, 15), (1700, 0), (1800, 2500)],
        ),
    ]
}

pub(crate) async fn differences_follow_the_rules(store: &dyn Store, _other: &dyn Store) {
    flush(store, vec![stats("shop", 10, &[query(1, 5, 5.0, 9.0)])]).await;
    flush(store, vec![stats("shop", 20, &[query(1, 5, 5.0, 9.0)])]).await;
    // What is new in this history counts from its first sample (R8).
    for rule in rules().into_iter().chain(later_rules()) {
        for push in rule.pushes {
            flush(store, push.into_iter().map(document).collect()).await;
        }
        assert_eq!(points(store, rule.hash).await, rule.want, "{}", rule.name);
    }
}

pub(crate) async fn equal_ids_of_two_databases_are_two_rows(store: &dyn Store, _other: &dyn Store) {
    for (seconds, calls) in [(100, 10), (200, 20)] {
        let elements = vec![
            stats("postgres", seconds, &[query(1, calls, calls as f64, 9.25)]),
            stats("shop", seconds, &[query(1, 2 * calls, calls as f64, 9.25)]),
        ];
        flush(store, elements).await;
    }
    let top = top(store, QueryOrder::Calls, (0, 1000)).await;
    assert_eq!(top, [(1, 20, 10.0), (1, 10, 10.0)]);
    let shop = Timeline {
        database: Some("shop".to_owned()),
        ..any(1)
    };
    let points = shop.ask(store).await.unwrap();
    assert_eq!(points.iter().map(|p| p.calls).collect::<Vec<_>>(), [20]);
}

pub(crate) async fn a_window_takes_its_share_of_a_gap(store: &dyn Store, _other: &dyn Store) {
    for (seconds, calls) in [(0, 0), (864_000, 240_000)] {
        let query = query(1, calls + 1, (calls + 1) as f64, 9.0);
        flush(store, vec![stats("shop", seconds, &[query])]).await;
    }
    let query = TopQueries {
        collector: collector(),
        database: Some("shop".to_owned()),
        order: QueryOrder::Total,
        from: at(864_000 - 1800),
        to: at(864_000 + 1800),
        limit: 1,
        has_texts: true,
    };
    let top = query.ask(store).await.unwrap();
    assert_eq!((top[0].calls, top[0].coverage), (500, Some(0.0)));
    assert!(any(1).ask(store).await.unwrap()[0].gap);
}

pub(crate) async fn a_long_list_has_all_its_texts(store: &dyn Store, _other: &dyn Store) {
    // More than SQLite takes in one compound SELECT.
    let all = 1..=1_200;
    for (seconds, calls) in [(0, 1), (60, 5)] {
        let queries: Vec<Json> = all
            .clone()
            .map(|hash| query(hash, calls, (calls * hash) as f64, 9.0))
            .collect();
        flush(store, vec![stats("shop", seconds, &queries)]).await;
    }
    let mut list = TopQueries {
        collector: collector(),
        database: None,
        order: QueryOrder::Total,
        from: at(0),
        to: at(60),
        limit: 2_000,
        has_texts: true,
    };
    let top = list.ask(store).await.unwrap();
    let texts: Vec<&str> = top.iter().map(|one| one.query_text.as_str()).collect();
    let want: Vec<String> = all.rev().map(|hash| format!("select {hash}")).collect();
    assert_eq!(texts, want);
    list.has_texts = false;
    let top = list.ask(store).await.unwrap();
    assert_eq!((top.len(), top[0].query_text.as_str()), (1_200, ""));
}
