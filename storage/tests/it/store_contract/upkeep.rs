//! Retention, and copies of a store.

use pga_storage::query::{Elements, Question};
use pga_storage::store::Store;
use pga_storage::{Element, Timestamp};
use serde_json::json;

use super::data::{batch, collector, document, many_cycles, sample};

/// Long enough before the others that chunks of any size divide them.
const OLD: i64 = 1_000_000_000;
const NEW: i64 = 1_771_787_241;

async fn read(store: &dyn Store) -> Vec<String> {
    let query = Elements {
        collector: collector(),
        kind: None,
        from: None,
        to: None,
        order: Default::default(),
        limit: 10_000,
        cursor: None,
    };
    query.ask(store).await.unwrap().data
}

fn of(seconds: i64) -> Vec<Element> {
    let log = json!({"type": "pg_log", "timestamp": seconds, "entries": [{"level": "LOG"}]});
    let schema = json!({"type": "pg_extensions", "timestamp": seconds,
        "databases": {"d": {"extensions": [{"name": "x", "version": seconds.to_string()}]}}});
    vec![sample("s", seconds, 1.0), document(log), document(schema)]
}

pub(crate) async fn retention_drops_what_is_old(store: &dyn Store, _other: &dyn Store) {
    store.flush(batch(0, 1, of(OLD))).await.unwrap();
    store.flush(batch(1, 2, of(NEW))).await.unwrap();
    assert_eq!(read(store).await.len(), 6);
    let before = Timestamp::from_micros((OLD + 400 * 86_400) * 1_000_000);
    assert!(store.drop_before(before).await.unwrap() > 0);
    let left = read(store).await;
    assert_eq!(left.len(), 3);
    assert!(
        left.iter().all(|text| text.contains(&NEW.to_string())),
        "{left:?}"
    );
    assert_eq!(store.drop_before(before).await.unwrap(), 0);
    let mark = store.watermark().await.unwrap();
    assert_eq!(mark.position.index, 2);
    store.flush(batch(2, 3, of(NEW + 1))).await.unwrap();
    assert_eq!(read(store).await.len(), 6);
}

pub(crate) async fn a_copy_replaces_another_store(store: &dyn Store, other: &dyn Store) {
    store.flush(batch(0, 5, many_cycles())).await.unwrap();
    let want = read(store).await;
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("copy.db");
    let copied = store.copy_to(&target).await.unwrap();
    if store.is_shared() {
        assert_eq!(copied, None);
        store.replace_with(&target).await.unwrap();
        assert_eq!(read(store).await, want);
        return;
    }
    assert_eq!(copied, Some(store.watermark().await.unwrap()));
    other
        .flush(batch(0, 2, vec![sample("goes away", 1, 1.0)]))
        .await
        .unwrap();
    other.replace_with(&target).await.unwrap();
    assert_eq!(
        other.watermark().await.unwrap().position,
        store.watermark().await.unwrap().position
    );
    assert_eq!(read(other).await, want);
    // Both go on by themselves, and a second copy may take the same name.
    other
        .flush(batch(5, 6, vec![sample("goes on", 1, 1.0)]))
        .await
        .unwrap();
    assert_eq!(read(other).await.len(), want.len() + 1);
    other.copy_to(&target).await.unwrap();
    store.replace_with(&target).await.unwrap();
    assert_eq!(read(store).await.len(), want.len() + 1);
    assert!(store.size_bytes().await.unwrap() > 0);
}
