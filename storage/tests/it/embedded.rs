//! The embedded store: the contract, and what only a file can get wrong.

use std::sync::Arc;

use pga_storage::query::{Elements, Latest, Question};
use pga_storage::store::catalogue;
use pga_storage::store::relation_sums::RELATION_SUMS;
use pga_storage::store::{EmbeddedOptions, EmbeddedStore, FlushBatch, StoreWriter, hand_copy_over};
use pga_storage::{Error, Position, Timestamp};
use rusqlite::Connection;
use serde_json::json;
use tempfile::TempDir;
use uuid::Uuid;

use crate::store_contract::{
    Fresh, batch, collector, document, many_cycles, one_cycle, sample, store_contract_tests,
};

const CLUSTER: Uuid = Uuid::from_u128(7);

fn open(dir: &TempDir) -> EmbeddedStore {
    EmbeddedStore::open(dir.path(), CLUSTER, EmbeddedOptions::default()).unwrap()
}

async fn fresh() -> Fresh {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    store.migrate().await.unwrap();
    Fresh {
        store: Arc::new(store),
        guard: Box::new(dir),
    }
}

store_contract_tests!(fresh);

fn count(db: &Connection, table: &str) -> i64 {
    db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
        row.get(0)
    })
    .unwrap()
}

/// Plain samples, however many rows they take.
fn samples(db: &Connection) -> i64 {
    let sql = "SELECT coalesce(sum(samples), 0) FROM sample_runs";
    db.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn real_pushes_fill_their_typed_tables() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    store.flush(batch(0, 1, one_cycle())).await.unwrap();
    let db = Connection::open(dir.path().join("store.db")).unwrap();
    for (table, want) in [
        ("metrics_pg_stats_database", 2),
        ("metrics_sysstat", 1),
        ("metrics_disk_io", 1),
        ("metrics_disk_usage", 1),
        ("metrics_wal_status", 1),
        ("metrics_pg_connections_total", 2),
        ("metrics_pg_extensions", 4),
        ("elements", 14),
        ("inventory", 2),
    ] {
        assert_eq!(count(&db, table), want, "{table}");
    }
    for table in [
        "metrics_pg_stats_query",
        "metrics_pg_locks",
        "metrics_pg_schema_columns",
    ] {
        assert!(count(&db, table) > 50, "{table}");
    }
    store.flush(batch(1, 2, many_cycles())).await.unwrap();
    assert_eq!(count(&db, "metrics_pg_stats_database"), 26);
    let sum = "SELECT sum(xact_commit_delta) FROM metrics_pg_stats_database";
    let commits: i64 = db.query_row(sum, [], |row| row.get(0)).unwrap();
    assert!(commits > 0);
}

#[tokio::test]
async fn a_store_reopens_where_it_was_and_series_keep_their_ids() {
    let dir = tempfile::tempdir().unwrap();
    for n in 0..3 {
        let store = open(&dir);
        assert_eq!(store.watermark().await.unwrap().position.index, n);
        store
            .flush(batch(n, n + 1, vec![sample("s", n as i64, 1.0)]))
            .await
            .unwrap();
    }
    let db = Connection::open(dir.path().join("store.db")).unwrap();
    assert_eq!((count(&db, "series"), samples(&db)), (1, 3));
}

/// Takes a file back to version 6, which had no tables of our own collector's elements.
fn as_version_6(db: &Connection) {
    drop_views(db);
    let sql = "DROP TABLE metrics_pg_wal; DROP TABLE metrics_pg_io; DELETE FROM rate_state;
        UPDATE meta SET value = '6' WHERE key = 'schema_version';";
    db.execute_batch(sql).unwrap();
}

