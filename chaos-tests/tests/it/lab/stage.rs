//! A scratch server with what runs on it: tables, sessions that hold something, loads.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::postgres::Postgres;

/// Settings of every scratch server.
const SETTINGS: [&str; 14] = [
    "fsync=on",
    "max_prepared_transactions=10",
    "max_connections=60",
    "track_io_timing=on",
    "log_lock_waits=on",
    "log_temp_files=0",
    "log_autovacuum_min_duration=0",
    "log_checkpoints=on",
    "autovacuum_naptime=5s",
    "shared_buffers=128MB",
    "auto_explain.log_min_duration=200ms",
    "auto_explain.log_analyze=on",
    "auto_explain.log_buffers=on",
    "auto_explain.log_format=json",
];

/// A server and everything that somebody does on it; all of it ends with this value.
pub(crate) struct Stage {
    pub(crate) server: Postgres,
    /// Rows of the large tables.
    pub(crate) rows: u32,
    /// What the product has to name, by the name that the problem gave it.
    pub(crate) words: BTreeMap<&'static str, String>,
    /// Sessions that stay.
    pub(crate) held: BTreeMap<&'static str, Client>,
    running: Vec<JoinHandle<()>>,
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.end_loads();
    }
}

impl Stage {
    pub(crate) fn start(rows: u32, settings: &[&str]) -> anyhow::Result<Self> {
        let all: Vec<&str> = SETTINGS.iter().chain(settings).copied().collect();
        Ok(Self {
            server: Postgres::start(&all)?,
            rows,
            words: BTreeMap::new(),
            held: BTreeMap::new(),
            running: Vec::new(),
        })
    }

    /// The tables of all problems and of the healthy load.
    pub(crate) async fn fill(&self) -> anyhow::Result<()> {
        let rows = self.rows;
        for sql in [
            "CREATE EXTENSION pg_stat_statements; CREATE EXTENSION pgstattuple".to_owned(),
            format!(
                "CREATE TABLE pgbench_accounts(aid int PRIMARY KEY, bid int, abalance int, filler char(84));
                CREATE TABLE pgbench_tellers(tid int PRIMARY KEY, bid int, tbalance int, filler char(84));
                CREATE TABLE pgbench_history(tid int, bid int, aid int, delta int, mtime timestamp);
                INSERT INTO pgbench_accounts SELECT g, 1, 0, '' FROM generate_series(1, {rows}) g;
                INSERT INTO pgbench_tellers SELECT g, 1, 0, '' FROM generate_series(1, 100) g"
            ),
            format!(
                "CREATE TABLE orders(id bigint PRIMARY KEY, customer_id int NOT NULL, status text NOT NULL, note text);
                INSERT INTO orders SELECT g, g % ({rows} / 20), 'open', repeat('x', 80) FROM generate_series(1, {rows}) g"
            ),
            format!(
                "CREATE TABLE ev(id bigserial PRIMARY KEY, kind int NOT NULL, created timestamptz NOT NULL, pad text);
                INSERT INTO ev(kind, created, pad) SELECT g % ({rows} / 10), timestamptz '2024-01-01' + g * interval '1 s', repeat('p', 60)
                    FROM generate_series(1, {rows}) g;
                CREATE INDEX ev_kind ON ev(kind); CREATE INDEX ev_created ON ev(created)"
            ),
            "CREATE TABLE b(id int PRIMARY KEY, v int, pad text);
            INSERT INTO b SELECT g, 0, repeat('b', 100) FROM generate_series(1, 100000) g;
            CREATE TABLE l(id int PRIMARY KEY, v int); INSERT INTO l SELECT g, 0 FROM generate_series(1, 5) g;
            CREATE TABLE p(id int PRIMARY KEY, n text); INSERT INTO p SELECT g, 'n' || g FROM generate_series(1, 100000) g"
                .to_owned(),
            "VACUUM ANALYZE".to_owned(),
            "CHECKPOINT".to_owned(),
            // What made the tables is no load of theirs.
            "SELECT pg_stat_statements_reset(), pg_stat_reset(), pg_stat_reset_shared('bgwriter')".to_owned(),
        ] {
            self.run(&sql).await.with_context(|| sql.clone())?;
        }
        Ok(())
    }

