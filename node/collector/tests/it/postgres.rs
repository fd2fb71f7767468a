//! A real server of one major, in a directory of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use pga_collector::{Options, Server};
use serde_json::Value;
use tokio_postgres::{Client, NoTls};

/// All majors that are supported.
pub(crate) const MAJORS: [i32; 6] = [13, 14, 15, 16, 17, 18];

pub(crate) fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../chaos-tests/postgres.sh")
}

/// A running server; it ends with its value.
pub(crate) struct Postgres {
    pub(crate) major: i32,
    pub(crate) port: u16,
    pub(crate) dir: PathBuf,
    settings: Vec<String>,
    _guard: tempfile::TempDir,
}

impl Postgres {
    pub(crate) fn start(major: i32) -> Self {
        Self::start_with(major, &[])
    }

    /// With these settings beside those of every test.
    pub(crate) fn start_with(major: i32, settings: &[&str]) -> Self {
        let guard = tempfile::tempdir().unwrap();
        // The servers run as another user.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(guard.path(), open).unwrap();
        let dir = guard.path().join("server");
        let settings: Vec<String> = settings.iter().map(|set| (*set).to_owned()).collect();
        let port = run_start(major, &dir, &settings);
        Self {
            major,
            port,
            dir,
            settings,
            _guard: guard,
        }
    }

    /// Stops it as a crash would, runs `between`, and starts it again on another port.
    pub(crate) fn restart(&mut self, between: impl FnOnce(&Path)) {
        self.stop();
        between(&self.dir);
        self.port = run_start(self.major, &self.dir, &self.settings);
    }

    fn stop(&self) {
        let stop = Command::new(script())
            .args(["stop", &self.major.to_string()])
            .arg(&self.dir)
            .status();
        drop(stop);
    }

    pub(crate) fn dsn(&self, user: &str) -> String {
        format!(
            "postgres://{user}@127.0.0.1:{}/postgres?sslmode=disable",
            self.port
        )
    }

    pub(crate) async fn connect(&self) -> Client {
        self.connect_to("postgres").await
    }

    pub(crate) async fn connect_to(&self, database: &str) -> Client {
        let mut config: tokio_postgres::Config = self.dsn("postgres").parse().unwrap();
        let (client, connection) = config.dbname(database).connect(NoTls).await.unwrap();
        pga_runtime::spawn(connection);
        client
    }

    pub(crate) fn server(&self, user: &str) -> Server {
        Server::new(&self.dsn(user), Options::default()).unwrap()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run_start(major: i32, dir: &Path, settings: &[String]) -> u16 {
    let output = Command::new(script())
        .args(["start", &major.to_string()])
        .arg(dir)
        .args(settings.iter().flat_map(|setting| ["-c", setting]))
        .output()
        .unwrap();
    let port = String::from_utf8_lossy(&output.stdout).trim().parse();
    port.unwrap_or_else(|_| {
        let why = String::from_utf8_lossy(&output.stderr).into_owned();
        panic!("no server of {major}; run chaos-tests/postgres.sh prepare: {why}")
    })
}

/// Everything, once.
pub(crate) async fn collect(server: &mut Server) -> Vec<Value> {
    let mut elements = Vec::new();
    let now = pga_runtime::now();
    server
        .collect(now, "2026-01-01T00:00:00Z", &mut elements)
        .await;
    elements
}

/// The only element of a type; of one database, if that is named.
pub(crate) fn element<'a>(elements: &'a [Value], kind: &str, database: &str) -> &'a Value {
    let found = elements.iter().find(|element| {
        element["type"] == kind && (database.is_empty() || element["database"] == database)
    });
    let kinds = || elements.iter().map(|element| element["type"].to_string());
    found.unwrap_or_else(|| panic!("no {kind} in {:?}", kinds().collect::<Vec<_>>()))
}

/// The rows of an element.
pub(crate) fn rows(element: &Value) -> &[Value] {
    element["rows"].as_array().map_or(&[], Vec::as_slice)
}

/// Waits until `find` finds something.
pub(crate) async fn until<T>(what: &str, mut find: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = pga_runtime::now() + Duration::from_secs(60);
    while pga_runtime::now() < deadline {
        if let Some(found) = find().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not in time: {what}")
}
