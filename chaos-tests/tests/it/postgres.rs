//! A real PostgreSQL server with a log to read.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use tokio_postgres::{Client, NoTls};

/// Which major: the first whose statements can be explained without their values.
const MAJOR: &str = "16";

/// A running server that logs to `jsonlog`; it ends with its value.
pub(crate) struct Postgres {
    major: &'static str,
    dir: tempfile::TempDir,
    port: u16,
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("postgres.sh")
}

impl Postgres {
    /// Starts one with these settings (`name=value`, without blanks).
    pub(crate) fn start(settings: &[&str]) -> anyhow::Result<Self> {
        Self::of_major(MAJOR, settings)
    }

    /// Starts one of a major.
    pub(crate) fn of_major(major: &'static str, settings: &[&str]) -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        // The server runs as another user.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(dir.path(), open)?;
        let log = ["logging_collector=on", "log_destination=jsonlog"];
        let all = log.iter().chain(settings);
        let started = Command::new(script())
            .args(["start", major])
            .arg(dir.path().join("server"))
            .args(all.flat_map(|setting| ["-c", setting]))
            .output()?;
        let port = String::from_utf8_lossy(&started.stdout).trim().parse();
        let port = port.with_context(|| {
            let why = String::from_utf8_lossy(&started.stderr);
            format!("no server; run chaos-tests/postgres.sh prepare: {why}")
        })?;
        Ok(Self { major, dir, port })
    }

    /// Its database `postgres`.
    pub(crate) fn url(&self) -> String {
        let port = self.port;
        format!("postgres://postgres@127.0.0.1:{port}/postgres?sslmode=disable")
    }

    /// A session of this application.
    pub(crate) async fn session(&self, application: &str) -> anyhow::Result<Client> {
        let mut config: tokio_postgres::Config = self.url().parse()?;
        config.application_name(application);
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let server = self.dir.path().join("server");
        let stop = Command::new(script())
            .args(["stop", self.major])
            .arg(server)
            .status();
        drop(stop);
    }
}
