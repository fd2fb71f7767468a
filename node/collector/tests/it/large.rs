//! A server of 50 databases, one of them with 2,000 tables: what a cycle takes, and that what is
//! left out is said.

use std::time::Duration;

use pga_collector::{Options, Server};
use serde_json::Value;

use crate::postgres::{Postgres, element, rows};

const DATABASES: usize = 50;
const TABLES: usize = 2_000;

/// What one cycle took, and how much it read.
#[expect(clippy::print_stdout, reason = "the figures are what the test is for")]
async fn cycle(name: &str, server: &mut Server, at: u64) -> (Duration, Vec<Value>) {
    let now = pga_runtime::now() + Duration::from_secs(at);
    let begun = pga_runtime::now();
    let mut elements: Vec<serde_json::Value> = Vec::new();
    server
        .collect(now, "2026-01-01T00:00:00Z", &mut elements)
        .await;
    let took = begun.elapsed();
    let bytes: usize = elements.iter().map(|one| one.to_string().len()).sum();
    println!(
        "{name}: {:.2} s, {} elements, {} bytes",
        took.as_secs_f64(),
        elements.len(),
        bytes
    );
    (took, elements)
}

#[tokio::test]
async fn many_tables_and_databases_are_read_and_what_is_left_out_is_said() {
    let postgres = Postgres::start_with(18, &["max_locks_per_transaction=256"]);
    let client = postgres.connect().await;
    let tables = format!(
        "DO $$ BEGIN FOR n IN 1..{TABLES} LOOP EXECUTE format(\
         'CREATE TABLE t%s (id int PRIMARY KEY, note text)', n); END LOOP; END $$"
    );
    client.batch_execute(&tables).await.unwrap();
    for n in 1..DATABASES {
        let create = format!("CREATE DATABASE d{n} STRATEGY file_copy");
        client.batch_execute(&create).await.unwrap();
    }
    let mut server = postgres.server("postgres");
    let (first, all) = cycle("first cycle", &mut server, 0).await;
    let (later, _) = cycle("a minute later", &mut server, 60).await;
    assert!(
        later < first && later < Duration::from_secs(60),
        "{later:?}"
    );
    let of = |kind: &str| all.iter().filter(|one| one["type"] == kind).count();
    assert_eq!(of("pg_table"), DATABASES);
    assert_eq!(of("pg_stats"), DATABASES);
    let table = element(&all, "pg_table", "postgres");
    assert_eq!(rows(table).len(), TABLES);
    assert_eq!(
        (&table["total"], &table["truncated"]),
        (&TABLES.into(), &false.into())
    );
    assert_eq!(table["left_out"], Value::Null);

    let options = Options {
        max_relations: Some(500),
        ..Options::default()
    };
    let mut server = Server::new(&postgres.dsn("postgres"), options).unwrap();
    let (_, capped) = cycle("500 rows at most", &mut server, 0).await;
    for kind in ["pg_table", "pg_index", "pg_table_size"] {
        let cut = element(&capped, kind, "postgres");
        assert_eq!(rows(cut).len(), 500, "{kind}");
        let told = (&cut["total"], &cut["left_out"], &cut["truncated"]);
        assert_eq!(
            told,
            (&TABLES.into(), &1_500.into(), &true.into()),
            "{kind}"
        );
    }
}
