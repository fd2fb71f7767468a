//! Each type of elements is collected from each major, and says what direct SQL says.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::postgres::{MAJORS, Postgres, collect, element, rows, until};

const SETUP: &str = "CREATE EXTENSION pg_stat_statements; CREATE DATABASE app; \
    CREATE TABLE orders (id int PRIMARY KEY, note text); \
    CREATE TABLE lines (order_id int REFERENCES orders); CREATE SEQUENCE small AS int MAXVALUE 100; \
    INSERT INTO orders SELECT g, 'note' FROM generate_series(1, 500) g; ANALYZE orders; \
    SELECT nextval('small') FROM generate_series(1, 90); \
    SELECT pg_create_physical_replication_slot('spare', true)";

/// What every server has, whatever its version and however idle it is.
const ALWAYS: [&str; 26] = [
    "collector_cost",
    "collector_gaps",
    "pg_activity_sample",
    "pg_archiver",
    "pg_autovacuum",
    "pg_bgwriter",
    "pg_bloat_estimate",
    "pg_checkpointer",
    "pg_column",
    "pg_connection",
    "pg_database",
    "pg_extension",
    "pg_freeze",
    "pg_identity",
    "pg_index",
    "pg_query_stats",
    "pg_schema_object",
    "pg_sequence",
    "pg_setting",
    "pg_slot",
    "pg_slru",
    "pg_statement",
    "pg_statement_health",
    "pg_stats",
    "pg_table",
    "pg_wal",
];

#[tokio::test]
async fn every_major_tells_everything_it_has() {
    for major in MAJORS {
        let postgres = Postgres::start(major);
        let client = postgres.connect().await;
        for statement in SETUP.split("; ") {
            client.batch_execute(statement).await.unwrap();
        }
        for n in 0..7 {
            let sql = format!("SELECT count(*) FROM orders WHERE id > {n}");
            client.batch_execute(&sql).await.unwrap();
        }
        // The extension is not in this database, and its statements are told nevertheless.
        let other = postgres.connect_to("app").await;
        other.batch_execute("SELECT 40 + 2").await.unwrap();
        // Until 14 a process of its own gathers what sessions send it now and then.
        let inserted = "SELECT sum(n_tup_ins) FROM pg_stat_user_tables";
        until("the server knows", async || {
            (text(&client, inserted).await == "500").then_some(())
        })
        .await;
        let mut server = postgres.server("postgres");
        let elements = collect(&mut server).await;
        let kinds: BTreeSet<&str> = elements
            .iter()
            .map(|element| element["type"].as_str().unwrap())
            .collect();
        for kind in ALWAYS {
            assert!(kinds.contains(kind), "{major}: no {kind} in {kinds:?}");
        }
        assert_eq!(kinds.contains("pg_io"), major >= 16, "{major}");
        let gaps: Vec<_> = server
            .gaps()
            .map(|gap| (&*gap.source, &*gap.database))
            .collect();
        assert_eq!(gaps, [], "{major}");
        compare(major, &client, &elements).await;
        // What did not change is not sent again, and what is not due is not read.
        let again = collect(&mut server).await;
        assert_eq!(again, Vec::<Value>::new(), "{major}");
    }
}

async fn text(client: &Client, sql: &str) -> String {
    let sql = format!("SELECT ({sql})::text");
    client.query_one(&sql, &[]).await.unwrap().get(0)
}