#[tokio::test]
async fn a_file_of_version_6_gets_the_tables_that_it_lacks() {
    let dir = tempfile::tempdir().unwrap();
    let sample = |seconds: i64, bytes: i64| {
        document(json!({"type": "pg_wal", "timestamp": seconds, "wal_bytes": bytes, "lsn": "0/10"}))
    };
    let io = |seconds: i64, kind: &str, reads: i64| {
        let row = json!({"backend_type": kind, "object": "relation", "context": "normal", "reads": reads});
        document(json!({"type": "pg_io", "timestamp": seconds, "rows": [row]}))
    };
    let store = open(&dir);
    let first = vec![sample(100, 5), io(100, "checkpointer", 1)];
    store.flush(batch(0, 1, first)).await.unwrap();
    drop(store);
    let db = Connection::open(dir.path().join("store.db")).unwrap();
    as_version_6(&db);
    drop(db);
    let store = open(&dir);
    let later = vec![
        sample(160, 5),
        sample(220, 12),
        io(160, "client backend", 900),
        io(220, "client backend", 907),
    ];
    store.flush(batch(1, 2, later)).await.unwrap();
    let db = Connection::open(dir.path().join("store.db")).unwrap();
    assert_eq!(count(&db, "elements"), 6, "what was stored before is there");
    let wal = "SELECT wal_bytes_delta, interval_seconds, wal_records_delta FROM metrics_pg_wal ORDER BY time DESC LIMIT 1";
    let found: (i64, f64, Option<i64>) = db
        .query_row(wal, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap();
    assert_eq!(found, (7, 60.0, None));
    // A list may leave rows out: what is new in it may be old.
    let io = "SELECT reads_delta FROM metrics_pg_io ORDER BY time";
    let deltas: Vec<Option<i64>> = db
        .prepare(io)
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(deltas, [None, Some(7)]);
}

/// Takes away what files have since versions 8 and 9.
fn drop_views(db: &Connection) {
    for sums in RELATION_SUMS {
        let sql = format!("DROP TABLE {}", sums.name);
        db.execute_batch(&sql).unwrap();
    }
    for view in catalogue::VIEWS {
        let sql = format!("DROP VIEW {}", view.name);
        db.execute_batch(&sql).unwrap();
    }
}

#[tokio::test]
async fn a_file_of_version_7_gets_the_views_of_what_it_holds() {
    let dir = tempfile::tempdir().unwrap();
    let row = json!({"relid": "5", "relname": "orders", "seq_scan": 3});
    let list = json!({"type": "pg_table", "timestamp": 100, "database": "shop", "rows": [row]});
    let store = open(&dir);
    store
        .flush(batch(0, 1, vec![document(list)]))
        .await
        .unwrap();
    drop(store);
    let db = Connection::open(dir.path().join("store.db")).unwrap();
    drop_views(&db);
    db.execute_batch("UPDATE meta SET value = '7' WHERE key = 'schema_version'")
        .unwrap();
    drop(db);
    let question = Latest {
        table: catalogue::view_of("pg_table").unwrap(),
        key: &["relid"],
        collector: collector(),
        database: None,
        from: Timestamp::from_micros(0),
        to: Timestamp::from_micros(1_000_000_000),
        limit: 10,
    };
    let rows = question.ask(&open(&dir)).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (&rows[0]["relname"], &rows[0]["seq_scan"]),
        (&json!("orders"), &json!(3))
    );
}

/// Takes a file back to version 4, which knew no servers and no levels of statements.
fn as_version_4(db: &Connection) {
    drop_views(db);
    for column in [
        "minmax_stats_since",
        "toplevel",
        "system_identifier",
        "timeline",
        "server_address",
        "squares_delta",
        "usual_seconds",
    ] {
        let sql = format!("ALTER TABLE metrics_pg_stats_query DROP COLUMN {column}");
        db.execute_batch(&sql).unwrap();
    }
    let others = "ALTER TABLE metrics_pg_stats_database DROP COLUMN system_identifier;
        ALTER TABLE metrics_pg_stats_database DROP COLUMN timeline;
        ALTER TABLE metrics_pg_stats_database DROP COLUMN server_address;
        DROP TABLE series_rollups;
        DROP TABLE series_rollup_marks;
        UPDATE meta SET value = '4' WHERE key = 'schema_version';";
    db.execute_batch(others).unwrap();
}

