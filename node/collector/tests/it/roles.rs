//! What a role may see, and what is said where it may not.

use crate::postgres::{Postgres, collect, element, rows};

const SETUP: [&str; 7] = [
    "CREATE EXTENSION pg_stat_statements",
    "CREATE TABLE t (id int)",
    "CREATE ROLE plain LOGIN",
    "CREATE ROLE monitor LOGIN",
    "GRANT pg_monitor TO monitor",
    "CREATE DATABASE closed",
    "REVOKE CONNECT ON DATABASE closed FROM PUBLIC",
];

#[tokio::test]
async fn a_role_that_may_little_gets_the_rest_as_gaps_and_advice() {
    for major in [13, 18] {
        let postgres = Postgres::start(major);
        let client = postgres.connect().await;
        for statement in SETUP {
            client.batch_execute(statement).await.unwrap();
        }
        for role in ["monitor", "plain"] {
            let mut server = postgres.server(role);
            let elements = collect(&mut server).await;
            let gaps: Vec<_> = server.gaps().collect();
            let activity = rows(element(&elements, "pg_activity_sample", ""));
            let sees_types = activity
                .iter()
                .any(|row| row["backend_type"] == "checkpointer");
            assert_eq!(
                sees_types,
                role == "monitor",
                "{major} {role}: {activity:?}"
            );
            let statements = rows(element(&elements, "pg_statement", ""));
            let sees_others = statements.iter().any(|row| row["user"] == "postgres");
            assert_eq!(sees_others, role == "monitor", "{major} {role}");
            let denied = gaps
                .iter()
                .any(|gap| gap.sqlstate.as_deref() == Some("42501"));
            assert_eq!(denied, role == "plain", "{major} {role}: {gaps:?}");
            assert!(
                elements.iter().any(|element| element["type"] == "pg_table"),
                "{major} {role}"
            );
            let found = pga_collector::check(&postgres.dsn(role)).await.unwrap();
            let advice = found
                .iter()
                .find(|finding| finding.subject == "role")
                .unwrap();
            assert_eq!(advice.is_good, role == "monitor", "{major} {role}");
            assert!(role == "monitor" || advice.fix == "GRANT pg_monitor TO \"plain\"");
        }
    }
}

#[tokio::test]
async fn a_server_without_the_extension_is_read_and_says_so() {
    let postgres = Postgres::start(16);
    let mut server = postgres.server("postgres");
    let elements = collect(&mut server).await;
    assert!(
        elements
            .iter()
            .any(|element| element["type"] == "pg_database")
    );
    let gap = server
        .gaps()
        .find(|gap| gap.source == "pg_statement")
        .unwrap();
    assert!(
        gap.help.contains("CREATE EXTENSION pg_stat_statements"),
        "{gap:?}"
    );
    let told = rows(element(&elements, "collector_gaps", ""));
    assert_eq!(told.len(), 1, "{told:?}");
}
