//! A standby, and the same server after it was promoted.

use std::time::Duration;

use crate::postgres::{Postgres, collect, element, rows, until};

#[tokio::test]
async fn a_standby_is_read_and_its_promotion_is_seen() {
    for major in [13, 18] {
        let mut postgres = Postgres::start(major);
        // A standby without a primary: it waits for WAL that never comes.
        postgres.restart(|dir| {
            std::fs::write(dir.join("data/standby.signal"), "").unwrap();
        });
        let mut server = postgres.server("postgres");
        let elements = collect(&mut server).await;
        assert_eq!(
            element(&elements, "pg_identity", "")["role"],
            "standby",
            "{major}"
        );
        let receiver = rows(element(&elements, "pg_receiver", ""));
        assert!(
            receiver[0]["replayed_lsn"].is_string(),
            "{major}: {receiver:?}"
        );
        assert!(
            element(&elements, "pg_wal", "")["lsn_bytes"].as_i64() > Some(0),
            "{major}"
        );
        let gaps: Vec<_> = server.gaps().filter(|gap| gap.sqlstate.is_some()).collect();
        assert!(gaps.is_empty(), "{major}: {gaps:?}");

        let client = postgres.connect().await;
        client
            .batch_execute("SELECT pg_promote(false)")
            .await
            .unwrap();
        let start = pga_runtime::now();
        let mut round = 0;
        let role = until("the promotion is seen", async || {
            round += 1;
            let now = start + Duration::from_secs(60 * round);
            let mut elements: Vec<serde_json::Value> = Vec::new();
            server
                .collect(now, "2026-01-01T00:00:00Z", &mut elements)
                .await;
            let identity = elements
                .iter()
                .find(|element| element["type"] == "pg_identity")?;
            (identity["role"] == "primary").then(|| identity["timeline"].clone())
        })
        .await;
        assert!(role.as_i64() >= Some(1), "{major}: {role}");
    }
}
