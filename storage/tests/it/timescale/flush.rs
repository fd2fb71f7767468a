//! What a flush stores, and what comes back.

use pga_storage::{Error, Position, StoreWriter};
use serde_json::json;

use super::database::{Database, batch, document, read_all, sample};

#[tokio::test]
async fn a_flush_stores_all_elements_and_moves_the_watermark() {
    let database = Database::new().await;
    let store = database.ready().await;
    let elements = vec![
        sample("cache_hit_ratio", 0, 97.3),
        document("novel", 1, &json!({"type": "novel", "x": [1.50, null]})),
        document(
            "pg_stats",
            2,
            &json!({"type": "pg_stats", "database": "shop", "size_bytes": 7, "transactions_committed": 3}),
        ),
        sample("connection_count", 3, 5.0),
    ];
    let report = store
        .flush(batch(1, Position::default(), elements))
        .await
        .unwrap();
    assert_eq!(
        (
            report.elements,
            report.rows,
            report.untyped,
            report.dead_lettered
        ),
        (4, 5, 1, 0)
    );
    assert_eq!(
        store.watermark().await.unwrap().position,
        Position::new(1, 1)
    );
    let want = json!([
        {"name": "cache_hit_ratio", "value": 97.3, "timestamp": 1_772_352_000, "labels": {"instance": "db1"}},
        {"type": "novel", "x": [1.50, null]},
        {"type": "pg_stats", "database": "shop", "size_bytes": 7, "transactions_committed": 3},
        {"name": "connection_count", "value": 5, "timestamp": 1_772_352_003, "labels": {"instance": "db1"}},
    ]);
    for limit in [100, 3, 1] {
        assert_eq!(
            json!(read_all(&store, limit).await),
            want,
            "pages of {limit}"
        );
    }
    let typed = "SELECT xact_commit FROM metrics.metrics_pg_stats_database WHERE database_size = 7";
    assert_eq!(database.number(typed).await, 3);
}

#[tokio::test]
async fn a_flush_from_elsewhere_than_the_watermark_is_refused_and_leaves_nothing() {
    let database = Database::new().await;
    let store = database.ready().await;
    let first = batch(1, Position::default(), vec![sample("a", 0, 1.0)]);
    store.flush(first.clone()).await.unwrap();
    let again = store.flush(first).await.unwrap_err();
    assert!(
        matches!(again, Error::Fenced { found, owner_term: 1 } if found == Position::new(1, 1)),
        "{again:?}"
    );
    assert_eq!(read_all(&store, 10).await.len(), 1);
}
