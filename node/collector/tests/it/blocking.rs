//! Who waits for whom, without what they wrote.

use std::time::Duration;

use crate::postgres::{Postgres, element, rows, until};

#[tokio::test]
async fn a_session_that_waits_is_seen_with_the_one_that_holds_it() {
    for major in [13, 17] {
        let postgres = Postgres::start(major);
        let (holder, waiter) = (postgres.connect().await, postgres.connect().await);
        let setup = "CREATE TABLE t (id int, secret text); INSERT INTO t VALUES (1, 'a')";
        holder.batch_execute(setup).await.unwrap();
        let hold = "BEGIN; UPDATE t SET secret = 'swordfish' WHERE id = 1";
        holder.batch_execute(hold).await.unwrap();
        let waiting = pga_runtime::spawn(async move {
            waiter
                .batch_execute("UPDATE t SET secret = 'tuna' WHERE id = 1")
                .await
        });
        let mut server = postgres.server("postgres");
        let start = pga_runtime::now();
        let mut round = 0;
        let found = until("the wait is seen", async || {
            round += 1;
            let now = start + Duration::from_secs(10 * round);
            let mut elements: Vec<serde_json::Value> = Vec::new();
            server
                .collect(now, "2026-01-01T00:00:00Z", &mut elements)
                .await;
            let sees = |kind| elements.iter().any(|element| element["type"] == kind);
            sees("pg_blocking").then_some(elements)
        })
        .await;
        let pair = &rows(element(&found, "pg_blocking", ""))[0];
        assert_eq!(pair["blocking_state"], "idle in transaction", "{major}");
        assert_eq!(pair["lock_type"], "transactionid", "{major}");
        assert_eq!(pair["mode_held"], "ExclusiveLock", "{major}: {pair}");
        // The statement runs for a second at least; it waits since a little later.
        assert!(pair["wait_seconds"].as_f64() > Some(0.5), "{major}: {pair}");
        assert_eq!(
            pair["blocked_query"], "UPDATE t SET secret = $1 WHERE id = $2",
            "{major}"
        );
        let all = serde_json::to_string(&found).unwrap();
        assert!(
            !all.contains("swordfish") && !all.contains("tuna"),
            "{major}"
        );
        holder.batch_execute("COMMIT").await.unwrap();
        waiting.await.unwrap().unwrap();
    }
}
