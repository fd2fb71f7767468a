//! The watermark, its fence, and replays (FLUSH-1, FLUSH-2).

use pga_storage::query::{Elements, Question};
use pga_storage::store::{FlushBatch, Store, Watermark};
use pga_storage::{Error, Position};
use serde_json::json;

use super::data::{batch, collector, document, sample};

async fn stored(store: &dyn Store) -> usize {
    let query = Elements {
        collector: collector(),
        kind: None,
        from: None,
        to: None,
        order: Default::default(),
        limit: 1000,
        cursor: None,
    };
    query.ask(store).await.unwrap().data.len()
}

fn two(after: u64, upto: u64) -> FlushBatch {
    let body = json!({"type": "pg_log", "timestamp": upto, "entries": [{"level": "LOG"}]});
    batch(after, upto, vec![sample("a", 1, 1.0), document(body)])
}

pub(crate) async fn the_watermark_moves_with_the_rows(store: &dyn Store, _other: &dyn Store) {
    assert_eq!(store.watermark().await.unwrap(), Watermark::default());
    let report = store.flush(two(0, 3)).await.unwrap();
    assert_eq!((report.elements, report.untyped), (2, 0));
    assert!(report.rows >= 3, "{report:?}");
    let want = Watermark {
        position: Position::new(1, 3),
        owner_term: 1,
    };
    assert_eq!(store.watermark().await.unwrap(), want);
    store.flush(batch(3, 9, vec![])).await.unwrap();
    assert_eq!(
        store.watermark().await.unwrap().position,
        Position::new(1, 9)
    );
    assert_eq!(stored(store).await, 2);
}

pub(crate) async fn a_batch_elsewhere_is_fenced_and_stores_nothing(
    store: &dyn Store,
    _other: &dyn Store,
) {
    store.flush(two(0, 3)).await.unwrap();
    let mut other_term = two(3, 5);
    other_term.after = Position::new(2, 3);
    for (name, batch) in [
        ("before", two(0, 5)),
        ("ahead", two(4, 5)),
        ("term", other_term),
    ] {
        match store.flush(batch).await {
            Err(Error::Fenced { found, owner_term }) => {
                assert_eq!((found, owner_term), (Position::new(1, 3), 1), "{name}");
            }
            other => panic!("{name}: {other:?}"),
        }
        assert_eq!(stored(store).await, 2, "{name}");
    }
}

pub(crate) async fn a_newer_term_fences_the_older(store: &dyn Store, _other: &dyn Store) {
    store.flush(two(0, 3)).await.unwrap();
    let mark = store.fence(5).await.unwrap();
    assert_eq!(
        mark,
        Watermark {
            position: Position::new(1, 3),
            owner_term: 5
        }
    );
    assert!(matches!(
        store.flush(two(3, 5)).await,
        Err(Error::Fenced { owner_term: 5, .. })
    ));
    assert!(matches!(
        store.fence(4).await,
        Err(Error::Fenced { owner_term: 5, .. })
    ));
    assert_eq!(store.fence(5).await.unwrap(), mark);
    let newer = FlushBatch {
        term: 5,
        ..two(3, 5)
    };
    store.flush(newer).await.unwrap();
    assert_eq!(stored(store).await, 4);
}

pub(crate) async fn replaying_a_batch_stores_nothing_twice(store: &dyn Store, _other: &dyn Store) {
    store.flush(two(0, 3)).await.unwrap();
    assert!(matches!(
        store.flush(two(0, 3)).await,
        Err(Error::Fenced { .. })
    ));
    store.flush(two(3, 4)).await.unwrap();
    assert_eq!(stored(store).await, 4);
}

pub(crate) async fn a_failed_flush_leaves_no_trace(store: &dyn Store, _other: &dyn Store) {
    // A refused batch brings series and a collector that later batches bring again.
    let refused = batch(7, 9, vec![sample("new", 1, 1.0), sample("other", 2, 2.0)]);
    assert!(matches!(
        store.flush(refused).await,
        Err(Error::Fenced { .. })
    ));
    assert_eq!(stored(store).await, 0);
    store
        .flush(batch(
            0,
            9,
            vec![sample("new", 1, 1.0), sample("other", 2, 2.0)],
        ))
        .await
        .unwrap();
    assert_eq!(stored(store).await, 2);
}