    /// Runs statements in a session of their own.
    pub(crate) async fn run(&self, sql: &str) -> anyhow::Result<()> {
        let session = self.server.session("lab").await?;
        Ok(session.batch_execute(sql).await?)
    }

    /// The only value that a statement answers.
    pub(crate) async fn ask(&self, sql: &str) -> anyhow::Result<String> {
        let session = self.server.session("lab").await?;
        value(&session, sql).await
    }

    /// Opens a session that stays, and has it run something; its process is the word `name`.
    pub(crate) async fn hold(&mut self, name: &'static str, sql: &str) -> anyhow::Result<()> {
        let session = self.server.session(&format!("lab_{name}")).await?;
        let pid = value(&session, "SELECT pg_backend_pid()").await?;
        session.batch_execute(sql).await?;
        self.words.insert(name, pid);
        self.held.insert(name, session);
        Ok(())
    }

    /// Opens a session whose last statement has to wait.
    pub(crate) async fn wait_in(
        &mut self,
        name: &'static str,
        first: &str,
        waits: &str,
    ) -> anyhow::Result<()> {
        let session = self.server.session(&format!("lab_{name}")).await?;
        let pid = value(&session, "SELECT pg_backend_pid()").await?;
        session.batch_execute(first).await?;
        self.words.insert(name, pid);
        let waits = waits.to_owned();
        self.running.push(tokio::spawn(async move {
            // Its transaction ends with the session.
            let ended = session.batch_execute(&waits).await;
            drop(ended);
        }));
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(())
    }

    /// Has clients run what `script` makes of a random number, again and again with a pause.
    pub(crate) async fn load(
        &mut self,
        application: &str,
        clients: u64,
        pause: Duration,
        script: impl Fn(&mut dyn FnMut(u64) -> u64) -> Vec<String> + Copy + Send + 'static,
    ) -> anyhow::Result<()> {
        for client in 0..clients {
            let session = self.server.session(application).await?;
            let mut state = client + 1;
            let mut below = move |bound: u64| {
                // As splitmix64 does it: the same numbers in every run.
                state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                (mixed ^ (mixed >> 27)) % bound
            };
            self.running.push(tokio::spawn(async move {
                loop {
                    for sql in script(&mut below) {
                        if let Err(error) = session.batch_execute(&sql).await {
                            eprintln!("a load ends: {error}: {sql}");
                            return;
                        }
                    }
                    tokio::time::sleep(pause).await;
                }
            }));
        }
        Ok(())
    }

    /// Has clients log in, run one statement and go, without a pause.
    pub(crate) fn storm(&mut self, clients: u64, sql: &'static str) -> anyhow::Result<()> {
        let mut config: tokio_postgres::Config = self.server.url().parse()?;
        config.application_name("storm");
        for _ in 0..clients {
            let config = config.clone();
            self.running.push(tokio::spawn(async move {
                loop {
                    match config.connect(tokio_postgres::NoTls).await {
                        Ok((client, connection)) => {
                            let connection = tokio::spawn(connection);
                            let answered = client.batch_execute(sql).await;
                            drop((client, answered));
                            let ended = connection.await;
                            drop(ended);
                        }
                        // The server has no place left: that is the problem.
                        Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                    }
                }
            }));
        }
        Ok(())
    }

    /// Ends all loads, and sessions that wait.
    pub(crate) fn end_loads(&mut self) {
        for task in self.running.drain(..) {
            task.abort();
        }
    }
}

async fn value(session: &Client, sql: &str) -> anyhow::Result<String> {
    let rows = session.simple_query(sql).await?;
    let found = rows.iter().find_map(|row| match row {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    Ok(found
        .with_context(|| format!("no answer: {sql}"))?
        .to_owned())
}
