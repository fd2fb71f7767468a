//! Retention, and copies of a store.

use pga_storage::query::{Elements, Question};
use pga_storage::store::{Day, Retention, Store};
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
    assert!(store.drop_old(Retention::all(before)).await.unwrap() > 0);
    let left = read(store).await;
    assert_eq!(left.len(), 3);
    assert!(
        left.iter().all(|text| text.contains(&NEW.to_string())),
        "{left:?}"
    );
    assert_eq!(store.drop_old(Retention::all(before)).await.unwrap(), 0);
    let mark = store.watermark().await.unwrap();
    assert_eq!(mark.position.index, 2);
    store.flush(batch(2, 3, of(NEW + 1))).await.unwrap();
    assert_eq!(read(store).await.len(), 6);
}

pub(crate) async fn types_have_a_retention_of_their_own(store: &dyn Store, _other: &dyn Store) {
    let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
    let kinds = |left: &[String]| {
        let mut kinds: Vec<String> = left
            .iter()
            .map(|text| {
                let element: serde_json::Value = serde_json::from_str(text).unwrap();
                element["type"].as_str().unwrap_or("samples").to_owned()
            })
            .collect();
        kinds.sort();
        kinds
    };
    // Ten chunks of any size lie between the two.
    let later = OLD + 400 * 86_400;
    for (n, (retention, want)) in (0..).zip([
        (
            Retention::all(at(later)).with("pg_log", at(OLD)),
            vec!["pg_log"],
        ),
        (
            Retention::all(at(OLD)).with("pg_log", at(later)),
            vec!["pg_extensions", "pg_log", "samples"],
        ),
        (
            Retention::all(at(OLD)).with("samples", at(later)),
            vec!["pg_extensions"],
        ),
    ]) {
        let elements = match n {
            // What is left of the round before is no new element.
            1 => of(OLD + 1)
                .into_iter()
                .filter(|e| e.kind() != "pg_log")
                .collect(),
            2 => vec![sample("s", OLD + 2, 2.0)],
            _ => of(OLD),
        };
        store.flush(batch(n, n + 1, elements)).await.unwrap();
        if n == 1 {
            assert_eq!(kinds(&read(store).await), want, "before the second round");
        }
        assert!(
            store.drop_old(retention.clone()).await.unwrap() > 0,
            "round {n}"
        );
        let want = match n {
            1 => vec!["pg_extensions", "samples"],
            _ => want,
        };
        assert_eq!(kinds(&read(store).await), want, "round {n}");
        assert_eq!(store.drop_old(retention).await.unwrap(), 0, "round {n}");
    }
}

pub(crate) async fn bytes_are_told_by_table_and_day(store: &dyn Store, _other: &dyn Store) {
    let day = |seconds: i64| Day::of(Timestamp::from_micros(seconds * 1_000_000));
    store.flush(batch(0, 1, of(OLD))).await.unwrap();
    store.flush(batch(1, 2, of(NEW))).await.unwrap();
    let told = store.disk_use().await.unwrap();
    let of_samples: Vec<_> = told
        .iter()
        .filter(|table| table.kind.as_deref() == Some("samples"))
        .collect();
    let [samples] = of_samples.as_slice() else {
        panic!("{told:?}");
    };
    for seconds in [OLD, NEW] {
        assert!(samples.days[&day(seconds)] > 0, "{samples:?}");
    }
    let elements = told
        .iter()
        .filter(|table| table.table.ends_with("elements"));
    let bytes: u64 = elements.map(|table| table.bytes).sum();
    assert!(bytes > 0, "{told:?}");
    for table in told.iter().filter(|table| !table.days.is_empty()) {
        let by_day: u64 = table.days.values().sum();
        // What does not divide evenly is less than a byte a day.
        assert!(by_day <= table.bytes, "{table:?}");
        assert!(table.bytes - by_day <= table.days.len() as u64, "{table:?}");
    }
    let whole: u64 = told.iter().map(|table| table.bytes).sum();
    let size = store.size_bytes().await.unwrap();
    assert!(whole <= size, "{whole} of {size} bytes");
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
