//! Top queries and timelines come from counter differences (design D6).

use pga_storage::store::{CollectorQuery, QueryOrder, StatsQuery, Store};
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

/// (hash, calls, total_time) of the top queries.
async fn top(store: &dyn Store, order: QueryOrder, window: (i64, i64)) -> Vec<(i64, i64, f64)> {
    let query = CollectorQuery {
        collector: collector(),
        order,
        from: at(window.0),
        to: at(window.1),
        limit: 10,
    };
    let top = store.top_queries(query).await.unwrap();
    top.iter()
        .map(|q| (q.query_hash, q.calls, q.total_time))
        .collect()
}

/// (seconds, calls) of the points of query `hash`.
async fn points(store: &dyn Store, hash: i64) -> Vec<(i64, i64)> {
    let query = StatsQuery {
        query_hash: hash,
        from: at(0),
        to: at(10_000),
    };
    let points = store.timeline(query).await.unwrap();
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
    let frequent = QueryOrder::Frequent;
    assert_eq!(
        top(store, frequent, (0, 1000)).await,
        [(3, 100, 50.0), (-1, 50, 100.0)]
    );
    assert_eq!(
        top(store, QueryOrder::Slow, (0, 1000)).await,
        [(-1, 50, 100.0), (3, 100, 50.0)]
    );
    assert_eq!(
        top(store, frequent, (200, 300)).await,
        [(3, 20, 10.0), (-1, 10, 20.0)]
    );
    assert_eq!(top(store, frequent, (0, 200)).await, []);
    assert_eq!(points(store, -1).await, [(200, 10), (300, 40)]);
    assert_eq!(points(store, 2).await, [(200, 0), (300, 0)]);
    let all = StatsQuery {
        query_hash: -1,
        from: at(0),
        to: at(1000),
    };
    let point = store.timeline(all).await.unwrap().pop().unwrap();
    assert_eq!(
        (point.mean_time, point.rows, point.shared_blks_hit),
        (2.0, 80, 120)
    );
    assert_eq!((point.wal_bytes, point.wal_fpi), (Some(160), None));
    assert_eq!(
        (point.min_time, point.max_time, point.stddev_time),
        (0.5, 40.0, 0.1)
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
        top(store, QueryOrder::Frequent, (0, 1000)).await,
        [(1, 9, 9.0)]
    );
}

pub(crate) async fn late_samples_have_no_differences(store: &dyn Store, _other: &dyn Store) {
    for (seconds, calls) in [(200, 10), (100, 5), (200, 10), (300, 12)] {
        let query = query(1, calls, calls as f64, 9.0);
        flush(store, vec![stats("shop", seconds, &[query])]).await;
    }
    assert_eq!(points(store, 1).await, [(300, 2)]);
}

pub(crate) async fn a_statement_repeated_under_databases_counts_once(
    store: &dyn Store,
    _other: &dyn Store,
) {
    // The second database is read a moment later: its counters may be ahead.
    for (seconds, calls) in [(100, 10), (200, 20)] {
        let ahead = query(1, calls + calls / 20, calls as f64, 9.25);
        let own = query(2, calls, calls as f64, seconds as f64);
        let elements = vec![
            stats("postgres", seconds, &[query(1, calls, calls as f64, 9.25)]),
            stats("shop", seconds, &[ahead, own]),
        ];
        flush(store, elements).await;
    }
    let top = top(store, QueryOrder::Frequent, (0, 1000)).await;
    assert_eq!(top, [(1, 11, 10.0), (2, 10, 10.0)]);
    assert_eq!(points(store, 1).await, [(200, 11)]);
}
