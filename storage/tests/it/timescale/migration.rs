//! Creating the schema.

use pga_config::NodeId;
use pga_storage::store::{StoreOwner, TimescaleOptions, TimescaleStore};
use pga_storage::{Error, Position, StoreWriter};

use super::database::{Database, batch, document};

fn schema_error(outcome: Result<(), Error>) -> String {
    match outcome {
        Err(Error::Schema { what }) => what,
        other => panic!("not a schema error: {other:?}"),
    }
}

#[tokio::test]
async fn three_nodes_migrate_at_once_and_again() {
    let database = Database::new().await;
    let stores = [1, 2, 3].map(|node| database.store(node));
    let [one, two, three] = &stores;
    let done = futures::future::join3(one.migrate(), two.migrate(), three.migrate()).await;
    assert!(
        done.0.is_ok() && done.1.is_ok() && done.2.is_ok(),
        "{done:?}"
    );
    one.migrate().await.unwrap();
    assert_eq!(
        database
            .number("SELECT count(*) FROM pganalytics.schema_version")
            .await,
        1
    );
    assert_eq!(
        database
            .number("SELECT count(*) FROM pganalytics.watermark")
            .await,
        1
    );
    let hypertables = "SELECT count(*) FROM timescaledb_information.hypertables";
    let typed = pga_storage::store::catalogue::tables().count() as i64;
    assert_eq!(database.number(hypertables).await, typed + 2);
}

#[tokio::test]
async fn a_second_cluster_on_the_same_database_is_refused() {
    let database = Database::new().await;
    database.ready().await;
    let options =
        TimescaleOptions::new(database.url(), StoreOwner::new(8), NodeId::new(1)).unwrap();
    let other = TimescaleStore::connect(options).unwrap();
    assert!(schema_error(other.migrate().await).contains("belongs to cluster"));
    assert!(schema_error(other.fence(9).await.map(drop)).contains("belongs to cluster"));
}

#[tokio::test]
async fn a_database_of_version_1_is_upgraded_where_it_stands() {
    let database = Database::new().await;
    let store = database.ready().await;
    let as_version_1 = "ALTER TABLE public.metrics_pg_stats_query DROP COLUMN stats_since, \
        DROP COLUMN missing_counters, DROP COLUMN toplevel, DROP COLUMN system_identifier, \
        DROP COLUMN timeline, DROP COLUMN server_address, DROP COLUMN squares_delta, \
        DROP COLUMN usual_seconds, DROP COLUMN minmax_stats_since; \
        ALTER TABLE metrics.metrics_pg_stats_database DROP COLUMN system_identifier, \
        DROP COLUMN timeline, DROP COLUMN server_address; \
        DROP TABLE metrics.query_rollups, metrics.query_rollup_marks, \
        metrics.series_rollups, metrics.series_rollup_marks; \
        DROP INDEX public.metrics_pg_stats_query_long; \
        DROP TABLE metrics.metrics_pg_wal; DROP TABLE metrics.metrics_pg_slot; \
        DROP VIEW metrics.metrics_pg_table; DROP TABLE metrics.metrics_pg_table_sums; DROP FUNCTION metrics.list_rows CASCADE; \
        UPDATE pganalytics.schema_version SET version = 1";
    let client = database.client().await;
    client.batch_execute(as_version_1).await.unwrap();
    store.migrate().await.unwrap();
    store.migrate().await.unwrap();
    let versions = "SELECT sum(version) FROM pganalytics.schema_version";
    assert_eq!(database.number(versions).await, 1 + 8);
    let hypertables = "SELECT count(*) FROM timescaledb_information.hypertables \
        WHERE hypertable_name IN ('metrics_pg_wal', 'metrics_pg_slot')";
    assert_eq!(database.number(hypertables).await, 2);
    let sums = "SELECT count(*) FROM pg_tables WHERE tablename LIKE 'metrics_pg_%_sums'";
    assert_eq!(database.number(sums).await, 2);
    let views =
        "SELECT count(*) FROM pg_views WHERE viewname IN ('metrics_pg_table', 'metrics_pg_index')";
    assert_eq!(database.number(views).await, 2);
    let column = "SELECT count(*) FROM information_schema.columns WHERE table_name LIKE 'metrics_pg_stats_%' AND column_name IN ('stats_since', 'system_identifier')";
    assert_eq!(database.number(column).await, 3);
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let database = Database::new().await;
    let store = database.ready().await;
    let client = database.client().await;
    client
        .batch_execute("INSERT INTO pganalytics.schema_version (version) VALUES (999)")
        .await
        .unwrap();
    assert!(schema_error(store.migrate().await).contains("999"));
}

#[tokio::test]
async fn a_database_without_the_extension_is_refused_with_the_fix() {
    let database = Database::new().await;
    let client = database.client().await;
    let role = format!("pga_plain_{}", std::process::id());
    client
        .batch_execute(&format!(
            "DROP EXTENSION IF EXISTS timescaledb; CREATE ROLE {role} LOGIN"
        ))
        .await
        .unwrap();
    let url = database.url().replace("postgres@", &format!("{role}@"));
    let options = TimescaleOptions::new(&url, StoreOwner::new(7), NodeId::new(1)).unwrap();
    let outcome = TimescaleStore::connect(options).unwrap().migrate().await;
    client
        .batch_execute(&format!("DROP ROLE {role}"))
        .await
        .unwrap();
    assert!(schema_error(outcome).contains("CREATE EXTENSION timescaledb"));
}

#[tokio::test]
async fn the_hourly_view_shows_differences_under_both_sets_of_names() {
    let database = Database::new().await;
    let store = database.ready().await;
    let mut after = Position::default();
    for (second, calls, total) in [(0, 100, 50.0), (60, 110, 70.0), (120, 4, 6.0)] {
        let element = document(
            "pg_query_stats",
            second,
            &serde_json::json!({"type": "pg_query_stats", "database": "shop", "queries": [
                {"hash": -5, "text": "SELECT $1", "calls": calls, "total_time": total, "rows": calls,
                 "min_time": 0.5, "max_time": 9.0}]}),
        );
        store.flush(batch(1, after, vec![element])).await.unwrap();
        after = store.watermark().await.unwrap().position;
    }
    let row = database
        .client()
        .await
        .query_one(
            "SELECT calls, total_time, mean_time, total_calls, avg_mean_time, max_max_time, total_rows, \
             time = hour FROM metrics_pg_stats_query_1h",
            &[],
        )
        .await
        .unwrap();
    // 10 calls of 20 ms, then a reset and 4 of 6 ms; the first sample is no difference.
    assert_eq!((row.get::<_, i64>(0), row.get::<_, f64>(1)), (14, 26.0));
    assert_eq!(row.get::<_, f64>(2), 26.0 / 14.0);
    assert_eq!(
        (row.get::<_, i64>(3), row.get::<_, f64>(4)),
        (14, 26.0 / 14.0)
    );
    // The greatest mean of an interval, not the server's maximum of all time.
    assert_eq!((row.get::<_, f64>(5), row.get::<_, i64>(6)), (2.0, 14));
    assert!(row.get::<_, bool>(7));
}
