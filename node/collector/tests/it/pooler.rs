//! Behind a pooler in transaction mode: each transaction may meet another session of the server.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use pga_collector::{IndexCandidate, Options, Server};
use serde_json::Value;
use tokio_postgres::{Client, NoTls};

use crate::postgres::{Postgres, collect, element, rows, script};

/// Sessions of the pool: see `chaos-tests/postgres.sh`.
const SESSIONS: usize = 3;

/// A running pooler; it ends with its value.
struct Pooler {
    port: u16,
    dir: PathBuf,
    _guard: tempfile::TempDir,
}

impl Pooler {
    fn start(postgres: &Postgres) -> Self {
        let guard = tempfile::tempdir().unwrap();
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(guard.path(), open).unwrap();
        let dir = guard.path().join("pooler");
        let output = Command::new(script())
            .args(["pool", &postgres.port.to_string()])
            .arg(&dir)
            .output()
            .unwrap();
        let port = String::from_utf8_lossy(&output.stdout).trim().parse();
        let why = || String::from_utf8_lossy(&output.stderr).into_owned();
        Self {
            port: port.unwrap_or_else(|_| panic!("no pooler: {}", why())),
            dir,
            _guard: guard,
        }
    }

    fn dsn(&self) -> String {
        let port = self.port;
        format!("postgres://postgres@127.0.0.1:{port}/postgres?sslmode=disable")
    }

    /// A client, once the pool has all its sessions.
    async fn connect_to_full(&self) -> Client {
        let (one, two, three) = (
            self.connect().await,
            self.connect().await,
            self.connect().await,
        );
        let busy = "SELECT pg_sleep(0.5)";
        let done = tokio::join!(
            one.batch_execute(busy),
            two.batch_execute(busy),
            three.batch_execute(busy)
        );
        assert!(
            done.0.is_ok() && done.1.is_ok() && done.2.is_ok(),
            "{done:?}"
        );
        self.connect().await
    }

    async fn connect(&self) -> Client {
        let config: tokio_postgres::Config = self.dsn().parse().unwrap();
        let (client, connection) = config.connect(NoTls).await.unwrap();
        pga_runtime::spawn(connection);
        client
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let drain = Command::new(script()).arg("drain").arg(&self.dir).status();
        drop(drain);
    }
}

/// What a query says in each session of the pool.
async fn everywhere(client: &Client, sql: &str) -> Vec<String> {
    let mut found = BTreeSet::new();
    for _ in 0..20 {
        let sql = format!("SELECT pg_backend_pid(), ({sql})::text");
        let row = client.query_typed(&sql, &[]).await.unwrap();
        found.insert((row[0].get::<_, i32>(0), row[0].get::<_, String>(1)));
    }
    found.into_iter().map(|(_, text)| text).collect()
}

fn kinds(elements: &[Value]) -> BTreeSet<String> {
    let kinds = elements.iter().map(|element| element["type"].to_string());
    kinds.collect()
}

fn options(index: &str, query_id: i64) -> Options {
    Options {
        explains: true,
        index_candidates: vec![IndexCandidate {
            database: "postgres".to_owned(),
            create_statement: index.to_owned(),
            query_hashes: vec![query_id],
        }],
        ..Options::default()
    }
}

/// 15 plans prepared statements, and has hypothetical indexes here: both outlive a transaction.
#[tokio::test]
async fn all_is_read_through_a_pooler_and_nothing_stays_in_its_sessions() {
    let postgres = Postgres::start(15);
    let client = postgres.connect().await;
    let setup = "CREATE EXTENSION pg_stat_statements; CREATE EXTENSION hypopg; \
        CREATE TABLE orders (id int, customer_id int); \
        INSERT INTO orders SELECT g, g % 5000 FROM generate_series(1, 50000) g; ANALYZE orders; \
        CREATE FUNCTION fragile() RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'; \
        SELECT count(*) FROM orders WHERE customer_id = 7; \
        SELECT id FROM orders WHERE id = fragile(); \
        CREATE OR REPLACE FUNCTION fragile() RETURNS int IMMUTABLE LANGUAGE plpgsql \
        AS 'BEGIN RAISE EXCEPTION ''no plan''; END'";
    client.batch_execute(setup).await.unwrap();
    let query_id = "SELECT queryid FROM pg_stat_statements WHERE query LIKE 'SELECT count%'";
    let query_id: i64 = client.query_one(query_id, &[]).await.unwrap().get(0);
    let index = "CREATE INDEX ON orders (customer_id)";
    let pooler = Pooler::start(&postgres);
    let pooled = pooler.connect_to_full().await;
    let sessions = everywhere(&pooled, "pg_backend_pid()").await;
    assert_eq!(sessions.len(), SESSIONS, "{sessions:?}");

    let mut direct = Server::new(&postgres.dsn("postgres"), options(index, query_id)).unwrap();
    let mut through = Server::new(&pooler.dsn(), options(index, query_id)).unwrap();
    let (wanted, found) = (collect(&mut direct).await, collect(&mut through).await);
    assert_eq!(kinds(&found), kinds(&wanted));
    assert_eq!(
        rows(element(&found, "collector_gaps", "")).len(),
        rows(element(&wanted, "collector_gaps", "")).len(),
        "{found:?}"
    );
    let plan = |element: &&Value| element["type"] == "explain_plan";
    assert!(found.iter().filter(plan).count() > 0, "{found:?}");
    let tried = &element(&found, "pg_index_check", "postgres")["rows"][0];
    assert_eq!(tried["is_used"], true);

    for (name, sql, want) in [
        (
            "prepared",
            "SELECT count(*) FROM pg_prepared_statements",
            "0",
        ),
        ("indexes", "SELECT count(*) FROM hypopg()", "0"),
        (
            "timeout",
            "SELECT current_setting('statement_timeout')",
            "0",
        ),
        (
            "path",
            "SELECT current_setting('search_path')",
            "\"$user\", public",
        ),
        ("plans", "SELECT current_setting('plan_cache_mode')", "auto"),
        (
            "writes",
            "SELECT current_setting('transaction_read_only')",
            "off",
        ),
    ] {
        assert_eq!(everywhere(&pooled, sql).await, [want; SESSIONS], "{name}");
    }
}

#[tokio::test]
async fn a_check_tells_a_pooler_from_a_server() {
    let postgres = Postgres::start(16);
    let pooler = Pooler::start(&postgres);
    for (dsn, is_good) in [(postgres.dsn("postgres"), true), (pooler.dsn(), false)] {
        let findings = pga_collector::check(&dsn).await.unwrap();
        let found = findings.iter().find(|one| one.subject == "pooler").unwrap();
        assert_eq!(found.is_good, is_good, "{found:?}");
        assert!(
            findings
                .iter()
                .any(|one| one.subject == "pg_wal" && one.is_good)
        );
    }
}