#[tokio::test]
async fn differences_go_on_where_a_file_of_version_4_left_off() {
    let dir = tempfile::tempdir().unwrap();
    let sample = |seconds: i64, calls: i64| {
        document(
            json!({"type": "pg_query_stats", "timestamp": seconds, "database": "shop",
            "queries": [{"hash": 1, "calls": calls, "total_time": calls}]}),
        )
    };
    let store = open(&dir);
    store
        .flush(batch(0, 1, vec![sample(100, 5)]))
        .await
        .unwrap();
    drop(store);
    let db = Connection::open(dir.path().join("store.db")).unwrap();
    as_version_4(&db);
    // States without a server are still of the format of that version.
    let states: Vec<Vec<u8>> = db
        .prepare("SELECT state FROM rate_state")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert!(states.iter().all(|state| state[0] == 1), "{states:?}");
    drop(db);
    let store = open(&dir);
    store
        .flush(batch(1, 2, vec![sample(160, 12)]))
        .await
        .unwrap();
    let db = Connection::open(dir.path().join("store.db")).unwrap();
    let sql =
        "SELECT calls_delta, interval_seconds FROM metrics_pg_stats_query WHERE time > 100000000";
    let found: (i64, f64) = db
        .query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    assert_eq!(found, (7, 60.0));
}

/// Takes a file back to version 1, whose samples had a row each.
fn as_version_1(db: &Connection, rows: &[(i64, i64, i64, i64, i64, f64)]) {
    let tables = "DROP TABLE sample_runs; DROP TABLE query_rollups; DROP TABLE query_rollup_marks;
        DROP INDEX metrics_pg_stats_query_long;
        ALTER TABLE metrics_pg_stats_query DROP COLUMN stats_since;
        ALTER TABLE metrics_pg_stats_query DROP COLUMN missing_counters;
        CREATE TABLE samples (collector INTEGER NOT NULL, time INTEGER NOT NULL, log_index INTEGER NOT NULL,
            ordinal INTEGER NOT NULL, series INTEGER NOT NULL, value REAL NOT NULL,
            PRIMARY KEY (collector, time, log_index, ordinal)) WITHOUT ROWID;
        UPDATE meta SET value = '1' WHERE key = 'schema_version';";
    as_version_4(db);
    db.execute_batch(tables).unwrap();
    for row in rows {
        db.execute("INSERT INTO samples VALUES (?1, ?2, ?3, ?4, ?5, ?6)", *row)
            .unwrap();
    }
}

#[tokio::test]
async fn samples_of_the_first_format_become_runs() {
    let dir = tempfile::tempdir().unwrap();
    let push = || (0..1_200).map(|n| sample(if n % 2 == 0 { "a" } else { "b" }, 3, n as f64));
    let page = Elements {
        collector: collector(),
        kind: None,
        from: None,
        to: None,
        order: Default::default(),
        limit: 10_000,
        cursor: None,
    };
    let store = open(&dir);
    for n in 0..2 {
        let report = store.flush(batch(n, n + 1, push().collect())).await;
        let report = report.unwrap();
        // 512, 512 and 176 samples.
        assert_eq!((report.elements, report.rows), (1_200, 3));
    }
    let want = page.ask(&store).await.unwrap();
    drop(store);
    let db = Connection::open(dir.path().join("store.db")).unwrap();
    let time = 3_000_000;
    let rows =
        (1..=2).flat_map(|index| (0..1_200).map(move |n| (1, time, index, n, 1 + n % 2, n as f64)));
    as_version_1(&db, &rows.collect::<Vec<_>>());
    drop(db);
    for _ in 0..2 {
        let store = open(&dir);
        assert_eq!(page.ask(&store).await.unwrap(), want);
        assert_eq!(store.watermark().await.unwrap().position.index, 2);
    }
}

