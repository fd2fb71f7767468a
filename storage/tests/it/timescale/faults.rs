//! Lost answers, stalls, refused rows (faults 21, 23, 24).

use std::time::Duration;

use pga_storage::store::TimescaleStore;
use pga_storage::{Element, Error, Position, Sample, StoreWriter, Timestamp};

use super::database::{Database, batch, options, read_all, sample};
use super::proxy::{Meddling, Proxy};

#[tokio::test]
async fn a_lost_commit_answer_is_resolved_by_the_watermark() {
    for (meddling, is_committed) in [(Meddling::CutBefore, false), (Meddling::CutAfter, true)] {
        let database = Database::new().await;
        database.ready().await;
        let proxy = Proxy::new(database.url(), b"COMMIT\0", meddling).await;
        let store = TimescaleStore::connect(options(&proxy.url(database.url()), 1)).unwrap();
        store
            .flush(batch(1, Position::default(), vec![sample("a", 0, 1.0)]))
            .await
            .unwrap();
        let first = store.watermark().await.unwrap().position;
        proxy.arm();
        let next = batch(1, first, vec![sample("a", 1, 2.0), sample("new", 1, 3.0)]);
        let lost = store.flush(next.clone()).await;
        assert!(
            matches!(lost, Err(Error::Unavailable { .. })),
            "{meddling:?}: {lost:?}"
        );
        let moved = store.watermark().await.unwrap().position != first;
        assert_eq!(moved, is_committed, "{meddling:?}");
        let again = store.flush(next).await;
        assert_eq!(again.is_err(), is_committed, "{meddling:?}: {again:?}");
        assert_eq!(read_all(&store, 10).await.len(), 3, "{meddling:?}");
    }
}

#[tokio::test]
async fn a_paused_flusher_neither_blocks_its_successor_nor_commits_after_it() {
    for trigger in [
        b"COPY metrics.samples".as_slice(),
        b"UPDATE pganalytics.watermark",
        b"COMMIT\0",
    ] {
        let database = Database::new().await;
        let new = database.ready().await;
        let proxy = Proxy::new(database.url(), trigger, Meddling::Pause).await;
        let old = TimescaleStore::connect(options(&proxy.url(database.url()), 2)).unwrap();
        proxy.arm();
        let elements = vec![sample("a", 0, 1.0), sample("b", 0, 2.0)];
        let stale = pga_runtime::spawn({
            let batch = batch(1, Position::default(), elements.clone());
            async move { old.flush(batch).await }
        });
        proxy.reached().await;
        let begun = pga_runtime::now();
        new.fence(2).await.unwrap();
        new.flush(batch(2, Position::default(), elements))
            .await
            .unwrap();
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "{:?}",
            begun.elapsed()
        );
        proxy.resume();
        stale.await.unwrap().unwrap_err();
        assert_eq!(
            read_all(&new, 10).await.len(),
            2,
            "{}",
            String::from_utf8_lossy(trigger)
        );
        assert_eq!(new.watermark().await.unwrap().position, Position::new(2, 1));
    }
}

#[tokio::test]
async fn a_locked_table_ends_the_flush_in_time_and_the_next_one_works() {
    let database = Database::new().await;
    database.ready().await;
    let mut options = options(database.url(), 1);
    options.lock_timeout = Duration::from_millis(200);
    let store = TimescaleStore::connect(options).unwrap();
    let locker = database.client().await;
    locker
        .batch_execute("BEGIN; LOCK TABLE metrics.samples")
        .await
        .unwrap();
    let elements = batch(1, Position::default(), vec![sample("a", 0, 1.0)]);
    let begun = pga_runtime::now();
    let locked = store.flush(elements.clone()).await;
    assert!(
        matches!(locked, Err(Error::Unavailable { .. })),
        "{locked:?}"
    );
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
    locker.batch_execute("ROLLBACK").await.unwrap();
    store.flush(elements).await.unwrap();
}

#[tokio::test]
async fn a_server_that_stalls_does_not_hang_the_flusher() {
    let database = Database::new().await;
    database.ready().await;
    let proxy = Proxy::new(database.url(), b"COPY metrics.samples", Meddling::Pause).await;
    let mut options = options(&proxy.url(database.url()), 1);
    options.flush_timeout = Duration::from_millis(500);
    let store = TimescaleStore::connect(options).unwrap();
    proxy.arm();
    let elements = batch(1, Position::default(), vec![sample("a", 0, 1.0)]);
    let begun = pga_runtime::now();
    let stalled = store.flush(elements.clone()).await;
    assert!(
        matches!(stalled, Err(Error::Unavailable { .. })),
        "{stalled:?}"
    );
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
    store.flush(elements).await.unwrap();
    assert_eq!(read_all(&store, 10).await.len(), 1);
}

#[tokio::test]
async fn refused_rows_go_to_the_dead_letters_and_the_rest_is_stored() {
    let database = Database::new().await;
    let store = database.ready().await;
    let admin = database.client().await;
    admin
        .batch_execute("ALTER TABLE metrics.samples ADD CONSTRAINT no_13 CHECK (value <> 13)")
        .await
        .unwrap();
    let mut elements: Vec<Element> = (0..20).map(|n| sample("a", n, n as f64)).collect();
    let Element::Sample(last) = sample("b", 0, 1.0) else {
        unreachable!("a sample")
    };
    elements.push(Element::Sample(Sample {
        time: Timestamp::from_micros(i64::MAX),
        ..last
    }));
    let report = store
        .flush(batch(1, Position::default(), elements))
        .await
        .unwrap();
    assert_eq!(
        (report.elements, report.rows, report.dead_lettered),
        (19, 19, 2)
    );
    assert_eq!(
        store.watermark().await.unwrap().position,
        Position::new(1, 1)
    );
    assert_eq!(read_all(&store, 100).await.len(), 19);
    let rows = admin
        .query(
            "SELECT ordinal, error, body FROM pganalytics.dead_letter ORDER BY ordinal",
            &[],
        )
        .await
        .unwrap();
    let found: Vec<(i32, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(found[0].0, 13);
    assert!(found[0].1.starts_with("SQLSTATE 23514"), "{found:?}");
    assert_eq!(found[1].0, 20);
    let body: serde_json::Value = serde_json::from_slice(rows[0].get(2)).unwrap();
    assert_eq!(body["value"], 13);
}