/// Figures that do not move by themselves, beside direct SQL.
async fn compare(major: i32, client: &Client, elements: &[Value]) {
    let identity = element(elements, "pg_identity", "");
    let system = text(client, "SELECT system_identifier FROM pg_control_system()").await;
    assert_eq!(identity["system_identifier"], system, "{major}");
    assert_eq!(
        identity["server_version_num"].as_i64().map(|v| v / 10_000),
        Some(major.into())
    );

    let tables = rows(element(elements, "pg_table", "postgres"));
    let orders = tables
        .iter()
        .find(|row| row["relname"] == "orders")
        .unwrap();
    assert_eq!(orders["n_tup_ins"], 500, "{major}");
    assert_eq!(orders["reltuples"].as_f64(), Some(500.0), "{major}");

    let indexes = rows(element(elements, "pg_index", "postgres"));
    let key = indexes
        .iter()
        .find(|row| row["indexrelname"] == "orders_pkey")
        .unwrap();
    assert_eq!(key["columns"], json!(["id"]), "{major}");
    assert_eq!(
        (&key["is_primary"], &key["is_valid"]),
        (&json!(true), &json!(true))
    );

    let columns = rows(element(elements, "pg_column", "postgres"));
    let note = columns
        .iter()
        .find(|row| (&row["relname"], &row["attname"]) == (&json!("orders"), &json!("note")))
        .unwrap();
    assert_eq!(
        (&note["type"], &note["is_not_null"]),
        (&json!("text"), &json!(false))
    );
    assert_eq!(note["n_distinct"].as_f64(), Some(1.0), "{major}");
    assert_eq!(note["mcv_frequencies"], json!([1]), "{major}");

    let objects = rows(element(elements, "pg_schema_object", "postgres"));
    let named = |name: &str| objects.iter().find(|row| row["name"] == name).unwrap();
    let definition = "CREATE UNIQUE INDEX orders_pkey ON public.orders USING btree (id)";
    let index = objects.iter().find(|row| row["class"] == "index");
    assert_eq!(index.unwrap()["definition"], definition, "{major}");
    let key = named("lines_order_id_fkey");
    assert_eq!(
        (&key["kind"], &key["columns"], &key["foreign_columns"]),
        (&json!("foreign key"), &json!(["order_id"]), &json!(["id"])),
        "{major}"
    );

    let statements = rows(element(elements, "pg_statement", ""));
    let id = text(
        client,
        "SELECT queryid FROM pg_stat_statements WHERE query LIKE 'SELECT count(*) FROM orders%'",
    );
    let id: i64 = id.await.parse().unwrap();
    let counted = statements.iter().find(|row| row["queryid"] == id).unwrap();
    assert_eq!(
        (&counted["calls"], &counted["database"]),
        (&json!(7), &json!("postgres")),
        "{major}"
    );
    let v3 = element(elements, "pg_query_stats", "postgres")["queries"]
        .as_array()
        .unwrap();
    let counted = v3
        .iter()
        .find(|row| row["text"].as_str().unwrap().contains("FROM orders WHERE"));
    assert_eq!(counted.unwrap()["calls"], 7, "{major}");

    let other = &element(elements, "pg_query_stats", "app")["queries"];
    let texts = other.as_array().unwrap().iter().map(|row| &row["text"]);
    assert_eq!(texts.collect::<Vec<_>>(), ["SELECT $1 + $2"], "{major}");

    let sequences = rows(element(elements, "pg_sequence", "postgres"));
    assert_eq!(
        sequences[0]["used_share"].as_f64(),
        Some(0.9),
        "{major}: {sequences:?}"
    );

    let slots = rows(element(elements, "pg_slot", ""));
    assert_eq!(slots[0]["slot_name"], "spare", "{major}");
    assert!(slots[0]["retained_bytes"].as_i64() > Some(0), "{major}");

    let settings = rows(element(elements, "pg_setting", ""));
    let buffers = settings
        .iter()
        .find(|row| row["name"] == "shared_buffers")
        .unwrap();
    let wanted = text(
        client,
        "SELECT setting FROM pg_settings WHERE name = 'shared_buffers'",
    );
    assert_eq!(buffers["setting"], wanted.await, "{major}");

    let checkpointer = element(elements, "pg_checkpointer", "");
    let timed = match major >= 17 {
        true => "SELECT num_timed FROM pg_stat_checkpointer",
        false => "SELECT checkpoints_timed FROM pg_stat_bgwriter",
    };
    assert_eq!(
        checkpointer["num_timed"].to_string(),
        text(client, timed).await,
        "{major}"
    );

    let databases = rows(element(elements, "pg_database", ""));
    let names: BTreeSet<_> = databases
        .iter()
        .filter_map(|row| row["datname"].as_str())
        .collect();
    assert_eq!(
        names,
        BTreeSet::from(["app", "postgres", "template0", "template1"]),
        "{major}"
    );
    let slru = rows(element(elements, "pg_slru", ""));
    assert!(
        slru.iter().any(|row| row["name"] == "multixact_member"),
        "{major}: {slru:?}"
    );
}