#[tokio::test]
async fn a_file_that_is_not_ours_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(&dir));
    let other = EmbeddedStore::open(dir.path(), Uuid::from_u128(8), EmbeddedOptions::default());
    assert!(
        matches!(other, Err(Error::OtherCluster { .. })),
        "{other:?}"
    );

    let theirs = tempfile::tempdir().unwrap();
    let options = EmbeddedOptions::default();
    let foreign = EmbeddedStore::open(theirs.path(), Uuid::from_u128(8), options).unwrap();
    let copy = theirs.path().join("copy.db");
    foreign.copy_to(&copy).await.unwrap();
    let store = open(&dir);
    store
        .flush(batch(0, 1, vec![sample("s", 1, 1.0)]))
        .await
        .unwrap();
    assert!(matches!(
        store.replace_with(&copy).await,
        Err(Error::OtherCluster { .. })
    ));
    assert_eq!(store.watermark().await.unwrap().position.index, 1);

    let db = Connection::open(dir.path().join("store.db")).unwrap();
    db.execute(
        "UPDATE meta SET value = '99' WHERE key = 'schema_version'",
        [],
    )
    .unwrap();
    let newer = EmbeddedStore::open(dir.path(), CLUSTER, EmbeddedOptions::default());
    assert!(
        matches!(newer, Err(Error::NewerFormat { found: 99, .. })),
        "{newer:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_is_consistent_while_flushes_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(open(&dir));
    let writing = Arc::clone(&store);
    let writer = pga_runtime::spawn(async move {
        for n in 0..60 {
            let samples = (0..50).map(|s| sample("s", s, n as f64)).collect();
            writing.flush(batch(n, n + 1, samples)).await.unwrap();
        }
    });
    for n in 0..3 {
        let target = dir.path().join(format!("copy-{n}.db"));
        let mark = store.copy_to(&target).await.unwrap().unwrap();
        let copy = Connection::open(&target).unwrap();
        assert_eq!(samples(&copy), 50 * mark.position.index as i64);
    }
    writer.await.unwrap();
}

#[tokio::test]
async fn a_copy_from_a_later_term_is_flushed_by_whoever_opens_it() {
    let dir = tempfile::tempdir().unwrap();
    let source = open(&dir);
    source
        .flush(batch(0, 1, vec![sample("s", 0, 1.0)]))
        .await
        .unwrap();
    source.fence(9).await.unwrap();
    let copy = dir.path().join("copy.db");
    source.copy_to(&copy).await.unwrap();
    let (other, at) = (Uuid::from_u128(8), Position::new(7, 40));
    hand_copy_over(&copy, CLUSTER, other, at).unwrap();
    let new = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(new.path(), other, EmbeddedOptions::default()).unwrap();
    store.replace_with(&copy).await.unwrap();
    // A node's own store has the same owner for ever, whatever the terms of the log.
    assert_eq!(store.fence(1).await.unwrap().position, at);
    let next = FlushBatch {
        after: at,
        upto: Position::new(8, 41),
        ..batch(40, 41, vec![sample("s", 1, 2.0)])
    };
    store.flush(next).await.unwrap();
    let db = Connection::open(new.path().join("store.db")).unwrap();
    assert_eq!(samples(&db), 2);
}

#[tokio::test]
async fn a_store_that_names_an_owner_of_its_past_is_free_when_it_is_opened() {
    let dir = tempfile::tempdir().unwrap();
    open(&dir).fence(9).await.unwrap();
    assert_eq!(open(&dir).fence(1).await.unwrap().owner_term, 1);
}

#[test]
fn every_typed_table_exists() {
    let dir = tempfile::tempdir().unwrap();
    let _store = open(&dir);
    let db = Connection::open(dir.path().join("store.db")).unwrap();
    for id in catalogue::tables() {
        assert_eq!(count(&db, id.table().name), 0);
    }
}
