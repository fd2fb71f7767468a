//! Real TimescaleDB servers.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, ensure};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio_postgres::{Client, NoTls};

/// Names a server to use in place of an own one.
const READY_SERVER: &str = "PGANALYTICS_TEST_TIMESCALE_URL";

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// An empty database, on a server of its own unless `PGANALYTICS_TEST_TIMESCALE_URL` names one and
/// the test does not crash it. Deleted with this value.
#[derive(Debug)]
pub struct Timescale {
    /// Name of the own server; `None` is the ready one.
    server: Option<String>,
    database: String,
    url: String,
}

/// A connection that ends its task with itself.
#[derive(Debug)]
pub struct Session {
    /// The client.
    pub client: Client,
    driver: JoinHandle<()>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Timescale {
    /// An empty database on any server.
    ///
    /// # Errors
    /// If there is no server and none can be made; the text says what to do.
    pub async fn database() -> anyhow::Result<Self> {
        match std::env::var(READY_SERVER) {
            Ok(url) => Self::on(None, &url).await,
            Err(_) => Self::server().await,
        }
    }

    /// An empty database on a server of its own, which can be crashed.
    ///
    /// # Errors
    /// If the server cannot be made; the text says what to do.
    pub async fn server() -> anyhow::Result<Self> {
        let n = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("test-{}-{n}", std::process::id());
        let url = script(&["start", &name]).await?;
        Self::on(Some(name), &url).await
    }

    async fn on(server: Option<String>, url: &str) -> anyhow::Result<Self> {
        let n = NUMBER.fetch_add(1, Ordering::Relaxed);
        let database = format!("test_{}_{n}", std::process::id());
        let (base, _) = url.rsplit_once('/').context("URL without a database")?;
        let new = Self {
            server,
            url: format!("{base}/{database}"),
            database,
        };
        let admin = connect(url).await?;
        admin
            .client
            .batch_execute(&format!("CREATE DATABASE {}", new.database))
            .await?;
        Ok(new)
    }

    /// URL of the database.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A connection to the database.
    ///
    /// # Errors
    /// If the server is down.
    pub async fn connect(&self) -> anyhow::Result<Session> {
        connect(&self.url).await
    }

    /// Stops the server without letting it finish anything (`pg_ctl stop -m immediate`).
    ///
    /// # Errors
    /// If it is not an own server, or does not stop.
    pub async fn crash(&self) -> anyhow::Result<()> {
        script(&["stop", self.own_server()?, "immediate"]).await?;
        Ok(())
    }

    /// Starts the server again, under the same URL.
    ///
    /// # Errors
    /// If it is not an own server, or does not start.
    pub async fn restart(&self) -> anyhow::Result<()> {
        script(&["start", self.own_server()?]).await?;
        Ok(())
    }

    fn own_server(&self) -> anyhow::Result<&str> {
        self.server
            .as_deref()
            .context("the ready server is not ours to stop")
    }
}

impl Drop for Timescale {
    fn drop(&mut self) {
        let Some(server) = self.server.clone() else {
            // The ready server keeps the database; it has a name of its own.
            return;
        };
        if let Err(error) = run_script(&["drop".to_owned(), server]) {
            eprintln!("database server is left behind: {error:#}");
        }
    }
}

async fn connect(url: &str) -> anyhow::Result<Session> {
    let (client, driver) = tokio_postgres::connect(url, NoTls)
        .await
        .with_context(|| format!("cannot connect to {url}"))?;
    let driver = tokio::spawn(async move {
        // Its end shows at the client.
        driver.await.unwrap_or_default();
    });
    Ok(Session { client, driver })
}

async fn script(args: &[&str]) -> anyhow::Result<String> {
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    spawn_blocking(move || run_script(&args)).await?
}

fn run_script(args: &[String]) -> anyhow::Result<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("timescaledb.sh");
    let output = Command::new(&path)
        .args(args)
        .env("OWNER_PID", std::process::id().to_string())
        .output()
        .with_context(|| format!("cannot run {}", path.display()))?;
    ensure!(
        output.status.success(),
        "{} {args:?} failed: {} (prepare a TimescaleDB with chaos-tests/timescaledb.sh)",
        path.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
