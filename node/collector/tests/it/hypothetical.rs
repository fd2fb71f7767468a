//! Advised indexes, tried with HypoPG on a real server.

use pga_collector::{IndexCandidate, Options, Server};
use serde_json::Value;

use crate::postgres::{Postgres, collect};

/// What a new collector tells of one index.
async fn tried(postgres: &Postgres, index: &str, hash: i64) -> Option<Value> {
    let options = Options {
        explains: true,
        index_candidates: vec![IndexCandidate {
            database: "postgres".to_owned(),
            create_statement: index.to_owned(),
            query_hashes: vec![hash, 4711],
        }],
        ..Options::default()
    };
    let mut server = Server::new(&postgres.dsn("postgres"), options).unwrap();
    let elements = collect(&mut server).await;
    let mut checks = elements
        .into_iter()
        .filter(|element| element["type"] == "pg_index_check");
    let check = checks.next();
    assert!(checks.next().is_none());
    check
}

#[tokio::test]
async fn an_advised_index_is_tried_without_being_built() {
    let postgres = Postgres::start(15);
    let client = postgres.connect().await;
    let setup = "CREATE EXTENSION pg_stat_statements; CREATE SCHEMA app; \
        CREATE TABLE app.orders (id int, customer_id int, state text); \
        INSERT INTO app.orders SELECT g, g % 5000, 'open' FROM generate_series(1, 100000) g; \
        ANALYZE app.orders; SELECT count(*) FROM app.orders WHERE customer_id = 7";
    client.batch_execute(setup).await.unwrap();
    let hash =
        "SELECT queryid FROM pg_stat_statements WHERE query LIKE 'SELECT count%customer_id%'";
    let hash: i64 = client.query_one(hash, &[]).await.unwrap().get(0);
    let index = "CREATE INDEX CONCURRENTLY orders_customer_id_idx ON app.orders (customer_id);";
    assert_eq!(
        tried(&postgres, index, hash).await,
        None,
        "there is no HypoPG"
    );

    let create = "CREATE EXTENSION hypopg SCHEMA app";
    client.batch_execute(create).await.unwrap();
    let check = tried(&postgres, index, hash).await.unwrap();
    assert_eq!(check["create_statement"], index);
    assert_eq!(check["database"], "postgres");
    let [row] = check["rows"].as_array().unwrap().as_slice() else {
        panic!("{check}");
    };
    assert_eq!(
        (&row["query_hash"], &row["is_used"]),
        (&hash.into(), &true.into())
    );
    let cost = |name: &str| row[name].as_f64().unwrap();
    assert!(cost("cost_after") < cost("cost_before") / 10.0, "{check}");
    assert!(check["size_bytes"].as_i64() > Some(500_000), "{check}");

    // One that no plan takes, and one that is none.
    let useless = "CREATE INDEX ON app.orders (state)";
    let check = tried(&postgres, useless, hash).await.unwrap();
    assert_eq!(check["rows"][0]["is_used"], false, "{check}");
    assert_eq!(
        check["rows"][0]["cost_after"],
        check["rows"][0]["cost_before"]
    );
    assert_eq!(tried(&postgres, "DROP TABLE app.orders", hash).await, None);
    let built = "SELECT count(*) FROM pg_indexes WHERE schemaname = 'app'";
    let built: i64 = client.query_one(built, &[]).await.unwrap().get(0);
    assert_eq!(built, 0);
}
