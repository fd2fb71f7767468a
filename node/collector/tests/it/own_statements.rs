//! What the collector runs itself is not among the server's statements.

use std::collections::BTreeSet;
use std::time::Duration;

use pga_collector::{Options, Server};
use serde_json::Value;

use crate::postgres::{MAJORS, Postgres, rows};

#[tokio::test]
async fn the_collectors_statements_are_not_the_servers() {
    for major in MAJORS {
        let postgres = Postgres::start(major);
        let client = postgres.connect().await;
        let setup = "CREATE EXTENSION pg_stat_statements; CREATE TABLE seen (id int); \
            CREATE ROLE watcher LOGIN; GRANT pg_monitor TO watcher";
        client.batch_execute(setup).await.unwrap();
        client
            .query("SELECT count(*) FROM seen", &[])
            .await
            .unwrap();
        let options = Options {
            max_cadence: Some(Duration::from_millis(1)),
            explains: true,
            ..Options::default()
        };
        let mut server = Server::new(&postgres.dsn("watcher"), options).unwrap();
        let (mut ids, mut texts) = (BTreeSet::new(), BTreeSet::new());
        let start = pga_runtime::now();
        for cycle in 1..=3 {
            let now = start + Duration::from_secs(cycle * 120);
            let mut elements: Vec<serde_json::Value> = Vec::new();
            server
                .collect(now, "2026-01-01T00:00:00Z", &mut elements)
                .await;
            let of = |kind: &str| {
                let all = elements.iter().filter(move |one| one["type"] == kind);
                all.cloned().collect::<Vec<Value>>()
            };
            for element in of("pg_statement") {
                ids.extend(
                    rows(&element)
                        .iter()
                        .filter_map(|row| row["queryid"].as_i64()),
                );
            }
            for element in of("pg_query_stats") {
                let queries = element["queries"].as_array().unwrap().iter();
                texts.extend(queries.map(|query| query["text"].to_string()));
            }
        }
        let sql = "SELECT queryid, query, rolname FROM pg_stat_statements \
            JOIN pg_roles r ON r.oid = userid WHERE queryid IS NOT NULL";
        let all = client.query(sql, &[]).await.unwrap();
        let by = |role: &'static str| {
            let rows = all.iter();
            let rows = rows.filter(move |row| row.get::<_, String>(2) == role);
            rows.map(|row| (row.get::<_, i64>(0), row.get::<_, String>(1)))
        };
        let known: BTreeSet<i64> = by("postgres").map(|(id, _)| id).collect();
        assert!(
            by("watcher").count() > 20,
            "{major}: it runs many statements"
        );
        for (id, text) in by("watcher") {
            // Others' `COMMIT` has the same id.
            assert!(known.contains(&id) || !ids.contains(&id), "{major}: {text}");
        }
        let own = |text: &&String| text.contains("pganalytics:") || text.contains("SET LOCAL");
        assert_eq!(texts.iter().find(own), None, "{major}");
        let is_seen = |(_, text): &(i64, String)| text.contains("FROM seen");
        let (id, _) = by("postgres").find(is_seen).unwrap();
        assert!(ids.contains(&id), "{major}");
        assert!(
            texts.iter().any(|text| text.contains("FROM seen")),
            "{major}"
        );
    }
}
