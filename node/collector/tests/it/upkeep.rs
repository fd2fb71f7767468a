//! Room that tables waste, and what autovacuum has to do, beside what is known of made-up tables.

use crate::postgres::{Postgres, collect, element, rows, until};

const SETUP: [&str; 5] = [
    "CREATE TABLE b WITH (autovacuum_enabled = off) AS SELECT g AS id, g % 2 = 0 AS even, \
        g::bigint AS big, repeat('b', 1 + g % 50) AS pad, CASE WHEN g % 3 = 0 THEN g END AS n \
        FROM generate_series(1, 60000) g",
    "CREATE UNIQUE INDEX b_id ON b (id)",
    // A third of all rows is dead then, in the table and in its index.
    "UPDATE b SET n = 1 WHERE id <= 30000",
    "CREATE TABLE never_analysed AS SELECT generate_series(1, 5000) AS id",
    "VACUUM never_analysed",
];

#[tokio::test]
async fn wasted_room_is_estimated_and_doubt_is_said() {
    for major in [13, 15, 18] {
        let postgres = Postgres::start(major);
        let client = postgres.connect().await;
        for statement in SETUP {
            client.batch_execute(statement).await.unwrap();
        }
        // Until 14 sessions tell now and then what they did, and a process of its own gathers it.
        let knows = async |sql: &str| {
            let sql = format!("SELECT {sql} FROM pg_stat_user_tables WHERE relname = 'b'");
            until("the server knows", async || {
                let row = client.query_one(&sql, &[]).await.unwrap();
                row.get::<_, bool>(0).then_some(())
            })
            .await;
        };
        knows("n_tup_upd = 30000").await;
        client.batch_execute("VACUUM ANALYZE b").await.unwrap();
        knows("n_mod_since_analyze = 0").await;
        let mut server = postgres.server("postgres");
        let elements = collect(&mut server).await;
        let found = rows(element(&elements, "pg_bloat_estimate", "postgres"));
        let of = |name: &str| found.iter().find(|row| row["relation"] == name).unwrap();
        for name in ["b", "b_id"] {
            let share = of(name)["wasted_share"].as_f64().unwrap();
            assert!((share - 1.0 / 3.0).abs() < 0.04, "{major} {name}: {share}");
            assert_eq!(of(name)["confidence"], "high", "{major} {name}");
        }
        assert_eq!(of("never_analysed")["confidence"], "low", "{major}");
        let upkeep = element(&elements, "pg_autovacuum", "postgres");
        assert_eq!(upkeep["disabled"], 1, "{major}: {upkeep}");
        assert_eq!(upkeep["max_workers"], 3, "{major}: {upkeep}");
    }
}
