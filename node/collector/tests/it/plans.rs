//! Plans of real servers: those that auto_explain writes, and generic ones.

use pga_collector::{LogOptions, Options, Server};
use serde_json::Value;

use crate::postgres::{Postgres, collect, until};

/// Collects until there is a plan from a source of a relation.
async fn plan_of(server: &mut Server, source: &str, name: &str, relation: &str) -> Value {
    until(name, async || {
        let elements = collect(server).await;
        let is_wanted = |element: &&Value| {
            element["type"] == "explain_plan"
                && element["source"] == source
                && element.to_string().contains(relation)
        };
        elements.iter().find(is_wanted).cloned()
    })
    .await
}

async fn query_id(postgres: &Postgres, start: &str) -> i64 {
    let sql = format!("SELECT queryid FROM pg_stat_statements WHERE query LIKE '{start}%'");
    let client = postgres.connect().await;
    client.query_one(&sql, &[]).await.unwrap().get(0)
}

const SETUP: &str = "CREATE EXTENSION pg_stat_statements; CREATE SCHEMA app; \
    CREATE TABLE app.orders (id int PRIMARY KEY, note text); \
    INSERT INTO app.orders SELECT g, 'n' || g FROM generate_series(1, 500) g; ANALYZE app.orders";

#[tokio::test]
async fn a_plan_in_the_log_is_that_of_its_statement_and_has_no_values() {
    for (major, destination, format) in [
        (13, "csvlog", "json"),
        (14, "stderr", "text"),
        (15, "jsonlog", "json"),
        (16, "csvlog", "text"),
        (17, "stderr", "json"),
        (18, "jsonlog", "text"),
    ] {
        let name = format!("{major} {destination} {format}");
        let postgres = Postgres::start_with(
            major,
            &[
                "logging_collector=on",
                &format!("log_destination={destination}"),
                // 14 has the ids of 16 and later, and no place for them in this prefix.
                match major {
                    14 => "log_line_prefix='%m [%p] '",
                    _ => "log_line_prefix='%m [%p] %q%u@%d %Q '",
                },
                "auto_explain.log_min_duration=0",
                "auto_explain.log_analyze=on",
                &format!("auto_explain.log_format={format}"),
            ],
        );
        let client = postgres.connect().await;
        client.batch_execute(SETUP).await.unwrap();
        let sql = "SELECT * FROM app.orders WHERE note = 'a secret'";
        client.batch_execute(sql).await.unwrap();
        let options = Options {
            log: Some(LogOptions::default()),
            ..Options::default()
        };
        let mut server = Server::new(&postgres.dsn("postgres"), options).unwrap();
        let plan = plan_of(&mut server, "auto_explain", &name, "Rows Removed by Filter").await;
        let text = plan.to_string();
        assert!(!text.contains("secret"), "{name}: {text}");
        assert!(
            text.contains("Seq Scan") && text.contains("orders"),
            "{name}: {text}"
        );
        assert_eq!(plan["plan_json"].is_object(), format == "json", "{name}");
        assert_eq!(plan["plan_text"].is_string(), format == "text", "{name}");
        assert_eq!(plan["database"], "postgres", "{name}");
        assert!(plan["execution_duration_ms"].as_f64() > Some(0.0), "{name}");
        let id = query_id(&postgres, "SELECT * FROM app.orders").await;
        assert_eq!(plan["query_hash"], id, "{name}");
    }
}

#[tokio::test]
async fn what_costs_most_is_explained_without_being_run() {
    for major in [13, 14, 15, 16, 18] {
        let postgres = Postgres::start(major);
        let client = postgres.connect().await;
        client.batch_execute(SETUP).await.unwrap();
        client
            .batch_execute(
                "CREATE ROLE app LOGIN; ALTER ROLE app SET search_path = app; \
                GRANT ALL ON SCHEMA app TO app; GRANT ALL ON app.orders TO app; SET ROLE app; \
                SET search_path = app",
            )
            .await
            .unwrap();
        let sql = "UPDATE orders SET note = 'x' FROM pg_sleep(0.2) WHERE id = 7";
        client.batch_execute(sql).await.unwrap();
        client.batch_execute("RESET ROLE").await.unwrap();
        let sql = "SELECT note FROM app.orders WHERE id = 3";
        client.batch_execute(sql).await.unwrap();
        let options = Options {
            explains: true,
            ..Options::default()
        };
        let mut server = Server::new(&postgres.dsn("postgres"), options).unwrap();
        let elements = collect(&mut server).await;
        let mut plans = elements.iter().filter(|element| {
            element["type"] == "explain_plan" && element.to_string().contains("orders_pkey")
        });
        let plan = plans.next();
        // One after the other in one session.
        assert!(plans.next().is_some(), "{major}: {elements:?}");
        let plan = plan.unwrap_or_else(|| panic!("{major}: {elements:?}"));
        assert_eq!(plan["source"], "generic_plan", "{major}");
        assert_eq!(
            plan["query_hash"],
            query_id(&postgres, "UPDATE orders").await,
            "{major}"
        );
        // Of a parameter, where the text has one; and what the asking took is not told.
        let text = plan["plan_json"].to_string();
        assert!(
            text.contains("$1") || text.contains("$2"),
            "{major}: {text}"
        );
        assert!(!text.contains("plan_cache_mode"), "{major}: {text}");
        let calls = "SELECT calls FROM pg_stat_statements WHERE query LIKE 'UPDATE orders%'";
        let client = postgres.connect().await;
        let calls: i64 = client.query_one(calls, &[]).await.unwrap().get(0);
        assert_eq!(calls, 1, "{major}: it was planned only");
        let again = collect(&mut server).await;
        let is_plan = |element: &Value| element["type"] == "explain_plan";
        assert!(!again.iter().any(is_plan), "{major}: once a day");
    }
}
